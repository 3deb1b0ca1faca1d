"""What the outbox knows by heart of its file: numbers, counts, and what had to go."""

from collections.abc import Iterable

from msgspec import Struct

Range = tuple[int, int]
"""First and last number, both inclusive."""

LEAP = 1 << 40  # further ahead than any gateway can count, nobody is believed
LARGEST = (1 << 53) - 1  # the largest whole number that all of JSON's readers know
DEVICES = 10_000  # whose numbers are remembered
RANGES = 100  # of dropped numbers that a device's status carries: the newest


class Tally(Struct):
    """The state that goes with the records, as of the last transaction."""

    next: dict[str, int]  # by device: its next number
    dropped: dict[str, tuple[Range, ...]]  # by device: numbers that had to go
    last: int = 0  # highest id given
    heard: int = 0  # highest id of what is told once
    waiting: int = 0  # records in the file
    gone: int = 0  # records that had to go, ever
    unassigned: dict[str, int] = {}  # by device: readings that may be anybody's

    def copy(self) -> "Tally":
        """Give what a transaction that fails comes back to."""
        return Tally(
            dict(self.next),
            dict(self.dropped),
            self.last,
            self.heard,
            self.waiting,
            self.gone,
            dict(self.unassigned),
        )

    def take(self, device: str) -> tuple[int, int]:
        """Give a new record its id, and its device's next number away."""
        self.last += 1
        self.waiting += 1
        return self.last, self.number(device)

    def line(self) -> int:
        """Give an id to what is no record."""
        self.last += 1
        return self.last

    def wait(self, device: str, more: int) -> None:
        """Count readings of which nobody knows whose they are."""
        self.unassigned[device] = self.unassigned.get(device, 0) + more

    def number(self, device: str) -> int:
        """Give a device's next number away."""
        seq = self.next.get(device, 1)
        self.next[device] = seq + 1
        return seq

    def drop(self, device: str, seqs: Iterable[int]) -> None:
        """Note numbers whose records had to go."""
        self.dropped[device] = joined(self.dropped.get(device, ()), seqs)

    def skip(self, device: str, last: int) -> bool:
        """Go on behind a number that somebody else says is taken.

        False when that cannot be: our own file may come from an old backup, but no
        gateway has counted that far.
        """
        have = self.next.get(device)
        if last < (have or 1):
            return True
        if last >= min((have or 1) + LEAP, LARGEST):
            return False
        if have is None and len(self.next) >= DEVICES:
            return False
        self.next[device] = last + 1
        return True


def joined(ranges: Iterable[Range], seqs: Iterable[int]) -> tuple[Range, ...]:
    """Add numbers to ranges; give the newest ranges, lowest first.

    >>> joined([(1, 3), (7, 7)], [4, 9, 5])
    ((1, 5), (7, 7), (9, 9))
    """
    found: list[Range] = []
    for first, last in sorted([*ranges, *((seq, seq) for seq in seqs)]):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found[-RANGES:])
