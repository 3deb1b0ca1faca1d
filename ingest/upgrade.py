"""A store that an older version wrote is brought up to date before it is written to.

All in one transaction: a crash leaves the old file, an older program that still runs
is locked out, and afterwards finds a newer version's file and lets it be.
"""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ingest import schema
from ingest.rows import Row, row, stored
from ingest.schema import INSERT, RUNG_SLOTS, RUNGS
from vitals import Kind, Reading, Unavailable

log = logging.getLogger(__name__)

REPORT = 1_000_000  # records between two lines in the log
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


def bring_up(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or those of an old one anew."""
    if schema.version(db) == schema.VERSION:
        return
    db.execute("BEGIN EXCLUSIVE")
    found = schema.version(db)
    if found == 1:
        log.warning("%s is an older version's; bringing it up to date", path)
        _from_first(db)
        log.warning("%s is up to date", path)
    elif found == 0:
        schema.create(db)
    db.execute("COMMIT")


def _from_first(db: sqlite3.Connection) -> None:
    """Lay version 1 out anew: its rows lay by series, and each payload was whole."""
    for table in MOVED:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    schema.create(db)
    db.executemany(INSERT, _records(db))
    db.execute(
        "INSERT INTO stream SELECT s.series, s.origin, s.n,"
        " (SELECT min(t) FROM old_record AS r"
        "   WHERE r.series = s.series AND r.origin = s.origin),"
        " s.t, r.seq, r.digest FROM old_stream AS s JOIN old_record AS r"
        " ON r.id = (SELECT id FROM old_record AS o WHERE"
        " (o.series, o.origin, o.t) = (s.series, s.origin, s.t)"
        " ORDER BY seq DESC, digest DESC LIMIT 1)"
    )
    for rung, width in RUNGS.items():
        slot = width * RUNG_SLOTS
        db.execute(f"INSERT INTO {rung} SELECT t / {slot}, * FROM old_{rung}")
    for table in MOVED:
        db.execute(f"DROP TABLE old_{table}")


def _records(db: sqlite3.Connection) -> Iterator[Row]:
    """Give the rows of version 1 as rows of today."""
    found = db.execute(
        "SELECT series, old_record.origin, subject, name, device, payload"
        " FROM old_record JOIN series ON series.id = series"
        " JOIN origin ON origin.id = old_record.origin"
    )
    for number, (series, origin, subject, kind, device, payload) in enumerate(found, 1):
        record = stored(Kind(kind), payload.encode())
        yield row(Reading(subject, device, record), series, origin)
        if number % REPORT == 0:
            log.warning("%d records so far", number)
