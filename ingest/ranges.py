"""Sets of sequence numbers, kept as merged ranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""From and to, both inclusive."""


class Ranges:
    """A set of numbers >= 1, as ranges that neither overlap nor touch."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self.size = 0  # how many numbers there are
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int) -> tuple[list[Range], Range]:
        """Add the numbers from `first` to `last`.

        Returns
        -------
        list of (int, int)
            The ranges that were swallowed.
        (int, int)
            The range that now holds the numbers.
        """
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        old = list(zip(self._firsts[begin:end], self._lasts[begin:end], strict=True))
        new = (min(first, old[0][0]), max(last, old[-1][1])) if old else (first, last)
        self._firsts[begin:end], self._lasts[begin:end] = [new[0]], [new[1]]
        self.size += _length(new) - sum(map(_length, old))
        return old, new

    def __contains__(self, number: int) -> bool:
        return self.holding(number) is not None

    def holding(self, number: int) -> Range | None:
        """Give the range that a number is in."""
        place = bisect_left(self._lasts, number)
        if place == len(self._firsts) or self._firsts[place] > number:
            return None
        return self._firsts[place], self._lasts[place]

    def __iter__(self) -> Iterator[Range]:
        """Give the ranges in order."""
        return iter(zip(self._firsts, self._lasts, strict=True))

    def __len__(self) -> int:
        """Count the ranges."""
        return len(self._firsts)

    def around(self, number: int) -> tuple[int | None, int | None]:
        """Give the nearest numbers below and above one that is not in the set."""
        place = bisect_left(self._lasts, number)
        below = self._lasts[place - 1] if place else None
        return below, self._firsts[place] if place < len(self._firsts) else None

    @property
    def lowest(self) -> int:
        """The lowest number, 0 without any."""
        return self._firsts[0] if self._firsts else 0

    @property
    def highest(self) -> int:
        """The highest number, 0 without any."""
        return self._lasts[-1] if self._lasts else 0

    def gaps(self) -> Iterator[Range]:
        """Give the ranges below the highest number that are not in the set."""
        expected = 1
        for first, last in self:
            if first > expected:
                yield expected, first - 1
            expected = last + 1


def runs(numbers: Iterable[int]) -> list[Range]:
    """Give numbers in any order as ranges.

    >>> runs([3, 1, 2, 7, 2])
    [(1, 3), (7, 7)]
    """
    found: list[Range] = []
    for number in sorted(numbers):
        if found and number <= found[-1][1] + 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def _length(numbers: Range) -> int:
    """Count the numbers in a range."""
    return numbers[1] - numbers[0] + 1
