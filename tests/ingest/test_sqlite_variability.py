"""Variability in the SQLite store: when it is made, and what loses none."""

import sqlite3

import pytest

from ingest.sqlite import SqliteStore
from ingest.trend import DAY, MINUTE
from vitals import Metric, config


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
