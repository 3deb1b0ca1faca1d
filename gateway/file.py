"""The outbox's file: SQLite in WAL, `synchronous=FULL`; and what is known by heart.

A transaction is durable when it has ended (DESIGN section 6.1).  After a disk's error
the file is opened anew: the system calls pages clean that a failed fsync has not
written (Rebello et al., USENIX ATC 2020); going on with that descriptor proves nothing.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway import schema
from gateway.tally import Range, Tally
from vitals.wire import encode

ROWS = "SELECT record.id, device, seq, topic, payload FROM record JOIN stream"
ROWS += " ON stream.id = record.stream WHERE record.id > ?"


class File:
    """One open file; every method may raise sqlite3.Error."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self.path, self._synchronous = path, synchronous
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        self.tally = self._read_tally()

    def execute(self, sql: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Do one thing."""
        return self._db.execute(sql, tuple(values))

    def each(self, sql: str, rows: Iterable[Iterable[Any]]) -> int:
        """Do one thing many times; give how many rows it changed."""
        return self._db.executemany(sql, [tuple(row) for row in rows]).rowcount

    @contextmanager
    def transaction(self) -> Iterator[Tally]:
        """Make all that happens in a block durable, or none of it, tally included."""
        before = self.tally.copy()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self.tally
            self._db.execute("COMMIT")
        except BaseException:
            self.tally = before
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def mark(self) -> None:
        """Write down what the records alone will not tell when some are deleted."""
        tally = self.tally
        self.each(
            "INSERT INTO sequence VALUES (?1, ?2)"
            " ON CONFLICT(device) DO UPDATE SET next = ?2 WHERE next <> ?2",
            tally.next.items(),
        )
        self.execute(
            "INSERT OR REPLACE INTO mark VALUES (1, ?, ?, ?)",
            (tally.last, tally.waiting, tally.gone),
        )

    def size(self) -> int:
        """Give the octets in use; deleted records leave free pages behind."""
        return (self._number("page_count") - self.spare) * self._number("page_size")

    @property
    def spare(self) -> int:
        """How many pages can be filled without asking the disk for room."""
        return self._number("freelist_count")

    def disk_free(self) -> int:
        """Give the octets that the disk has left."""
        with _as_sqlites():
            disk = os.statvfs(self.path.parent)
        return disk.f_bavail * disk.f_frsize

    def fold(self) -> None:
        """Move the write-ahead log's pages to where they belong.

        SQLite would do it by itself, and swallow the disk's errors.
        """
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def reopen(self) -> None:
        """Go on from what the disk has, not the page cache, and check all of it."""
        self._let_go()
        for path in (self.path, Path(f"{self.path}-wal")):
            _uncache(path)
        self._open()
        [(verdict,)] = self._db.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            self.close()
            raise sqlite3.DatabaseError(f"{self.path} is damaged: {verdict}")
        self._take_back()

    def close(self) -> None:
        """Close the file, whatever the disk says."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _let_go(self) -> None:
        """Close, and leave the write-ahead log to whoever opens the file next.

        At the last connection's close SQLite folds the log in, for which it would sync
        the descriptor that has just failed.  A reader makes that it is not the last;
        the reader's own close cannot fold, for it cannot write.
        """
        with suppress(sqlite3.Error):
            reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
            with closing(reader):
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM mark").fetchall()
                self._db.close()
        self.close()

    def _take_back(self) -> None:
        """Remove what a transaction that failed may have left: it was not confirmed.

        Its numbers have not been published, so they are given again.
        """
        found = self._read_tally()
        with self.transaction() as tally:
            self.execute("DELETE FROM record WHERE id > ?", (tally.last,))
            self.execute("DELETE FROM heard WHERE id > ?", (tally.heard,))
            tally.dropped, tally.gone = found.dropped, found.gone
            [(tally.waiting,)] = self.execute("SELECT count(*) FROM record")
            self.mark()  # before: the audit trail keeps what is marked
            for table in schema.SHARED:
                self.execute(f"DELETE FROM {table} WHERE id > ?", (tally.last,))
            tally.unassigned = self._read_unassigned()

    def _open(self) -> None:
        self._db = db = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        db.execute("PRAGMA wal_autocheckpoint=0")
        schema.prepare(db)
        with _as_sqlites():
            _sync_folder(self.path.parent)

    def _number(self, pragma: str) -> int:
        return int(self._db.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _read_tally(self) -> Tally:
        """Add up what was marked and what has come since."""
        mark = self.execute("SELECT upto, waiting, gone FROM mark").fetchone()
        upto, waiting, gone = mark or (0, 0, 0)
        ranges = self.execute("SELECT device, ranges FROM dropped")
        tally = Tally(
            dict(self.execute("SELECT device, next FROM sequence")),
            {d: msgspec.json.decode(r, type=tuple[Range, ...]) for d, r in ranges},
            last=upto,
            heard=self.execute("SELECT ifnull(max(id), 0) FROM heard").fetchone()[0],
            waiting=waiting,
            gone=gone,
            unassigned=self._read_unassigned(),
        )
        for number, device, seq, *_ in self.execute(ROWS, (upto,)):
            tally.next[device] = max(tally.next.get(device, 1), seq + 1)
            tally.last = max(tally.last, number)
            tally.waiting += 1
        for table in schema.SHARED:
            [(last,)] = self.execute(f"SELECT ifnull(max(id), 0) FROM {table}")
            tally.last = max(tally.last, last)
        return tally

    def _read_unassigned(self) -> dict[str, int]:
        """Count, by device, the readings of which nobody knows whose they are."""
        return dict(
            self.execute(
                f"SELECT device, count(*) FROM {schema.READINGS}"
                " WHERE subject IS NULL GROUP BY device"
            )
        )

    def save_dropped(self, devices: Iterable[str]) -> None:
        """Write down which numbers had to go."""
        dropped = self.tally.dropped
        rows = [(device, encode(dropped[device])) for device in devices]
        self.each("INSERT OR REPLACE INTO dropped VALUES (?, ?)", rows)


@contextmanager
def _as_sqlites() -> Iterator[None]:
    """Let an error of the disk be one of SQLite's: everybody waits for those."""
    try:
        yield
    except OSError as error:
        raise sqlite3.OperationalError(f"disk I/O error: {error}") from error


def _uncache(path: Path) -> None:
    """Make the next read come from the disk."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
