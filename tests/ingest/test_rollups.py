"""The rollups in InfluxDB end the same, however and how often the records came."""

import random
import sqlite3

import pytest

from ingest import due as noted
from ingest import variability
from ingest.due import ROLLED, Due, marks
from ingest.influx_rollups import Rollups, varied
from ingest.store import open_history, open_store
from ingest.trend import DAY, HOUR, MINUTE, Window
from vitals import Metric, Unavailable, config
from vitals.model import MOST_INTERVALS

CENTURY = 4_000_000_000_000  # when every hour of these tests is over


def settle(store, now=CENTURY):
    for _ in range(5):
        store.tend(now)


@pytest.fixture
def opened(influxd, request, tmp_path):
    """Open a store in a database of its own, again and again."""
    found = []

    def make(name="", **section):
        database = f"{request.node.name} {name}"
        settings = config.Store(
            kind="influx", url=influxd.url, database=database, **section
        )
        found.append(open_store(settings, tmp_path / (name or "data")))
        return found[-1]

    yield make
    for store in found:
        store.close()


def rungs(store):
    """Give every point of both rungs."""
    influx = store._influx
    query = 'SELECT n, seen, low, high, total FROM "{}" GROUP BY subject, metric'
    rows = [
        row
        for rung in ("trend_minute", "trend_hour")
        for row in influx.rows(query.format(rung), influx.rollups)
    ]
    for row in rows:
        row["total"] = round(row["total"] or 0, 6)
    return sorted(map(str, rows))


@pytest.mark.slow
def test_late_repeated_and_reordered_records_end_in_the_same_rollups(opened, beat):
    readings = [beat(seq, t=beat(1).record.t + seq * 7000) for seq in range(1, 3000)]
    first, second = opened("first"), opened("second")
    first.write(readings)
    settle(first)
    shuffled = readings * 2
    random.Random(1).shuffle(shuffled)
    for place in range(0, len(shuffled), 500):
        second.write(shuffled[place : place + 500])
        if place % 1000 == 0:
            settle(second)
    settle(second)
    assert rungs(first) == rungs(second)
    assert len(rungs(first)) > 500
    assert first._due.settled(CENTURY, 100) == second._due.settled(CENTURY, 100) == []


@pytest.mark.slow
def test_a_control_that_adds_up_what_comes_counts_repeated_records_twice(opened, beat):
    """What the rollups would be if InfluxDB's writer added instead of asking."""
    store, readings = opened(), [beat(seq) for seq in range(1, 50)]
    added = store.write(readings).new + store.write(readings).new
    settle(store)
    (hour,) = store.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49 < added


def span(readings):
    start = readings[0].record.t // DAY * DAY
    return start, start + DAY


@pytest.mark.slow
def test_an_hour_is_left_to_the_records_until_it_is_over(opened, beat, noon):
    store, readings = opened(), [beat(seq) for seq in range(1, 50)]
    store.write(readings)
    settle(store, noon + HOUR // 2)
    assert rungs(store) == []
    (hour,) = store.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49
    settle(store, noon + HOUR + HOUR // 2)
    assert len(rungs(store)) > 0
    (hour,) = store.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49


@pytest.mark.slow
def test_what_was_due_when_ingest_died_is_rolled_by_the_next(opened, beat):
    readings = [beat(seq) for seq in range(1, 50)]
    opened().write(readings)  # and it dies
    successor = opened()
    settle(successor)
    (hour,) = successor.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49
    assert len(rungs(successor)) > 0


@pytest.mark.slow
def test_a_control_without_the_noted_hours_leaves_late_records_out(opened, beat):
    readings = [beat(seq) for seq in range(1, 50)]
    store = opened()
    store.write(readings)
    settle(store)
    store.write([beat(50)])
    store._due.settled(CENTURY, 100)
    store._due.strike(store._due.settled(CENTURY, 100))
    settle(store)
    (hour,) = store.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49


@pytest.mark.slow
def test_a_database_of_an_older_version_is_rolled_from_its_beginning(
    opened, beat, noon, tmp_path
):
    days = [beat(n, t=noon + n * HOUR) for n in range(24 * 6)]
    before = opened()
    before.write(days)
    before.close()
    (tmp_path / "data" / "rollups.db").unlink()
    store = opened()
    for _ in range(5):
        store.tend(CENTURY)
    assert sum("heart_rate" in row for row in rungs(store)) >= 2 * len(days)
    found = store.trend("p-1", Metric.HEART_RATE, noon, noon + 6 * DAY, 500)
    assert sum(point.n for point in found) == len(days)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "rolled"), [(1, True), (2, False)])
