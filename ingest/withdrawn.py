"""Which records were entered in error: somebody else's, as it turned out.

They stay away however often they come.  A record is known by its number, its time and
whose it was said to be: a false word cannot name what it has not seen.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from vitals import Reading

SCHEMA = """
CREATE TABLE IF NOT EXISTS withdrawn (
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    seq INTEGER NOT NULL,
    subject TEXT NOT NULL,
    t INTEGER NOT NULL,
    PRIMARY KEY (gateway, device, seq, subject, t)
) STRICT, WITHOUT ROWID"""

Key = tuple[str | None, str, int | None, str, int]


class Withdrawn:
    """The table of withdrawn records, in a file that is its owner's."""

    def __init__(self) -> None:
        self._known: set[Key] = set()

    def open(self, db: sqlite3.Connection) -> None:
        """Make the table if it is not there, and read it."""
        db.execute(SCHEMA)
        self._known = {*db.execute("SELECT * FROM withdrawn")}

    def note(self, db: sqlite3.Connection, readings: Iterable[Reading]) -> None:
        """Add records; the owner commits."""
        keys = [_key(reading) for reading in readings]
        db.executemany("INSERT OR IGNORE INTO withdrawn VALUES (?, ?, ?, ?, ?)", keys)
        self._known.update(keys)

    def sift(self, readings: Sequence[Reading]) -> tuple[list[Reading], list[Reading]]:
        """Part readings into those to be kept and those that were withdrawn."""
        if not self._known:
            return list(readings), []
        gone = [_key(reading) in self._known for reading in readings]
        kept = [r for r, away in zip(readings, gone, strict=True) if not away]
        return kept, [r for r, away in zip(readings, gone, strict=True) if away]


def _key(reading: Reading) -> Key:
    record = reading.record
    return record.gateway, reading.device, record.seq, reading.subject, record.t
