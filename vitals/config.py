"""The configuration: one TOML file, read once at the front door.

`deploy/vitals.toml` is the documented sample.  Unknown keys are errors with their path.
Constructors receive the values they need: there is no global settings object.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, field

from vitals import channels, detection, staff
from vitals.channels import Channel
from vitals.detection import Dsp
from vitals.errors import ConfigError
from vitals.model import HOUSE, Minutes, Name
from vitals.sections import (
    Address,
    Days,
    Irk,
    Passkey,
    Port,
    Positive,
    Section,
    Slot,
    Url,
    plain,
)
from vitals.simulation import Sim
from vitals.staff import STEPS, Person, Returned, Seconds, Shift, Step, Times

CREDENTIALS = "/etc/credstore"


class Mqtt(Section, frozen=True):
    """Where the broker is, and who we are to it."""

    host: str = "127.0.0.1"
    port: Port = 1883
    version: Literal["5", "3.1.1"] = "5"  # "5" falls back where the broker refuses it
    username: str = ""
    password_file: str = ""  # its first line is the password
    ca: str = ""  # a file of certificates; set it to speak TLS
    certificate: str = ""  # our own, and its key
    key: str = ""


class Wearable(Section, frozen=True):
    """A wearable that a gateway may connect to, and who wears it: one of three ways."""

    device: Name
    address: Address  # identity address, "C0:00:00:00:00:01"
    subject: Name | None = None  # one person's alone
    users: dict[Slot, Name] = field(
        default_factory=dict
    )  # by the device's own user slots
    shared: tuple[Name, ...] = ()  # whoever of these has checked in
    minutes: Minutes = 10.0  # that a check-in lasts when it does not say
    passkey: Passkey = ""  # to pair with; then nothing is taken over an open link
    passkey_file: str = ""  # or a file whose first line it is
    irk: Irk = ""  # resolves its private addresses before there is a bond

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose it can be."""
        own = (self.subject,) if self.subject else ()
        return (*own, *dict.fromkeys(self.users.values()), *self.shared)


