"""What age takes from the SQLite store: each rung of the ladder has its own retention.

A rung's horizon only ever moves forward, and is written down with what it took: a late
record from behind it would be counted a second time, and is refused.
"""

import sqlite3

from ingest.schema import RECORD_SLOTS, RUNG_SLOTS, RUNGS, STREAMS
from ingest.trend import DAY, HOUR
from vitals import Instant, Reading
from vitals.config import Store as Settings

HOURS = 48  # dropped of a rung at a time: writers wait meanwhile

KEEP = "INSERT INTO kept VALUES (?, ?) ON CONFLICT DO UPDATE SET since = excluded.since"
DOOMED = (
    "FROM record WHERE slot >= ? AND slot < ?"
    " AND series IN (SELECT id FROM series WHERE name = ?)"
)


def kept(db: sqlite3.Connection) -> dict[str, int]:
    """Give the horizon of each rung that has one, in ms."""
    return dict(db.execute("SELECT rung, since FROM kept"))


def gone(reading: Reading, horizons: dict[str, int]) -> bool:
    """Tell whether records of a reading's kind and time have been dropped."""
    if reading.record.t >= horizons.get("record", 0):
        return False
    return reading.kind in STREAMS


def drop(db: sqlite3.Connection, settings: Settings, now: Instant) -> bool:
    """Move the horizons on, each in a transaction of its own; tell whether any did."""
    days = {
        "record": settings.raw_days,
        "minute": settings.minute_days,
        "hour": settings.hour_days,
    }
    moved = False
    for rung, keep in days.items():
        # Whole days, which no slot or bucket straddles.
        horizon = int(now - keep * DAY) // DAY * DAY
        if keep:
            moved |= _advance(db, rung, horizon)
    return moved


def _advance(db: sqlite3.Connection, rung: str, horizon: int) -> bool:
    """Move one horizon, at most `HOURS` beyond the oldest row at a time."""
    db.execute("BEGIN IMMEDIATE")
    since = max(kept(db).get(rung, 0), _oldest(db, rung, horizon) // DAY * DAY)
    until = min(horizon, since + HOURS * HOUR)
    moved = until > kept(db).get(rung, 0)
    if moved:
        if rung in RUNGS:
            slot = RUNGS[rung] * RUNG_SLOTS
            db.execute(f"DELETE FROM {rung} WHERE slot < ?", (until // slot,))
        else:
            for kind in STREAMS:
                slot = RECORD_SLOTS[kind]
                _drop_records(db, (since // slot, until // slot, kind))
        db.execute(KEEP, (rung, until))
    db.execute("COMMIT")
    return moved


def _oldest(db: sqlite3.Connection, rung: str, horizon: int) -> int:
    """Give the time before which a rung has no rows, in ms; at most `horizon`."""
    query = f"SELECT min(t) FROM (SELECT t FROM {rung} ORDER BY slot LIMIT 1)"
    if rung == "record":
        query = "SELECT min(first) FROM stream"
    (oldest,) = db.execute(query).fetchone()
    return horizon if oldest is None else min(int(oldest), horizon)


def _drop_records(db: sqlite3.Connection, doomed: tuple[int, int, str]) -> None:
    """Drop a kind's records from some slots, and from the counts."""
    counts = db.execute(
        f"SELECT count(*), series, origin {DOOMED} GROUP BY series, origin", doomed
    ).fetchall()
    db.executemany(
        "UPDATE stream SET n = n - ? WHERE series = ? AND origin = ?", counts
    )
    if counts:
        db.execute(f"DELETE {DOOMED}", doomed)
