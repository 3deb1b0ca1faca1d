"""A store that an older version wrote opens, and says the same as before."""

import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, settings

from ingest.sqlite import SqliteStore
from ingest.sqlite_history import SqliteHistory
from ingest.store import open_store
from ingest.trend import DAY
from tests.ingest import first_version
from vitals import Kind, Metric, Unavailable, config


def everything(history, noon):
    """All that a reader can ask."""
    asked = noon - 90_000, noon + 7_300_000
    return (
        sorted(map(repr, history.export())),
        history.count(),
        history.subjects(),
        [history.latest(subject) for subject in history.subjects()],
        [
            history.trend(subject, metric, *asked, points)
            for subject in history.subjects()
            for metric in Metric
            for points in (3, 200, 5000)
        ],
        [
            history.records(subject, kind, *asked, None, 1000)
            for subject in history.subjects()
            for kind in Kind
        ],
    )


def test_an_old_store_says_the_same_once_it_is_opened(tmp_path, any_readings, noon):
    number = iter(range(10**6))

    @settings(max_examples=25, deadline=None)
    @given(any_readings)
    def holds(readings):
        folder = tmp_path / str(next(number))
        folder.mkdir()
        first_version.write(folder / "store.db", readings)
        old = open_store(config.Store(), folder)
        new = SqliteStore(folder / "new.db")
        new.write(readings)
        assert everything(old, noon) == everything(new, noon)
        # What was there is known, what is new is added.
        assert old.write(readings).new == 0
        old.close()
        new.close()

    holds()


def test_an_old_record_with_too_many_intervals_keeps_the_newest(tmp_path, beat):
    rr = tuple(800.0 + n for n in range(300))
    first_version.write(tmp_path / "store.db", [beat(1, rr=rr), beat(2)])
    store = open_store(config.Store(), tmp_path)
    assert list(store.export()) == [beat(1, rr=rr[-257:]), beat(2)]
    store.close()


def test_an_old_record_that_is_cut_to_fit_is_still_the_newest(tmp_path, beat):
    rr = tuple(800.0 + n for n in range(300))
    old, cut = (beat(9, gateway=None, rr=some) for some in (rr, rr[-257:]))
    first_version.write(tmp_path / "store.db", [beat(1), old])
    store = open_store(config.Store(), tmp_path)
    assert store.latest("p-1") == [cut]
    assert store.count() == 2
    store.close()


@pytest.mark.parametrize("seqs", [(2, 1), (1, 2)])
def test_of_an_old_stores_instant_the_newest_is_the_same_in_any_order(
    tmp_path, beat, noon, seqs
):
    first_version.write(tmp_path / "store.db", [beat(seq, t=noon) for seq in seqs])
    store = open_store(config.Store(), tmp_path)
    assert store.latest("p-1") == [beat(2, t=noon)]
    store.close()


NOT_UTF_8 = "CAST(x'7b22687222ff7d' AS TEXT)"
DAMAGE = {  # table, column, what it becomes, and where
    "JSON": ("record", "payload", '\'{"hr":"fast"}\'', "seq = 2"),
    "text": ("record", "payload", NOT_UTF_8, "seq = 2"),
    "kind": ("series", "name", "'heart_rste'", "(subject, name) = ('p-2', {kind})"),
    "name": ("series", "name", NOT_UTF_8, "(subject, name) = ('p-2', {kind})"),
}


@pytest.mark.parametrize("what", [None, *DAMAGE])
def test_a_row_of_an_old_store_that_cannot_be_read_stops_nothing(
    tmp_path, beat, caplog, what
):
    path = tmp_path / "store.db"
    first_version.write(path, [beat(1), beat(2, subject="p-2"), beat(3)])
    if what:  # None: the control
        damage(path, *DAMAGE[what])
    store = open_store(config.Store(), tmp_path)
    assert store.latest("p-1") == [beat(3)]
    assert store.count() == 3
    assert store.unreadable == caplog.text.count("left out") == bool(what)
    assert store.write([beat(4)]).new == 1
    store.close()
    assert rows(path) == 4  # whoever can may mend it


