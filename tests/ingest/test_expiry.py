"""Each rung of the SQLite store is kept for its own time."""

import pytest

from ingest.sqlite import SqliteStore
from ingest.trend import DAY, HOUR, MINUTE, SECOND
from vitals import BloodPressure, Kind, Metric, Reading, config

LADDER = config.Store(raw_days=2, minute_days=10, hour_days=30)


@pytest.fixture
def store(tmp_path, beat, noon):
    """Forty days, a heartbeat every hour; and one blood pressure at their beginning."""
    store = SqliteStore(tmp_path / "store.db", LADDER)
    store.write([beat(n, t=noon + n * HOUR) for n in range(40 * 24)])
    cuff = BloodPressure(t=noon, sys=120, dia=80, gateway="gw-1", seq=1)
    store.write([Reading("p-1", "cuff", cuff)])
    yield store
    store.close()


def settle(store, now):
    for _ in range(100):
        store.tend(now)


def test_every_rung_goes_at_its_own_time(store, noon):
    now = noon + 40 * DAY
    settle(store, now)
    times = [r.record.t for r in store.export() if r.kind is Kind.HEART_RATE]
    assert now - 3 * DAY <= min(times) <= now - 2 * DAY
    assert store.count() == len(times) + 1
    ask = "p-1", Metric.HEART_RATE
    # From where records are kept: by the second; further back: by the minute, the hour.
    raw = store.trend(*ask, now - DAY, now - DAY + HOUR, 3600)
    assert raw[0].t % MINUTE == 0
    assert len(store.trend(*ask, now - 5 * DAY, now - 5 * DAY + DAY, 86_400)) == 24
    assert len(store.trend(*ask, now - 20 * DAY, now - 19 * DAY, 86_400)) == 24
    assert store.trend(*ask, now - 39 * DAY, now - 38 * DAY, 86_400) == []
    assert store._finest(Metric.HEART_RATE, now - DAY) == SECOND
    assert store._finest(Metric.HEART_RATE, now - 5 * DAY) == MINUTE
    assert store._finest(Metric.HEART_RATE, now - 20 * DAY) == HOUR


def test_readings_of_a_cuff_are_kept_for_ever(store, noon):
    settle(store, noon + 40 * DAY)
    (page, _) = store.records("p-1", Kind.BLOOD_PRESSURE, 0, noon + DAY, None, 9)
    assert [r.record.sys for r in page] == [120]


def test_a_record_from_behind_the_horizon_is_refused_with_the_reason(store, beat, noon):
    now = noon + 40 * DAY
    settle(store, now)
    old, new = beat(1, t=noon + HOUR), beat(5000, t=now - HOUR + 1)
    before = store.trend("p-1", Metric.HEART_RATE, noon, now, 500)
    written = store.write([old, new])
    assert [r for r, _ in written.refused] == [old]
    assert "older" in written.refused[0][1]
    assert written.fresh == [new]
    after = store.trend("p-1", Metric.HEART_RATE, noon, now, 500)
    assert after[:-1] == before[:-1]


def test_without_a_retention_nothing_goes(tmp_path, beat, noon):
    store = SqliteStore(tmp_path / "store.db")
    store.write([beat(1)])
    settle(store, noon + 9999 * DAY)
    assert store.count() == 1
    store.close()


def test_the_horizon_moves_in_steps_so_that_writers_wait_briefly(store, noon):
    store.tend(noon + 40 * DAY)
    assert store.count() > 36 * 24
    settle(store, noon + 40 * DAY)
    assert store.count() < 4 * 24


def test_a_clock_that_jumps_back_brings_no_horizon_back(store, beat, noon):
    settle(store, noon + 40 * DAY)
    settle(store, noon)
    assert store.write([beat(1, t=noon + HOUR)]).refused
