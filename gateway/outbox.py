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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.boot import identity
from gateway.file import ROWS, File
from gateway.filing import Content, Filing
from gateway.notification import Notification, Row
from gateway.room import Full, Keep, Room
from gateway.sharing import Sharing
from gateway.tally import Range
from vitals import Instant, MalformedData, Reading, Unavailable
from vitals.assignments import Assignments
from vitals.config import Wearable
from vitals.model import Assign, CheckIn
from vitals.wire import encode, record_topic

__all__ = ["Full", "Keep", "Notification", "Outbox", "Row"]

STAYS = "record.id NOT IN (SELECT given FROM withdrawal)"  # it is whose we thought
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
        boot: str = "",
    ) -> None:
        """Open or make the file; `synchronous` is for tests' negative controls.

        `boot` is the identity of the machine's boot; "": it is asked for.

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
        self._filing = Filing(self._file, gateway, boot or identity())
        self.sharing = Sharing(self._file, self._filing)
        self._released: set[int] = set()  # not yet deleted
        self.held_back = 0  # of the latest that were added: nobody knows whose
        self._before = self._file.tally.last
        self._ahead = self._unfolded = 0

    # -- in ----------------------------------------------------------------------------

    def add(self, notifications: Sequence[Notification]) -> list[Row]:
        """Give the records their numbers and make them durable, all or none.

        What a wearable said before, and only says again, gets no second row.  What may
        be anybody's is durable too, and gets its number when that is known.

        Raises
        ------
        sqlite3.Error
            They are not on disk, and no number has been given away.
        """
        full = self._room.full  # what is released goes before anything else does
        swept = set(self._released) if full or len(self._released) >= SWEEP else set()
        now, known = _now(notifications), self._file.tally.last
        try:
            with self._file.transaction():
                self._delete(swept)
                found = [self._insert(n) for n in notifications if self._is_new(n)]
                gone = self._room.make(len(found), now, known) if found else []
                if self._ahead + len(found) >= MARK:
                    self._room.tidy(now, known)
                    self._file.mark()
                    self._ahead = 0
        except sqlite3.Error:
            self._filing.forget()
            raise
        rows = [row for row in found if row]
        self.held_back = len(found) - len(rows)
        self._released.difference_update(swept, gone)
        self._ahead += len(found)
        self._unfolded += 2 + len(found) // 20
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

    def _insert(self, one: Notification) -> Row | None:
        """File a record; one of which nobody knows whose it is waits instead."""
        reading = one.reading
        if not reading.subject:
            return self.sharing.take(one)
        content = Content(
            device=reading.device,
            topic=record_topic(reading),
            characteristic=one.characteristic,
            payload=encode(reading.record),
            raw=one.raw,
            heard=one.heard_ms,
            boot=self._filing.boot(),
        )
        return self._filing.record(content, one.heard)

    # -- out ---------------------------------------------------------------------------

    def pending(self, after: int, limit: int) -> list[Row]:
        """Give records with an id above `after`, oldest first."""
        self._sweep()
        while True:
            found = self._file.execute(
                f"{ROWS} AND {STAYS} ORDER BY record.id LIMIT ?", (after, limit)
            ).fetchall()
            rows = [
                Row(number, device, seq, topic, self._filing.numbered(seq, payload))
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
        self._file.each("UPDATE given SET seq = ? WHERE id = ?", fresh)
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

    # -- of wearables that many share --------------------------------------------------

    def configure(self, wearables: Iterable[Wearable], now: Instant) -> list[Row]:
        """Follow the configuration's user slots; give what that makes somebody's."""
        with self._change():
            self._room.tidy(now, self._file.tally.last)
            return self.sharing.configure(wearables, now)

    def check_in(self, said: CheckIn, now: Instant) -> list[Row] | None:
        """Let a wearable measure somebody; None: that was done already."""
        with self._change():
            known = self.sharing.trail.knows(said.id)
            return None if known else self.sharing.check_in(said, now)

    def assign(self, said: Assign, now: Instant) -> list[Row] | None:
        """Correct whose readings are; None: that was done already."""
        with self._change():
            known = self.sharing.trail.knows(said.id)
            return None if known else self.sharing.assign(said, now)

    def withdrawals(self) -> list[Reading]:
        """Give the records that are to be taken away from whom they were given to."""
        return self.sharing.withdrawals()

    def withdrawn(self, devices: Mapping[str, Sequence[Range]]) -> int:
        """Forget what ingest has taken away; give how many."""
        with self._change():
            return sum(self.sharing.withdrawn(*one) for one in devices.items())

    def assignments(self, now: Instant, limit: int) -> Assignments:
        """Give the newest of what waits, and of the audit trail."""
        sharing = self.sharing
        waiting, trail = sharing.unassigned(limit), sharing.trail.newest(limit)
        return Assignments(t=now, waiting=waiting, trail=trail)

    @property
    def unassigned(self) -> Mapping[str, int]:
        """By device, how many readings may be anybody's."""
        return self._file.tally.unassigned

    @contextmanager
    def _change(self) -> Iterator[None]:
        try:
            with self._file.transaction():
                yield
        except (sqlite3.Error, MalformedData):
            self._filing.forget()
            raise

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
        self._filing.forget()
        self._file.reopen()

    def close(self) -> None:
        """Close the file."""
        self._sweep()
        self._file.close()


def _now(notifications: Iterable[Notification]) -> Instant:
    """Give the time: the latest at which anything was received."""
    return Instant(max(one.reading.record.received or 0 for one in notifications))
