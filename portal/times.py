"""RFC 3339 text at the door; `Instant` everywhere behind it."""

import re
from datetime import UTC, datetime
from typing import Any, TypeGuard

from vitals.model import Instant

EARLIEST, LATEST = 0, 4_102_444_800_000  # 1970 to 2100: what a record may carry
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_MOMENTS = {"t", "begin", "end", "from", "to", "since", "until", "last", "received"}


def rfc3339(t: Instant | int) -> str:
    """Write an instant as UTC text with milliseconds.

    >>> rfc3339(1_700_000_000_007)
    '2023-11-14T22:13:20.007Z'
    """
    seconds, ms = divmod(t, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ms:03d}Z"


def instant(text: str) -> Instant:
    """Read RFC 3339 text, which always names its offset from UTC.

    Raises
    ------
    ValueError
        It is something else, or before 1970, or after 2100.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not RFC 3339, such as 2026-11-21T07:30:00Z")
    try:
        found = datetime.fromisoformat(_microseconds(text))
        t = round(found.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no date and time: {error}") from error
    if not EARLIEST <= t <= LATEST:
        raise ValueError(f"{text[:40]!r} is not between 1970 and 2100")
    return Instant(t)


def said(evidence: dict[str, Any]) -> dict[str, Any]:
    """Write the instants in free-form evidence as text too, by the names they have."""
    return {
        key: rfc3339(value) if key in _MOMENTS and _is_instant(value) else value
        for key, value in evidence.items()
    }


def writable(value: object) -> TypeGuard[int]:
    """Tell whether something that came in free form is a time that a calendar has."""
    return type(value) is int and EARLIEST <= value <= LATEST


def _is_instant(value: object) -> bool:
    """Tell an instant (after 1973) from a duration or a count."""
    return isinstance(value, int) and 100_000_000_000 <= value <= LATEST


def _microseconds(text: str) -> str:
    """Cut fractions that Python cannot hold."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)
