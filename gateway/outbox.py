"""Records on disk from the moment we have them until ingest says they are durable.

What `add` has returned survives a power cut.  Numbers are given here, per device, from
1 and without gaps.  All calls block; the recorder makes them in a thread of its own.

An SD card wears with what is written, so a transaction of streamed records writes one
page: records lie in the order of arrival and have no index, their numbers are beside
them (`sequence` is brought up to date before a record is deleted), and what is released
is deleted together, later.  A crash in between means that some records are published
again, which changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.file import ROWS, File
from gateway.notification import Notification, Row
from gateway.room import Full, Keep, Room
from gateway.tally import Range
from vitals import Instant, Unavailable
from vitals.wire import encode, record_topic

__all__ = ["Full", "Keep", "Notification", "Outbox", "Row"]

HEARD = 100_000  # values remembered, to know one that is said again
SWEEP = 256  # released records that are deleted together
MARK = 1000  # records that may be ahead of `sequence`
FOLD = 500  # pages in the write-ahead log, about, before they go where they belong


class Outbox:
    """The records that ingest has not yet committed."""

    def __init__(
        self,
        path: Path,
        gateway: str,
        keep: Keep = Keep(),  # noqa: B008 - immutable
        synchronous: str = "FULL",
    ) -> None:
        """Open or make the file; `synchronous` is for tests' negative controls.

        Raises
        ------
        Unavailable
            The file cannot be opened; the text says what to do.
        """
        try:
            self._file = File(path, synchronous)
        except (OSError, sqlite3.Error) as error:
            advice = "is the folder there, is the disk full?"
            raise Unavailable(
                f"{path}: cannot keep records: {error}; {advice}"
            ) from error
        self._room = Room(self._file, keep)
        self._head = b'{"gateway":%s,"seq":' % encode(gateway)
        self._released: set[int] = set()  # not yet deleted
        self._streams: dict[tuple[str, str], int] = {}
        self._before = self._file.tally.last
        self._ahead = self._unfolded = 0

    # -- in ----------------------------------------------------------------------------

    def add(self, notifications: Sequence[Notification]) -> list[Row]:
        """Give the records their numbers and make them durable, all or none.

        What a wearable said before, and only says again, gets no second row.

        Raises
        ------
        sqlite3.Error
            They are not on disk, and no number has been given away.
        """
        full = self._room.full  # what is released goes before anything else does
        swept = set(self._released) if full or len(self._released) >= SWEEP else set()
        try:
            with self._file.transaction():
                self._delete(swept)
                rows = [self._insert(one) for one in notifications if self._is_new(one)]
                gone = self._room.make(len(rows), _now(notifications)) if rows else []
                if self._ahead + len(rows) >= MARK:
                    self._file.mark()
                    self._ahead = 0
        except sqlite3.Error:
            self._streams.clear()  # one of them may be gone with the transaction
            raise
        self._released.difference_update(swept, gone)
        self._ahead += len(rows)
        self._unfolded += 2 + len(rows) // 20
        return rows

    def _is_new(self, one: Notification) -> bool:
        """Remember a measurement; False when it is known already."""
        if not one.told_once:
            return True
        inserted = self._file.execute(
            "INSERT OR IGNORE INTO heard(device, characteristic, raw) VALUES (?, ?, ?)",
            (one.reading.device, one.characteristic, one.raw),
        )
        if inserted.rowcount and inserted.lastrowid:
            self._file.tally.heard = inserted.lastrowid
            oldest = inserted.lastrowid - HEARD
            self._file.execute("DELETE FROM heard WHERE id < ?", (oldest,))
        return bool(inserted.rowcount)

    def _insert(self, one: Notification) -> Row:
        tally, device = self._file.tally, one.reading.device
        topic, payload = record_topic(one.reading), encode(one.reading.record)
        stream = self._stream(device, topic, one.characteristic)
        number, seq = tally.take(device)
        self._file.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
            (number, stream, seq, payload, one.raw),
        )
        return Row(number, device, seq, topic, self._numbered(seq, payload), one.heard)

    def _stream(self, device: str, topic: str, characteristic: str) -> int:
        """Give a stream's number: its name is written once, not with each record."""
        name = topic, characteristic
        if name not in self._streams:
            self._file.execute(
                "INSERT OR IGNORE INTO stream(device, topic, characteristic)"
                " VALUES (?, ?, ?)",
                (device, *name),
            )
            found = self._file.execute("SELECT topic, characteristic, id FROM stream")
            self._streams = {(topic, what): number for topic, what, number in found}
        return self._streams[name]

    def _numbered(self, seq: int, payload: bytes) -> bytes:
        """Put the number into a record's JSON; it is not kept twice."""
        return b"%s%d,%s" % (self._head, seq, payload[1:])

    # -- out ---------------------------------------------------------------------------

    def pending(self, after: int, limit: int) -> list[Row]:
        """Give records with an id above `after`, oldest first."""
        self._sweep()
        while True:
            found = self._file.execute(
                f"{ROWS} ORDER BY record.id LIMIT ?", (after, limit)
            ).fetchall()
            rows = [
                Row(number, device, seq, topic, self._numbered(seq, payload))
                for number, device, seq, topic, payload in found
                if number not in self._released
            ]
            if rows or not found:
                return rows
            after = found[-1][0]

    def release(self, ids: Iterable[int]) -> None:
        """Forget what ingest has committed; from the disk it goes with the next."""
        self._released.update(ids)

    def reconcile(
        self, highest: Mapping[str, int], *, renumber: bool
    ) -> tuple[int, int]:
        """Go on behind the numbers that ingest knows; give (renumbered, not believed).

        With `renumber`, to be asked for before anything is published, the new records
        of this run that took such a number get another: only a file from an old backup
        can hold them.
        """
        tally = self._file.tally
        believed = {d: last for d, last in highest.items() if tally.skip(d, last)}
        count = 0
        if renumber:
            with self._file.transaction():
                count = sum(self._renumber(*taken) for taken in believed.items())
                self._file.mark()
        return count, len(highest) - len(believed)

    def _renumber(self, device: str, last: int) -> int:
        taken = self._file.execute(
            f"{ROWS} AND device = ? AND seq <= ? ORDER BY record.id",
            (self._before, device, last),
        ).fetchall()
        fresh = [(self._file.tally.number(device), row[0]) for row in taken]
        self._file.each("UPDATE record SET seq = ? WHERE id = ?", fresh)
        return len(taken)

    def _sweep(self) -> None:
        """Delete what is released, if the disk lets us: to read on we need not."""
        with suppress(sqlite3.Error):
            if self._released:
                with self._file.transaction():
                    self._delete(self._released)
                self._released.clear()
        if len(self._released) > 100 * SWEEP:
            self._released.clear()  # memory has an end; they are published again

    def _delete(self, ids: Iterable[int]) -> None:
        if ids:
            rows = [(one,) for one in ids]
            gone = self._file.each("DELETE FROM record WHERE id = ?", rows)
            self._file.tally.waiting -= gone
            self._file.mark()

    # -- the whole ---------------------------------------------------------------------

    def count(self) -> int:
        """Give the number of records waiting for their commit."""
        self._sweep()
        return max(0, self._file.tally.waiting - len(self._released))

    @property
    def dropped(self) -> Mapping[str, tuple[Range, ...]]:
        """By device, the newest ranges of numbers that had to go."""
        return self._file.tally.dropped

    @property
    def gone(self) -> int:
        """How many records had to go, ever."""
        return self._file.tally.gone

    @property
    def unfolded(self) -> bool:
        """Tell whether the write-ahead log has grown enough to be folded in."""
        return self._unfolded >= FOLD

    def fold(self) -> None:
        """Move the write-ahead log's pages to where they belong."""
        self._file.fold()
        self._unfolded = 0

    def reopen(self) -> None:
        """Start again from what the disk really has.

        Raises
        ------
        sqlite3.Error
            The disk refuses still; to be tried again later.
        """
        self._streams.clear()
        self._file.reopen()

    def close(self) -> None:
        """Close the file."""
        self._sweep()
        self._file.close()


def _now(notifications: Iterable[Notification]) -> Instant:
    """Give the time: the latest at which anything was received."""
    return Instant(max(one.reading.record.received or 0 for one in notifications))
