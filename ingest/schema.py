"""The tables of the SQLite store, and the three statements that fill them."""

import sqlite3

SCHEMA = """
CREATE TABLE series (                        -- whose, and what
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,                      -- a kind of record, or a metric
    UNIQUE (subject, name)
) STRICT;
CREATE TABLE origin (                        -- from where
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    gateway TEXT NOT NULL,                   -- '': none of ours
    UNIQUE (device, gateway)
) STRICT;
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,                      -- ms
    origin INTEGER NOT NULL,
    seq INTEGER NOT NULL,                    -- 0: none
    digest INTEGER NOT NULL,                 -- 0: seq tells records apart
    payload TEXT NOT NULL,                   -- JSON, DESIGN section 4
    UNIQUE (series, t, origin, seq, digest)
) STRICT;
CREATE TABLE stream (                        -- the newest of each, and how many
    series INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    n INTEGER NOT NULL,
    t INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (series, origin)
) STRICT, WITHOUT ROWID;
CREATE TABLE minute (
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,                      -- ms, start
    n INTEGER NOT NULL,                      -- values that count
    low REAL NOT NULL,                       -- +Inf without one
    high REAL NOT NULL,                      -- -Inf without one
    total REAL NOT NULL,
    seen INTEGER NOT NULL,                   -- with those that do not count
    PRIMARY KEY (series, t)
) STRICT, WITHOUT ROWID;
CREATE TABLE hour (
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    n INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    total REAL NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (series, t)
) STRICT, WITHOUT ROWID;
"""
VERSION = 1

INSERT = """
    INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (series, t, origin, seq, digest) DO NOTHING"""
COUNT = """
    INSERT INTO stream VALUES (?, ?, 1, ?, ?) ON CONFLICT (series, origin) DO UPDATE SET
        n = n + 1,
        record = CASE WHEN excluded.t >= t THEN excluded.record ELSE record END,
        t = max(t, excluded.t)"""
ROLL = """
    INSERT INTO {rung} VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (series, t) DO UPDATE SET
        n = n + excluded.n,
        low = min(low, excluded.low),
        high = max(high, excluded.high),
        total = total + excluded.total,
        seen = seen + excluded.seen"""


def create(db: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none.

    Raises
    ------
    sqlite3.DatabaseError
        The file is a newer program's.
    """
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")
    if version > VERSION:
        raise sqlite3.DatabaseError(
            f"written by a newer version of this program (schema {version})"
        )
