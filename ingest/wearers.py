"""Who has numbers in a stream: everybody whose records bore one.

A gateway counts what a device says, whoever uses it: one person for years, two in turn,
a village.  Their records come in any order, live ones before a backlog, so that a
number says nothing about its neighbours.  A record says by itself from which gateway it
comes, and anybody who may publish can name any gateway and number.

So a number is never promised as such: `committed` says whose record was stored under
it, and a gateway releases its own record only when it is that person's.  A false record
of somebody else's releases nothing, and is in nobody's way.  What is judged here is how
far a stream may reach: nobody new may leave more than `JUMP` numbers out.

What this cannot tell from the gateway's own is a false record of the right person that
claims exactly a number that is still to come.  And a false record can hide a gap.
"""

from collections.abc import Iterable, Set

JUMP = 1_000_000  # numbers: 11 days of heart rates
PEOPLE = 10_000  # of one stream that are remembered


class Wearers:
    """The people of one stream."""

    def __init__(self, subjects: Iterable[str] = ()) -> None:
        self._subjects = set(subjects)

    @property
    def sole(self) -> str | None:
        """Whose all numbers are; None: several people's, or not known."""
        return next(iter(self._subjects)) if len(self._subjects) == 1 else None

    def __len__(self) -> int:
        return len(self._subjects)

    def __contains__(self, subject: str) -> bool:
        return subject in self._subjects

    def include(self, subjects: Set[str]) -> bool:
        """Tell whether all of these people are remembered."""
        return subjects <= self._subjects

    def admits(self, subject: str, number: int, highest: int) -> bool:
        """Tell whether a number can be a person's, where `highest` is durable."""
        return subject in self or not highest or number <= highest + JUMP

    def add(self, subject: str) -> bool:
        """Remember a person; tell whether they are new."""
        new = subject not in self and len(self) < PEOPLE
        if new:
            self._subjects.add(subject)
        return new
