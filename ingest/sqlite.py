"""The store that needs no set-up: one SQLite file with a ladder of rollups.

`record` holds every record and is the truth.  `minute` and `hour` hold what trends
need, kept in the same transaction: they change with records that are new and with no
others, so late and repeated ones cannot spoil them.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingest import erasure, errata, expiry, sqlite_variability, upgrade
from ingest.rows import Row, row, storable
from ingest.samples import samples
from ingest.schema import COUNT, INSERT, ROLL, RUNG_SLOTS, RUNGS
from ingest.sqlite_history import SqliteHistory
from ingest.store import Written
from ingest.trend import HOUR, MINUTE, coarser, gather
from vitals import Instant, Metric, Reading, Unavailable
from vitals.config import Store as Settings

Fresh = list[tuple[Row, Reading]]


class SqliteStore(SqliteHistory):
    """Writes the file."""

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        super().__init__(path, settings)
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str], int] = {}
        self._origins: dict[tuple[str, str], int] = {}
        self._kept: dict[str, int] = {}
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file now, and bring an older one up to date.

        Raises
        ------
        Unavailable
            It cannot be opened, or is a newer program's.
        """
        with self._writing():
            pass

    def write(self, readings: Sequence[Reading]) -> Written:
        """Store readings in one transaction; see `Store`."""
        with self._writing() as db:
            kept, refused = self._sort(readings)
            fresh = self._commit(db, kept) if kept else []
        return Written(len(fresh), len(kept) - len(fresh), refused, fresh)

    def withdraw(self, readings: Sequence[Reading]) -> None:
        """Take readings out in one transaction; see `Store`."""
        with self._writing() as db:
            db.execute("BEGIN IMMEDIATE")
            errata.withdraw(db, readings, self._unreadable)
            db.execute("COMMIT")

    @property
    def unreadable(self) -> int:
        """How many rows could not be read; see `Store`."""
        return len(self._unreadable)

    def erase(self, subject: str) -> str:
        """Delete all of a person; see `Store`."""
        with self._writing() as db:
            erasure.erase(db, subject)
        return ""

    def tend(self, now: Instant) -> bool:
        """Drop what is older than its rung is kept; roll variability that is due."""
        with self._writing() as db:
            moved = expiry.drop(db, self._settings, now)
            moved |= sqlite_variability.roll(db, self._settings, now, self._unreadable)
            self._kept = expiry.kept(db)  # another may have moved them
        return moved

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._forget()
        super().close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to one writer.

        After a failure what the connection believes about the file cannot be trusted
        (fsync says so once only), and its transaction is open: the next attempt opens
        it afresh, whatever has failed.
        """
        with self._lock:
            try:
                yield self._writer()
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error
            except BaseException:
                self._forget()
                raise

    def _sort(
        self, readings: Iterable[Reading]
    ) -> tuple[list[Reading], list[tuple[Reading, str]]]:
        """Divide readings into those to store and those refused, with the reason."""
        kept, refused = [], []
        for reading in readings:
            if not storable(reading):
                why = f"seq {reading.record.seq} is more than a store can count"
                refused.append((reading, why))
            elif expiry.gone(reading, self._kept):
                refused.append((reading, "older than the store keeps records"))
            else:
                kept.append(reading)
        return kept, refused

    def _commit(
        self, db: sqlite3.Connection, readings: Sequence[Reading]
    ) -> list[Reading]:
        """Store readings; give those that were new."""
        db.execute("BEGIN IMMEDIATE")
        fresh = self._insert(db, readings)
        _count(db, fresh)
        self._roll(db, [reading for _, reading in fresh])
        db.execute("COMMIT")
        return [reading for _, reading in fresh]

    def _insert(self, db: sqlite3.Connection, readings: Iterable[Reading]) -> Fresh:
        """Insert the records that are new; give them."""
        rows = [(self._row(db, reading), reading) for reading in readings]
        rows.sort(key=lambda pair: pair[0][:6])  # page by page
        return [pair for pair in rows if db.execute(INSERT, pair[0]).rowcount]

    def _row(self, db: sqlite3.Connection, reading: Reading) -> Row:
        """Give a reading's row of `record`."""
        series = self._series_id(db, reading.subject, reading.kind)
        origin = self._origin_id(db, reading.device, reading.record.gateway or "")
        return row(reading, series, origin)

    def _roll(self, db: sqlite3.Connection, fresh: Iterable[Reading]) -> None:
        """Add new readings to both rungs of the ladder."""
        subjects: dict[str, list[Reading]] = {}
        for reading in fresh:
            subjects.setdefault(reading.subject, []).append(reading)
        rows: dict[str, list[tuple[object, ...]]] = {rung: [] for rung in RUNGS}
        due: list[tuple[int, int]] = []
        for subject, readings in subjects.items():
            found = (sample for reading in readings for sample in samples(reading))
            minutes = gather(found, MINUTE)
            due += self._beating(db, subject, minutes)
            for rung, buckets in zip(
                RUNGS, (minutes, coarser(minutes, HOUR)), strict=True
            ):
                slot = RUNGS[rung] * RUNG_SLOTS
                for (metric, t), b in buckets.items():
                    series = self._series_id(db, subject, metric.value)
                    sums = b.n, b.low, b.high, b.total, b.seen
                    rows[rung].append((t // slot, series, t, *sums))
        for rung in RUNGS:
            db.executemany(ROLL.format(rung=rung), rows[rung])
        sqlite_variability.mark(db, due)

    def _beating(
        self,
        db: sqlite3.Connection,
        subject: str,
        minutes: Iterable[tuple[Metric, int]],
    ) -> list[tuple[int, int]]:
        """Give the minutes that have intervals, with the intervals' series."""
        starts = [t for metric, t in minutes if metric is Metric.RR_INTERVAL]
        if not starts:
            return []
        series = self._series_id(db, subject, Metric.RR_INTERVAL.value)
        return [(t, series) for t in starts]

    def _series_id(self, db: sqlite3.Connection, subject: str, name: str) -> int:
        """Give the number of a series, a new one for a new series."""
        if (known := self._series.get((subject, name))) is None:
            known = self._series[subject, name] = _number(
                db, "series (subject, name)", (subject, name)
            )
        return known

    def _origin_id(self, db: sqlite3.Connection, device: str, gateway: str) -> int:
        """Give the number of an origin, a new one for a new origin."""
        if (known := self._origins.get((device, gateway))) is None:
            known = self._origins[device, gateway] = _number(
                db, "origin (device, gateway)", (device, gateway)
            )
        return known

    def _writer(self) -> sqlite3.Connection:
        """Open the file for writing, or go on with it."""
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                upgrade.refuse_newer(db, self._path)
                db.execute("PRAGMA journal_mode = WAL")
                # FULL: a commit is on the disk.  NORMAL loses all recent ones with
                # the power.
                db.execute("PRAGMA synchronous = FULL")
                upgrade.bring_up(db, self._path, self._unreadable)
                sqlite_variability.create(db)
                self._kept = expiry.kept(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _forget(self) -> None:
        """Drop the connection and what was learned through it."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._series.clear()
        self._origins.clear()


def _count(db: sqlite3.Connection, fresh: Fresh) -> None:
    """Count new records in their streams, and note the newest of each."""
    streams: dict[tuple[int, int], list[Row]] = {}
    for new, _ in fresh:
        streams.setdefault((new.series, new.origin), []).append(new)
    counts = []
    for stream, rows in streams.items():  # by series in order of time, as inserted
        newest = rows[-1]
        counts.append(
            (*stream, len(rows), rows[0].t, newest.t, newest.seq, newest.digest)
        )
    db.executemany(COUNT, counts)


def _number(db: sqlite3.Connection, table: str, names: tuple[str, str]) -> int:
    """Give the id of a row of names, which is made if it is new."""
    name, columns = table.split(" ", 1)
    db.execute(
        f"INSERT INTO {name} {columns} VALUES (?, ?) ON CONFLICT DO NOTHING", names
    )
    found = db.execute(f"SELECT id FROM {name} WHERE {columns} = (?, ?)", names)
    return int(found.fetchone()[0])
