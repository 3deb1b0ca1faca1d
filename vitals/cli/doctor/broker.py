"""Checks of the broker, from the outside in: the port, TLS, the login, the statuses."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vitals import (
    DeviceStatus,
    GatewayStatus,
    Instant,
    Unavailable,
    VitalsError,
    config,
    wire,
)
from vitals.bus import matches
from vitals.cli.doctor.finding import Finding, ok, problem, warning
from vitals.clock import monotonic
from vitals.mqtt import MqttBus

REACH_S = 5.0
LOGIN_S = 9.0  # a broker that knows no MQTT 5 may need three tries
RETAINED_S = 1.0  # in which a broker tells what it kept
SOON_DAYS = 30
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANY_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME

# Of OpenSSL's X509_verify_cert.
NOT_YET, EXPIRED, WRONG_NAME, WRONG_ADDRESS = 9, 10, 62, 64


class Statuses:
    """What gateways and wearables last said of themselves, as the broker kept it."""

    def __init__(self) -> None:
        self.gateways: dict[str, GatewayStatus] = {}
        self.devices: dict[str, DeviceStatus] = {}


def check(settings: config.Mqtt, told: Statuses, now: Instant) -> Iterator[Finding]:
    """Check the broker step by step; the first problem ends it."""
    for step in (reach, certificate):
        found = step(settings, now)
        yield from found
        if any(finding.level == "PROBLEM" for finding in found):
            return
    yield asyncio.run(login(settings, told))


def reach(settings: config.Mqtt, _: Instant | None = None) -> list[Finding]:
    """Check that somebody listens there; say nothing when somebody does."""
    where = f"{settings.host}:{settings.port}"
    advice = "check mqtt.host"
    try:
        _dial(settings).close()
    except socket.gaierror:
        text = f"nobody knows the name {settings.host}; {advice}"
    except ConnectionRefusedError:
        install = "start one (apt install mosquitto) or set mqtt.host, mqtt.port"
        text = f"nothing listens on {where}; {install}"
    except TimeoutError:
        text = f"{where} does not answer; {advice}, and the firewall between"
    except OSError as error:
        text = f"{where}: {error.strerror}; {advice}"
    else:
        return []
    return [problem("broker", text)]


def certificate(settings: config.Mqtt, now: Instant) -> list[Finding]:
    """Check TLS: who signed the broker's certificate, for whom, until when."""
    if not settings.ca:
        if settings.host in LOOPBACK:
            return []
        text = "plain text to another machine: anybody between may read and write"
        return [warning("TLS", f"{text}; set mqtt.ca")]
    for key in ("ca", "certificate", "key"):
        path = config.located(getattr(settings, key))
        if path and not Path(path).is_file():
            return [problem("TLS", f"no file {path}; set mqtt.{key}")]
    try:
        shown = _shake_hands(settings, strict=True)
    except ssl.SSLError as error:
        return [problem("TLS", explain(error, settings))]
    except OSError as error:
        text = f"{error.strerror or error}"
        if error.filename:
            text = f"{error.filename}: {text}"
        if isinstance(error, ConnectionError):
            text = "the broker hangs up: it speaks no TLS on this port"
        return [problem("TLS", f"{text}; check mqtt.port and mqtt.ca")]
    left = _expires(shown) - now / 1000
    text = f"the broker's certificate is good for {left / 86_400:.0f} days"
    if left < SOON_DAYS * 86_400:
        return [warning("TLS", f"{text}; renew it")]
    return [ok("TLS", text)]


def explain(error: ssl.SSLError, settings: config.Mqtt) -> str:
    """Say in one line what a failed handshake means, and what to do."""
    reason = str(error.reason or error).upper()
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        wish = "a certificate of ours"
        return f"the broker wants {wish}; set mqtt.certificate and mqtt.key"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _mistrust(error.verify_code, error.verify_message, settings)
    if "WRONG_VERSION" in reason or "RECORD_LAYER" in reason or "EOF" in reason:
        advice = "set mqtt.port (8883 is usual), or take mqtt.ca away"
        return f"the broker speaks no TLS on this port; {advice}"
    return f"the broker and we do not agree on TLS: {reason.lower()}; check mqtt.ca"


