"""What the SQLite store does with a series that nobody can read any more."""

import sqlite3
from contextlib import closing

import pytest

from ingest.sqlite import SqliteStore
from vitals import Glucose, Metric, Reading

BEATS, INTERVALS = ("p-2", "heart_rate"), ("p-1", "rr_interval")
NO_TEXT = "x'00ff'"
NOT_UTF_8 = "CAST(x'7b22ff7d' AS TEXT)"
DAMAGE = [
    *[("subject", value) for value in (NOT_UTF_8, NO_TEXT)],
    *[("name", value) for value in (NOT_UTF_8, NO_TEXT, "'heart_rste'")],
]


@pytest.fixture
def store(tmp_path):
    found = SqliteStore(tmp_path / "store.db")
    yield found
    found.close()


@pytest.fixture
def others(beat, noon):
    """Give records of series that are sound."""
    sugar = Glucose(t=noon, gateway="gw-1", seq=1, glucose=90.0)
    return [beat(1), beat(2), Reading("p-2", "meter", sugar)]


def damage(path, column, value, series):
    """Damage a text of a series as a disk does it, whatever STRICT says."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        found = "FROM sqlite_master WHERE name = 'series'"
        (strict,) = db.execute(f"SELECT sql {found}").fetchone()
        lay(db, strict.removesuffix(" STRICT"))
        change = f"UPDATE series SET {column} = {value} WHERE (subject, name) = (?, ?)"
        assert db.execute(change, series).rowcount == 1
        lay(db, strict)


def lay(db, sql):
    """Let the table of series be what a statement says."""
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'series'", (sql,))
    db.execute("PRAGMA writable_schema = RESET")


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM record").fetchone()[0]


@pytest.mark.parametrize(("column", "value"), DAMAGE)
def test_a_series_that_cannot_be_read_is_counted_left_out_and_stops_nothing(
    tmp_path, store, others, beat, caplog, column, value
):
    path = tmp_path / "store.db"
    store.write([*others, beat(1, subject="p-2"), beat(2, subject="p-2")])
    assert len([*store.export()]) == 5  # the control
    damage(path, column, value, BEATS)
    store.close()
    for _ in range(2):
        assert sorted(store.export(), key=others.index) == others
    assert store.latest("p-1") == [others[1]]
    assert store.latest("p-2") == [others[2]]
    assert store.subjects() == ["p-1", "p-2"]
    assert store.unreadable == caplog.text.count("is left out") == 1
    assert store.write([beat(3, subject="p-2")]).new == 1  # into a series of its own
    assert beat(3, subject="p-2") in store.latest("p-2")


@pytest.mark.parametrize(("column", "value"), DAMAGE)
def test_a_series_whose_name_cannot_be_read_is_erased_with_its_person(
    tmp_path, store, others, beat, column, value
):
    path = tmp_path / "store.db"
    store.write([*others, beat(1, subject="p-2")])
    damage(path, column, value, BEATS)
    store.close()
    store.erase("p-2")
    # Whose it is when the subject cannot be read, nobody knows: it stays.
    assert rows(path) == (2 if column == "name" else 3)
    assert [*store.export()] == others[:2]


@pytest.mark.parametrize("value", [NOT_UTF_8, NO_TEXT])
def test_a_record_is_withdrawn_whose_intervals_series_cannot_be_read(
    tmp_path, store, beat, noon, value
):
    store.write([beat(1), beat(2)])
    damage(tmp_path / "store.db", "name", value, INTERVALS)
    store.close()
    store.withdraw([beat(1)])
    assert [*store.export()] == [beat(2)]
    (point,) = store.trend("p-1", Metric.HEART_RATE, noon, noon + 60_000, 1)
    assert point.n == 1
