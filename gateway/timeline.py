"""A wearable's clock beside ours.  Pure.

What a reading's stamp means is settled once, when it arrives: the stamp less what the
clock was ahead when we looked at it on this link.  A clock that was reset has left
readings of an older timeline behind.  If it was we who set it, we know that one too;
otherwise their stamps tell nothing, and nothing is made up for them.
"""

from datetime import UTC, datetime, tzinfo

from msgspec import Struct

from vitals import Instant
from vitals.gatt.current_time import CurrentTime

RIGHT_MS = 2_000  # a clock so near is right: cheap ones have whole seconds
AHEAD_MS = 60_000  # a stamp further ahead than its own clock is of another timeline
BEHIND_MS = 365 * 86_400_000  # a reading older than this has a wrong stamp


class Older(Struct, frozen=True):
    """The timeline that ended when we set the clock."""

    until: Instant  # what the clock showed last
    ahead_ms: int


class Timeline(Struct, frozen=True):
    """What a wearable's clock is worth."""

    ahead_ms: int = 0  # of ours
    since: Instant | None = None  # what it showed when we set it
    older: Older | None = None

    @property
    def right(self) -> bool:
        """Whether the clock needs no correction."""
        return abs(self.ahead_ms) <= RIGHT_MS

    def measured(self, stamp: int, received: int) -> Instant | None:
        """Give when a reading was taken; None: its stamp does not tell.

        >>> Timeline(ahead_ms=-3_600_000).measured(1_000_000, 5_000_000)
        4600000
        """
        t = self._corrected(stamp, received)
        if t is None or t <= received - BEHIND_MS:
            return None
        return min(t, Instant(received))

    def _corrected(self, stamp: int, received: int) -> Instant | None:
        """Take the stamp to our time by the timeline that it is of."""
        begun = self.since is None or stamp >= self.since - RIGHT_MS
        if begun and stamp <= received + self.ahead_ms + AHEAD_MS:
            return Instant(stamp if self.right else stamp - self.ahead_ms)
        if self.older and stamp <= self.older.until + RIGHT_MS:
            return Instant(stamp - self.older.ahead_ms)
        return None

    def seen(self, ahead_ms: int) -> "Timeline":
        """Give the timeline of a link on which the clock is so far ahead.

        A clock that ran on from where we set it is on the same timeline; one that says
        something else has been set by somebody else, and what we knew is over.
        """
        if self.since is not None and abs(ahead_ms - self.ahead_ms) <= AHEAD_MS:
            return Timeline(ahead_ms, self.since, self.older)
        return Timeline(ahead_ms)

    def set(self, now: int, ahead_ms: int) -> "Timeline":
        """Give the timeline after we set the clock, which is now so far ahead."""
        older = Older(Instant(now + self.ahead_ms), self.ahead_ms)
        return Timeline(ahead_ms, Instant(now + ahead_ms), older)


def ahead(said: CurrentTime, now: int, zone_offset_s: int) -> int | None:
    """Give what a wearable's clock is ahead of ours, ms; None: it shows no time."""
    shown = said.instant(zone_offset_s)
    return None if shown is None else shown - now


def zone_offset(zone: tzinfo, at: int) -> int:
    """Give the seconds that a zone's wall clock is ahead of UTC at a moment.

    >>> from datetime import timedelta, timezone
    >>> zone_offset(timezone(timedelta(hours=8)), 1_800_000_000_000)
    28800
    """
    there = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).utcoffset()
    return round(there.total_seconds()) if there else 0
