"""Whose a reading is.  Pure.

An assignment says: what this device measured from then to then, in this user slot or in
any, is this person's.  The time that counts is the reading's own.  A reading that no
assignment covers is nobody's until somebody says whose it is: it is never guessed.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

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


def whose(assignments: Sequence[Assignment], reading: Occasion) -> str | None:
    """Give whose a reading is; None: nobody has said so.

    The assignment that was made last counts, and a correction by hand before all
    others.  Of check-ins the one that began last counts, whenever we heard of it, and
    once it is over nobody is checked in: it ended those before.  A reading whose time
    is not known is its slot's if that was only ever one person's.

    >>> anna = Assignment(1, "check_in", None, "p-1", 1000, 2000)
    >>> whose([anna], Occasion(1999, True)), whose([anna], Occasion(2000, True))
    ('p-1', None)
    """
    if not reading.sure:
        return _only(a.subject for a in assignments if _of_slot(a, reading))
    begun = [a for a in assignments if a.since <= reading.t]
    last = max(filter(_is_check_in, begun), key=lambda a: (a.since, a.id), default=None)
    standing = [a for a in begun if a is last or not _is_check_in(a)]
    covering = [a for a in standing if _covers(a, reading)]
    newest = max(covering, key=lambda a: (a.what == "assign", a.id), default=None)
    return newest.subject if newest else None


def _covers(one: Assignment, reading: Occasion) -> bool:
    return one.slot in (None, reading.slot) and one.since <= reading.t < one.until


def _is_check_in(one: Assignment) -> bool:
    return one.what == "check_in"


def _of_slot(one: Assignment, reading: Occasion) -> bool:
    return one.what == "slot" and one.slot == reading.slot


def _only(subjects: Iterable[str | None]) -> str | None:
    found = set(subjects)
    return found.pop() if len(found) == 1 else None
