"""What a search asks for.  Pure: pairs of name and value in, a `Search` out.

Parameters that we do not know are left out, of the answer's `self` link as well, or
refused when the client wants that (`Prefer: handling=strict`).  What would widen a
search if it were left out (a modifier, a way to name the patient) is always refused.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from portal.fhir.identity import subject_of
from portal.fhir.resources import CodeableConcept
from portal.fhir.terms import CATEGORIES, PARTS
from portal.fhir.timeline import END
from vitals.errors import MalformedData
from vitals.model import Instant

Pairs = Iterable[tuple[str, str]]
COUNT, LARGEST = 100, 1000  # resources in a page
OURS = {"_format", "_pretty"}  # read elsewhere, or harmless
PAGE = "_page"  # our cursor, in `next` links
_PERSON = ("patient", "subject")
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_CURSOR = re.compile(r"(\d{1,13})\.([!-~]{1,200})", re.ASCII)
Span = tuple[int, int]


class Search(Struct, kw_only=True):
    """One search, read."""

    used: list[tuple[str, str]] = []
    ids: tuple[str, ...] | None = None
    subjects: frozenset[str] | None = None  # None: everybody whom the caller may see
    parts: frozenset[str] = frozenset(PARTS)
    statuses: frozenset[str] | None = None
    identifier: tuple[str, str] | None = None
    start: Instant = Instant(0)
    stop: Instant = END
    newest_first: bool = True
    count: int = COUNT
    most: int = 1  # of each code, in `$lastn`
    after: tuple[Instant, str] | None = None


def read(pairs: Pairs, known: Iterable[str], *, strict: bool) -> Search:
    """Read a search of a resource that knows these parameters.

    Raises
    ------
    MalformedData
        A value is none, or what is asked for cannot be left out.
    """
    search, allowed = Search(), {*known, "_id", "_count", PAGE}
    for name, value in pairs:
        if name in OURS or not value:
            continue
        if name not in allowed:
            _leave_out(name, allowed, strict=strict)
            continue
        _READERS[name](search, value)
        search.used.append((name, value))
    return search


def span(text: str) -> Span:
    """Read a date of any precision: from, and to, exclusive, in ms.

    >>> span("1970-01-02"), span("1970-01-01T00:00:01Z")
    ((86400000, 172800000), (1000, 2000))
    """
    found = _DATE.fullmatch(text.replace(" ", "+"))
    if not found:
        raise MalformedData(f"date: {text[:40]!r} is no date")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    numbers = [int(n or low) for n, low in ((year, 1), (month, 1), (day, 1))]
    clock = [int(n or 0) for n in (hour, minute, second)]
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        moment = datetime(*numbers, *clock, tzinfo=UTC)  # type: ignore[arg-type,misc]
        end = _end(moment, found.groups()[:6])
    except (ValueError, OverflowError) as error:
        raise MalformedData(f"date: {text[:40]!r} is no date: {error}") from error
    sign = -1 if offset[0] == "-" else 1
    shift = sign * (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000
    begin = _ms(moment) - shift
    if fraction:
        places = min(len(fraction) - 1, 3)
        begin += int(fraction[1:4].ljust(3, "0"))
        return begin, begin + 10 ** (3 - places)
    return begin, _ms(end) - shift


def _end(moment: datetime, given: tuple[str | None, ...]) -> datetime:
    """Give the end of the year, month, day, minute or second that begins then."""
    precision = sum(part is not None for part in given)
    if precision == 1:
        return moment.replace(year=moment.year + 1)
    if precision == 2:
        later = moment + timedelta(days=31)
        return later.replace(day=1)
    steps = {3: timedelta(days=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    return moment + steps[precision]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _leave_out(name: str, allowed: set[str], *, strict: bool) -> None:
    """Say no to what may not be left out."""
    stem = re.split(r"[:.]", name, maxsplit=1)[0]
    if strict or stem in allowed or stem in _PERSON:
        raise MalformedData(f"{name[:80]!r} is not a parameter that is known here")


def _patient(search: Search, value: str) -> None:
    given = {_subject(one) for one in value.split(",")}
    known = search.subjects
    search.subjects = frozenset(given if known is None else given & known)


def _subject(text: str) -> str:
    kind, slash, name = text.rpartition("/")
    if slash and kind.rpartition("/")[2] != "Patient":
        raise MalformedData("patient: only patients are subjects here")
    return subject_of(name)


def _ids(search: Search, value: str) -> None:
    search.ids = tuple(value.split(","))[:LARGEST]


def _category(search: Search, value: str) -> None:
    wanted = {n for n, c in CATEGORIES.items() if _matches(c, value)}
    search.parts &= {n for n, part in PARTS.items() if part.category in wanted}


def _code(search: Search, value: str) -> None:
    search.parts &= {n for n, part in PARTS.items() if _matches(part.code, value)}


def _matches(concept: CodeableConcept, value: str) -> bool:
    """Tell whether one of several tokens names a concept."""
    return any(
        _token(token, coding.system, coding.code)
        for token in value.split(",")
        for coding in concept.coding
    )


def _token(token: str, system: str, code: str) -> bool:
    """Tell whether `code`, `system|code` or `system|` names a code."""
    wanted_system, bar, wanted = token.rpartition("|")
    if not bar:
        return wanted == code
    return wanted_system == system and wanted in ("", code)


def _date(search: Search, value: str) -> None:
    found = _PREFIXED.fullmatch(value)
    assert found
    prefix, (begin, end) = found[1] or "eq", span(found[2])
    if prefix in ("ne", "ap"):
        raise MalformedData(f"date: the prefix {prefix} is not supported")
    start, stop = _BOUNDS[prefix](begin, end)
    search.start = Instant(max(search.start, start))
    search.stop = Instant(min(search.stop, stop))


_BOUNDS: dict[str, Callable[[int, int], Span]] = {
    "eq": lambda begin, end: (begin, end),
    "ge": lambda begin, end: (begin, END),
    "gt": lambda begin, end: (end, END),
    "sa": lambda begin, end: (end, END),
    "le": lambda begin, end: (0, end),
    "lt": lambda begin, end: (0, begin),
    "eb": lambda begin, end: (0, begin),
}


def _status(search: Search, value: str) -> None:
    search.statuses = frozenset(one.rpartition("|")[2] for one in value.split(","))


def _identifier(search: Search, value: str) -> None:
    system, _, name = value.rpartition("|")
    search.identifier = (system, name)


def _sort(search: Search, value: str) -> None:
    if value.lstrip("-") not in ("date", "identified"):
        raise MalformedData("_sort: only by date")
    search.newest_first = value.startswith("-")


def _count(search: Search, value: str) -> None:
    search.count = min(LARGEST, _number("_count", value))


def _most(search: Search, value: str) -> None:
    search.most = min(LARGEST, _number("max", value))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value[:9]) == 0:
        raise MalformedData(f"{name}: {value[:20]!r} is not a number above 0")
    return int(value[:9])


def _page(search: Search, value: str) -> None:
    found = _CURSOR.fullmatch(value)
    if not found:
        raise MalformedData(f"{PAGE}: it is not one that we gave")
    search.after = Instant(int(found[1])), found[2]


_READERS: dict[str, Callable[[Search, str], None]] = {
    "patient": _patient,
    "subject": _patient,
    "_id": _ids,
    "category": _category,
    "code": _code,
    "date": _date,
    "identified": _date,
    "status": _status,
    "identifier": _identifier,
    "_sort": _sort,
    "_count": _count,
    "max": _most,
    PAGE: _page,
}
