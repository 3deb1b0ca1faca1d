"""What ingest has promised: which `seq` of which gateway and device are durable.

"Lost 0 of n" is a question to this file.  The dead letters lie in it too, so that what
was refused and what was promised are written in one transaction.
"""

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.dead import DeadLetters, Letter
from ingest.ranges import Range, Ranges, runs
from vitals import Instant, Unavailable

Stream = tuple[str, str]
"""Gateway and device: what a `seq` counts in."""

START = Instant(0)
MANY = 256  # ranges of one device that `holding` gives unasked

SCHEMA = """
CREATE TABLE IF NOT EXISTS durable (
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (gateway, device, first)
) STRICT, WITHOUT ROWID"""


class Gap(NamedTuple):
    """Numbers that were given, as a higher one shows, and never came."""

    gateway: str
    device: str
    first: int
    last: int  # inclusive


class Ledger:
    """The durable numbers, on disk and in memory; any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._streams: dict[Stream, Ranges] = {}
        self._db: sqlite3.Connection | None = None
        self._given = self._held = 0  # over all streams
        self.dead = DeadLetters()
        with self._lock:
            self._open()

    def add(self, gateway: str, device: str, seqs: Iterable[int]) -> None:
        """Note numbers that are durable from now on."""
        self.keep({(gateway, device): seqs})

    def keep(
        self,
        durable: Mapping[Stream, Iterable[int]],
        letters: Sequence[Letter] = (),
        now: Instant = START,
    ) -> None:
        """Note durable numbers and dead letters, all or nothing.

        Raises
        ------
        Unavailable
            The disk refused; nothing is noted.
        """
        with self._lock:
            db = self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                for stream, seqs in durable.items():
                    self._merge(db, stream, seqs)
                self.dead.bury(db, letters, now)
                db.execute("COMMIT")
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error

    def knows(self, gateway: str, device: str, seq: int) -> bool:
        """Tell whether a number is durable already."""
        with self._lock:
            return seq in self._streams.get((gateway, device), ())

    def ranges(self, gateway: str) -> dict[str, list[Range]]:
        """Give the durable ranges of each device of a gateway."""
        with self._lock:
            return {
                device: list(ranges)
                for (owner, device), ranges in self._streams.items()
                if owner == gateway
            }

    def holding(self, gateway: str, device: str, seqs: Iterable[int]) -> list[Range]:
        """Give the durable ranges of one device.

        All of them, unless they are too many to repeat each time: then those that hold
        one of `seqs`.
        """
        with self._lock:
            ranges = self._streams.get((gateway, device), Ranges())
            if len(ranges) <= MANY:
                return list(ranges)
            found = {ranges.holding(seq) for seq in seqs}
            return sorted(r for r in found if r is not None)

    def lost(self) -> list[Gap]:
        """Give every gap below the highest number of each gateway and device."""
        with self._lock:
            return [
                Gap(gateway, device, first, last)
                for (gateway, device), ranges in self._streams.items()
                for first, last in ranges.gaps()
            ]

    def tally(self) -> tuple[int, int]:
        """Give how many numbers are missing, and how many were given."""
        with self._lock:
            return self._given - self._held, self._given

    def letters(self, limit: int = 100) -> list[Letter]:
        """Give the newest dead letters, newest first."""
        with self._lock:
            return self.dead.newest(self._open(), limit)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._forget()

    def _merge(
        self, db: sqlite3.Connection, stream: Stream, seqs: Iterable[int]
    ) -> None:
        """Add numbers to one stream's ranges."""
        for first, last in runs(seqs):
            old, new = self._note(stream, first, last)
            if old == [new]:
                continue
            db.executemany(
                "DELETE FROM durable WHERE gateway = ? AND device = ? AND first = ?",
                [(*stream, first) for first, _ in old],
            )
            db.execute("INSERT INTO durable VALUES (?, ?, ?, ?)", (*stream, *new))

    def _open(self) -> sqlite3.Connection:
        """Open the file and read what it says, or go on with it."""
        if self._db is None:
            try:
                self._db = _connect(self._path)
                self.dead.open(self._db)
                self._load(self._db)
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error
        return self._db

    def _load(self, db: sqlite3.Connection) -> None:
        """Take the file's ranges into memory."""
        for gateway, device, first, last in db.execute("SELECT * FROM durable"):
            self._note((gateway, device), first, last)

    def _note(self, stream: Stream, first: int, last: int) -> tuple[list[Range], Range]:
        """Add a range to memory; see `Ranges.add`."""
        ranges = self._streams.setdefault(stream, Ranges())
        given, held = ranges.highest, ranges.size
        changed = ranges.add(first, last)
        self._given += ranges.highest - given
        self._held += ranges.size - held
        return changed

    def _forget(self) -> None:
        """Drop the connection and what memory holds: the file knows better."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._streams.clear()
        self._given = self._held = 0


def open_ledger(data: Path) -> Ledger:
    """Open the ledger in the data folder.

    Raises
    ------
    Unavailable
        The file cannot be opened.
    """
    return Ledger(data / "ledger.db")


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(
        path, timeout=30, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(SCHEMA)
    return db
