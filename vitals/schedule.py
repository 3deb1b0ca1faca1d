"""The schedule of blood pressure at home: its occasions, and what came of them.

"722" (Taiwan consensus, PMC7677637): seven days, two occasions a day, two readings on
each; the average leaves out the first day.  An occasion is a window of the patient's
own day, so a day of the schedule may have 23 or 25 hours.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from vitals.model import Instant, MinuteOfDay, Schedule

ENOUGH_DAYS = 4  # with an occasion done, for an average ("7, at least 4")

UTC = ZoneInfo("UTC")


class Occasion(NamedTuple):
    """One window in which to measure."""

    day: int  # from 1
    part: Literal["morning", "evening"]
    begin: Instant
    end: Instant  # exclusive


class Measured(NamedTuple):
    """One reading that can be relied on."""

    t: Instant
    sys: float  # mmHg
    dia: float  # mmHg


class Average(Struct, frozen=True):
    """The mean of the readings on all occasions but those of the first day."""

    sys: float  # mmHg
    dia: float  # mmHg
    n: int  # readings


class Adherence(Struct, frozen=True):
    """What came of a schedule so far."""

    done: int  # occasions with all their readings
    due: int  # occasions of the whole schedule, two a day
    missed: int  # occasions that are over and not done
    days: int  # with an occasion done
    average: Average | None  # None: from too few days

    @property
    def share(self) -> float:
        """The share of all occasions that is done, 0 to 1."""
        return self.done / self.due


def zone(name: str) -> tzinfo:
    """Give a time zone; one that nobody knows is UTC."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC


def twice(there: datetime) -> bool:
    """Tell whether a clock on the wall shows a time twice: clocks go back.

    >>> autumn = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    >>> twice(autumn), twice(autumn.replace(hour=3))
    (True, False)
    """
    return there.replace(fold=1 - there.fold).utcoffset() != there.utcoffset()


def count(schedule: Schedule) -> int:
    """Give the number of a schedule's occasions."""
    return 2 * schedule.days


def occasion(schedule: Schedule, where: tzinfo, k: int) -> Occasion:
    """Give the k-th occasion from 0.

    >>> eve = occasion(Schedule(begin=1_709_251_200_000), zone("Asia/Shanghai"), 1)
    >>> eve.day, eve.part, (eve.begin - 1_709_251_200_000) / 3_600_000
    (1, 'evening', 9.0)
    """
    day, evening = divmod(k, 2)
    since, until = schedule.evening if evening else schedule.morning
    begins = _first(schedule, where) + timedelta(day)
    ends = begins + timedelta(until < since)  # an evening may last beyond midnight
    part: Literal["morning", "evening"] = "evening" if evening else "morning"
    end = _instant(ends, until, where) + 60_000
    return Occasion(day + 1, part, _instant(begins, since, where), Instant(end))


def place(schedule: Schedule, where: tzinfo, t: int) -> int | None:
    """Give the occasion, from 0, that a time belongs to; None: to none."""
    day = (
        datetime.fromtimestamp(t / 1000, where).date() - _first(schedule, where)
    ).days
    for k in range(2 * day - 1, 2 * day + 2):
        if 0 <= k < count(schedule):
            found = occasion(schedule, where, k)
            if found.begin <= t < found.end:
                return k
    return None


def adherence(
    schedule: Schedule, where: tzinfo, readings: Iterable[Measured], now: int
) -> Adherence:
    """Give what came of a schedule by `now`, from readings in any order.

    A reading outside the windows counts nowhere; one reading is one, however soon
    after another.  The average is of all readings within the windows, of occasions
    that are done and of those that are not.

    >>> noon = Schedule(begin=0, days=1, readings=1)
    >>> adherence(noon, UTC, [Measured(Instant(6 * 3_600_000), 128, 82)], 86_400_000)
    Adherence(done=1, due=2, missed=1, days=1, average=None)
    """
    taken: dict[int, list[Measured]] = {}
    for reading in readings:
        k = place(schedule, where, reading.t)
        if k is not None:
            taken.setdefault(k, []).append(reading)
    done = {k for k, found in taken.items() if len(found) >= schedule.readings}
    ended = {
        k for k in range(count(schedule)) if occasion(schedule, where, k).end <= now
    }
    days = len({k // 2 for k in done})
    later = [one for k in sorted(taken) if k >= 2 for one in taken[k]]
    average = _mean(later) if days >= ENOUGH_DAYS and later else None
    return Adherence(len(done), count(schedule), len(ended - done), days, average)


def _mean(readings: list[Measured]) -> Average:
    n = len(readings)
    systolic, diastolic = (
        sum(sorted(found)) / n
        for found in zip(*((r.sys, r.dia) for r in readings), strict=True)
    )
    return Average(systolic, diastolic, n)


def _first(schedule: Schedule, where: tzinfo) -> date:
    """Give the schedule's first day."""
    return datetime.fromtimestamp(schedule.begin / 1000, where).date()


def _instant(day: date, minute: MinuteOfDay, where: tzinfo) -> Instant:
    """Give the time when a clock on the wall shows a minute of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=where)
    hours, minutes = divmod(minute, 60)
    # Replacing, not adding: on a day when the clock is changed they differ.
    shown = midnight.replace(hour=hours, minute=minutes)
    return Instant(round(shown.timestamp() * 1000))
