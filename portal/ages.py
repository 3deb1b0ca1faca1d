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


def lasting(age_ms: float) -> str:
    """Say how long something has lasted.

    >>> lasting(59_000), lasting(240_000), lasting(5_400_000)
    ('59 s', '4 min', '1 h 30 min')
    """
    age = int(max(0, age_ms))
    if age < MINUTE:
        return f"{age // 1000} s"
    if age < HOUR:
        return f"{age // MINUTE} min"
    if age < 2 * DAY:
        minutes = age % HOUR // MINUTE
        return f"{age // HOUR} h {minutes} min" if minutes else f"{age // HOUR} h"
    return f"{age // DAY} days"


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
