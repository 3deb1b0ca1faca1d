"""How old something is, in words."""

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
