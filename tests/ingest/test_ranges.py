from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.ranges import Ranges, runs

seqs = st.integers(1, 60)


@given(st.lists(st.tuples(seqs, st.integers(0, 8))))
def test_ranges_are_the_set_of_their_numbers(added):
    ranges, numbers = Ranges(), set()
    for first, length in added:
        old, new = ranges.add(first, first + length)
        numbers |= set(range(first, first + length + 1))
        assert all(new[0] <= a and b <= new[1] for a, b in old)
    assert list(ranges) == runs(numbers)
    assert ranges.size == len(numbers)
    assert ranges.highest == max(numbers, default=0)
    missing = [n for a, b in ranges.gaps() for n in range(a, b + 1)]
    assert missing == [n for n in range(1, ranges.highest) if n not in numbers]
    assert [n for n in range(70) if n in ranges] == sorted(numbers)


@given(st.lists(seqs))
def test_runs_neither_overlap_nor_touch(numbers):
    found = runs(numbers)
    assert {n for a, b in found for n in range(a, b + 1)} == set(numbers)
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(found))
