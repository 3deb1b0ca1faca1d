"""The tables of `alerts.db`, and how each version of them becomes the next.

A step is never changed once it has been released: somebody's file has gone through it.
"""

import sqlite3
from collections.abc import Iterator

from vitals.errors import ConfigError

FIRST = """
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
"""
# A notice is for somebody.
TO_WHOM = """
ALTER TABLE deliveries RENAME TO deliveries_1;
DROP INDEX deliveries_due;
CREATE TABLE deliveries (
    alert TEXT NOT NULL, version INTEGER NOT NULL, channel TEXT NOT NULL,
    recipient TEXT NOT NULL,  -- a name of alerts.people; '' = the whole house
    why TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',  -- pending, delivered, failed
    PRIMARY KEY (alert, version, channel, recipient)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (channel, due) WHERE state = 'pending';
INSERT INTO deliveries
    SELECT alert, version, channel, '', why, body, created, due, attempts, state
    FROM deliveries_1;
DROP TABLE deliveries_1;
"""
# How a notice fares can be seen.  It may also be passed: another channel told it.
ATTEMPTS = """
ALTER TABLE deliveries ADD COLUMN tried INTEGER;  -- when last; NULL = not yet
ALTER TABLE deliveries ADD COLUMN error TEXT NOT NULL DEFAULT '';
"""

# Who changed what about whom alerts reach: `alerts.ledger`.
LEDGER = """
CREATE TABLE ledger (
    n INTEGER PRIMARY KEY AUTOINCREMENT, t INTEGER NOT NULL, by TEXT NOT NULL,
    what TEXT NOT NULL, about TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
    why TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TRIGGER ledger_stays BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END;
CREATE TRIGGER ledger_remains BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is never deleted from'); END;
"""

STEPS = FIRST, TO_WHOM, LEDGER, ATTEMPTS


def bring_up(db: sqlite3.Connection) -> None:
    """Bring a file of any earlier version, or a new one, up to this version.

    Raises
    ------
    ConfigError
        The file is of a later version than this program.
    """
    if _version(db) == len(STEPS):
        return
    db.execute("BEGIN IMMEDIATE")  # the engine and the portal may start together
    try:
        _climb(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _climb(db: sqlite3.Connection) -> None:
    """Take the steps that the file lacks."""
    version = _version(db)
    if version > len(STEPS):
        raise ConfigError("alerts.db was written by a later vitals; install that one")
    for step in STEPS[version:]:
        for statement in _statements(step):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(STEPS)}")


def _statements(step: str) -> Iterator[str]:
    """Give the statements of a step; `executescript` would end the transaction."""
    statement = ""
    for line in step.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