class Gateway(Section, frozen=True):
    """The box beside the wearables."""

    name: Name = "gw-1"
    # "" or "hci0": BlueZ; "tcp-client:HOST:PORT", "usb:0": Bumble.  Of several any may
    # take a wearable.
    adapter: str | tuple[str, ...] = ""
    silence_s: Positive = 20.0  # without a value; then a link must prove that it lives
    group_ms: Annotated[int, Meta(ge=0, le=10_000)] = 0  # streams share a write so long
    keep_mb: Positive = 1024.0  # of records not yet committed; older streams go first
    keep_days: Positive = 30.0  # streamed records; spot readings are kept for ever
    late_s: Positive = 600.0  # a reading older than this when it comes is flagged late
    time_zone: str = "UTC"  # of the wearables' own clocks: "Asia/Shanghai"
    correct_days: Positive = 30.0  # that a shared wearable's readings can change hands
    delete_stored: bool = False  # on the wearable, once ingest has committed it
    home_assistant: bool = False  # announce the wearables to Home Assistant
    wearables: tuple[Wearable, ...] = ()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Give the adapters; there is always one."""
        named = (self.adapter,) if isinstance(self.adapter, str) else self.adapter
        return named or ("",)


class Store(Section, frozen=True):
    """Where records and trends are kept."""

    kind: Literal["sqlite", "influx"] = "sqlite"
    url: str = "http://127.0.0.1:8086"
    database: str = "vitals"  # 2.x and 3: the bucket
    rollup_database: str = ""  # with a retention of its own; "" = database
    organisation: str = ""  # 2.x; "" writes by /write, else by /api/v2/write
    authorization_file: str = ""  # its first line is the Authorization header
    ca: str = ""  # a file of certificates for https; "": the system's
    # SQLite: at most one so often; gateways publish again what is not committed.
    commit_s: Annotated[float, Meta(ge=0, le=6)] = 5.0
    commit_rows: Annotated[int, Meta(ge=1, le=100_000)] = 500  # unless so many wait
    raw_days: Days = 0.0  # SQLite: streamed records; 0 keeps them for ever
    minute_days: Days = 0.0  # rollups by the minute
    hour_days: Days = 0.0  # and by the hour
    # RMSSD and SDNN: a whole part of an hour (Task Force 1996: five minutes),
    hrv_window_s: Literal[60, 120, 300, 600, 900, 1800, 3600] = 300
    hrv_share: Annotated[float, Meta(gt=0, le=1)] = 0.8  # of it that must be normal


class Alerts(Section, frozen=True):
    """Whom to tell."""

    webhook: str = ""  # URL that gets every alert as JSON
    webhook_secret_file: str = ""  # signs it: X-Vitals-Signature
    priorities: dict[str, Literal["high", "medium", "low"]] = field(
        default_factory=dict
    )  # by condition, over the defaults
    people: tuple[Person, ...] = ()
    channels: tuple[Channel, ...] = ()
    link_hours: Positive = 12.0  # that a link in a message lets its reader decide
    shifts: tuple[Shift, ...] = ()
    escalation: tuple[Step, ...] = STEPS
    # After the last step, until somebody acknowledges, it begins again.
    repeat_s: Times = Times(high=300.0, medium=3600.0)
    # What was acknowledged and is not over is told anew.
    acknowledged_s: Times = Times(high=14_400.0, medium=43_200.0)
    # What is over and nobody has seen: whether the next is told all the same.
    returned: Returned = Returned()
    settle_s: Seconds = 5.0  # that a start waits for the plans that the broker keeps
    gateway_offline_s: Positive = 90.0
    stage_silent_s: Positive = 90.0  # without an engine's word that it works
    clock_off_s: Positive = 60.0  # of a gateway or a wearable
    queued: Positive = 5000.0  # records that wait on a gateway


class Oidc(Section, frozen=True):
    """A hospital's OpenID Connect provider: who logs in there comes in here."""

    issuer: str = ""  # "https://login.hospital.example"; "": there is none
    client_id: str = ""
    secret_file: str = ""  # its first line is the client's secret
    label: str = "Hospital log-in"  # on the button
    scope: str = "openid profile"
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    # What the claim says: the role here.  Who has none of these stays outside.
    roles: dict[str, Literal["nurse", "doctor", "admin"]] = field(default_factory=dict)


class Watchdog(Section, frozen=True):
    """Whom gateways and portal tell, by themselves, when a stage falls silent."""

    url_file: str = ""  # a secret: URLs, one a line, that take a POST; "": nobody
    form: Literal["json", "text"] = "json"  # "text" for ntfy and its like
    language: Literal["en", "zh"] = "en"  # of "text"
    stages: tuple[Literal["ingest", "dsp", "alerts"], ...] = ("ingest", "dsp", "alerts")
    silent_s: Positive = 70.0
    again_s: Positive = 900.0  # between two words about the same silence


class Portal(Section, frozen=True):
    """The API and pages."""

    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: Url = ""  # by which people reach it: what links in messages begin with
    emergency: Annotated[str, Meta(max_length=300)] = ""  # whom to call; "": 120, 112…
    oidc: Oidc = Oidc()
    hooks: tuple[str, ...] = ()  # addresses that FHIR subscriptions may call


class Config(Section, frozen=True):
    """The whole file."""

    data: str = "/var/lib/vitals"  # everything that must survive lies under it
    mqtt: Mqtt = Mqtt()
    gateway: Gateway = Gateway()
    sim: Sim = Sim()
    store: Store = Store()
    dsp: Dsp = Dsp()
    alerts: Alerts = Alerts()
    portal: Portal = Portal()
    watchdog: Watchdog = Watchdog()


def load(path: Path) -> Config:
    """Read the configuration.

    Raises
    ------
    ConfigError
        The file is not there, is not TOML, or has a key or value that we do not know.
    """
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text in UTF-8") from error
    except OSError as error:
        hint = "copy deploy/vitals.toml and edit it"
        raise ConfigError(f"{path}: {error.strerror}; {hint}") from error
    return parse(text, str(path))


def parse(text: str, name: str = "configuration") -> Config:
    """Check the text of a configuration; errors name the key's path."""
    try:
        found = msgspec.toml.decode(text, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {plain(str(error))}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name} is not TOML: {error}") from error
    for complaint in _complaints(found):
        raise ConfigError(f"{name}: {complaint}")
    return found


