"""Variability in the SQLite store: when it is made, and what loses none."""

import sqlite3
from contextlib import suppress

import pytest

from ingest import variability
from ingest.sqlite import SqliteStore
from ingest.trend import DAY, HOUR, MINUTE
from vitals import Kind, Metric, Unavailable, config
from vitals.model import MOST_INTERVALS


@pytest.fixture
def opened(tmp_path):
    """Open the same store, again and again."""
    found = []

    def make(**section):
        found.append(SqliteStore(tmp_path / "store.db", config.Store(**section)))
        return found[-1]

    yield make
    for store in found:
        store.close()


def change(path, *statements):
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def rows(store, noon, points=500):
    return store.trend("p-1", Metric.SDNN, noon, noon + 180 * MINUTE, points)


def test_a_window_is_rolled_a_minute_after_its_end(opened, heart, noon):
    store = opened()
    store.write(heart(noon, 12))
    found = []
    for minutes in (4, 5.5, 6, 10.5, 11, 15):
        while store.tend(noon + int(minutes * MINUTE)):
            pass
        found.append(len(rows(store, noon)))
    assert found == [0, 0, 1, 1, 2, 2]


def test_what_was_due_when_ingest_died_is_rolled_by_the_next(
    opened, heart, settle, noon
):
    opened().write(heart(noon, 60))  # and it dies
    successor = opened()
    settle(successor)
    assert len(rows(successor, noon)) == 12


def test_a_control_without_the_marks_has_no_variability(
    opened, heart, settle, noon, tmp_path
):
    opened().write(heart(noon, 60))
    change(tmp_path / "store.db", "DELETE FROM due")
    successor = opened()
    settle(successor)
    assert rows(successor, noon) == []


def test_what_an_older_program_wrote_is_rolled_once(
    opened, heart, settle, noon, tmp_path
):
    store = opened()
    store.write(heart(noon, 170))
    settle(store)
    expected = rows(store, noon)
    change(
        tmp_path / "store.db",
        "DROP TABLE due",
        "DELETE FROM kept",
        "DELETE FROM minute WHERE series = (SELECT id FROM series WHERE name = 'sdnn')",
    )
    assert rows(store, noon) == []
    successor = opened()
    settle(successor)
    assert rows(successor, noon) == expected
    assert len(expected) == 34


def test_it_outlives_the_records(opened, heart, settle, noon):
    store = opened(raw_days=2)
    store.write(heart(noon, 60))
    settle(store, noon + DAY)
    expected = rows(store, noon)
    settle(store, noon + 9 * DAY)
    assert store.count() == 0
    assert rows(store, noon) == expected
    assert len(expected) == 12


def test_another_window_is_a_matter_of_configuration(opened, heart, settle, noon):
    store = opened(hrv_window_s=600)
    store.write(heart(noon, 60))
    settle(store)
    assert [(p.t - noon) // MINUTE for p in rows(store, noon)] == [
        0,
        10,
        20,
        30,
        40,
        50,
    ]


def due(path):
    with sqlite3.connect(path) as db:
        (found,) = db.execute("SELECT count(*) FROM due").fetchone()
    db.close()
    return found


ABSURD = [{"hr": 5e-324, "rr": (800.0,)}]
CROWD = [{"hr": 70.0, "rr": (1.0,) * MOST_INTERVALS}] * 4


@pytest.fixture
def quiet(monkeypatch):
    """Three intervals a second are a crowd: twice what one strap hears."""
    monkeypatch.setattr(variability, "CROWD", 3)


@pytest.mark.parametrize("values", [ABSURD, CROWD])
def test_absurd_records_keep_no_other_window_from_its_value(
    opened, heart, beat, settle, noon, tmp_path, quiet, values
):
    store = opened()
    store.write(heart(noon, 60))
    settle(store)
    assert len(rows(store, noon)) == 12
    late = noon + 57 * MINUTE  # in the newest window, which is rolled first
    absurd = [beat(seq, t=late, **one) for seq, one in enumerate(values, 1)]
    store.write([*heart(noon + 60 * MINUTE, 60), *absurd])
    settle(store)
    found = rows(store, noon)
    assert due(tmp_path / "store.db") == 0
    assert len(found) >= 23
    assert len(found) == (24 if values is ABSURD else 23)
    assert store.write([beat(2)]).new == 1


