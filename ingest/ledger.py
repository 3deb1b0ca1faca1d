"""What ingest has promised: which `seq` of which gateway and device are durable.

"Lost 0 of n" is a question to this file.  The dead letters lie in it too, so that what
was refused and what was promised are written in one transaction.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ingest.dead import DeadLetters, Letter
from ingest.numbers import (
    Numbered,
    Numbers,
    Stream,
    Touched,
    joined,
    numbers,
    parted,
    singly,
)
from ingest.ranges import Range, Ranges, runs
from ingest.wearers import Wearers
from ingest.withdrawn import Withdrawn
from vitals import Instant, Reading, Unavailable

START = Instant(0)
LARGEST = 2**53  # as vitals.model.Seq
MANY = 256  # ranges of one device that `holding` gives unasked
NOTHING = Ranges()

SCHEMA = """
CREATE TABLE IF NOT EXISTS durable (
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (gateway, device, first)
) STRICT, WITHOUT ROWID"""
SWALLOW = "DELETE FROM durable WHERE gateway = ? AND device = ? AND first = ?"
EXTEND = """
INSERT INTO durable VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET last = excluded.last"""
WEARER = """
CREATE TABLE IF NOT EXISTS wearer (  -- who has numbers; see ingest.wearers
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (gateway, device, subject)
) STRICT, WITHOUT ROWID"""
OLDER = (
    "INSERT OR IGNORE INTO wearer SELECT DISTINCT gateway, device, subject FROM owner"
)


class Promised(NamedTuple):
    """What became of the numbers that records bore."""

    granted: Numbers
    disputed: list[Numbered]  # further on than a stranger's can be: not noted


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
        self._wearers: dict[Stream, Wearers] = {}
        self._db: sqlite3.Connection | None = None
        self._given = self._held = 0  # over all streams
        self._version = -1  # of the file, as SQLite counts others' commits
        self.dead, self._withdrawn = DeadLetters(), Withdrawn()
        with self._lock:
            self._open()

    def add(
        self, gateway: str, device: str, seqs: Iterable[int], subject: str = ""
    ) -> None:
        """Note numbers that are durable from now on."""
        self.keep({(gateway, device): {subject: [*seqs]}})

    def keep(
        self,
        durable: Numbers,
        letters: Sequence[Letter] = (),
        now: Instant = START,
        withdrawn: Sequence[Reading] = (),
    ) -> Promised:
        """Note durable numbers, dead letters and withdrawn records, all or nothing.

        Letters bring the numbers that they claim, as far as there is room for them;
        a withdrawn record has its number whether it ever came or not.

        Raises
        ------
        Unavailable
            The disk refused; nothing is noted.
        """
        with self._lock:
            db = self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                self._catch_up(db)
                admitted = self.dead.admit(letters)
                claimed = parted(claim for one in admitted for claim in one.claims)
                gone = numbers(withdrawn)
                promised = self._grant(db, joined([durable, claimed, gone]))
                self.dead.bury(db, admitted, now)
                self._withdrawn.note(db, withdrawn)
                db.execute("COMMIT")
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error
            return promised

    def sift(self, readings: Sequence[Reading]) -> tuple[list[Reading], list[Reading]]:
        """Part readings into those to be kept and those that were withdrawn.

        It is asked of memory, which knows what the file says; it does not block.
        """
        return self._withdrawn.sift(readings)

    def wearers(self, gateway: str, device: str) -> Wearers:
        """Give who has numbers of a device; nobody: an older ledger did not say."""
        with self._lock:
            return self._wearers.get((gateway, device), Wearers())

    def knows(self, gateway: str, device: str, seq: int) -> bool:
        """Tell whether a number is durable already."""
        with self._lock:
            return seq in self._streams.get((gateway, device), ())

    def known(self, borne: Numbers) -> set[Numbered]:
        """Give those numbers that are durable already."""
        found: set[Numbered] = set()
        with self._lock:
            for stream, touched in borne.items():
                ranges = self._streams.get(stream, NOTHING)
                for subject, seqs in touched.items():
                    if min(seqs, default=0) <= ranges.highest:
                        known = (seq for seq in seqs if seq in ranges)
                        found.update(Numbered(*stream, seq, subject) for seq in known)
        return found

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

    def _grant(self, db: sqlite3.Connection, durable: Numbers) -> Promised:
        """Note the numbers that can be."""
        promised = Promised({}, [])
        for stream, touched in durable.items():
            wearers = self._wearers.setdefault(stream, Wearers())
            if not wearers.include(touched.keys()):
                touched, disputed = self._judge(db, stream, touched)
                promised.disputed.extend(disputed)
            if touched:
                promised.granted[stream] = touched
            for first, last in runs(chain.from_iterable(touched.values())):
                self._merge(db, stream, first, last)
        return promised

    def _judge(
        self, db: sqlite3.Connection, stream: Stream, touched: Touched
    ) -> tuple[Touched, list[Numbered]]:
        """Tell the numbers that can be from the others; remember whose they are."""
        granted: Touched = {}
        disputed, wearers = [], self._wearers[stream]
        highest = self._streams.setdefault(stream, Ranges()).highest
        for claim in sorted(singly({stream: touched})):
            if not wearers.admits(claim.subject, claim.seq, highest):
                disputed.append(claim)
                continue
            granted.setdefault(claim.subject, []).append(claim.seq)
            highest = max(highest, claim.seq)
            if wearers.add(claim.subject):
                row = *stream, claim.subject
                db.execute("INSERT OR IGNORE INTO wearer VALUES (?, ?, ?)", row)
        return granted, disputed

    def _merge(
        self, db: sqlite3.Connection, stream: Stream, first: int, last: int
    ) -> None:
        """Add numbers to one stream's ranges."""
        old, new = self._note(stream, first, last)
        if old == [new]:
            return
        if swallowed := [(*stream, begin) for begin, _ in old if begin != new[0]]:
            db.executemany(SWALLOW, swallowed)
        db.execute(EXTEND, (*stream, *new))

    def _open(self) -> sqlite3.Connection:
        """Open the file and read what it says, or go on with it."""
        if self._db is None:
            try:
                self._db = _connect(self._path)
                self.dead.open(self._db)
                self._withdrawn.open(self._db)
                self._load(self._db)
                self._version = -1  # another may write before we do
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error
        return self._db

    def _catch_up(self, db: sqlite3.Connection) -> None:
        """Read again what another process has written: two run during an upgrade."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._clear()
            self.dead.open(db)
            self._withdrawn.open(db)
            self._load(db)
            self._version = version

    def _load(self, db: sqlite3.Connection) -> None:
        """Take the file's ranges into memory."""
        # A ledger of before `Seq` was bounded may hold what no gateway can read.
        db.execute("DELETE FROM durable WHERE last > ?", (LARGEST,))
        for gateway, device, first, last in db.execute("SELECT * FROM durable"):
            self._note((gateway, device), first, last)
        for *names, subject in db.execute("SELECT * FROM wearer"):
            stream = names[0], names[1]
            self._wearers.setdefault(stream, Wearers()).add(subject)

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
        self._clear()

    def _clear(self) -> None:
        self._streams.clear()
        self._wearers.clear()
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
    db.execute(WEARER)
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'owner'").fetchone():
        db.execute("BEGIN IMMEDIATE")
        db.execute(OLDER)
        db.execute("DROP TABLE owner")
        db.execute("COMMIT")
    return db
