"""Readings of several patients and kinds as one stream, oldest or newest first.

The store reads forwards only.  Backwards we look through windows that grow while they
are empty and shrink when they hold too much, so that neither years without a reading
nor one per second cost much.
"""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby

from msgspec import Struct

from ingest.store import History
from portal.fhir.identity import Place
from portal.fhir.observations import observations
from portal.fhir.resources import Observation
from portal.fhir.terms import PARTS
from vitals.codes import Kind
from vitals.model import Instant, Reading

END = Instant(4_102_444_800_001)  # after every record
WINDOW = 600_000  # ms, of the first look backwards
FULL = 1000  # readings that a window may hold before it shrinks
GROWS, SHRINKS = 4, 8
SECOND = 1000


class Wanted(Struct, frozen=True, kw_only=True):
    """Which Observations, and in which order."""

    subjects: tuple[str, ...]
    parts: frozenset[str] = frozenset(PARTS)
    start: Instant = Instant(0)
    stop: Instant = END
    newest_first: bool = True
    after: tuple[Instant, str] | None = None  # the last one given: its time and id

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of records that give the parts."""
        return sorted({PARTS[part].kind for part in self.parts})


def found(history: History, wanted: Wanted) -> Iterator[Observation]:
    """Give the Observations one after another; they are read as they are asked for."""
    streams = [
        _stream(history, wanted, subject, kind, last)
        for subject in wanted.subjects
        for kind, last in _newest(history, subject).items()
        if kind in wanted.kinds
    ]
    down = wanted.newest_first
    merged = merge(*streams, key=_t, reverse=down)
    for t, together in groupby(merged, key=_t):
        shown = [o for r in together for o in observations(r, wanted.parts)]
        for one in sorted(shown, key=_id, reverse=down):
            if wanted.after is None or _beyond((t, one.id or ""), wanted):
                yield one


def at(history: History, subjects: Iterable[str], place: Place) -> Iterator[Reading]:
    """Give the readings that lie where an Observation's id says."""
    kind, t = PARTS[place.part].kind, place.t
    for subject in subjects:
        yield from forwards(history, subject, kind, t, Instant(t + 1))


def withdrawn(
    history: History, subjects: Iterable[str], place: Place
) -> Iterator[Reading]:
    """Give the readings that lay there and were entered in error."""
    for subject in subjects:
        yield from history.withdrawn(subject, PARTS[place.part].kind, place.t)


def forwards(
    history: History, subject: str, kind: Kind, start: Instant, stop: Instant
) -> Iterator[Reading]:
    """Give the readings of [start, stop), oldest first."""
    cursor, limit = None, 100
    while start < stop:
        page, cursor = history.records(subject, kind, start, stop, cursor, limit)
        yield from page
        if cursor is None:
            return
        limit = FULL


def backwards(
    history: History, subject: str, kind: Kind, start: Instant, stop: Instant
) -> Iterator[Reading]:
    """Give the readings of [start, stop), newest first."""
    width = WINDOW
    while start < stop:
        first = Instant(max(start, stop - width))
        page, more = history.records(subject, kind, first, stop, None, FULL)
        if more and width > SECOND:
            width = max(SECOND, width // SHRINKS)
            continue
        if more:
            page = list(forwards(history, subject, kind, first, stop))
        yield from reversed(page)
        stop = first
        if len(page) < FULL // GROWS:
            width *= GROWS


def _stream(
    history: History, wanted: Wanted, subject: str, kind: Kind, last: Instant
) -> Iterator[Reading]:
    """Give the readings of a kind from where the page before has ended."""
    start, stop = wanted.start, Instant(min(wanted.stop, last + 1))
    given = wanted.after[0] if wanted.after else None
    if wanted.newest_first:
        stop = stop if given is None else min(stop, Instant(given + 1))
        return backwards(history, subject, kind, start, stop)
    start = start if given is None else max(start, given)
    return forwards(history, subject, kind, start, stop)


def _newest(history: History, subject: str) -> dict[Kind, Instant]:
    """Give the time of the newest reading of each kind that there is."""
    newest: dict[Kind, Instant] = {}
    for reading in history.latest(subject):
        t = Instant(reading.record.t)
        newest[reading.kind] = max(t, newest.get(reading.kind, t))
    return newest


def _beyond(key: tuple[Instant, str], wanted: Wanted) -> bool:
    """Tell whether a place is behind the one that was given last."""
    assert wanted.after is not None
    return key < wanted.after if wanted.newest_first else key > wanted.after


def _t(reading: Reading) -> Instant:
    return Instant(reading.record.t)


def _id(observation: Observation) -> str:
    return observation.id or ""
