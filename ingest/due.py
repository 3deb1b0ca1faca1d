"""Which hours of whose records must be rolled again, on the disk until that is done.

InfluxDB cannot tell a new point from a repeated one, so nothing can be added to its
rollups: they are made anew from the records.  An hour is noted before its records are
written, and struck off once its rollups are there: a crash in between costs only work.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.samples import LONGEST
from ingest.trend import HOUR
from vitals import HeartRate, Reading, Unavailable
from vitals.model import KINDS

Mark = tuple[str, str, int]
"""Subject, kind, and the hour's number since 1970."""

ROLLED = 2  # 1: without heart rate variability
CHUNK = 10_000  # marks that are added at a time: writers wait meanwhile
SCHEMA = """
CREATE TABLE IF NOT EXISTS due (
    hour INTEGER NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (hour, subject, kind)
) STRICT, WITHOUT ROWID"""


class Due:
    """The hours to roll; any thread may use it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        # All of these are in the file; of the others there may be millions.
        self._busy: Counter[Mark] = Counter()  # being written
        self._touched: set[Mark] = set()  # written since we were last asked
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def noting(self, marks: Collection[Mark]) -> Iterator[None]:
        """Note hours durably, then let a block write their records.

        Raises
        ------
        Unavailable
            The disk refused; nothing may be written.
        """
        with self._lock:
            self._add(marks)
            self._busy.update(marks)
        try:
            yield
        finally:
            with self._lock:
                self._busy.subtract(marks)
                self._busy += Counter()  # without those that are 0
                self._touched.update(marks)

    @property
    def version(self) -> int:
        """Of what every hour of the database was noted for; 0: not every hour was."""
        with self._lock:
            found = self._read("PRAGMA user_version")
            return int(found[0][0])

    def complete_with(self, marks: Iterable[Mark]) -> None:
        """Note hours whose records were written before there was this file.

        There may be millions: writers come in between, and a crash begins anew.
        """
        left = iter(marks)
        while some := list(islice(left, CHUNK)):
            with self._lock:
                self._add(some)
        with self._lock:
            self._read(f"PRAGMA user_version = {ROLLED}")

    def settled(self, before: int, most: int) -> list[Mark]:
        """Give the oldest hours, `most` of them, that ended before a time in ms.

        Those that are written to, or were since the last call, wait.
        """
        with self._lock:
            hour = before // HOUR
            waiting = {m for m in self._touched.union(self._busy) if m[2] < hour}
            found = self._read(
                "SELECT subject, kind, hour FROM due WHERE hour < ?"
                " ORDER BY hour LIMIT ?",
                (hour, most + len(waiting)),
            )
            self._touched.clear()
            return [mark for mark in found if mark not in waiting][:most]

    def strike(self, marks: Iterable[Mark]) -> None:
        """Forget hours that are rolled, unless they were written to meanwhile."""
        with self._lock:
            done = set(marks) - self._touched.union(self._busy)
            self._execute(
                "DELETE FROM due WHERE (subject, kind, hour) = (?, ?, ?)", done
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _add(self, marks: Iterable[Mark]) -> None:
        if fresh := set(marks).difference(self._touched, self._busy):
            self._execute(
                "INSERT INTO due (subject, kind, hour) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                fresh,
            )

    def _execute(self, statement: str, marks: Iterable[Mark]) -> None:
        """Do one thing with many marks, all or none, durably."""
        db = self._open()
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(statement, marks)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            db.close()
            self._db = None
            raise Unavailable(f"{self._path}: {error}") from error

    def _read(self, statement: str, values: Sequence[int] = ()) -> list[Any]:
        """Ask the file one thing."""
        db = self._open()
        try:
            return db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"{self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        """Open the file, or go on with it."""
        if self._db is None:
            try:
                self._db = _connect(self._path)
            except sqlite3.Error as error:
                raise Unavailable(f"{self._path}: {error}") from error
        return self._db


def marks(readings: Iterable[Reading]) -> set[Mark]:
    """Give the hours whose trends change with some readings.

    Intervals reach back: those of an hour's first minute may belong to the one before.
    """
    # Thousands of records lie in a few minutes.
    minutes = {(r.subject, type(r.record), r.record.t // LONGEST) for r in readings}
    found: set[Mark] = set()
    for subject, record, minute in minutes:
        kind, hour = KINDS[record].value, minute * LONGEST // HOUR
        found.add((subject, kind, hour))
        if record is HeartRate and hour and minute * LONGEST % HOUR == 0:
            found.add((subject, kind, hour - 1))
    return found


def _connect(path: Path | None) -> sqlite3.Connection:
    """Open the file so that a commit is on the disk; without a path, in memory."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(
        path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(SCHEMA)
    return db
