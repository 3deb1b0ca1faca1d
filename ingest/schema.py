"""The tables of the SQLite store, and how its rows lie beside each other on the disk.

A commit writes whole pages, and each page twice.  Rows that arrive together therefore
lie together, whoever they are of: every table is clustered by *slot*, a stretch of
time, then by series.  Ordered by series alone, a second of a hundred wearables would
be some five hundred pages; by time alone, a trend would be a walk through everybody's.
"""

import sqlite3
from pathlib import Path

from ingest.trend import DAY, HOUR, MINUTE, SECOND
from vitals import Kind

RUNGS = {"minute": MINUTE, "hour": HOUR}
"""The rungs above the records, finest first, and the width of their buckets in ms."""

RUNG_SLOTS = 2  # buckets of one series that lie together

RECORD_SLOTS = {
    Kind.HEART_RATE: 2 * SECOND,
    Kind.OXYGEN_SATURATION: 2 * SECOND,
    Kind.BODY_TEMPERATURE: HOUR,
    Kind.BATTERY: DAY,
    Kind.BLOOD_PRESSURE: 30 * DAY,
    Kind.GLUCOSE: 30 * DAY,
}
"""Lengths of the slots of records, in ms: the more often a kind comes, the shorter."""

STREAMS = frozenset(kind for kind, slot in RECORD_SLOTS.items() if slot <= DAY)
"""Kinds whose records may be dropped by age; the others are few, and kept for ever."""

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (          -- whose, and what
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,                      -- a kind of record, or a metric
    UNIQUE (subject, name)
) STRICT;
CREATE TABLE IF NOT EXISTS origin (          -- from where
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    gateway TEXT NOT NULL,                   -- '': none
    UNIQUE (device, gateway)
) STRICT;
CREATE TABLE record (
    slot INTEGER NOT NULL,                   -- t / RECORD_SLOTS[kind]
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,                      -- ms
    origin INTEGER NOT NULL,
    seq INTEGER NOT NULL,                    -- 0: none
    digest INTEGER NOT NULL,                 -- 0: gateway and seq tell records apart
    delay INTEGER,                           -- ms from t to received
    link INTEGER NOT NULL,                   -- place in ingest.rows.LINKS
    rest TEXT NOT NULL,                      -- the other fields, JSON
    PRIMARY KEY (slot, series, t, origin, seq, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE stream (                        -- how many of each, and the newest
    series INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    n INTEGER NOT NULL,
    first INTEGER NOT NULL,                  -- ms
    t INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    PRIMARY KEY (series, origin)
) STRICT, WITHOUT ROWID;
CREATE TABLE minute (
    slot INTEGER NOT NULL,                   -- t / RUNG_SLOTS / the bucket's width
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,                      -- ms, start
    n INTEGER NOT NULL,                      -- values that count
    low REAL NOT NULL,                       -- +Inf without one
    high REAL NOT NULL,                      -- -Inf without one
    total REAL NOT NULL,
    seen INTEGER NOT NULL,                   -- with those that do not count
    PRIMARY KEY (slot, series, t)
) STRICT, WITHOUT ROWID;
CREATE TABLE hour (
    slot INTEGER NOT NULL,
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    n INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    total REAL NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (slot, series, t)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept (                          -- what age has taken: ingest.expiry
    rung TEXT PRIMARY KEY,                   -- record, minute or hour
    since INTEGER NOT NULL                   -- ms, nothing older is there
) STRICT, WITHOUT ROWID;
"""

INSERT = """
    INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
# Of one instant's records the same is the newest, in whatever order they come.
LATER = "(excluded.t, excluded.seq, excluded.digest) > (t, seq, digest)"
COUNT = f"""
    INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (series, origin) DO UPDATE SET
        n = n + excluded.n,
        first = min(first, excluded.first),
        seq = iif({LATER}, excluded.seq, seq),
        digest = iif({LATER}, excluded.digest, digest),
        t = max(t, excluded.t)"""
ROLL = """
    INSERT INTO {rung} VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (slot, series, t) DO UPDATE SET
        n = n + excluded.n,
        low = min(low, excluded.low),
        high = max(high, excluded.high),
        total = total + excluded.total,
        seen = seen + excluded.seen"""

WALK = (
    "WITH RECURSIVE walk (slot) AS (SELECT :slot UNION ALL"
    " SELECT slot + 1 FROM walk WHERE slot < :last_slot)"
)
"""The slots from one to another: a series is looked up in each."""


def create(db: sqlite3.Connection) -> None:
    """Make the tables that are not there yet, in the caller's transaction."""
    for statement in SCHEMA.split(";")[:-1]:
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def version(db: sqlite3.Connection) -> int:
    """Give the file's version; 0 when there is nothing in it."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def complaint(path: Path, found: int) -> str:
    """Say what to do about a file that is not of this version."""
    if found > VERSION:
        return (
            f"{path} was written by a newer version of vitals (schema {found}, this"
            f" one knows {VERSION}): install that, or restore a backup made before it"
        )
    return (
        f"{path} was written by an older version of vitals (schema {found}):"
        " `vitals run ingest` brings it up to date when it starts"
    )
