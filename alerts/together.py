"""What begins together is told together."""

from alerts import rules
from vitals.model import Alert, Instant


class Together:
    """When people were last called for each subject, and how urgently."""

    def __init__(self) -> None:
        self._called: dict[str, tuple[Instant, int]] = {}
        self._forgot = Instant(0)  # when what is old was last forgotten

    def note(self, alert: Alert, now: Instant) -> None:
        """Note that people are called for an alert."""
        if not _fresh(self._forgot, now):
            self._forgot = now
            self._called = {s: c for s, c in self._called.items() if _fresh(c[0], now)}
        since, rank = self._called.get(alert.subject, (now, 0))
        if not _fresh(since, now):
            since, rank = now, 0
        highest = max(rank, rules.RANK[alert.priority])
        self._called[alert.subject] = since, highest

    def base(self, alert: Alert, now: Instant) -> Instant:
        """Give when a call may begin: at once, or with the others of these seconds.

        What is more urgent than they are waits for nobody, nor does what begins in the
        same moment: that is one message anyway.
        """
        called, rank = self._called.get(alert.subject, (now, 0))
        if (
            called == now
            or not _fresh(called, now)
            or rules.RANK[alert.priority] > rank
        ):
            return now
        return Instant(called + rules.TOGETHER_MS)


def _fresh(called: Instant, now: Instant) -> bool:
    return 0 <= now - called < rules.TOGETHER_MS
