"""Records of the past, lived through once more by detectors and a desk of their own.

Nobody was there to acknowledge, so somebody is assumed to see each alert a while after
it opened.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

from vitals import Instant, Kind, Reading, config
from vitals.model import Alert, AlertCommand, Plan

if TYPE_CHECKING:
    from ingest.store import History

SEEN_AFTER = 15 * 60_000  # ms until somebody is assumed to acknowledge
BLOCK = 5000  # records handed over at once
NOBODY = "whatif"
CALLS = frozenset({"opened", "rise", "relapse", "expire"})
AGAIN = "again"  # people have seen it before: it stands on the list and calls nobody


class Rehearsed(NamedTuple):
    """One alert of a rehearsal, as it opened."""

    alert: Alert
    why: str  # one of CALLS, or AGAIN

    @property
    def again(self) -> bool:
        """Whether people had heard of it before."""
        return self.why != "opened"

    @property
    def calls(self) -> bool:
        """Whether it calls people; what is of low priority stands on the list."""
        return self.why in CALLS and self.alert.priority != "low"


class Rehearsal:
    """Detectors and desk of their own, that nobody listens to."""

    def __init__(self, settings: config.Config, plans: dict[str, Plan]) -> None:
        from alerts import roster
        from alerts.desk import Desk
        from dsp.ward import Ward

        self._ward = Ward(settings.dsp)
        for subject, plan in plans.items():
            self._ward.plan(subject, plan)
        staff = roster.of(settings.alerts)
        self._desk = Desk(settings.alerts.priorities, roster=staff)
        self._unseen: dict[str, Instant] = {}  # alert id: when it was called for
        self.found: list[Rehearsed] = []

    def take(self, readings: Sequence[Reading]) -> None:
        """Live through some records, in the order in which they came."""
        arrived = max(_arrival(one) for one in readings)
        for anomaly in self._ward.observe(readings, arrived):
            moment = Instant(anomaly.t)
            self._pass(moment)
            for change in self._desk.observe(anomaly, moment):
                self._note(change.alert, change.why)
        self._pass(arrived)

    def _pass(self, moment: Instant) -> None:
        """Let the time pass; what has lain long enough is acknowledged."""
        due = [i for i, t in self._unseen.items() if moment - t >= SEEN_AFTER]
        for alert_id in due:
            seen = Instant(self._unseen.pop(alert_id) + SEEN_AFTER)
            command = AlertCommand(action="acknowledge", by=NOBODY, t=seen)
            self._desk.command(alert_id, command, seen)
        for change in self._desk.tick(moment):
            self._note(change.alert, change.why)

    def _note(self, alert: Alert, why: str) -> None:
        """Count what calls people, and what would if they had not seen it before."""
        if why in CALLS:
            self._unseen[alert.id] = Instant(alert.t)
        if why in CALLS or why == AGAIN:
            self.found.append(Rehearsed(alert, why))


def past(
    history: "History", subject: str, begin: Instant, end: Instant
) -> Iterator[Reading]:
    """Give a patient's records of all kinds in the order in which they came."""
    kinds = (_kind(history, subject, kind, begin, end) for kind in Kind)
    return merge(*kinds, key=_arrival)


def _kind(
    history: "History", subject: str, kind: Kind, begin: Instant, end: Instant
) -> Iterator[Reading]:
    cursor: str | None = None
    while True:
        page, cursor = history.records(subject, kind, begin, end, cursor, BLOCK)
        yield from page
        if cursor is None:
            return


def _arrival(reading: Reading) -> Instant:
    record = reading.record
    return Instant(record.t if record.received is None else record.received)


def blocks(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Cut readings into what the detectors take at once."""
    block: list[Reading] = []
    for one in readings:
        block.append(one)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block
