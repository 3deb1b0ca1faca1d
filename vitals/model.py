"""The nouns that flow: Record -> Anomaly -> Alert, and one Command back.

All are immutable msgspec structs, and what a topic of `vitals.wire` carries is exactly
one of them.  Times are `Instant`.  A stage never edits what it was given; it makes the
next noun.
"""

from typing import Annotated, Any, Literal, NewType

from msgspec import Meta, Struct, field

from vitals.codes import Kind

Instant = NewType("Instant", int)
"""Milliseconds since 1970-01-01T00:00Z.  RFC 3339 text exists only at the doors."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}\Z")]
"""A subject's pseudonym, a device or a gateway, as it stands in topics."""

HOUSE = "house"
"""The subject of alerts that are about no patient: a gateway, a stage, a channel."""

Seq = Annotated[int, Meta(ge=1, le=2**53)]
"""A sequence number; any reader of JSON holds it exactly."""

Octets = Annotated[int, Meta(ge=0, le=2**32)]  # more than any field on the air holds
Bound = Annotated[float, Meta(ge=-1e6, le=1e6)]  # a limit that a value can pass
Time = Annotated[int, Meta(ge=0, le=4_102_444_800_000)]  # until the year 2100

MOST_INTERVALS = 257  # of two octets in the 514 that an ATT_MTU of 517 leaves a value
Intervals = Annotated[tuple[float, ...], Meta(max_length=MOST_INTERVALS)]


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one wearable said once, whole; its payload on the wire.

    `received`, `gateway` and `seq` are None in a record that did not come through one
    of our gateways: it is stored and judged, never committed.
    """

    t: Time  # measured; clock-corrected
    received: Time | None = None  # at the gateway
    gateway: Name | None = None
    seq: Seq | None = None  # per gateway and device, gapless
    q: tuple[str, ...] = ()  # vitals.codes.Flag; empty = good
    link: Literal["bonded", "open"] | None = None
    device_t: Time | None = None  # the device's own stamp


class HeartRate(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One heart-rate notification."""

    hr: float | None  # /min
    rr: Intervals = ()  # ms, oldest first
    energy: Octets | None = None  # kJ


