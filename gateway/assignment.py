"""Whose a reading is.  Pure.

An assignment says: what this device measured from then to then, in this user slot or in
any, is this person's.  The time that counts is the reading's own.  A reading that no
assignment covers is nobody's until somebody says whose it is: it is never guessed.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Literal, TypeGuard

from msgspec import Struct

from vitals import Flag, Record
from vitals.gatt.blood_pressure import UNKNOWN_USER
from vitals.model import LONGEST_CHECK_IN

What = Literal["check_in", "assign", "slot", "reading"]
OPEN = 1 << 53  # ms: the end of what has no end yet
LONGEST = LONGEST_CHECK_IN * 60_000  # ms


class Assignment(Struct, frozen=True):
    """A device, a person, from, to.  It is only ever added to the others."""

    id: int  # they rise
    what: What
    slot: int | None  # None: whatever the slot
    subject: str | None  # None: nobody
    since: int  # ms
    until: int  # ms, exclusive


class Occasion(Struct, frozen=True):
    """What of a reading decides whose it is."""

    t: int  # ms, when it was measured
    sure: bool  # False: its time is not known, `t` is when it arrived
    slot: int | None = None  # None: the device has none, or does not know


def occasion(record: Record) -> Occasion:
    """Take it from a record."""
    slot = getattr(record, "user", None)
    sure = Flag.CLOCK_UNSYNCED not in record.q
    return Occasion(record.t, sure, None if slot == UNKNOWN_USER else slot)


def whose(
    assignments: Iterable[Assignment], readings: Sequence[Occasion]
) -> list[str | None]:
    """Give whose each reading is; None: nobody has said so.

    The assignment that was made last counts, and a correction by hand before all
    others.  Of check-ins the one that began last counts, whenever we heard of it, and
    once it is over nobody is checked in: it ended those before.  A reading whose time
    is not known is its slot's if that was only ever one person's.

    One sweep through time: thousands wait for one word, among thousands of words.

    >>> anna = Assignment(1, "check_in", None, "p-1", 1000, 2000)
    >>> whose([anna], [Occasion(1999, True), Occasion(2000, True)])
    ['p-1', None]
    """
    ahead = sorted(assignments, key=lambda one: one.since, reverse=True)
    owners, begun = _owners(ahead), _Begun()
    found: list[str | None] = [None] * len(readings)
    for place in sorted(range(len(readings)), key=lambda n: readings[n].t):
        reading = readings[place]
        while ahead and ahead[-1].since <= reading.t:
            begun.add(ahead.pop())
        known = begun.whose(reading) if reading.sure else owners.get(reading.slot)
        found[place] = known
    return found


class _Begun:
    """The assignments that have begun by a time, which goes on from call to call."""

    def __init__(self) -> None:
        self._checked_in: Assignment | None = None
        self._others: dict[int | None, list[_Standing]] = {}  # heaps, by slot

    def add(self, one: Assignment) -> None:
        """Take in an assignment; none that has begun earlier may follow."""
        if one.what != "check_in":
            heappush(self._others.setdefault(one.slot, []), (*_rank(one), one))
        elif self._checked_in is None or _order(one) > _order(self._checked_in):
            self._checked_in = one

    def whose(self, reading: Occasion) -> str | None:
        """Give whose a reading of that time is."""
        slots = {None, reading.slot}
        found = [self._newest(self._others.get(slot, []), reading.t) for slot in slots]
        covering = [one for one in (*found, self._checked_in) if _covers(one, reading)]
        newest = min(covering, key=_rank, default=None)
        return newest.subject if newest else None

    @staticmethod
    def _newest(heap: list["_Standing"], t: int) -> Assignment | None:
        """Give the first that is not over, and forget those before it."""
        while heap and heap[0][-1].until <= t:
            heappop(heap)
        return heap[0][-1] if heap else None


_Standing = tuple[bool, int, Assignment]


def _rank(one: Assignment) -> tuple[bool, int]:
    """Give an assignment's place among those that hold: the least counts."""
    return one.what != "assign", -one.id


def _order(one: Assignment) -> tuple[int, int]:
    """Give a check-in's place in time."""
    return one.since, one.id


def _covers(one: Assignment | None, reading: Occasion) -> TypeGuard[Assignment]:
    if one is None or one.slot not in (None, reading.slot):
        return False
    return one.since <= reading.t < one.until


def _owners(assignments: Iterable[Assignment]) -> dict[int | None, str | None]:
    """Give whose each user slot has been, of those that were one person's only."""
    subjects: dict[int | None, set[str | None]] = {}
    for one in assignments:
        if one.what == "slot":
            subjects.setdefault(one.slot, set()).add(one.subject)
    return {slot: _only(found) for slot, found in subjects.items()}


def _only(found: set[str | None]) -> str | None:
    return next(iter(found)) if len(found) == 1 else None
