import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import dead
from ingest.dead import Letter
from ingest.ledger import MANY, Gap, open_ledger
from vitals import Unavailable

steps = st.lists(
    st.tuples(
        st.sampled_from(["gw-1", "gw-2"]),
        st.sampled_from(["a", "b"]),
        st.lists(st.integers(1, 40), max_size=10),
    ),
    max_size=12,
)


@pytest.fixture
def ledger(tmp_path):
    found = open_ledger(tmp_path)
    yield found
    found.close()


@given(steps)
@settings(max_examples=30, deadline=None)
def test_a_ledger_that_is_opened_again_says_the_same(tmp_path_factory, added):
    folder = tmp_path_factory.mktemp("ledger")
    ledger = open_ledger(folder)
    for step in added:
        ledger.add(*step)
    again = open_ledger(folder)
    for gateway in ("gw-1", "gw-2"):
        before = {d: r for d, r in ledger.ranges(gateway).items() if r}
        assert again.ranges(gateway) == before
    assert again.tally() == ledger.tally()
    lost = sum(gap.last - gap.first + 1 for gap in again.lost())
    assert lost == again.tally()[0]
    ledger.close()
    again.close()


def test_lost_names_every_gap_below_the_highest(ledger):
    ledger.add("gw-1", "d", [3, 4, 9])
    assert ledger.lost() == [Gap("gw-1", "d", 1, 2), Gap("gw-1", "d", 5, 8)]
    assert ledger.tally() == (6, 9)
    ledger.add("gw-1", "d", [1, 2, 5, 6, 7, 8])
    assert ledger.lost() == []
    assert ledger.tally() == (0, 9)


def test_too_many_ranges_to_repeat_are_told_as_they_are_touched(ledger):
    ledger.add("gw-1", "d", range(1, 4 * MANY, 2))
    ledger.add("gw-1", "d", [8])
    assert ledger.holding("gw-1", "d", [8, 9]) == [(7, 9)]
    assert len(ledger.ranges("gw-1")["d"]) == 2 * MANY - 1


def test_what_the_disk_refused_is_not_noted_in_memory_either(ledger):
    ledger.add("gw-1", "d", [1])
    ledger._db.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable):
        ledger.add("gw-1", "d", [2])
    ledger.add("gw-1", "d", [3])
    assert ledger.ranges("gw-1") == {"d": [(1, 1), (3, 3)]}


def test_a_disk_that_is_full_is_unavailable(tmp_path):
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(Unavailable):
        open_ledger(tmp_path)


def test_letters_that_nobody_was_promised_are_bounded(ledger, monkeypatch):
    monkeypatch.setattr(dead, "LETTERS", 20)
    monkeypatch.setattr(dead, "OCTETS", 1000)
    ledger.keep({}, [Letter("t", b"kept", "why", promised=True)], 1)
    for number in range(60):
        ledger.keep({}, [Letter("t", b"%d" % number, "why")], 2 + number)
    found = ledger.letters(1000)
    assert len(found) == 21
    assert found[0].payload == b"59"
    assert found[-1].payload == b"kept"
    ledger.keep({}, [Letter("t", b"x" * 2000, "why")], 100)
    assert [m.payload for m in ledger.letters()] == [b"kept"]


def test_letters_leave_when_they_are_old(ledger):
    ledger.keep({}, [Letter("t", b"old", "why", promised=True)], 0)
    ledger.keep({}, [Letter("t", b"new", "why")], dead.DAYS * 86_400_000 + 1)
    assert [m.payload for m in ledger.letters()] == [b"new"]


def test_a_repeated_letter_is_one(ledger):
    for now in (1, 2, 3):
        ledger.keep({}, [Letter("t", b"same", "why")], now)
    assert len(ledger.letters()) == 1


def test_every_commit_is_on_the_disk(ledger):
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert sqlite3.sqlite_version_info >= (3, 37)
