import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from alerts.database import Database
from alerts.outbox import Outbox
from alerts.schema import FIRST, STEPS
from vitals.errors import ConfigError

NOW = 1_700_000_000_000


@pytest.fixture
def old(tmp_path):
    """A file as the first version left it, with one notice told and one that waits."""
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.executescript(f"{FIRST}PRAGMA user_version = 1;")
        for version, state in ((1, "delivered"), (2, "pending")):
            row = "a-1", version, "webhook", "opened", b"{}", NOW, NOW, 3, state
            db.execute("INSERT INTO deliveries VALUES (?,?,?,?,?,?,?,?,?)", row)
    db.close()
    return tmp_path


def test_what_waited_in_a_file_of_the_first_version_is_told_to_the_house(old):
    database = Database(old)
    [notice] = Outbox(database).due("webhook", NOW, 9)
    assert (notice.key, notice.to, notice.attempts) == ("a-1-2", "", 3)
    assert Outbox(database).delivered(notice, NOW)
    assert Outbox(database).due("webhook", NOW, 9) == []
    database.close()


def test_a_file_that_has_come_up_is_like_a_new_one(old, tmp_path_factory):
    made = []
    for folder in (old, tmp_path_factory.mktemp("new")):
        database = Database(folder)
        made.append(database.rows("SELECT name, sql FROM sqlite_master ORDER BY name"))
        database.close()
    assert made[0] == made[1]


def test_engine_and_portal_may_bring_a_file_up_together(old):
    with ThreadPoolExecutor(8) as threads:
        for database in threads.map(Database, [old] * 8):
            assert database.rows("SELECT count(*) FROM deliveries") == [(2,)]
            database.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(old):
    with sqlite3.connect(old / "alerts.db") as db:
        db.execute("CREATE TABLE deliveries_1 (x)")
    db.close()
    with pytest.raises(sqlite3.OperationalError):
        Database(old)
    with sqlite3.connect(old / "alerts.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM deliveries").fetchone() == (2,)
    db.close()


def test_a_file_of_a_later_version_is_refused(old):
    with sqlite3.connect(old / "alerts.db") as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.close()
    with pytest.raises(ConfigError, match="later"):
        Database(old)