def _complaints(found: Config) -> Iterator[str]:
    """Say what a type cannot: names that must differ, keys that must be known."""
    yield from _worn(found.gateway.wearables)
    if len(set(found.gateway.adapters)) < len(found.gateway.adapters):
        yield "gateway.adapter: one is there twice"
    yield from detection.complaints(found.dsp)
    yield from _ladder(found.store)
    yield from _provider(found.portal.oidc)
    yield from channels.complaints(found.alerts.channels)
    alerts = found.alerts
    yield from staff.complaints(alerts.people, alerts.shifts, alerts.repeat_s)
    if (found.mqtt.certificate or found.mqtt.key) and not found.mqtt.ca:
        yield "mqtt.ca: a certificate without it would be sent in plain text"


def _worn(worn: Sequence[Wearable]) -> Iterator[str]:
    """Say what is wrong with the list of wearables."""
    for what in ("device", "address"):
        seen: set[str] = set()
        for place, wearable in enumerate(worn):
            value = getattr(wearable, what).upper()
            if value in seen:
                yield f"gateway.wearables[{place}].{what}: {value} is there already"
            seen.add(value)
    for place, wearable in enumerate(worn):
        if HOUSE in wearable.subjects:
            yield f"gateway.wearables[{place}]: no subject may be called {HOUSE}"
        if wearable.device == "alert":
            yield f"gateway.wearables[{place}].device: no device may be called alert"
        if sum(map(bool, (wearable.subject, wearable.users, wearable.shared))) != 1:
            yield (
                f"gateway.wearables[{place}].subject: whose is {wearable.device}?"
                " give it a subject, or users, or shared: one of them"
            )
        if wearable.passkey and wearable.passkey_file:
            yield f"gateway.wearables[{place}].passkey: there is a passkey_file too"


def _provider(oidc: Oidc) -> Iterator[str]:
    """Say what keeps a provider from being asked, and asked safely."""
    where = urlsplit(oidc.issuer)
    here = where.hostname in ("127.0.0.1", "::1", "localhost")
    if oidc.issuer and where.scheme != "https" and not here:
        yield "portal.oidc.issuer: must begin with https://"
    if oidc.issuer and not (oidc.client_id and oidc.roles):
        yield "portal.oidc: an issuer needs a client_id, and roles to give"


def _ladder(store: Store) -> Iterator[str]:
    """Say which rung is kept for less time than a finer one."""
    for finer, coarser in pairwise(("raw_days", "minute_days", "hour_days")):
        if (getattr(store, finer) or inf) > (getattr(store, coarser) or inf):
            yield f"store.{coarser}: must not be less than store.{finer}"


def located(path: str) -> str:
    """Give a secret file's path; a bare name may be one of systemd's credentials.

    A unit finds them in a folder of its own, root by hand in systemd's store.
    """
    if not path or "/" in path:
        return path
    folders = os.environ.get("CREDENTIALS_DIRECTORY", ""), CREDENTIALS
    places = [os.path.join(folder, path) for folder in folders if folder]
    return next(filter(os.path.exists, places), path)


def secret(path: str) -> str:
    """Read the first line of a secret's file; "" has no secret."""
    if not path:
        return ""
    try:
        return Path(located(path)).read_text().splitlines()[0].strip()
    except (OSError, IndexError) as error:
        raise ConfigError(f"{path}: cannot read the secret in it: {error}") from error


def secrets(path: str) -> list[str]:
    """Read the lines of a secret's file, without empty ones; "" has none."""
    if not path:
        return []
    try:
        lines = Path(located(path)).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read the secrets in it: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def passkey(wearable: Wearable) -> str:
    """Give the six digits to pair with; "" where none are configured.

    Raises
    ------
    ConfigError
        The secret's file cannot be read, or holds something else.
    """
    found = wearable.passkey or secret(wearable.passkey_file)
    if found and not (len(found) == 6 and found.isascii() and found.isdigit()):
        raise ConfigError(f"{wearable.passkey_file}: a passkey has six digits")
    return found