@pytest.mark.parametrize("what", ["JSON", "text"])
def test_a_damaged_payload_of_an_old_store_is_told_once(
    tmp_path, beat, settle, noon, what
):
    path, day_before = tmp_path / "store.db", noon - DAY
    first_version.write(path, [beat(1), beat(2, t=day_before), beat(3)])
    damage(path, *DAMAGE[what])
    store = open_store(config.Store(raw_days=1), tmp_path)
    assert list(store.export()) == [beat(1), beat(3)]
    assert store.unreadable == 1
    assert store.count() == 3
    settle(store, noon + 3 * DAY)  # age takes those that cannot be read as well
    assert store.count() == 0
    store.close()
    assert rows(path) == 0


@pytest.mark.parametrize("what", ["JSON", "text"])
def test_a_damaged_payload_of_an_old_store_is_erased_with_its_person(
    tmp_path, beat, what
):
    path = tmp_path / "store.db"
    first_version.write(path, [beat(1), beat(2, subject="p-2")])
    damage(path, *DAMAGE[what])
    store = open_store(config.Store(), tmp_path)
    assert rows(path) == 2
    store.erase("p-2")
    assert rows(path) == 1
    assert list(store.export()) == [beat(1)]
    store.close()


def rows(path):
    with sqlite3.connect(path) as db:
        (count,) = db.execute("SELECT count(*) FROM record").fetchone()
    db.close()
    return count


def damage(path, table, column, value, where):
    """Damage a row as a disk does it."""
    where = where.format(kind=f"'{Kind.HEART_RATE}'")
    with sqlite3.connect(path) as db:
        done = db.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")
        assert done.rowcount == 1
    db.close()


def test_a_reader_of_an_old_store_says_what_to_do(tmp_path, beat):
    first_version.write(tmp_path / "store.db", [beat(1)])
    history = SqliteHistory(tmp_path / "store.db")
    with pytest.raises(Unavailable, match=r"older version .* `vitals run ingest`"):
        history.count()
    history.close()


def test_a_store_of_a_newer_version_is_refused_at_once_and_left_alone(tmp_path):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    for door in (
        lambda: open_store(config.Store(), tmp_path),
        lambda: SqliteHistory(path).count(),
    ):
        with pytest.raises(Unavailable, match="newer version") as told:
            door()
        assert "\n" not in str(told.value)
    assert path.read_bytes() == before


def test_an_old_program_that_still_runs_is_kept_out(tmp_path, beat):
    path = tmp_path / "store.db"
    first_version.write(path, [beat(1)])
    old = sqlite3.connect(path, isolation_level=None)
    open_store(config.Store(), tmp_path).close()
    with pytest.raises(sqlite3.Error):
        old.execute(first_version.INSERT, (99, 1, 1, 1, 1, 1, "{}"))
    old.close()


def test_a_bringing_up_that_dies_leaves_the_old_store(tmp_path, beat):
    path = tmp_path / "store.db"
    first_version.write(path, [beat(seq) for seq in range(1, 9)])
    with sqlite3.connect(path) as db:  # met once the records are moved
        db.execute("ALTER TABLE hour DROP COLUMN seen")
    db.close()
    with pytest.raises(Unavailable, match="hour"):
        open_store(config.Store(), tmp_path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM record").fetchone() == (8,)
    db.close()


@pytest.mark.slow
def test_ingest_refuses_a_newer_store_with_one_line(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    toml = tmp_path / "vitals.toml"
    toml.write_text(f'data = "{tmp_path}"\n')
    command = [sys.executable, "-m", "vitals", "run", "ingest", "--config", str(toml)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("vitals: ")
    assert "newer version" in line
