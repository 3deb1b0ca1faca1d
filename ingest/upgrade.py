"""A store that an older version wrote is brought up to date before it is written to.

All in one transaction: a crash leaves the old file, an older program that still runs
is locked out, and afterwards finds a newer version's file and lets it be.
"""

import logging
import sqlite3
from pathlib import Path

from ingest import schema
from ingest.rows import Row, Unreadable, row, stored
from ingest.schema import COUNT, INSERT, RECORD_SLOTS, RUNG_SLOTS, RUNGS
from ingest.trend import DAY
from vitals import Kind, MalformedData, Reading, Record, Unavailable
from vitals.model import RECORDS

log = logging.getLogger(__name__)

REPORT = 1_000_000  # records between two lines in the log
OLD = (
    "SELECT old_record.id, series, CAST(name AS BLOB), CAST(payload AS BLOB),"
    " t, origin, seq, digest FROM old_record JOIN series ON series.id = series"
)
# What cannot be read stays as it is: its owner may still have it mended, or erased.
LEAVE = """
    INSERT OR IGNORE INTO record
    SELECT t / ?, series, t, origin, seq, digest, NULL, 0, payload
    FROM old_record WHERE id = ?"""
MOVED = ("record", "stream", "minute", "hour")  # tables that are laid out anew


def refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    """Leave a newer program's file as it is.

    Raises
    ------
    Unavailable
        It is one.
    """
    if (found := schema.version(db)) > schema.VERSION:
        raise Unavailable(schema.complaint(path, found))


def bring_up(db: sqlite3.Connection, path: Path, unreadable: Unreadable) -> None:
    """Make the tables of a new file, or those of an old one anew."""
    if schema.version(db) == schema.VERSION:
        return
    db.execute("BEGIN EXCLUSIVE")
    found = schema.version(db)
    if found == 1:
        log.warning("%s is an older version's; bringing it up to date", path)
        _from_first(db, unreadable)
        log.warning("%s is up to date", path)
    elif found == 0:
        schema.create(db)
    db.execute("COMMIT")


def _from_first(db: sqlite3.Connection, unreadable: Unreadable) -> None:
    """Lay version 1 out anew: its rows lay by series, and each payload was whole."""
    for table in MOVED:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    schema.create(db)
    _move(db, unreadable)
    for rung, width in RUNGS.items():
        slot = width * RUNG_SLOTS
        db.execute(f"INSERT INTO {rung} SELECT t / {slot}, * FROM old_{rung}")
    for table in MOVED:
        db.execute(f"DROP TABLE old_{table}")


def _move(db: sqlite3.Connection, unreadable: Unreadable) -> None:
    """Write the records as rows of today, and note the newest of each stream."""
    for number, (old, series, name, payload, *place) in enumerate(db.execute(OLD), 1):
        kind = name.decode(errors="replace")
        try:
            record = _record(kind, payload)
        except MalformedData as error:
            unreadable.note(f"a stored {kind}", place, error)
            left = db.execute(LEAVE, (RECORD_SLOTS.get(kind, DAY), old)).rowcount
            if left:  # a stream says how far there is something to erase
                t, origin, *rest = place
                db.execute(COUNT, (series, origin, 1, t, t, *rest))
        else:
            # Its subject and device are ids here; their texts may be damaged.
            _insert(db, row(Reading("", "", record), series, place[1]))
        if number % REPORT == 0:
            log.warning("%d records so far", number)


def _record(kind: str, payload: bytes) -> Record:
    """Read a record of version 1.

    Raises
    ------
    MalformedData
        The row is damaged.
    """
    if kind not in RECORDS:
        raise MalformedData(f"not a kind of record: {kind[:80]!r}")
    return stored(Kind(kind), payload)


def _insert(db: sqlite3.Connection, new: Row) -> None:
    """Insert a record; one that was cut to fit has another digest than before."""
    if db.execute(INSERT, new).rowcount:
        newest = new.t, new.seq, new.digest
        db.execute(COUNT, (new.series, new.origin, 1, new.t, *newest))