def test_hours_that_an_older_version_rolled_get_variability(
    opened, heart, noon, tmp_path, version, rolled
):
    before = opened(str(version))
    before.write(heart(noon, 30))
    settle(before)
    assert any("sdnn" in row for row in rungs(before))
    database = before._influx.settings.database
    for rung in ("trend_minute", "trend_hour"):
        statement = f"DELETE FROM {rung} WHERE metric = 'sdnn'"
        before._influx.call("POST", db=database, q=statement)
    assert not any("sdnn" in row for row in rungs(before))
    before.close()
    with sqlite3.connect(tmp_path / str(version) / "rollups.db") as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    store = opened(str(version))
    settle(store)
    assert any("sdnn" in row for row in rungs(store)) == rolled


@pytest.mark.slow
def test_rollups_may_have_a_database_and_a_retention_of_their_own(
    opened, beat, tmp_path, request
):
    readings = [beat(seq) for seq in range(1, 50)]
    store = opened(rollup_database=f"{request.node.name} rollups")
    store.write(readings)
    settle(store)
    influx = store._influx
    assert influx.rows('SELECT n FROM "trend_hour"') == []
    assert influx.rows('SELECT n FROM "trend_hour"', influx.rollups) != []
    history = open_history(influx.settings, tmp_path)
    (hour,) = history.trend("p-1", Metric.HEART_RATE, *span(readings), 1)
    assert hour.n == 49
    history.close()


def test_an_hour_is_on_the_disk_before_its_records_are_written(tmp_path, beat):
    due = Due(tmp_path / "rollups.db")
    with due.noting(marks([beat(1)])):
        other = Due(tmp_path / "rollups.db")
        assert set(other.settled(CENTURY, 100)) == marks([beat(1)])
        other.close()
    due.close()


def test_hours_that_are_being_written_are_not_rolled_meanwhile(tmp_path, beat):
    due, hours = Due(tmp_path / "rollups.db"), marks([beat(1000)])
    with due.noting(hours):
        assert due.settled(CENTURY, 100) == []
        due.strike(hours)
    assert due.settled(CENTURY, 100) == []  # touched
    assert set(due.settled(CENTURY, 100)) == hours
    with due.noting(hours):
        pass
    due.strike(hours)  # written to while they were rolled
    assert due.settled(CENTURY, 100) == []
    assert set(due.settled(CENTURY, 100)) == hours
    due.strike(hours)
    assert due.settled(CENTURY, 100) == []
    due.close()


def test_a_disk_that_refuses_lets_nothing_be_written(tmp_path, beat):
    due = Due(tmp_path / "rollups.db")
    due.settled(0, 100)
    due._db.execute("PRAGMA query_only = 1")
    with pytest.raises(Unavailable), due.noting(marks([beat(1)])):
        raise AssertionError("not reached")
    due.close()


