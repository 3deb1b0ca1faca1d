"""The store that needs no set-up: one SQLite file with a ladder of rollups.

`record` holds every record whole, as it was on the wire, and is the truth.  `minute`
and `hour` hold what trends need, kept in the same transaction: they change with records
that are new and with no others, so late and repeated ones cannot spoil them.
"""

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ingest.errata import withdraw
from ingest.samples import LONGEST, samples
from ingest.schema import COUNT, INSERT, ROLL, create
from ingest.store import Point, Written
from ingest.trend import HOUR, MINUTE, Window, gather, point, window
from vitals import Instant, Kind, MalformedData, Metric, Reading, Unavailable, wire
from vitals.model import RECORDS

RUNGS = {"minute": MINUTE, "hour": HOUR}
LARGEST = 2**63 - 1  # SQLite's integers
PAGE = 5000  # records that `export` reads at a time

_Row = tuple[int, int, int, int, int, int, str]


class SqliteHistory:
    """Reads the file, also beside the process that writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []

    def trend(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> list[Point]:
        """Give a trend; see `History`."""
        if stop <= start:
            return []
        span = window(start, stop, points)
        for rung, width in reversed(RUNGS.items()):
            if span.width % width == 0:
                return self._rolled(rung, subject, metric, span)
        return self._raw(subject, metric, span)

    def records(
        self,
        subject: str,
        kind: Kind,
        start: Instant,
        stop: Instant,
        after: str | None,
        limit: int,
    ) -> tuple[list[Reading], str | None]:
        """Give readings a page at a time; see `History`."""
        since, last = _cursor(after) if after else (start, 0)
        rows = self._read(
            "SELECT t, record.id, device, payload"
            " FROM record JOIN origin ON origin.id = origin"
            " WHERE series = (SELECT id FROM series WHERE subject = ? AND name = ?)"
            " AND t >= ? AND t < ? AND (t, record.id) > (?, ?)"
            " ORDER BY t, record.id LIMIT ?",
            (subject, kind, max(start, since), stop, since, last, limit + 1),
        )
        page = [_reading(subject, row[2], kind, row[3]) for row in rows[:limit]]
        if len(rows) <= limit or not page:
            return page, None
        return page, f"{rows[limit - 1][0]}.{rows[limit - 1][1]}"

    def latest(self, subject: str) -> list[Reading]:
        """Give the newest reading of each device and kind."""
        rows = self._read(
            "SELECT device, name, payload FROM stream"
            " JOIN series ON series.id = stream.series"
            " JOIN origin ON origin.id = stream.origin"
            " JOIN record ON record.id = stream.record"
            " WHERE subject = ? ORDER BY stream.t, record",
            (subject,),
        )
        # One device may have come through two gateways: the later row wins.
        newest = {(row[0], row[1]): row for row in rows}
        return [_reading(subject, *newest[key]) for key in sorted(newest)]

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""
        rows = self._read("SELECT DISTINCT subject FROM series ORDER BY subject")
        return [row[0] for row in rows]

    def count(self) -> int:
        """Give the number of records."""
        rows = self._read("SELECT coalesce(sum(n), 0) FROM stream")
        return int(rows[0][0]) if rows else 0

    def export(self) -> Iterator[Reading]:
        """Give every reading in the order in which they were stored."""
        last = 0
        # Page by page: one long read would keep the write-ahead log from shrinking.
        while rows := self._read(
            "SELECT subject, device, name, payload, record.id FROM record"
            " JOIN series ON series.id = series JOIN origin ON origin.id = origin"
            " WHERE record.id > ? ORDER BY record.id LIMIT ?",
            (last, PAGE),
        ):
            yield from (_reading(*row[:-1]) for row in rows)
            last = rows[-1][-1]

    def close(self) -> None:
        """Let go of the file."""
        while self._idle:
            self._idle.pop().close()

    def _rolled(
        self, rung: str, subject: str, metric: Metric, span: Window
    ) -> list[Point]:
        """Give a trend from the rows of a rung."""
        rows = self._read(
            "SELECT t / :width * :width, sum(n), min(low), max(high), sum(total),"
            f" sum(seen) FROM {rung} WHERE series ="
            " (SELECT id FROM series WHERE subject = :subject AND name = :name)"
            " AND t >= :start AND t < :stop GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1",
            {"subject": subject, "name": metric.value, **span._asdict()},
        )
        return [point(*row) for row in rows]

    def _raw(self, subject: str, metric: Metric, span: Window) -> list[Point]:
        """Give a trend from the records themselves."""
        rows = self._read(
            "SELECT payload FROM record WHERE series ="
            " (SELECT id FROM series WHERE subject = ? AND name = ?)"
            " AND t >= ? AND t < ?",
            (subject, metric.kind, span.start, span.stop + LONGEST),
        )
        readings = (_reading(subject, "", metric.kind, row[0]) for row in rows)
        inside = (
            sample
            for reading in readings
            for sample in samples(reading)
            if sample.metric is metric and span.start <= sample.t < span.stop
        )
        found = sorted(gather(inside, span.width).items(), key=lambda item: item[0][1])
        return [
            point(t, b.n, b.low, b.high, b.total, b.seen) for (_, t), b in found if b.n
        ]

    def _read(
        self, query: str, values: Sequence[object] | dict[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one query; a store that is not there yet has no rows."""
        try:
            with self._connection() as db:
                return db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if not self._path.exists() or "no such table" in str(error):
                return []
            raise Unavailable(f"{self._path}: {error}") from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one caller; one that failed is not lent again."""
        db = self._idle.pop() if self._idle else self._open()
        try:
            yield db
        except BaseException:
            db.close()
            raise
        self._idle.append(db)

    def _open(self) -> sqlite3.Connection:
        """Open the file for reading."""
        return sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=30,
            isolation_level=None,
            check_same_thread=False,
        )


class SqliteStore(SqliteHistory):
    """Writes the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str], int] = {}
        self._origins: dict[tuple[str, str], int] = {}
        self._db: sqlite3.Connection | None = None

    def write(self, readings: Sequence[Reading]) -> Written:
        """Store readings in one transaction; see `Store`."""
        kept = [r for r in readings if not _too_large(r)]
        refused = [
            (r, f"seq {r.record.seq} is more than a store can count")
            for r in readings
            if _too_large(r)
        ]
        with self._lock:
            fresh = self._commit(kept) if kept else []
        return Written(len(fresh), len(kept) - len(fresh), refused, fresh)

    def withdraw(self, readings: Sequence[Reading]) -> None:
        """Take readings out in one transaction; see `Store`."""
        with self._lock:
            try:
                db = self._writer()
                db.execute("BEGIN IMMEDIATE")
                withdraw(db, readings)
                db.execute("COMMIT")
                self._series.clear()  # one may have gone with its last record
            except sqlite3.Error as error:
                self._forget()
                raise Unavailable(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._forget()
        super().close()

    def _commit(self, readings: Sequence[Reading]) -> list[Reading]:
        """Store readings; give those that were new."""
        try:
            db = self._writer()
            db.execute("BEGIN IMMEDIATE")
            fresh = self._insert(db, readings)
            self._roll(db, fresh)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            # After a failed write what the connection believes about the file cannot
            # be trusted (fsync says so once only): the next attempt opens it afresh.
            self._forget()
            raise Unavailable(f"{self._path}: {error}") from error
        return fresh

    def _insert(
        self, db: sqlite3.Connection, readings: Sequence[Reading]
    ) -> list[Reading]:
        """Insert the records that are new, and count them in their streams."""
        base = db.execute("SELECT coalesce(max(id), 0) + 1 FROM record").fetchone()[0]
        rows = [self._row(db, base + i, r) for i, r in enumerate(readings)]
        db.executemany(INSERT, rows)
        found = db.execute("SELECT id FROM record WHERE id >= ? ORDER BY id", (base,))
        places = [id_ - base for (id_,) in found]
        new = (rows[place] for place in places)
        db.executemany(COUNT, ((row[1], row[3], row[2], row[0]) for row in new))
        return [readings[place] for place in places]

    def _row(self, db: sqlite3.Connection, id_: int, reading: Reading) -> _Row:
        """Give a reading's row of `record`."""
        record, payload = reading.record, wire.encode(reading.record)
        ours = record.gateway is not None and record.seq is not None
        return (
            id_,
            self._series_id(db, reading.subject, reading.kind),
            record.t,
            self._origin_id(db, reading.device, record.gateway or ""),
            record.seq or 0,
            0 if ours else _digest(payload),
            payload.decode(),
        )

    def _roll(self, db: sqlite3.Connection, fresh: Iterable[Reading]) -> None:
        """Add new readings to both rungs of the ladder."""
        subjects: dict[str, list[Reading]] = {}
        for reading in fresh:
            subjects.setdefault(reading.subject, []).append(reading)
        for subject, readings in subjects.items():
            found = [sample for r in readings for sample in samples(r)]
            for rung, width in RUNGS.items():
                rows = [
                    (
                        self._series_id(db, subject, metric.value),
                        *(t, b.n, b.low, b.high, b.total, b.seen),
                    )
                    for (metric, t), b in gather(found, width).items()
                ]
                db.executemany(ROLL.format(rung=rung), rows)

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
            self._db = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk.  NORMAL loses all recent ones with the
            # power.
            self._db.execute("PRAGMA synchronous = FULL")
            create(self._db)
        return self._db

    def _forget(self) -> None:
        """Drop the connection and what was learned through it."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._series.clear()
        self._origins.clear()


def _number(db: sqlite3.Connection, table: str, names: tuple[str, str]) -> int:
    """Give the id of a row of names, which is made if it is new."""
    db.execute(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING", names)
    name, columns = table.split(" ", 1)
    found = db.execute(f"SELECT id FROM {name} WHERE {columns} = (?, ?)", names)
    return int(found.fetchone()[0])


def _reading(subject: str, device: str, kind: str, payload: str) -> Reading:
    """Rebuild a reading from its row."""
    record = wire.read(RECORDS[Kind(kind)], payload.encode())
    return Reading(subject, device, record)


def _digest(payload: bytes) -> int:
    """Tell records without a seq apart; never 0 in practice, and harmless if it is."""
    return int.from_bytes(blake2b(payload, digest_size=8).digest(), signed=True)


def _too_large(reading: Reading) -> bool:
    """Tell whether a reading's seq is beyond SQLite's integers."""
    return (reading.record.seq or 0) > LARGEST


def _cursor(text: str) -> tuple[int, int]:
    """Read a page's cursor: time and number of its last record."""
    if not re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,18}", text):
        raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
    t, last = text.split(".")
    return int(t), int(last)