def test_what_more_than_hearts_have_is_taken_out_of_makes_a_window_again(
    opened, heart, beat, settle, noon, quiet
):
    store, t = opened(), noon + 7 * MINUTE
    absurd = [beat(seq, t=t, **one) for seq, one in enumerate(CROWD, 1)]
    store.write([*heart(noon, 60), *absurd])
    settle(store)
    assert len(rows(store, noon)) == 11
    (hour,) = rows(store, noon, points=1)
    assert hour.quality == pytest.approx(11 / 12)
    store.withdraw(absurd)
    settle(store)
    assert len(rows(store, noon)) == 12


NOT_UTF_8 = "CAST(x'7b22687222ff7d' AS TEXT)"
DAMAGE = {  # table, column, what it becomes, and where
    "JSON": ("record", "rest", '\'{"hr":"fast"}\'', "t = {t}"),
    "text": ("record", "rest", NOT_UTF_8, "t = {t}"),
    "link": ("record", "link", "7", "t = {t}"),
    "link below": ("record", "link", "-1", "t = {t}"),
    "device": ("origin", "device", NOT_UTF_8, "device = 'strap-2'"),
    "gateway": ("origin", "gateway", NOT_UTF_8, "device = 'strap-2'"),
    "subject": ("series", "subject", NOT_UTF_8, "(subject, name) = ('p-2', '{rr}')"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_row_that_cannot_be_read_is_counted_left_out_and_stops_nothing(
    opened, heart, beat, settle, noon, tmp_path, caplog, what
):
    """Damaged, as a disk does it, before its window is rolled."""
    store, records, t = opened(raw_days=1), heart(noon, 20), noon + 7 * MINUTE
    odd = beat(1, t=t, device="strap-2", subject="p-2" if what == "subject" else "p-1")
    late = beat(2, t=t + 1000)  # the window is rolled again
    store.write([*records, odd])
    table, column, value, where = DAMAGE[what]
    where = where.format(t=t, rr=Metric.RR_INTERVAL.value)
    with sqlite3.connect(tmp_path / "store.db") as db:
        bad = db.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")
        assert bad.rowcount == 1
        if value == NOT_UTF_8:
            with pytest.raises(sqlite3.OperationalError, match="UTF-8"):  # control
                db.execute(f"SELECT {column} FROM {table}").fetchall()
    db.close()
    assert store.unreadable == 0
    settle(store, noon + HOUR)
    assert store.write([late]).new == 1
    settle(store, noon + HOUR)
    assert len(rows(store, noon)) == 4
    assert due(tmp_path / "store.db") == 0
    assert store.unreadable == 1
    assert caplog.text.count("is left out") == 1
    assert "fast" not in caplog.text
    store.withdraw([records[100]])  # its minute and hour are made anew
    settle(store, noon + HOUR)
    if what != "subject":
        left = [*records[:100], *records[101:], late]
        assert sorted(store.export(), key=lambda r: r.record.t) == sorted(
            left, key=lambda r: r.record.t
        )
        found, _ = store.records("p-1", Kind.HEART_RATE, noon, noon + HOUR, None, 9999)
        assert len(found) == len(left)
        assert t not in [r.record.t for r in store.latest("p-1")]
    assert caplog.text.count("is left out") == 1
    settle(store, noon + 3 * DAY)  # age takes it as any other
    assert store.count() == 0


def test_what_fails_unexpectedly_leaves_no_transaction_behind(opened, beat):
    store = opened()
    with suppress(ZeroDivisionError):
        with store._writing() as db:
            db.execute("BEGIN IMMEDIATE")
            raise ZeroDivisionError
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("COMMIT")
    assert store.write([beat(1)]).new == 1
    # The control: had the connection been kept, the next could not write.
    store._writer().execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="within a transaction"):
        store.write([beat(2)])


def test_windows_that_are_long_are_rolled_one_at_a_time(opened, heart, noon, tmp_path):
    store, marks = opened(hrv_window_s=3600), []
    store.write(heart(noon, 180))
    while store.tend(4_000_000_000_000):
        marks.append(due(tmp_path / "store.db"))
    assert marks[:3] == [120, 60, 0]
