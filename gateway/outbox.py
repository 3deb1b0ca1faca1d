"""Records on disk from the moment we have them until ingest says they are durable.

SQLite in WAL with `synchronous=FULL`: what `add` has returned survives a power cut
(DESIGN section 6.1).  Numbers are given here, per device, from 1 and without gaps.  All
calls block; the recorder makes them in a thread of its own.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from vitals import Reading, Unavailable
from vitals.wire import Message, encode, record_topic, unpack

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL, seq INTEGER NOT NULL,
    topic TEXT NOT NULL, payload BLOB NOT NULL,
    characteristic TEXT NOT NULL, raw BLOB NOT NULL,
    UNIQUE(device, seq));
CREATE TABLE IF NOT EXISTS heard(
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL, characteristic TEXT NOT NULL, raw BLOB NOT NULL,
    UNIQUE(device, characteristic, raw));
CREATE TABLE IF NOT EXISTS sequence(device TEXT PRIMARY KEY, next INTEGER NOT NULL);
"""


HEARD = 100_000  # values remembered, to know one that is said again


class Notification(Struct, frozen=True):
    """What a wearable said, decoded, beside its raw bytes."""

    reading: Reading
    characteristic: str  # UUID
    raw: bytes
    heard: float = 0.0  # s, monotonic

    @property
    def told_once(self) -> bool:
        """Tell whether the same bytes again are the same measurement again.

        A wearable that stamps a measurement says it again when our confirmation was
        lost.  A heart rate of 72 twice is two measurements.
        """
        return self.reading.record.device_t is not None


class Row(Struct, frozen=True):
    """A record in the outbox."""

    id: int  # in order of arrival
    device: str
    seq: int
    topic: str
    payload: bytes
    heard: float | None = None  # s, monotonic; None once it has been read back


class Outbox:
    """The records that ingest has not yet committed."""

    def __init__(self, path: Path, gateway: str, synchronous: str = "FULL") -> None:
        """Open or make the file; `synchronous` is for tests' negative controls."""
        self._gateway = gateway
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={synchronous}")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            advice = "is the folder there, is the disk full?"
            raise Unavailable(
                f"{path}: cannot keep records: {error}; {advice}"
            ) from error
        self._next = dict(self._db.execute("SELECT device, next FROM sequence"))
        [(self._before,)] = self._db.execute("SELECT ifnull(max(id), 0) FROM outbox")

    def add(self, notifications: Sequence[Notification]) -> list[Row]:
        """Give the records their numbers and make them durable, all or none.

        What a wearable said before, and only says again, gets no second row.

        Raises
        ------
        sqlite3.Error
            They are not on disk, and no number has been given away.
        """
        before = dict(self._next)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            rows = [self._insert(one) for one in notifications if self._is_new(one)]
            self._db.executemany(
                "INSERT INTO sequence VALUES (?1, ?2)"
                " ON CONFLICT(device) DO UPDATE SET next = ?2",
                [(row.device, self._next[row.device]) for row in rows],
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._next = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return rows

    def _is_new(self, one: Notification) -> bool:
        """Remember a measurement; False when it is known already."""
        if not one.told_once:
            return True
        inserted = self._db.execute(
            "INSERT OR IGNORE INTO heard(device, characteristic, raw) VALUES (?, ?, ?)",
            (one.reading.device, one.characteristic, one.raw),
        )
        if inserted.rowcount and inserted.lastrowid:
            oldest = inserted.lastrowid - HEARD
            self._db.execute("DELETE FROM heard WHERE id < ?", (oldest,))
        return bool(inserted.rowcount)

    def _insert(self, one: Notification) -> Row:
        reading, device = one.reading, one.reading.device
        seq = self._next.get(device, 1)
        self._next[device] = seq + 1
        numbered = replace(reading.record, gateway=self._gateway, seq=seq)
        topic, payload = record_topic(reading), encode(numbered)
        number = self._db.execute(
            "INSERT INTO outbox(device, seq, topic, payload, characteristic, raw)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (device, seq, topic, payload, one.characteristic, one.raw),
        ).lastrowid
        return Row(number or 0, device, seq, topic, payload, one.heard)

    def pending(self, after: int, limit: int) -> list[Row]:
        """Give records with an id above `after`, oldest first."""
        found = self._db.execute(
            "SELECT id, device, seq, topic, payload FROM outbox"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [Row(*columns) for columns in found]

    def release(self, device: str, ranges: Iterable[tuple[int, int]]) -> int:
        """Forget what ingest has committed; give how many records that were."""
        ranges = list(ranges)
        self._db.execute("BEGIN IMMEDIATE")
        gone = sum(
            self._db.execute(
                "DELETE FROM outbox WHERE device = ? AND seq BETWEEN ? AND ?",
                (device, first, last),
            ).rowcount
            for first, last in ranges
        )
        self._never_reuse(device, max((last for _, last in ranges), default=0))
        self._db.execute("COMMIT")
        return gone

    def reconcile(self, device: str, last: int) -> int:
        """Give new numbers to records that took one which ingest already knows.

        To be called with the highest committed number before anything is published:
        only a file from an old backup can then hold a new record under an old number.
        Gives how many records that were.
        """
        self._db.execute("BEGIN IMMEDIATE")
        taken = self._db.execute(
            "SELECT id, topic, payload FROM outbox"
            " WHERE device = ? AND seq <= ? AND id > ? ORDER BY id",
            (device, last, self._before),
        ).fetchall()
        self._never_reuse(device, last)
        for number, topic, payload in taken:
            self._renumber(number, device, Message(topic, payload))
        self._db.execute("COMMIT")
        return len(taken)

    def _renumber(self, number: int, device: str, message: Message) -> None:
        [reading] = unpack(message)
        seq = self._next[device]
        self._never_reuse(device, seq)
        payload = encode(replace(reading.record, seq=seq))
        self._db.execute(
            "UPDATE outbox SET seq = ?, payload = ? WHERE id = ?",
            (seq, payload, number),
        )

    def _never_reuse(self, device: str, last: int) -> None:
        """Go on from what ingest has: our own file may come from an old backup."""
        if last >= self._next.get(device, 1):
            self._next[device] = last + 1
            self._db.execute(
                "INSERT INTO sequence VALUES (?1, ?2)"
                " ON CONFLICT(device) DO UPDATE SET next = ?2",
                (device, last + 1),
            )

    def count(self) -> int:
        """Give the number of records waiting for their commit."""
        return int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()
