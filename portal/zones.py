"""Time zones to choose from, the likely ones first."""

from collections import Counter
from collections.abc import Iterable
from zoneinfo import available_timezones

ZONES = frozenset(available_timezones())
_PLACES = sorted(z for z in ZONES if "/" in z and not z.startswith("Etc/"))


def offered(used: Iterable[str]) -> list[str]:
    """Give UTC and the places of the world; those in use come first, by how often.

    >>> offered(["Asia/Shanghai", "Europe/Paris", "Asia/Shanghai"])[:4]
    ['Asia/Shanghai', 'Europe/Paris', 'UTC', 'Africa/Abidjan']
    """
    counts = Counter(zone for zone in used if zone in ZONES)
    often = (zone for zone, _ in counts.most_common())
    return list(dict.fromkeys((*often, "UTC", *_PLACES)))
