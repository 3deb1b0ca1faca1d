"""Takes records that were entered in error out of the SQLite store.

They leave the patient's records and trends, and are kept beside them: what a clinician
has seen must be possible to find again.
"""

import sqlite3
from collections.abc import Iterable

from ingest import sqlite_variability
from ingest.rows import Unreadable, within
from ingest.samples import LONGEST, samples
from ingest.schema import RECORD_SLOTS, ROLL, RUNG_SLOTS, RUNGS, WALK
from ingest.sqlite_variability import series_id
from ingest.trend import MINUTE, gather
from vitals import Metric, Reading, wire

SCHEMA = """
CREATE TABLE IF NOT EXISTS entered_in_error (
    device TEXT NOT NULL,
    gateway TEXT NOT NULL,
    seq INTEGER NOT NULL,
    subject TEXT NOT NULL,                   -- whose it is not
    t INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (device, gateway, seq, subject, t)
) STRICT"""
TABLE = "entered_in_error"
KEPT = f"SELECT device, payload FROM {TABLE} WHERE subject = ? AND kind = ? AND t = ?"
# Once more is a new number, too: `max(rowid)` counts what was ever taken away.
KEEP = f"""
    INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO
    UPDATE SET rowid = (SELECT max(rowid) + 1 FROM {TABLE})"""
FIND = """
    SELECT slot, series, t, origin, seq, digest FROM record
    JOIN series ON series.id = series JOIN origin ON origin.id = origin
    WHERE slot = ? AND subject = ? AND name = ? AND t = ?
    AND device = ? AND gateway = ? AND seq = ?
"""
MOST_SLOTS = 65_536  # gone through at a time, in search of a stream's newest record
Bucket = tuple[str, Metric, int]  # of a rung, and its start, ms


def withdraw(
    db: sqlite3.Connection, readings: Iterable[Reading], unreadable: Unreadable
) -> None:
    """Take readings out; those not there change nothing.  The caller commits."""
    db.execute(SCHEMA)
    for reading in readings:
        record, kind = reading.record, reading.kind
        payload = wire.encode(record).decode()
        origin = reading.device, record.gateway or "", record.seq or 0
        kept = *origin, reading.subject, record.t, kind, payload
        db.execute(KEEP, kept)
        slot = record.t // RECORD_SLOTS[kind]
        asked = slot, reading.subject, kind, record.t, *origin
        if found := db.execute(FIND, asked).fetchone():
            _take_out(db, reading, found, unreadable)


def _take_out(
    db: sqlite3.Connection,
    reading: Reading,
    key: tuple[int, ...],
    unreadable: Unreadable,
) -> None:
    """Delete a record, and all that is derived of it."""
    db.execute(
        "DELETE FROM record"
        " WHERE (slot, series, t, origin, seq, digest) = (?, ?, ?, ?, ?, ?)",
        key,
    )
    _, series, _, origin, *_ = key
    if newest := _newest(db, reading, series, origin):
        db.execute(
            "UPDATE stream SET n = n - 1, t = ?, seq = ?, digest = ?"
            " WHERE series = ? AND origin = ?",
            (*newest, series, origin),
        )
    else:
        db.execute(
            "DELETE FROM stream WHERE series = ? AND origin = ?", (series, origin)
        )
    for rung, width in RUNGS.items():
        for bucket in gather(samples(reading), width):
            _roll_again(db, reading, (rung, *bucket), unreadable)
    sqlite_variability.mark(db, _minutes(db, reading))


def _newest(
    db: sqlite3.Connection, like: Reading, series: int, origin: int
) -> tuple[int, int, int] | None:
    """Give time, seq and digest of a stream's newest record; None without any.

    Looked for from the one that the stream names back to its first.
    """
    query = "SELECT first, t FROM stream WHERE series = ? AND origin = ?"
    first, last = db.execute(query, (series, origin)).fetchone()
    slot = RECORD_SLOTS[like.kind]
    end, step = last // slot, 1
    while end >= first // slot:
        found: tuple[int, int, int] | None = db.execute(
            f"{WALK} SELECT t, seq, digest FROM walk CROSS JOIN record USING (slot)"
            " WHERE series = :series AND origin = :origin"
            " ORDER BY t DESC, seq DESC, digest DESC LIMIT 1",
            {"slot": end - step + 1, "last_slot": end}
            | {"series": series, "origin": origin},
        ).fetchone()
        if found:
            return found
        end, step = end - step, min(step * 2, MOST_SLOTS)
    return None


def _roll_again(
    db: sqlite3.Connection, reading: Reading, bucket: Bucket, unreadable: Unreadable
) -> None:
    """Make a rollup anew from the records: extremes cannot be subtracted."""
    rung, metric, start = bucket
    width = RUNGS[rung]
    own = series_id(db, reading.subject, metric)
    key = start // (width * RUNG_SLOTS), own, start
    db.execute(f"DELETE FROM {rung} WHERE (slot, series, t) = (?, ?, ?)", key)
    span = start, start + width + LONGEST
    left = within(db, reading.subject, reading.kind, span, unreadable)
    values = (sample for one in left for sample in samples(one))
    if b := gather(values, width).get((metric, start)):
        db.execute(ROLL.format(rung=rung), (*key, b.n, b.low, b.high, b.total, b.seen))


def _minutes(db: sqlite3.Connection, reading: Reading) -> list[tuple[int, int]]:
    """Give the minutes of a reading's intervals, with the intervals' series."""
    found = gather(samples(reading), MINUTE)
    starts = [t for metric, t in found if metric is Metric.RR_INTERVAL]
    return [(t, series_id(db, reading.subject, Metric.RR_INTERVAL)) for t in starts]
