"""What people have seen, and is over: its return calls nobody while that still holds.

An acknowledgement holds for `acknowledged_s`, of what comes and goes as of what stays.
What is much worse than people know, or of a higher priority, calls; so does whatever
nobody has acknowledged.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from alerts import cases, rules
from alerts.cases import Case, Key
from alerts.past import REMEMBER_MS
from vitals.model import Instant, Priority


def remembered_ms(holds_ms: Mapping[Priority, int]) -> int:
    """Give how long after its end an alert may still matter."""
    return max(REMEMBER_MS, *holds_ms.values())


class Seen:
    """The alerts that were closed after somebody had acknowledged them."""

    def __init__(self) -> None:
        self._closed: dict[Key, Case] = {}
        self._pruned = Instant(0)

    def __len__(self) -> int:
        return len(self._closed)

    def close(self, case: Case) -> None:
        """Take that an alert is closed; the latest word on a condition counts."""
        self._closed.pop(cases.key(case), None)
        if case.seen is not None and case.alert.acknowledged_by:
            self._closed[cases.key(case)] = case

    def again(
        self, case: Case, holds_ms: Mapping[Priority, int], now: Instant
    ) -> Case | None:
        """Give a new alert as one that has been seen; None: it must be told."""
        known = self._closed.get(cases.key(case))
        if known is None or known.seen is None:
            return None
        holds = 0 <= now - known.seen < holds_ms.get(case.alert.priority, 0)
        return _as_seen(case, known) if holds and not _rises(case, known) else None

    def shift(self, by: int) -> None:
        """Let ages stay what they are: the clock has stepped."""
        self._closed = {
            key: replace(case, seen=None if case.seen is None else case.seen + by)
            for key, case in self._closed.items()
        }

    def forget(self, holds_ms: Mapping[Priority, int], now: Instant) -> None:
        """Forget what holds no longer, at most once a minute."""
        if abs(now - self._pruned) < 60_000:
            return
        self._pruned, longest = now, max(holds_ms.values(), default=0)
        self._closed = {
            key: case
            for key, case in self._closed.items()
            if case.seen is not None and abs(now - case.seen) < longest
        }


def _rises(case: Case, known: Case) -> bool:
    """Tell whether an alert is worse than what people know."""
    own, then = case.alert.priority, known.alert.priority
    worse = rules.much_worse(case.alert.condition, known.told, case.alert.value)
    return worse or rules.RANK[own] > rules.RANK[then]


def _as_seen(case: Case, known: Case) -> Case:
    """Give a case what people have said of the one before."""
    alert = replace(
        case.alert,
        state="acknowledged",
        acknowledged_by=known.alert.acknowledged_by,
        comment=known.alert.comment,
        evidence={**case.alert.evidence, "again": known.alert.id},
    )
    return replace(case, alert=alert, told=known.told, seen=known.seen)
