"""Counts the values of a stream that never came, by the stream's own rhythm.  Pure.

A notification bears no number, so what the air has lost nobody says.  But a strap
speaks once a second: three seconds between two values are two that are missing.  Only
time on a link counts; while there is none, nobody has sent anything.  A stream that
slows down seems to lose some, until the rhythm has followed.
"""

from collections import deque

REMEMBERED = 61  # intervals that the rhythm is the median of
LEAST = 5  # intervals, before there is one


class Cadence:
    """The rhythm of one stream; times are monotonic, in seconds.

    Attributes
    ----------
    lost
        Values that should have come and did not.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._last: float | None = None  # value on this link
        self._intervals: deque[float] = deque(maxlen=REMEMBERED)

    def heard(self, now: float) -> None:
        """Take that a value came."""
        if self._last is not None:
            self.lost += max(0, round(self._beats(now)) - 1)
            self._intervals.append(now - self._last)
        self._last = now

    def ended(self, now: float) -> None:
        """Take that the link is over; its end may have been noticed late."""
        self.lost += int(self._beats(now))
        self._last = None

    def _beats(self, now: float) -> float:
        """Give how many times the rhythm fits since the last value."""
        if self._last is None or len(self._intervals) < LEAST:
            return 0.0
        # Importing `statistics` would cost a megabyte of the gateway's memory.
        period = sorted(self._intervals)[len(self._intervals) // 2]
        return (now - self._last) / period if period > 0 else 0.0
