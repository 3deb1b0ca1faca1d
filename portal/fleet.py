"""Gateways and their wearables in words: what works, what waits, what was lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.completeness import Stream
from portal.ages import lasting
from portal.board import Board
from portal.cards import title
from portal.texts import Texts
from portal.views import CompletenessView, dropped, of_streams
from vitals.model import Alert, DeviceStatus, GatewayStatus

SECOND_MS = 1000  # a clock that is ahead by less is right


@dataclass(frozen=True, slots=True)
class Worn:
    """One wearable as a person reads it."""

    subject: str
    device: str
    status: DeviceStatus
    facts: tuple[str, ...]
    notes: tuple[str, ...]  # what somebody should see to


@dataclass(frozen=True, slots=True)
class Box:
    """One gateway as a person reads it."""

    name: str
    status: GatewayStatus
    heard: bool  # online, and has reported lately
    notes: tuple[str, ...]
    complete: CompletenessView | None  # None: not known
    worn: tuple[Worn, ...]


def boxes(
    board: Board, subjects: frozenset[str], streams: Sequence[Stream], texts: Texts
) -> list[Box]:
    """Put the gateways into words, those in trouble first."""
    alerts = board.open_alerts(subjects)
    found = [
        Box(
            name=name,
            status=status,
            heard=board.heard(name),
            notes=tuple(note for note in (status.disk, status.problem) if note),
            complete=of_streams(s for s in streams if s.gateway == name),
            worn=tuple(
                _worn(*one, alerts, texts) for one in board.worn(name, subjects)
            ),
        )
        for name, status in sorted(board.gateways.items())
    ]
    return sorted(found, key=lambda box: box.heard and not box.notes)


def _worn(
    subject: str,
    device: str,
    status: DeviceStatus,
    alerts: Iterable[Alert],
    texts: Texts,
) -> Worn:
    """Put a wearable into words."""
    open_here = (
        title(alert.condition, texts)
        for alert in alerts
        if alert.kind == "technical"
        and (alert.subject, alert.evidence.get("device")) == (subject, device)
    )
    gone = [texts("fleet.lost", n=dropped(status))] if status.dropped else []
    owners = [texts("fleet.waiting", n=status.waiting)] if status.waiting else []
    notes = (*dict.fromkeys(open_here), *owners, *gone, *_clock(status, texts))
    return Worn(subject, device, status, tuple(_facts(status, texts)), notes)


def _facts(status: DeviceStatus, texts: Texts) -> Iterable[str]:
    """Say what is neither good nor bad."""
    if status.battery is not None:
        yield f"{texts('battery_level')} {status.battery:.0f} %"
    if status.rssi is not None:
        yield f"{texts('fleet.signal')} {status.rssi} dBm"
    if status.reconnects:
        yield texts("fleet.reconnects", n=status.reconnects)
    if status.lost_frames:
        yield texts("fleet.lost_frames", n=status.lost_frames)
    if status.malformed:
        yield texts("fleet.malformed", n=status.malformed)


def _clock(status: DeviceStatus, texts: Texts) -> Iterable[str]:
    """Say how wrong its clock is."""
    ahead = status.clock_ahead_ms or 0
    if abs(ahead) >= SECOND_MS:
        way = "ahead" if ahead > 0 else "behind"
        yield texts(f"fleet.{way}", time=lasting(texts, abs(ahead)))
