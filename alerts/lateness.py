"""Whether news is too old to wake anybody.  Pure."""

from alerts import rules
from vitals.model import Anomaly, Instant


class Lateness:
    """Tells what is late: not what was stamped in time by a clock that then stepped."""

    def __init__(self) -> None:
        self._by, self._until = 0, Instant(0)

    def shift(self, by: int, now: Instant) -> None:
        """Know that the clock has stepped to `now`."""
        self._by, self._until = by, Instant(now + rules.STEPPED_MS)

    def of(self, anomaly: Anomaly, now: Instant) -> bool:
        """Tell whether an anomaly should wake nobody."""
        age = now - anomaly.t
        return anomaly.late or (age > rules.LATE_MS and not self._stepped(age, now))

    def _stepped(self, age: int, now: Instant) -> bool:
        """Tell whether what is so old was in time by the clock as it was."""
        before = age - self._by
        return now < self._until and -rules.STEPPED_MS <= before <= rules.LATE_MS
