"""What taking a person out of the SQLite store must withstand."""

import sqlite3
from contextlib import closing
from itertools import count

import pytest

from ingest import erasure
from ingest.dead import Letter, malformed
from ingest.due import Due
from ingest.ledger import Ledger
from ingest.sqlite import SqliteStore
from vitals import HeartRate, Metric, Unavailable, wire
from vitals.wire import Message

DAY = 86_400_000


def numbers(path):
    """Count the rows of every table of the store."""
    tables = "record", "stream", "minute", "hour"
    with closing(sqlite3.connect(path)) as db:
        return {
            name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in tables
        }


@pytest.fixture
def store(tmp_path, beat):
    found = SqliteStore(tmp_path / "store.db")
    found.write([beat(seq, subject=s) for seq in range(1, 900) for s in ("p-1", "p-2")])
    yield found
    found.close()


PLACES = range(1, 4000, 9)


def stopped(path, calls):
    """Begin to erase and stop after so many steps; tell whether it was stopped."""
    left = iter(range(calls))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.set_progress_handler(lambda: next(left, None) is None, 20)
        try:
            erasure.erase(db, "p-1")
        except sqlite3.OperationalError:
            return True
    return False


def test_an_erasure_that_was_interrupted_anywhere_is_done_by_the_next(
    tmp_path, store, beat
):
    path = tmp_path / "store.db"
    whole = numbers(path)
    seen = [numbers(path) for calls in PLACES if stopped(path, calls)]
    half = whole["record"] // 2, whole["stream"]
    assert half in [(one["record"], one["stream"]) for one in seen]  # half-way
    store.erase("p-1")
    assert numbers(path) == {name: count // 2 for name, count in whole.items()}
    assert not any(store.kept("p-1").values())


def test_a_running_store_goes_on_and_gives_nobody_the_numbers_of_another(
    tmp_path, store, beat
):
    with closing(SqliteStore(tmp_path / "store.db")) as other:
        other.erase("p-1")
    late = beat(2000, subject="p-1")
    new = beat(1, subject="p-3")
    store.write([late, new])  # it still knows the series of p-1 by number
    assert store.latest("p-1") == [late]
    assert store.latest("p-3") == [new]
    assert store.subjects() == ["p-1", "p-2", "p-3"]


def test_a_record_of_a_broken_clock_costs_no_walk_through_the_ages(store, beat):
    store.write(
        [beat(5000, subject="p-1", t=0), beat(5001, subject="p-1", t=4 * 10**12)]
    )
    store.erase("p-1")
    assert not any(store.kept("p-1").values())
    assert store.count() == 899


def disturbed(path, comes):
    """Erase, and let `comes(n)` happen before the n-th transaction takes the lock."""
    begun = count(1)

    def hears(statement):
        if statement.startswith("BEGIN"):
            comes(next(begun))

    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.set_trace_callback(hears)
        erasure.erase(db, "p-1")
    return next(begun) - 1


def transactions(store, path):
    """Count how many transactions it takes when nobody disturbs, on a copy."""
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(store)) as own:
        own.backup(db)
    return disturbed(path, lambda _: None)


def test_a_record_that_comes_while_one_is_erased_goes_too(tmp_path, beat):
    undisturbed = 0
    for place in count(1):
        path = tmp_path / f"{place}.db"
        with closing(SqliteStore(path)) as store:
            store.write([beat(n, subject=s) for n in (1, 90) for s in ("p-1", "p-2")])
            undisturbed = undisturbed or transactions(path, tmp_path / "copy.db")
            if place > undisturbed:
                break
            left, late = numbers(path), beat(2, subject="p-1")
            disturbed(path, lambda n: n == place and store.write([late]))  # noqa: B023
            assert store.latest("p-1") == []
            assert numbers(path) == {name: rows // 2 for name, rows in left.items()}
    assert undisturbed > 4


def test_what_never_stops_coming_is_told_and_goes_when_it_has_stopped(
    store, tmp_path, beat
):
    path = tmp_path / "store.db"
    more = iter(range(1000, 2000))
    with pytest.raises(Unavailable, match=r"records of p-1 still come: run this again"):
        disturbed(path, lambda _: store.write([beat(next(more), subject="p-1")]))
    assert store.kept("p-1")["records"] > 0  # it can still be found
    store.erase("p-1")
    assert not any(store.kept("p-1").values())
    assert store.count() == numbers(path)["record"] == 899


def test_what_age_has_left_of_a_person_goes_as_well(tmp_path, store, noon):
    with closing(sqlite3.connect(tmp_path / "store.db")) as db, db:
        db.execute("DELETE FROM record")
        db.execute("UPDATE stream SET n = 0")
    assert store.kept("p-1") == {
        "records": 0,
        "streams of them, with trends": 1,
        "readings entered in error": 0,
    }
    store.erase("p-1")
    span = noon, noon + DAY, 100
    assert store.trend("p-1", Metric.HEART_RATE, *span) == []
    assert store.trend("p-2", Metric.HEART_RATE, *span)


def test_a_letter_is_somebodys_by_its_topic_or_by_what_is_in_it(tmp_path):
    path = tmp_path / "ledger.db"
    promised = wire.encode(HeartRate(t=1, hr=1.0, gateway="gw-1", seq=5))
    letters = [
        malformed(Message(wire.of("p-1", "strap", "heart_rate"), promised), "bad"),
        malformed(Message("vitals/v1/gateway/gw-1/withdraw", b'{"subject":"p-1"}'), ""),
        malformed(Message(wire.of("p-11", "strap", "heart_rate"), b"p-1"), "another"),
        Letter(wire.of("p-2", "strap", "heart_rate"), b"x", "another"),
        Letter("vitals/v1/0/p-1/strap/heart_rate", b"x", "no such shard"),
        Letter("vitals/v1/gateway/p-1/withdraw", b"x", "another"),
        # Somebody else's, whose device is called so, or who names them.
        Letter(wire.of("p-2", "p-1", "heart_rate"), b"x", "another"),
        Letter(wire.of("p-2", "strap", "heart_rate"), b'{"q":["p-1"]}', "another"),
    ]
    with closing(Ledger(path)) as ledger:
        ledger.keep({}, letters, 1)
        assert erasure.letters(path, "p-1") == 3
        erasure.burn(path, "p-1")
        left = [letter.reason for letter in ledger.dead.newest(ledger._db, 9)]
        assert left == ["another"] * 5
        assert erasure.letters(path, "p-1") == 0


def test_files_that_are_not_there_hold_nothing_and_are_not_made(tmp_path):
    path = tmp_path / "none.db"
    assert not any(erasure.kept(path, "p-1").values())
    assert erasure.letters(path, "p-1") == 0
    erasure.burn(path, "p-1")
    erasure.unmark(path, "p-1")
    assert not path.exists()


def test_hours_that_were_to_be_rolled_are_forgotten(tmp_path):
    with closing(Due(tmp_path / "rollups.db")) as due:
        with due.noting({("p-1", "heart_rate", 1), ("p-2", "heart_rate", 1)}):
            pass
    erasure.unmark(tmp_path / "rollups.db", "p-1")
    with closing(Due(tmp_path / "rollups.db")) as due:
        assert due.settled(DAY, 100) == [("p-2", "heart_rate", 1)]
