"""Reads the SQLite store, also beside the process that writes it."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest import erasure, errata, schema, sqlite_variability
from ingest.rows import COLUMNS, LARGEST, NAMES, Unreadable, named, readable
from ingest.samples import LONGEST, METRICS, samples
from ingest.schema import RECORD_SLOTS, RUNG_SLOTS, RUNGS, WALK
from ingest.store import Point
from ingest.trend import HOUR, Window, finest, gather, point, window
from vitals import Instant, Kind, MalformedData, Metric, Reading, Unavailable, wire
from vitals.config import Store as Settings
from vitals.model import RECORDS

PAGE = 5000  # records that `export` reads at a time
SLOTS = 64  # that the first look for records goes through; then twice as many
MOST_SLOTS = 65_536

SERIES = "(SELECT id FROM series WHERE subject = :subject AND name = :name)"
Place = tuple[int, int, int, int]
"""Where a record stands in its series: t, origin, seq, digest."""


class SqliteHistory:
    """What the file holds; see `ingest.store` for what its methods do."""

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        self._path = path
        self._settings = settings or Settings()
        self._idle: list[sqlite3.Connection] = []
        self._unreadable = Unreadable()

    def trend(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> list[Point]:
        """Give a trend from the coarsest rung that its buckets allow."""
        if stop <= start:
            return []
        span = window(start, stop, points, self._finest(metric, start))
        for rung, width in reversed(RUNGS.items()):
            if span.width % width == 0:
                return self._rolled(rung, subject, metric, span)
        return self._raw(subject, metric, span)

    def stamp(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> str | None:
        """Name the buckets, the streams that fill them, and what was taken away.

        Every new record counts in its stream, late ones too.  Corrections are numbered
        as they are kept, and age moves a horizon: no state comes a second time.  What
        is still to be rolled becomes less until a record comes.
        """
        span = window(start, stop, points, self._finest(metric, start))
        streams = self._read(
            "SELECT origin, n, first, t, seq, digest FROM stream"
            f" WHERE series = {SERIES} ORDER BY origin",
            {"subject": subject, "name": metric.kind},
        )
        horizons = self._read("SELECT rung, since FROM kept ORDER BY rung")
        due = self._due(subject) if metric.derived else 0
        return repr((tuple(span), streams, horizons, self._corrections(), due))

    def records(
        self,
        subject: str,
        kind: Kind,
        start: Instant,
        stop: Instant,
        after: str | None,
        limit: int,
    ) -> tuple[list[Reading], str | None]:
        """Give readings a page at a time."""
        last = _cursor(after) if after else (start, 0, 0, 0)
        found: list[tuple[Any, ...]] = []
        for first, end in self._stretches(subject, kind, max(start, last[0]), stop):
            for slots in _portions(first, end, RECORD_SLOTS[kind]):
                room = limit + 1 - len(found)
                given = last if after else None
                found += self._portion(subject, kind, slots, (first, end), given, room)
                if len(found) > limit:
                    page = [*self._readable(subject, kind, found[:limit])]
                    place = ".".join(map(str, found[limit - 1][:4])) if limit else after
                    return page, place
        return [*self._readable(subject, kind, found)], None

    def latest(self, subject: str) -> list[Reading]:
        """Give the newest reading of each device and kind."""
        rows = self._read(
            f"SELECT {NAMES}, series.id, stream.origin, stream.t, stream.seq, digest"
            " FROM series JOIN stream ON series = series.id"
            " JOIN origin ON origin.id = stream.origin WHERE subject = ?"
            " ORDER BY stream.t, gateway",
            (subject,),
        )
        # One device may have come through two gateways: the later row wins; of one
        # instant always the same.
        newest: dict[tuple[str, Kind], Reading] = {}
        for *names, series, origin, t, seq, digest in rows:
            if not (whose := named(series, names, self._unreadable)):
                continue
            slot = t // RECORD_SLOTS[whose[1]]
            there = self._read(
                f"SELECT {COLUMNS} FROM record JOIN origin ON origin.id = origin"
                " WHERE (slot, series, origin, t, seq, digest) = (?, ?, ?, ?, ?, ?)",
                (slot, series, origin, t, seq, digest),
            )
            for found in self._readable(*whose, there):
                newest[found.device, found.kind] = found
        return [newest[key] for key in sorted(newest)]

    def withdrawn(self, subject: str, kind: Kind, t: Instant) -> list[Reading]:
        """Give readings that were entered in error."""
        if not self._has(errata.TABLE):
            return []
        rows = self._read(errata.KEPT, (subject, kind, t))
        return [
            Reading(subject, device, wire.read(RECORDS[kind], payload.encode()))
            for device, payload in rows
        ]

    def kept(self, subject: str) -> dict[str, int]:
        """Give how much there is of a person."""
        return erasure.kept(self._path, subject)

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""
        rows = self._read(
            f"SELECT {NAMES}, id FROM series"
            " WHERE id IN (SELECT series FROM stream) ORDER BY subject"
        )
        whose = (named(series, names, self._unreadable) for *names, series in rows)
        return [*dict.fromkeys(subject for subject, _ in filter(None, whose))]

    def count(self) -> int:
        """Give the number of records."""
        rows = self._read("SELECT coalesce(sum(n), 0) FROM stream")
        return int(rows[0][0]) if rows else 0

    def export(self) -> Iterator[Reading]:
        """Give every reading: the kinds that come seldom first, each by time."""
        key: tuple[int, ...] = (-1,) * 6
        # Page by page: one long read would keep the write-ahead log from shrinking.
        while rows := self._read(
            f"SELECT {NAMES}, slot, series, {COLUMNS} FROM record"
            " JOIN series ON series.id = series JOIN origin ON origin.id = origin"
            " WHERE (slot, series, t, origin, seq, digest) > (?, ?, ?, ?, ?, ?)"
            " ORDER BY slot, series, t, origin, seq, digest LIMIT ?",
            (*key, PAGE),
        ):
            for subject, name, _, series, *columns in rows:
                if whose := named(series, (subject, name), self._unreadable):
                    yield from self._readable(*whose, [columns])
            key = rows[-1][2:8]

    def close(self) -> None:
        """Let go of the file."""
        while self._idle:
            self._idle.pop().close()

    def _readable(
        self, subject: str, kind: str, rows: Iterable[Sequence[Any]]
    ) -> Iterator[Reading]:
        """Rebuild readings; see `ingest.rows.readable`."""
        return readable(subject, kind, rows, self._unreadable)

    def _corrections(self) -> int:
        """Give the number of the last reading that was entered in error."""
        if not self._has(errata.TABLE):
            return 0
        return int(
            self._read(f"SELECT coalesce(max(rowid), 0) FROM {errata.TABLE}")[0][0]
        )

    def _due(self, subject: str) -> int:
        """Give of how many minutes a subject's variability is still to be rolled."""
        if not self._has(sqlite_variability.TABLE):
            return 0
        names = {"subject": subject, "name": Metric.RR_INTERVAL.value}
        query = f"SELECT count(*) FROM due WHERE series = {SERIES}"
        return int(self._read(query, names)[0][0])

    def _has(self, table: str) -> bool:
        """Tell whether there is a table that not every file has."""
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return bool(self._read(query, (table,)))

    def _finest(self, metric: Metric, start: Instant) -> int:
        """Give the narrowest bucket, in ms, that nothing was taken from since start."""
        since = dict(self._read("SELECT rung, since FROM kept"))
        width = finest(metric, self._settings)
        if metric.kind in schema.STREAMS and since.get("record", 0) > start:
            width = max(width, RUNGS["minute"])
        return RUNGS["hour"] if since.get("minute", 0) > start else width

    def _rolled(
        self, rung: str, subject: str, metric: Metric, span: Window
    ) -> list[Point]:
        """Give a trend from the rows of a rung."""
        slot = RUNGS[rung] * RUNG_SLOTS
        rows = self._read(
            f"{WALK} SELECT t / :width * :width, sum(n), min(low), max(high),"
            f" sum(total), sum(seen) FROM walk CROSS JOIN {rung} USING (slot)"
            f" WHERE series = {SERIES} AND t >= :start AND t < :stop"
            " GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1",
            {
                "subject": subject,
                "name": metric.value,
                **span._asdict(),
                "slot": span.start // slot,
                "last_slot": (span.stop - 1) // slot,
            },
        )
        return [point(*row) for row in rows]

    def _raw(self, subject: str, metric: Metric, span: Window) -> list[Point]:
        """Give a trend from the records themselves."""
        reach = LONGEST if metric is Metric.RR_INTERVAL else 0
        between, slot = (span.start, span.stop + reach), RECORD_SLOTS[metric.kind]
        slots = between[0] // slot, (between[1] - 1) // slot
        rows = self._portion(subject, metric.kind, slots, between, None, -1)
        inside = (
            sample
            for reading in self._readable(subject, metric.kind, rows)
            for sample in samples(reading)
            if sample.metric is metric and span.start <= sample.t < span.stop
        )
        found = sorted(gather(inside, span.width).items(), key=lambda item: item[0][1])
        return [
            point(t, b.n, b.low, b.high, b.total, b.seen) for (_, t), b in found if b.n
        ]

    def _stretches(
        self, subject: str, kind: Kind, start: int, stop: int
    ) -> Iterator[tuple[int, int]]:
        """Give the stretches of time that may hold records, in order.

        A kind with short slots has too many of them to look into each: its records are
        where its first metric has an hour, since every record gives that a value or a
        lack of one.
        """
        names = {"subject": subject, "name": kind}
        query = f"SELECT min(first), max(t) + 1 FROM stream WHERE series = {SERIES}"
        for first, end in self._read(query, names):
            if first is not None:
                start, stop = max(start, first), min(stop, end)
                if RECORD_SLOTS[kind] >= HOUR:
                    yield start, stop
                else:
                    for hour in self._hours(subject, METRICS[kind][0], start, stop):
                        yield max(start, hour), min(stop, hour + HOUR)

    def _hours(self, subject: str, metric: Metric, start: int, stop: int) -> list[int]:
        """Give the beginnings of the hours that have values of a metric, or lacks."""
        if stop <= start:
            return []
        slot = HOUR * RUNG_SLOTS
        rows = self._read(
            f"{WALK} SELECT t FROM walk CROSS JOIN hour USING (slot)"
            f" WHERE series = {SERIES} AND t > :start AND t < :stop ORDER BY t",
            {
                "subject": subject,
                "name": metric.value,
                "start": start - HOUR,
                "stop": stop,
                "slot": start // slot,
                "last_slot": (stop - 1) // slot,
            },
        )
        return [row[0] for row in rows]

    def _portion(
        self,
        subject: str,
        kind: Kind,
        slots: tuple[int, int],
        between: tuple[int, int],
        after: Place | None,
        limit: int,
    ) -> list[tuple[Any, ...]]:
        """Give the records of a series in some slots, in order; limit -1: all."""
        t, origin, seq, digest = after or (-1, 0, 0, 0)
        return self._read(
            f"{WALK} SELECT {COLUMNS} FROM walk CROSS JOIN record USING (slot)"
            " CROSS JOIN origin ON origin.id = origin"
            f" WHERE series = {SERIES} AND t >= :start AND t < :stop"
            " AND (t, origin, seq, digest) > (:t, :origin, :seq, :digest)"
            " ORDER BY t, origin, seq, digest LIMIT :limit",
            {
                "subject": subject,
                "name": kind,
                "limit": limit,
                "slot": slots[0],
                "last_slot": slots[1],
                "start": between[0],
                "stop": between[1],
                "t": t,
                "origin": origin,
                "seq": seq,
                "digest": digest,
            },
        )

    def _read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one query; a store that is not there yet has no rows."""
        try:
            with self._connection() as db:
                return db.execute(query, values).fetchall() if db else []
        except sqlite3.Error as error:
            if not self._path.exists():
                return []
            raise Unavailable(f"{self._path}: {error}") from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """Lend a connection to one caller; one that failed is not lent again."""
        db = self._idle.pop() if self._idle else self._open()
        try:
            yield db
        except BaseException:
            if db is not None:
                db.close()
            raise
        if db is not None:
            self._idle.append(db)

    def _open(self) -> sqlite3.Connection | None:
        """Open the file for reading; None when there is nothing in it yet."""
        db = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=30,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if (found := schema.version(db)) == schema.VERSION:
                return db
        except BaseException:
            db.close()
            raise
        db.close()
        if found:
            raise Unavailable(schema.complaint(self._path, found))
        return None


def _portions(start: int, stop: int, slot: int) -> Iterator[tuple[int, int]]:
    """Cut the slots of a stretch into portions, small ones first.

    >>> list(_portions(0, 2000, 10))
    [(0, 63), (64, 191), (192, 199)]
    """
    first, end, step = start // slot, -(-stop // slot), SLOTS
    while first < end:
        yield first, min(first + step, end) - 1
        first, step = first + step, min(step * 2, MOST_SLOTS)


def _cursor(text: str) -> Place:
    """Read a page's cursor: the place of its last record."""
    if re.fullmatch(r"([0-9]{1,19}\.){3}-?[0-9]{1,19}", text):
        t, origin, seq, digest = map(int, text.split("."))
        if max(t, origin, seq, abs(digest)) <= LARGEST:
            return t, origin, seq, digest
    raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
