"""How old something is, in words and for the reader's clock."""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from portal.texts import Texts
from vitals.model import Instant

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ago(texts: Texts, t: Instant | int, now: Instant) -> str:
    """Say how long ago something was, as the page's script says it too."""
    if t - now > MINUTE:
        return texts("ago.ahead")
    age = max(0, now - t)
    if age < MINUTE:
        return texts("ago.now")
    if age < HOUR:
        return texts("ago.minutes", n=age // MINUTE)
    if age < 2 * DAY:
        return texts("ago.hours", n=age // HOUR)
    return texts("ago.days", n=age // DAY)


def lasting(texts: Texts, age_ms: float) -> str:
    """Say how long something has lasted.

    >>> [lasting(Texts("en"), ms) for ms in (59_000, 240_000, 5_400_000)]
    ['59 s', '4 min', '1 h 30 min']
    """
    age = int(max(0, age_ms))
    if age < MINUTE:
        return texts("lasting.s", n=age // 1000)
    if age < HOUR:
        return texts("lasting.min", n=age // MINUTE)
    if age < 2 * DAY:
        hours, minutes = age // HOUR, age % HOUR // MINUTE
        return texts("lasting.h_min" if minutes else "lasting.h", n=hours, m=minutes)
    return texts("lasting.days", n=age // DAY)


def date(texts: Texts, there: datetime) -> str:
    """Write a day without its year.

    >>> date(Texts("en"), datetime(2026, 1, 9))
    '09 Jan'
    """
    if texts.language == "zh":
        return f"{there.month}月{there.day}日"
    return there.strftime("%d %b")


def zone(name: str) -> tzinfo:
    """Give a time zone; one that does not exist is UTC, and the page says so."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return ZoneInfo("UTC")
    except KeyError:
        return ZoneInfo("UTC")


def local(t: Instant | int, where: tzinfo) -> datetime:
    """Give the wall clock's time somewhere."""
    return datetime.fromtimestamp(t / 1000, where)


def clock_and_date(texts: Texts, t: Instant | int, place: str) -> str:
    """Write a day, its year and the time on a patient's own clock.

    >>> clock_and_date(Texts("en"), 1_795_300_000_000, "UTC")
    '21 Nov 2026 22:26'
    """
    there = local(t, zone(place))
    if texts.language == "zh":
        return f"{there.year}年{date(texts, there)} {there:%H:%M}"
    return f"{date(texts, there)} {there:%Y %H:%M}"
