"""What the gateways said of themselves: queue, drops, disk, radio, last word."""

from collections.abc import Iterator, Mapping

from vitals import GatewayStatus, Instant
from vitals.cli.doctor.finding import Finding, ok, problem, warning
from vitals.cli.doctor.radio import age

QUIET_MS = 60_000  # a gateway reports every 10 s
MANY = 10_000  # records that wait for ingest


def gateways(told: Mapping[str, GatewayStatus], now: Instant) -> Iterator[Finding]:
    """Check every gateway that ever reported to this broker."""
    for name, status in sorted(told.items()):
        yield _gateway(name, status, now)


def _gateway(name: str, status: GatewayStatus, now: Instant) -> Finding:
    last = f"{age(now - status.t)} ago"
    if not status.online:
        advice = "is it on, does its network work? systemctl status vitals-gateway"
        return warning("gateway", f"{name}: away since {last}; {advice}")
    for words in (status.disk, status.problem):
        if words:
            return problem("gateway", f"{name}: {words}")
    if now - status.t > QUIET_MS:
        advice = "does it hang? are the clocks right?"
        return warning("gateway", f"{name}: last heard {last}; {advice}")
    text = f"{name}: {status.queued} queued, {status.dropped} dropped"
    text += f", {status.malformed} malformed"
    if status.queued > MANY:
        return warning("gateway", f"{text}; does ingest run, is its store there?")
    if status.waiting:
        advice = "`vitals assignments` lists them, docs/assignment.md tells more"
        words = (
            f"{name}: {status.waiting} readings wait: nobody has said whose they are"
        )
        return warning("gateway", f"{words}; {advice}")
    return ok("gateway", text)
