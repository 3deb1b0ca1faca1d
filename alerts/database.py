"""`alerts.db`: alerts, everything that happened to them, and deliveries, in SQLite."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, state TEXT NOT NULL,
    since INTEGER NOT NULL, t INTEGER NOT NULL, version INTEGER NOT NULL,
    unclosed INTEGER NOT NULL,  -- 1: closed, and the bus may not know it yet
    "case" BLOB NOT NULL        -- alerts.cases.Case as JSON
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_since ON alerts (since, id);
CREATE INDEX IF NOT EXISTS alerts_subject ON alerts (subject, since, id);
CREATE INDEX IF NOT EXISTS alerts_open ON alerts (since, id) WHERE state != 'normal';
CREATE INDEX IF NOT EXISTS alerts_closed ON alerts (t) WHERE state = 'normal';
CREATE INDEX IF NOT EXISTS alerts_unclosed ON alerts (id) WHERE unclosed;
CREATE TABLE IF NOT EXISTS events (
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, version INTEGER NOT NULL,
    t INTEGER NOT NULL, what TEXT NOT NULL, state TEXT NOT NULL,
    by TEXT NOT NULL, comment TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_alert ON events (alert, n);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS events_remain BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TABLE IF NOT EXISTS deliveries (
    alert TEXT NOT NULL, version INTEGER NOT NULL, channel TEXT NOT NULL,
    why TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',  -- pending, delivered, failed
    PRIMARY KEY (alert, version, channel)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (channel, due)
    WHERE state = 'pending';
PRAGMA user_version = 1;
"""


class Database:
    """`alerts.db`, with one connection that may be used from any thread."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._connection = sqlite3.connect(
            data / "alerts.db",
            timeout=10,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        [[made]] = self._connection.execute("PRAGMA user_version")
        if not made:
            self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; on the disk when the block ends."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[object, ...]]:
        """Answer a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the file, once no thread is at it."""
        with self._lock:
            self._connection.close()
