"""Takes records that were entered in error out of the SQLite store.

They leave the patient's records and trends, and are kept beside them: what a clinician
has seen must be possible to find again.
"""

import sqlite3
from collections.abc import Iterable, Iterator

from ingest.samples import LONGEST, Sample, samples
from ingest.schema import ROLL
from ingest.trend import HOUR, MINUTE, gather
from vitals import Kind, Metric, Reading, wire
from vitals.model import RECORDS

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
FIND = """
    SELECT record.id, series, origin FROM record
    JOIN series ON series.id = series JOIN origin ON origin.id = origin
    WHERE subject = ? AND name = ? AND t = ? AND device = ? AND gateway = ? AND seq = ?
"""
FORGET = """
    DELETE FROM series WHERE subject = ?
    AND id NOT IN (SELECT series FROM stream) AND id NOT IN (SELECT series FROM minute)
"""
RUNGS = {"minute": MINUTE, "hour": HOUR}
Bucket = tuple[Metric, int]  # and its start, ms


def withdraw(db: sqlite3.Connection, readings: Iterable[Reading]) -> None:
    """Take readings out; those not there change nothing.  The caller commits."""
    db.execute(SCHEMA)
    for reading in readings:
        record, kind = reading.record, reading.kind
        payload = wire.encode(record).decode()
        origin = reading.device, record.gateway or "", record.seq or 0
        kept = *origin, reading.subject, record.t, kind, payload
        db.execute(
            "INSERT OR IGNORE INTO entered_in_error VALUES (?, ?, ?, ?, ?, ?, ?)", kept
        )
        found = db.execute(FIND, (reading.subject, kind, record.t, *origin)).fetchone()
        if found:
            _take_out(db, reading, *found)
            db.execute(FORGET, (reading.subject,))


def _take_out(
    db: sqlite3.Connection, reading: Reading, number: int, series: int, origin: int
) -> None:
    db.execute("DELETE FROM record WHERE id = ?", (number,))
    newest = db.execute(
        "SELECT t, id FROM record WHERE series = ? AND origin = ?"
        " ORDER BY t DESC, id DESC LIMIT 1",
        (series, origin),
    ).fetchone()
    stream = series, origin
    if newest:
        db.execute(
            "UPDATE stream SET n = n - 1, t = ?, record = ?"
            " WHERE series = ? AND origin = ?",
            (*newest, *stream),
        )
    else:
        db.execute("DELETE FROM stream WHERE series = ? AND origin = ?", stream)
    for rung, width in RUNGS.items():
        for bucket in gather(samples(reading), width):
            _roll_again(db, reading, series, rung, bucket)


def _roll_again(
    db: sqlite3.Connection, reading: Reading, series: int, rung: str, bucket: Bucket
) -> None:
    """Make a rollup anew from the records: extremes cannot be subtracted."""
    (metric, start), width = bucket, RUNGS[rung]
    query = "SELECT id FROM series WHERE subject = ? AND name = ?"
    (own,) = db.execute(query, (reading.subject, metric.value)).fetchone()
    db.execute(f"DELETE FROM {rung} WHERE series = ? AND t = ?", (own, start))
    rows = db.execute(
        "SELECT payload FROM record WHERE series = ? AND t >= ? AND t < ?",
        (series, start, start + width + LONGEST),
    )
    left = (sample for row in rows for sample in _samples(reading, row[0]))
    if b := gather(left, width).get(bucket):
        rolled = own, start, b.n, b.low, b.high, b.total, b.seen
        db.execute(ROLL.format(rung=rung), rolled)


def _samples(like: Reading, payload: str) -> Iterator[Sample]:
    record = wire.read(RECORDS[Kind(like.kind)], payload.encode())
    return samples(Reading(like.subject, like.device, record))
