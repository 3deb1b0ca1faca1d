import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import dead
from ingest.dead import Letter
from ingest.ledger import MANY, Gap, Ledger, open_ledger
from ingest.numbers import Numbered
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


def claim(ledger, subject, *seqs, letters=()):
    """Claim numbers; give those that are disputed."""
    claims = {("gw-a", "strap-1"): {subject: [*seqs]}}
    return [found.seq for found in ledger.keep(claims, letters).disputed]


def sole(ledger):
    return ledger.wearers("gw-a", "strap-1").sole


def test_nobody_new_jumps_far_ahead(ledger):
    assert claim(ledger, "p-1", 5) == []
    assert claim(ledger, "p-9", 2**53) == [2**53]
    assert sole(ledger) == "p-1"
    assert claim(ledger, "p-1", 2**40) == []  # control: its own may


def test_nobody_is_told_of_a_stream_of_which_all_is_disputed(ledger):
    assert claim(ledger, "p-1", 5) == []
    far, near = ({("gw-a", "strap-1"): {"p-9": [seq]}} for seq in (2**53, 6))
    assert ledger.keep(far).granted == {}
    assert ledger.keep(near).granted == near


@pytest.mark.parametrize("reopen", [False, True])
def test_people_in_turn_are_never_disputed_in_whatever_order_they_come(
    tmp_path, reopen
):
    ledger = open_ledger(tmp_path)
    for subject, seq in [("p-1", 9), ("p-2", 1), ("p-3", 5), ("p-2", 8), ("p-4", 4)]:
        assert claim(ledger, subject, seq) == []
        if reopen:
            ledger.close()
            ledger = open_ledger(tmp_path)
    assert ledger.ranges("gw-a") == {"strap-1": [(1, 1), (4, 5), (8, 9)]}
    assert sole(ledger) is None
    ledger.close()


def test_a_ledger_that_knew_owners_of_numbers_knows_its_people(tmp_path):
    ledger = open_ledger(tmp_path)
    claim(ledger, "p-1", *range(1, 9))
    ledger._db.execute("DROP TABLE wearer")
    ledger._db.execute("CREATE TABLE owner (gateway, device, first, subject)")
    ledger._db.execute("INSERT INTO owner VALUES ('gw-a', 'strap-1', 1, 'p-1')")
    ledger.close()
    ledger = open_ledger(tmp_path)
    assert sole(ledger) == "p-1"
    assert claim(ledger, "p-9", 2**40) == [2**40]
    ledger.close()


def test_what_is_withdrawn_stays_away_after_a_restart_and_has_its_number(
    tmp_path, beat
):
    ledger = open_ledger(tmp_path)
    ledger.keep({}, withdrawn=[beat(4)])
    ledger.close()
    ledger = open_ledger(tmp_path)
    other = beat(4, t=beat(4).record.t + 1)  # not what was withdrawn
    assert ledger.sift([beat(4), beat(5), other]) == ([beat(5), other], [beat(4)])
    assert ledger.ranges("gw-1") == {"strap-1": [(4, 4)]}
    ledger.close()


def test_a_range_that_no_gateway_can_read_is_dropped(tmp_path):
    ledger = open_ledger(tmp_path)
    row = ("gw-a", "strap-1", 9 * 10**18, 9 * 10**18)
    ledger._db.execute("INSERT INTO durable VALUES (?, ?, ?, ?)", row)
    ledger.add("gw-a", "strap-1", [1])
    ledger.close()
    ledger = open_ledger(tmp_path)
    assert ledger.ranges("gw-a") == {"strap-1": [(1, 1)]}
    ledger.close()


def promised(number, gateway="gw-a", size=100):
    claims = (Numbered(gateway, "d", number, "p-1"),)
    return Letter(gateway, b"%d" % number + b"x" * size, "why", True, claims)


def test_promised_letters_have_bounds_and_what_is_beyond_is_not_committed(
    ledger, monkeypatch
):
    monkeypatch.setattr(dead, "PROMISES", 5)
    ledger.keep({}, [promised(n) for n in range(1, 4)], 1)
    for n in range(4, 20):
        ledger.keep({}, [promised(n)], 1)
    ledger.keep({}, [promised(1, "gw-b")], 1)
    assert ledger.ranges("gw-a") == {"d": [(1, 5)]}
    assert ledger.ranges("gw-b") == {"d": [(1, 1)]}
    assert sum(letter.promised for letter in ledger.letters()) == 6


def test_big_letters_do_not_fill_the_disk_whoever_they_name(ledger, monkeypatch):
    monkeypatch.setattr(dead, "PROMISED_OCTETS", 3_000_000)
    monkeypatch.setattr(dead, "ALL_PROMISED_OCTETS", 5_000_000)
    for n in range(1, 11):
        ledger.keep({}, [promised(n, size=1 << 20)], 1)
        ledger.keep({}, [promised(n, f"gw-{n}", size=1 << 20)], 1)
    assert ledger.ranges("gw-a") == {"d": [(1, 2)]}
    kept = [letter for letter in ledger.letters() if letter.promised]
    assert sum(len(letter.payload) for letter in kept) < 5_000_000


def test_a_ledger_from_before_the_bounds_is_read(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.keep({}, [promised(1)], 1)
    ledger._db.execute("ALTER TABLE dead DROP COLUMN gateway")
    ledger.close()
    ledger = open_ledger(tmp_path)
    assert [letter.promised for letter in ledger.letters()] == [True]
    ledger.close()


def test_two_processes_may_write_one_ledger(tmp_path):
    one, two = (Ledger(tmp_path / "ledger.db") for _ in range(2))
    for seq in range(1, 40):
        (one if seq % 3 else two).add("gw-1", "strap-1", [seq], "p-1")
    one.add("gw-1", "strap-1", range(50, 60), "p-1")
    two.add("gw-1", "strap-1", range(40, 50), "p-1")
    assert two.ranges("gw-1") == {"strap-1": [(1, 59)]}
    assert two.tally() == (0, 59)
    one.close()
    two.close()
    again = Ledger(tmp_path / "ledger.db")
    assert again.tally() == (0, 59)
    again.close()


def test_what_another_process_was_told_to_withdraw_is_known_with_the_next_word(
    tmp_path, beat
):
    one, two = (Ledger(tmp_path / "ledger.db") for _ in range(2))
    one.keep({}, withdrawn=[beat(1)])
    assert two.sift([beat(1)]) == ([beat(1)], [])
    two.add("gw-1", "strap-1", [2], "p-1")
    assert two.sift([beat(1), beat(2)]) == ([beat(2)], [beat(1)])
    one.close()
    two.close()
