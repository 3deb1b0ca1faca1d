"""Whose the numbers of a stream are.

A gateway counts what a device says, whoever wears it; a device that is handed over
goes on counting for its next wearer.  A record says by itself from which gateway it
comes, so anybody who may publish can name any gateway: a number is promised only to
the person whose record was stored, and this module judges who that can be.

The rule: a durable number keeps its owner.  A number between two durable ones belongs
to an owner of one of them; one outside of them all may be anybody's, since only there
can a device change hands, but nobody new may leave more than `JUMP` numbers out.
Claims are judged by what is durable and not by when they come: a gateway may send what
it has kept in any order.

What the rule cannot tell from a handover is a false record that claims exactly a number
that the gateway has not sent yet.  And a device that changed hands there and back
before any of it was sent can leave records in dispute: stored, never promised.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from ingest.ranges import Ranges

JUMP = 1_000_000  # numbers: 11 days of heart rates
HANDOVERS = 1000  # of one stream; nobody hands a device over so often

Mark = tuple[int, str]
"""The first durable number of an owner, and who that is."""


class Owners:
    """The owners of one stream's durable numbers."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        found = sorted(marks)
        self._firsts = [first for first, _ in found]
        self._subjects = [subject for _, subject in found]

    def __iter__(self) -> Iterator[Mark]:
        """Give the marks in order: each holds until the next."""
        return iter(zip(self._firsts, self._subjects, strict=True))

    def claim(self, number: int, subject: str, durable: Ranges) -> bool:
        """Tell whether a number is the subject's, and note it if it is."""
        if not self._firsts:  # the first to speak owns what an older ledger holds
            return self._mark(min(number, durable.lowest or number), subject)
        if number in durable:
            return self._of(number) == subject
        below, above = durable.around(number)
        if below and self._of(below) == subject:
            return True
        if above and self._of(above) == subject:
            return self._lower(above, number)
        if below and (above or number - below > JUMP):
            return False
        return self._mark(number, subject)

    def alone(self, subject: str) -> bool:
        """Tell whether nobody else owns anything here."""
        return self._subjects == [subject]

    def _of(self, number: int) -> str | None:
        """Give the owner of a durable number."""
        place = bisect_right(self._firsts, number)
        return self._subjects[place - 1] if place else None

    def _mark(self, first: int, subject: str) -> bool:
        """Note that a subject's numbers begin here."""
        if len(self._firsts) >= HANDOVERS:
            return False
        place = bisect_left(self._firsts, first)
        self._firsts.insert(place, first)
        self._subjects.insert(place, subject)
        return True

    def _lower(self, old: int, new: int) -> bool:
        """Let numbers that began at `old` begin earlier, where nothing is durable."""
        self._firsts[bisect_left(self._firsts, old)] = new
        return True