class BloodPressure(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One complete blood-pressure measurement."""

    sys: float | None  # mmHg
    dia: float | None  # mmHg
    map: float | None = None  # mmHg
    pulse: float | None = None  # /min
    user: Octets | None = None  # the device's user slot


class BodyTemperature(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One temperature measurement."""

    temp: float | None  # Cel
    site: str | None = None  # one of vitals.codes.SITES


class OxygenSaturation(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One pulse-oximeter measurement."""

    spo2: float | None  # %
    pulse: float | None = None  # /min


class Glucose(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One glucose measurement."""

    glucose: float | None  # mmol/L


class Battery(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A wearable's battery level."""

    level: float | None  # %


RECORDS: dict[Kind, type[Record]] = {
    Kind.HEART_RATE: HeartRate,
    Kind.BLOOD_PRESSURE: BloodPressure,
    Kind.BODY_TEMPERATURE: BodyTemperature,
    Kind.OXYGEN_SATURATION: OxygenSaturation,
    Kind.GLUCOSE: Glucose,
    Kind.BATTERY: Battery,
}
KINDS = {record: kind for kind, record in RECORDS.items()}


class Reading(Struct, frozen=True, gc=False):
    """A record and whose it is: what a record's topic and payload say together."""

    subject: str  # pseudonym; never a name
    device: str
    record: Record

    @property
    def kind(self) -> Kind:
        """The kind of the record."""
        return KINDS[type(self.record)]


class Anomaly(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a detector saw begin, go on or end in one person's records."""

    id: str  # the same for begin, change and end of one episode
    subject: Name
    detector: str  # "limit", "baseline", "off_body", "silent"
    condition: str  # "heart_rate_high", "device_silent", ...
    kind: Literal["physiological", "technical"]
    begin: Time
    t: Time  # of the latest evidence
    over: bool = False
    value: float | None = None  # the worst so far, in `unit`
    unit: str = ""  # UCUM
    confidence: float = 1.0  # 0 to 1
    late: bool = False  # evidence too old to wake anybody
    evidence: dict[str, Any] = field(default_factory=dict)


Priority = Literal["high", "medium", "low"]  # IEC 60601-1-8
State = Literal[  # ANSI/ISA-18.2
    "unacknowledged",
    "acknowledged",
    "returned_unacknowledged",
    "shelved",
    "suppressed",
    "out_of_service",
    "normal",
]


class Alert(Struct, frozen=True, kw_only=True):
    """A fact that a clinician should act on, and how far we are with telling them."""

    id: str
    subject: Name
    condition: str
    kind: Literal["physiological", "technical"]
    priority: Priority
    state: State
    since: Time
    t: Time  # of the latest change
    value: float | None = None
    unit: str = ""  # UCUM
    evidence: dict[str, Any] = field(default_factory=dict)
    acknowledged_by: str | None = None
    comment: str | None = None
    # {"until"} of a snooze, {"to"} of a handover; {"step", "told", "next", "next_at"}:
    # how many steps were taken, whom they told, whom the next one tells, and when.
    escalation: dict[str, Any] = field(default_factory=dict)


class AlertCommand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a clinician decided about an alert, a wearable or their own duty.

    What is about no alert goes to the command topic of the alert that is called
    `desk`: of a patient, or of the subject `house`.
    """

    action: Literal[
        "acknowledge", "snooze", "handover", "false_alarm",
        "out_of_service", "in_service", "test", "relieve",
    ]  # fmt: skip
    by: str
    t: Time
    comment: str = ""
    minutes: Annotated[int, Meta(ge=1, le=24 * 60)] | None = None  # snooze
    to: str | None = None  # handover, relieve
    device: Name | None = None  # out_of_service, in_service; test: one channel alone
    until: Time | None = None  # out_of_service, relieve


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """One personal limit on a metric; beyond it for `hold_s`, it counts."""

    low: Bound | None = None  # in the metric's unit
    high: Bound | None = None
    hold_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    night_low: Bound | None = None  # in `Plan.night`; None: as by day
    night_high: Bound | None = None


MinuteOfDay = Annotated[int, Meta(ge=0, lt=24 * 60)]


class Night(Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of the patient's own day that are their night."""

    begin: MinuteOfDay = 22 * 60
    end: MinuteOfDay = 6 * 60


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declared exercise session: what the heart is meant to do in it."""

    id: Name
    begin: Time
    end: Time  # exclusive
    low: Bound | None = None  # of the target zone, /min; prescribed, never from age
    high: Bound | None = None
    limit: Bound | None = None  # /min: at or above it the patient should stop
    rest: Bound | None = None  # resting heart rate, /min


class Standing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declared standing test: lie and measure, then stand up and measure again."""

    id: Name
    begin: Time  # lying from then on
    stand: Time  # standing from then on
    end: Time  # exclusive


class Schedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When blood pressure is to be measured at home: "722" unless said otherwise."""

    begin: Time  # within its first day, by the patient's time zone
    days: Annotated[int, Meta(ge=1, le=366)] = 7
    morning: tuple[MinuteOfDay, MinuteOfDay] = (5 * 60, 11 * 60)  # from, to (inclusive)
    evening: tuple[MinuteOfDay, MinuteOfDay] = (17 * 60, 24 * 60 - 1)
    readings: Annotated[int, Meta(ge=1, le=10)] = 2  # on each occasion


class Plan(Struct, frozen=True, kw_only=True):
    """What dsp and alerts obey for one patient; a limit not named has its default."""

    limits: dict[str, Limit] = field(default_factory=dict)  # by metric wire name
    time_zone: str = "UTC"
    night: Night = Night()
    sessions: tuple[Session, ...] = ()
    standings: tuple[Standing, ...] = ()
    schedule: Schedule | None = None
    expects: dict[str, Annotated[float, Meta(gt=0, le=1e7)]] = field(
        default_factory=dict
    )  # s between two records, by kind; a device is silent after three of them
    off: tuple[str, ...] = ()  # detectors that are switched off
    baseline_since: Time = 0  # baselines forget what was before
    team: tuple[str, ...] = ()  # names of those who care for them; (): all of the house
    language: Literal["en", "zh"] = "en"  # that the patient reads
    by: str = ""
    t: Time = 0


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """A gateway's retained word on itself; `online: false` is its last will."""

    online: bool
    t: Time
    version: str = ""
    queued: int = 0  # records on disk, not yet committed
    keeps: Time | None = None  # on disk: all received from then on; None: not said
    waiting: int = 0  # readings on disk of which nobody knows whose they are
    dropped: int = 0  # records that had to go, for want of room or of a disk that works
    malformed: int = 0  # notifications that broke their specification
    disk: str = ""  # what keeps the gateway from storing, and so from confirming
    adapter_resets: int = 0  # since it started: the radio was switched off and on
    problem: str = ""  # what keeps the radio from hearing anybody
    since: Time | None = None  # online; None: it is not, or does not say


class StageStatus(Struct, frozen=True, kw_only=True):
    """An engine's retained word that it works; silence says that it does not."""

    online: bool
    t: Time
    head: str = ""  # of the alert engine's ledger, noted outside its file


class DeviceStatus(Struct, frozen=True, kw_only=True):
    """A wearable's retained state, as its gateway sees it."""

    t: Time
    connected: bool
    gateway: str = ""
    name: str | None = None
    battery: float | None = None  # %
    rssi: int | None = None  # dBm
    last: Time | None = None  # last record
    off_body: bool = False
    malformed: int = 0
    reconnects: int = 0
    lost_frames: int = 0  # streamed values that never came, by the stream's own rhythm
    clock_ahead_ms: int | None = None  # of ours; None: it shows no clock
    information: dict[str, str] = field(default_factory=dict)  # Device Information
    dropped: tuple[tuple[int, int], ...] = ()  # newest ranges of `seq` that had to go
    waiting: int = 0  # readings of which nobody knows whose they are


Spans = list[tuple[Seq, Seq]]
"""Sequence numbers: [[from, to], …], inclusive."""


class Committed(Struct, frozen=True, omit_defaults=True):
    """Ingest's word that these sequence numbers are durable, per device.

    Where `subjects` has a device, only what it says releases a record: a number may be
    claimed by a record that is not its gateway's.
    """

    devices: dict[Name, Spans]
    subjects: dict[Name, dict[Name, Spans]] = {}  # whose records they are


class Withdrawn(Struct, frozen=True):
    """Ingest's word that these records are taken away from whom they were given to."""

    devices: dict[Name, Spans]


class GatewayCommand(Struct, frozen=True, kw_only=True):
    """A word to a gateway."""

    action: str  # "reload", "resend", "check_in", "assign"
    t: Time = 0


Words = Annotated[str, Meta(max_length=500)]
LONGEST_CHECK_IN = 7 * 24 * 60  # minutes
Minutes = Annotated[float, Meta(gt=0, le=LONGEST_CHECK_IN)]  # that a check-in lasts
Somebody = Annotated[str, Meta(min_length=1, max_length=100)]


class CheckIn(Struct, frozen=True, kw_only=True, tag_field="action", tag="check_in"):
    """A word to a gateway: from now on a shared wearable measures this person."""

    device: Name
    subject: Name
    by: Somebody  # who says so
    t: Time = 0  # when it begins; without it a gateway refuses
    minutes: Minutes | None = None
    why: Words = ""
    id: Words = ""  # the same command again changes nothing


class Assign(Struct, frozen=True, kw_only=True, tag_field="action", tag="assign"):
    """A word to a gateway: what a wearable measured then is this person's."""

    device: Name
    subject: Name | None  # None: nobody knows whose
    since: Time = field(name="from")
    until: Time = field(name="to")  # inclusive
    by: Somebody
    why: Somebody
    user: Octets | None = None  # only readings of this slot of the device
    t: Time = 0
    id: Words = ""


class Answer(Struct, frozen=True, kw_only=True):
    """What a gateway says to a command that bears an id."""

    id: str
    ok: bool
    text: str


class WhatIf(Struct, frozen=True, kw_only=True):
    """A question to the detectors: what other limits would have given.

    The answer is an `Answer` whose text is a `vitals.comparison.Comparison` in JSON.
    """

    id: Name
    subject: Name
    limits: dict[str, Limit] = field(default_factory=dict)  # over those in force
    night: Night | None = None
    off: tuple[str, ...] | None = None
    days: Annotated[float, Meta(gt=0, le=366)] = 30.0


class Erased(Struct, frozen=True, kw_only=True):
    """A word to all stages: forget all of the patient whose topic it came on."""

    by: str
    t: Time


class Dead(Struct, frozen=True, kw_only=True):
    """What could not be understood, kept with the reason."""

    t: Time
    topic: str
    reason: str
    payload: str  # base64 of the raw bytes