def test_intervals_reach_into_the_hour_before(beat, noon):
    hours = {hour for *_, hour in marks([beat(1, t=noon + 30_000)])}
    assert hours == {noon // HOUR, noon // HOUR - 1}
    assert len(marks([beat(1, t=noon + 300_000)])) == 1


@pytest.mark.slow
def test_a_years_trend_is_read_from_the_rollups_alone(opened, beat, noon):
    store, begin = opened(), noon // DAY * DAY
    year = begin, begin + 365 * DAY
    times = (begin + n * 2 * DAY + n % 4 * 6 * HOUR for n in range(1, 182))
    store.write([beat(n, t=t, hr=60.0 + n % 50) for n, t in enumerate(times, 1)])
    while store.tend(CENTURY):
        pass
    asked = "p-1", Metric.HEART_RATE, *year, 400
    before = store.trend(*asked)
    assert [point.n for point in before] == [1] * 181
    store._influx.call(
        "POST", db=store._influx.settings.database, q='DROP MEASUREMENT "heart_rate"'
    )
    assert store.count() == 0
    assert store.trend(*asked) == before
    # The control: buckets of 15 s are in no rung, and so are gone with the records.
    quarter = begin + 2 * DAY + 6 * HOUR
    assert not store.trend("p-1", Metric.HEART_RATE, quarter, quarter + HOUR, 240)


def many(n):
    return [("p-1", "heart_rate", hour) for hour in range(n)]


def test_writers_come_in_between_while_old_hours_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(noted, "CHUNK", 10)
    due, seen = Due(tmp_path / "rollups.db"), []

    def watched():
        for mark in many(25):
            assert not due._lock.locked()  # with it no writer would come in
            seen.append((due.version, len(due.settled(CENTURY, 100))))
            yield mark

    due.complete_with(watched())
    assert seen[0] == seen[9] == (0, 0)
    assert seen[24] == (0, 20)
    assert due.version == ROLLED  # last: a crash before that begins anew
    due.close()


def test_hours_that_are_due_are_given_some_at_a_time_the_oldest_first(tmp_path):
    due, found = Due(tmp_path / "rollups.db"), []
    due.complete_with(reversed(many(25)))
    with due.noting(many(3)):  # these wait, and keep nobody else
        assert due.settled(CENTURY, 10) == many(25)[3:13]
    due.settled(0, 0)
    while some := due.settled(CENTURY, 10):
        found.append(len(some))
        due.strike(some)
    assert found == [10, 10, 5]
    due.close()


def test_no_more_hours_are_read_than_are_given_or_wait(tmp_path):
    due, read = Due(tmp_path / "rollups.db"), []
    due.complete_with(many(50))
    due._db.set_trace_callback(read.append)
    with due.noting([*many(2), *many(50)[25:]]):  # those of this hour wait for its end
        assert due.settled(25 * HOUR, 10) == many(50)[2:12]
    assert read[-1].endswith("LIMIT 12")
    due.close()


class Answers:
    """An InfluxDB of a few answers: by the words of a question."""

    def __init__(self, answers, **section):
        self.settings, self.answers = config.Store(**section), answers
        self.rollups = self.away = ""
        self.asked = []

    def rows(self, statement, database=""):
        self.asked.append(statement)
        if self.away and self.away in statement:
            raise Unavailable("gone fishing")
        for words, rows in self.answers:
            if words in statement:
                return [dict(row) for row in rows]
        return []


KINDS = [
    (f'{which}(q) FROM "{kind}"', [{"subject": "p-1", "time": at * HOUR * 10**6}])
    for kind in ("heart_rate", "blood_pressure")
    for which, at in (("first", 5), ("last", 7))
]


@pytest.mark.parametrize(
    ("version", "kinds"),
    [(0, {"heart_rate", "blood_pressure"}), (1, {"heart_rate"}), (2, set())],
)
def test_an_update_rolls_again_only_what_is_new(tmp_path, version, kinds):
    due = Due(tmp_path / "rollups.db")
    due._read(f"PRAGMA user_version = {version}")
    Rollups(Answers(KINDS), due, print)._begin()
    assert {kind for _, kind, _ in due.settled(CENTURY, 100)} == kinds
    due.close()


def test_a_server_that_goes_away_while_old_hours_are_noted_is_asked_again(tmp_path):
    due, influx = Due(tmp_path / "rollups.db"), Answers(KINDS)
    rollups, influx.away = Rollups(influx, due, print), "GROUP BY subject"
    with pytest.raises(Unavailable):
        rollups.roll(0)
    assert due.version == 0
    influx.away = ""
    rollups.roll(0)
    assert due.version == ROLLED
    due.close()


def test_what_is_written_to_a_server_without_rollups_is_not_remembered(tmp_path, beat):
    due = Due(tmp_path / "rollups.db")
    rollups = Rollups(Answers([("last(q)", [{}])]), due, print)
    with due.noting(marks([beat(1)])):
        pass
    assert due._touched  # control
    assert not rollups.roll(0)
    assert not due._touched
    due.close()


def told(records, noon, hour, intervals=900):
    """What an hour's variability is, and what was asked."""
    start = {"time": noon * 10**6, "count": intervals}
    influx = Answers([("count(value)", [start]), ("SELECT device", records)])
    span = Window(noon, noon + hour, 5 * MINUTE)
    return varied(influx, ["p-1"], span)[Metric.SDNN], influx.asked


def row(noon, t=0, hr=75.0, rr="800.0,810.0"):
    same = {"device": "d-1", "gateway": "gw-1", "seq": t + 1, "ok": 1}
    return {"time": (noon + t) * 10**6, "hr": hr, "rr": rr, **same}


@pytest.mark.parametrize(
    "bad", [{"hr": 5e-324}, {"rr": "nan," * 20 + "1"}, {"rr": "?"}]
)
def test_an_hour_that_cannot_be_computed_has_no_value_and_stops_nothing(noon, bad):
    found, _ = told(
        [row(noon, n) for n in range(9)] + [row(noon, 9, **bad)], noon, HOUR
    )
    assert [(b.n, b.seen) for b in found.values()] == [(0, 1)]


def test_an_hour_with_more_intervals_than_hearts_have_is_not_read(noon):
    found, asked = told([row(noon)], noon, HOUR, intervals=300_000)
    assert [(b.n, b.seen) for b in found.values()] == [(0, 1)]
    assert not any("SELECT device" in one for one in asked)
    _, asked = told([row(noon)], noon, HOUR)
    assert any("SELECT device" in one for one in asked)  # control


@pytest.mark.slow
def test_absurd_messages_keep_no_other_hour_from_its_variability(
    opened, heart, beat, noon, monkeypatch
):
    monkeypatch.setattr(variability, "CROWD", 3)  # twice what one strap hears
    store, t, rr = opened(), noon + 7 * MINUTE, (0.25,) * MOST_INTERVALS
    store.write([*heart(noon, 120), *(beat(seq, t=t, rr=rr) for seq in range(1, 31))])
    settle(store)
    found = store.trend("p-1", Metric.SDNN, noon, noon + 2 * HOUR, 24)
    assert [(p.t - noon) // HOUR for p in found] == [1] * 12
