"""Weekly hours on somebody's own clock: who works when, and who sleeps.

A wall clock decides, by the rules of its time zone: an hour that comes twice in autumn
is worked twice, one that is left out in spring not at all.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from vitals.model import Instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hours = tuple[
    int, int
]  # minutes of the day, from and to; through midnight if to <= from


def within(now: Instant, zone: str, hours: Hours, days: Collection[str] = DAYS) -> bool:
    """Tell whether it is one of these hours; `days` are those on which they begin.

    >>> within(Instant(0), "Asia/Shanghai", (480, 540))  # 08:00 there
    True
    """
    begin, end = hours
    local = _local(now, zone)
    minute, today = local.hour * 60 + local.minute, DAYS[local.weekday()]
    if begin < end:
        return today in days and begin <= minute < end
    yesterday = DAYS[local.weekday() - 1]
    return (today in days and minute >= begin) or (yesterday in days and minute < end)


def end(now: Instant, zone: str, minute: int) -> Instant:
    """Give when it is next this minute of the day; never now.

    >>> end(Instant(0), "UTC", 90)
    5400000
    """
    today = _local(now, zone).date()
    return min(t for n in range(3) if (t := _at(today, n, minute, zone)) > now)


def _at(today: date, later: int, minute: int, zone: str) -> Instant:
    """Give when it is this minute of the day, some days later."""
    clock = time(minute // 60, minute % 60, tzinfo=_zone(zone))
    moment = datetime.combine(today + timedelta(days=later), clock)
    return Instant(round(moment.timestamp() * 1000))


def _local(now: Instant, zone: str) -> datetime:
    return datetime.fromtimestamp(now / 1000, _zone(zone))


@lru_cache(64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
