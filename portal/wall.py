"""Days and times of day as people read them: here alone they are written, and read.

In which zone they are, `portal.zones` decides.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from portal.texts import Texts
from vitals.model import Instant
from vitals.schedule import twice, zone


@dataclass(frozen=True, slots=True)
class Wall:
    """The clock and the calendar on the wall somewhere, in the reader's language.

    >>> here = Wall(Texts("en"), "Europe/Berlin")
    >>> here.dated(1_795_300_000_000), here.moment(1_795_300_000_000)
    ('21 Nov 2026 23:26', '21 Nov 23:26')
    >>> here.time(1_792_888_200_000), here.time(1_792_891_800_000)  # clocks go back
    ('02:30 CEST', '02:30 CET')
    """

    texts: Texts
    place: str = "UTC"  # a time zone

    def at(self, t: Instant | int) -> datetime:
        """Give what the wall shows."""
        return local(t, zone(self.place))

    def time(self, t: Instant | int) -> str:
        """Write a time of day; in an hour that comes twice, which of the two."""
        there = self.at(t)
        return f"{there:%H:%M %Z}" if twice(there) else f"{there:%H:%M}"

    def day(self, t: Instant | int) -> str:
        """Write a day without its year."""
        there = self.at(t)
        if self.texts.language == "zh":
            return f"{there.month}月{there.day}日"
        return f"{there:%d %b}"

    def moment(self, t: Instant | int) -> str:
        """Write a day and a time."""
        return f"{self.day(t)} {self.time(t)}"

    def lately(self, t: Instant | int, now: Instant) -> str:
        """Write a time, with the day when it is not today."""
        same = self.at(t).date() == self.at(now).date()
        return self.time(t) if same else self.moment(t)

    def dated(self, t: Instant | int) -> str:
        """Write a day, its year and a time."""
        year = self.at(t).year
        if self.texts.language == "zh":
            return f"{year}年{self.moment(t)}"
        return f"{self.day(t)} {year} {self.time(t)}"


def local(t: Instant | int, where: tzinfo) -> datetime:
    """Give the wall clock's time somewhere."""
    return datetime.fromtimestamp(t / 1000, where)


def read(text: str, place: str) -> Instant:
    """Read what a browser's field for a local time says, somewhere.

    Raises
    ------
    ValueError
        It is no time, or none that can be counted.
    """
    try:
        there = datetime.fromisoformat(text).replace(tzinfo=zone(place))
        return Instant(int(there.timestamp() * 1000))
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is no time that can be counted") from error
