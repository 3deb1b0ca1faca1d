"""A store as version 1 of the schema wrote it: its own statements, word for word."""

import sqlite3
from hashlib import blake2b

from ingest.samples import samples
from ingest.trend import HOUR, MINUTE, gather
from vitals import wire

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


def write(path, readings):
    """Write a file of version 1."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("BEGIN")
    for number, reading in enumerate(readings, 1):
        record, payload = reading.record, wire.encode(reading.record)
        series = _id(db, "series (subject, name)", reading.subject, reading.kind)
        origin = _id(
            db, "origin (device, gateway)", reading.device, record.gateway or ""
        )
        ours = record.gateway is not None and record.seq is not None
        digest = int.from_bytes(blake2b(payload, digest_size=8).digest(), signed=True)
        key = number, series, record.t, origin, record.seq or 0, 0 if ours else digest
        if db.execute(INSERT, (*key, payload.decode())).rowcount:
            db.execute(COUNT, (series, origin, record.t, number))
            _roll(db, reading)
    db.execute("COMMIT")
    db.close()


def _roll(db, reading):
    for rung, width in (("minute", MINUTE), ("hour", HOUR)):
        for (metric, t), b in gather(samples(reading), width).items():
            series = _id(db, "series (subject, name)", reading.subject, metric.value)
            row = series, t, b.n, b.low, b.high, b.total, b.seen
            db.execute(ROLL.format(rung=rung), row)


def _id(db, table, *names):
    name, columns = table.split(" ", 1)
    db.execute(
        f"INSERT INTO {name} {columns} VALUES (?, ?) ON CONFLICT DO NOTHING", names
    )
    query = f"SELECT id FROM {name} WHERE {columns} = (?, ?)"
    return db.execute(query, names).fetchone()[0]
