"""What the SQLite store has promised survives a killed process and a power cut."""

import random
import sqlite3
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import pytest

from ingest.sqlite import SqliteStore
from ingest.sqlite_history import SqliteHistory
from vitals import BodyTemperature, HeartRate, Kind, Metric, Reading, Unavailable

ROOT = Path(__file__).parents[2]
NOON = 1_763_726_400_000
WRITER = """
import sys, time
from pathlib import Path
from ingest.sqlite import SqliteStore
from vitals import HeartRate, Reading

class Hasty(SqliteStore):
    def write(self, readings):
        print(int(readings[-1].record.seq), flush=True)
        if readings[0].record.seq > SIZE:  # long before it writes them
            time.sleep(300)
        super().write(readings)

control = sys.argv[2] == "hasty"
store = (Hasty if control else SqliteStore)(Path(sys.argv[1]))
if len(sys.argv) > 3:
    store._writer().execute(f"PRAGMA synchronous = {sys.argv[3]}")
for first in range(1, 10**6, SIZE):
    batch = [
        Reading("p-1", "d-1", HeartRate(
            t=NOON + seq * 1000, gateway="gw-1", seq=seq, hr=60 + seq % 40, rr=(800.0,)
        ))
        for seq in range(first, first + SIZE)
    ]
    store.write(batch)
    if not control:
        print(first + SIZE - 1, flush=True)
    if first > LAST:
        break
"""


def reading(seq):
    return Reading(
        "p-1",
        "d-1",
        HeartRate(
            t=NOON + seq * 1000, gateway="gw-1", seq=seq, hr=60 + seq % 40, rr=(800.0,)
        ),
    )


def script(size, last=10**6):
    code = WRITER.replace("SIZE", str(size)).replace("LAST", str(last))
    return code.replace("NOON", str(NOON))


def killed(path, how, reports, wait):
    """Kill a writer `wait` seconds after so many reports; give the last it promised."""
    command = [sys.executable, "-c", script(400), str(path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        promised = 0
        for _ in range(reports):
            promised = int(writer.stdout.readline())
        time.sleep(wait)
        writer.kill()
        rest = writer.stdout.read().split(b"\n")[:-1]
    return int(rest[-1]) if rest else promised


def missing(path, promised):
    history = SqliteHistory(path)
    seqs = [r.record.seq for r in history.export()]
    assert len(seqs) == len(set(seqs)) == history.count()
    history.close()
    return set(range(1, promised + 1)) - set(seqs)


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_and_doubles_nothing(tmp_path):
    for seed in range(5):
        path = tmp_path / f"{seed}.db"
        wait = random.Random(seed).uniform(0, 0.03)
        promised = killed(path, "honest", 2 + seed, wait)
        assert not missing(path, promised)
        # Everything once more: what was there stays one, the rest comes.
        store = SqliteStore(path)
        everything = [reading(seq) for seq in range(1, promised + 500)]
        before = store.count()
        written = store.write(everything)
        assert written.repeated >= promised
        assert store.count() == max(before, len(everything))
        _ladder_is_right(store)
        store.close()


@pytest.mark.slow
def test_a_control_that_promises_before_it_writes_loses(tmp_path):
    path = tmp_path / "store.db"
    promised = killed(path, "hasty", 2, 0.0)
    assert missing(path, promised) == set(range(401, 801))


def _ladder_is_right(store):
    records = sorted({r.record for r in store.export()}, key=lambda r: r.t)
    stop = records[-1].t + 1
    (point,) = store.trend("p-1", Metric.HEART_RATE, NOON, stop, 1)
    values = [r.hr for r in records]
    assert (point.n, point.min, point.max) == (len(values), min(values), max(values))
    minutes = store.trend("p-1", Metric.HEART_RATE, NOON, stop, 10**4)
    assert sum(p.n for p in minutes) == len(values)


def test_a_commit_is_on_the_disk(tmp_path):
    store = SqliteStore(tmp_path / "store.db")
    store.write([reading(1)])
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_a_disk_that_refuses_stores_nothing_and_is_tried_afresh(tmp_path):
    store = SqliteStore(tmp_path / "store.db")
    store.write([reading(1)])
    store._db.execute("PRAGMA max_page_count = 1")  # full: SQLITE_FULL
    with pytest.raises(Unavailable, match="full"):
        store.write([reading(seq) for seq in range(2, 2000)])
    assert store.count() == 1
    assert store.write([reading(seq) for seq in range(1, 2000)]).new == 1998
    _ladder_is_right(store)
    store.close()


def test_of_one_instant_the_same_is_the_newest_in_whatever_order_they_come(
    tmp_path, beat
):
    one = [beat(1), beat(2, t=beat(1).record.t), beat(1, gateway="gw-2")]
    for name, order in enumerate(permutations(one)):
        store = SqliteStore(tmp_path / f"{name}.db")
        for reading in order:
            store.write([reading])
        assert store.latest("p-1") == [one[2]]
        store.withdraw([one[2]])
        assert store.latest("p-1") == [one[1]]
        store.close()


def test_a_file_of_a_newer_program_is_left_alone(tmp_path):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(Unavailable, match="newer version"):
        store.write([reading(1)])
    store.close()


def test_a_reader_sees_each_write_and_no_half_of_one(tmp_path):
    path = tmp_path / "store.db"
    store, history = SqliteStore(path), SqliteHistory(path)
    assert history.count() == 0
    for last in (10, 20, 30):
        store.write([reading(seq) for seq in range(last - 9, last + 1)])
        assert history.count() == last
    (point,) = history.trend("p-1", Metric.RR_INTERVAL, NOON, NOON + 60_000, 1)
    assert point.n == 30
    history.close()
    store.close()


def test_a_month_of_heartbeats_is_read_from_the_hours(tmp_path):
    store = SqliteStore(tmp_path / "store.db")
    store.write([reading(seq * 1800) for seq in range(1, 1440)])
    stop = NOON + 31 * 86_400_000
    found = store.trend("p-1", Metric.HEART_RATE, NOON, stop, 500)
    assert 300 < len(found) <= 500
    assert {p.t % 7_200_000 for p in found} == {0}
    assert sum(p.n for p in found) == 1439
    store.close()


def test_seldom_worn_wearables_are_paged_through_whatever_lies_between(tmp_path):
    store, day = SqliteStore(tmp_path / "store.db"), 86_400_000
    beats = [
        Reading(
            "p-1",
            f"d-{second % 2}",
            HeartRate(
                t=NOON + n * day * 9 + second * 1000, hr=60.0, gateway="g", seq=1
            ),
        )
        for n in range(40)  # a year, an hour's beginning every nine days
        for second in range(-2, 8)
    ]
    temps = [
        Reading("p-1", "d-9", BodyTemperature(t=NOON + n * day, temp=36.5 + n / 100))
        for n in range(300)
    ]
    store.write(beats[::-1] + temps)
    for kind, expected in ((Kind.HEART_RATE, beats), (Kind.BODY_TEMPERATURE, temps)):
        found, after = [], None
        while True:
            asked = "p-1", kind, 0, NOON + 400 * day, after, 7
            page, after = store.records(*asked)
            found += page
            if after is None:
                break
        assert found == expected
    inside, _ = store.records("p-1", Kind.HEART_RATE, NOON, NOON + 3000, None, 99)
    assert inside == beats[2:5]
    store.close()