def _mistrust(code: int, words: str, settings: config.Mqtt) -> str:
    """Say why a certificate is not believed."""
    if code not in (EXPIRED, NOT_YET, WRONG_NAME, WRONG_ADDRESS):
        what = f"nobody in {settings.ca} vouches for the broker's certificate"
        advice = "set mqtt.ca to the certificate of who signed it"
        return f"{what} ({words}); {advice}"
    shown = _shake_hands(settings, strict=False)
    if code == EXPIRED:
        until = time.strftime("%Y-%m-%d", time.gmtime(_expires(shown)))
        return f"the broker's certificate expired on {until}; renew it on the broker"
    if code == NOT_YET:
        since = shown.get("notBefore", "later")
        return f"the broker's certificate is valid from {since}; is our clock right?"
    names = ", ".join(str(name) for _, name in shown.get("subjectAltName", ()))
    what = f"the broker's certificate is for {names or 'nobody'}"
    return f"{what}, not for {settings.host}; set mqtt.host to a name in it"


async def login(settings: config.Mqtt, told: Statuses) -> Finding:
    """Check that the broker lets us in; take what it keeps of everybody's status."""
    try:
        async with MqttBus(settings) as bus:
            await _let_in(bus)
            await _listen(bus, told)
            version = "MQTT 5" if bus.protocol == 5 else "MQTT 3.1.1"
    except VitalsError as error:
        if not settings.ca and await asyncio.to_thread(_speaks_tls, settings):
            where = f"{settings.host}:{settings.port}"
            return problem("broker", f"{where} speaks TLS; set mqtt.ca")
        return problem("broker", str(error))
    return ok("broker", f"{settings.host}:{settings.port}, {version}")


async def _let_in(bus: MqttBus) -> None:
    """Wait for the broker, no longer than until it refuses us."""
    until = monotonic() + LOGIN_S
    while not bus.online.is_set() and "refuses" not in bus.problem:
        if monotonic() > until:
            break
        await asyncio.sleep(0.02)
    if bus.problem.startswith("no answer"):
        what = "somebody listens and says nothing: is it an MQTT broker?"
        raise Unavailable(f"{what} check mqtt.host and mqtt.port; {bus.problem}")
    if bus.problem:
        raise Unavailable(bus.problem)


async def _listen(bus: MqttBus, told: Statuses) -> None:
    """Take retained statuses for a moment."""
    devices = wire.DEVICE_STATUSES, wire.SHARED_STATUSES
    inbox = bus.subscribe(wire.GATEWAY_STATUSES, *devices)
    try:
        async with asyncio.timeout(RETAINED_S):
            while True:
                for delivery in await inbox.take():
                    _note(delivery.message, told)
                    delivery.ack()
    except TimeoutError:
        return


def _note(message: wire.Message, told: Statuses) -> None:
    *_, name, _ = message.topic.split("/")
    try:
        if matches(wire.GATEWAY_STATUSES, message.topic):
            told.gateways[name] = wire.read(GatewayStatus, message.payload)
        else:
            told.devices[name] = wire.read(DeviceStatus, message.payload)
    except VitalsError:
        return  # somebody else's, or taken back


def _dial(settings: config.Mqtt) -> socket.socket:
    return socket.create_connection((settings.host, settings.port), REACH_S)


def _shake_hands(settings: config.Mqtt, *, strict: bool) -> dict[str, Any]:
    """Do a TLS handshake; give the certificate that the broker showed.

    Not strict, a wrong name or time is let pass, to see what is wrong about it.
    """
    context = _context(settings)
    if not strict:
        context.check_hostname = False
        context.verify_flags |= ANY_TIME
    with (
        _dial(settings) as plain,
        context.wrap_socket(plain, server_hostname=settings.host) as secure,
    ):
        shown = secure.getpeercert() or {}
        _await_refusal(secure)
    return shown


def _await_refusal(secure: ssl.SSLSocket) -> None:
    """Wait a moment: in TLS 1.3 a server refuses us only after the handshake."""
    secure.settimeout(0.3)
    try:
        secure.recv(1)
    except TimeoutError:
        return


def _context(settings: config.Mqtt) -> ssl.SSLContext:
    """Dress as our MQTT client does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(settings.ca)
    if settings.certificate:
        key = config.located(settings.key) or None
        context.load_cert_chain(settings.certificate, key)
    return context


def _speaks_tls(settings: config.Mqtt) -> bool:
    """Tell whether there is TLS behind a port that we spoke to in plain text."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _dial(settings) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _expires(shown: dict[str, Any]) -> int:
    return ssl.cert_time_to_seconds(str(shown["notAfter"]))
