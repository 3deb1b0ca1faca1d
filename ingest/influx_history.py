"""Records and trends read back from InfluxDB."""

import re
from collections.abc import Iterator

from ingest.influx_query import Influx, Row, between, quoted
from ingest.influx_rollups import (
    OURS,
    RUNGS,
    Bucket,
    Key,
    from_records,
    from_rung,
    merge,
    rolled,
    varied,
)
from ingest.lines import MILLISECOND, reading
from ingest.samples import LONGEST
from ingest.store import Point
from ingest.trend import HOUR, Window, finest, point, window
from vitals import Instant, Kind, MalformedData, Metric, Reading, wire
from vitals.model import RECORDS

ERRATA = "entered_in_error"  # measurement of what was withdrawn
PAGE = 5000  # readings that `export` reads at a time
END = 4_102_444_800_001  # ms; behind every record's time: queries are always bounded
LAST = END * MILLISECOND  # ns


class InfluxHistory:
    """What an InfluxDB holds; see `ingest.store` for what its methods do."""

    def __init__(self, influx: Influx) -> None:
        self._influx = influx

    def trend(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> list[Point]:
        """Give a trend, gathered by InfluxDB from its rungs and its records."""
        if stop <= start:
            return []
        span = window(start, stop, points, finest(metric, self._influx.settings))
        found = merge(self._parts(subject, metric, span))
        return [
            point(t, b.n, b.low, b.high, b.total, b.seen)
            for (_, t), b in sorted(found.items())
            if b.n
        ]

    def stamp(
        self,
        subject: str,
        metric: Metric,
        start: Instant,
        stop: Instant,
        points: int,
    ) -> str | None:
        """Say that only the trend itself can tell: InfluxDB counts no changes."""
        return None

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
        since, given = _cursor(after) if after else (start * MILLISECOND, 0)
        since = max(since, start * MILLISECOND)
        rows = self._influx.rows(
            f'SELECT * FROM "{kind}" WHERE subject = {quoted(subject)}'
            f" AND time >= {since} AND time < {stop * MILLISECOND} AND {OURS}"
            f" ORDER BY time LIMIT {limit + 1} OFFSET {given}"
        )
        page = [reading(kind, row) for row in rows[:limit]]
        if len(rows) <= limit or not page:
            return page, None
        last = rows[limit - 1]["time"]
        # Two devices may share a nanosecond: the cursor counts those already given.
        same = sum(row["time"] == last for row in rows[:limit])
        return page, f"{last}.{same + given if last == since else same}"

    def latest(self, subject: str) -> list[Reading]:
        """Give the newest reading of each device and kind."""
        newest = [
            reading(kind, {"subject": subject, **row})
            for kind in Kind
            for row in self._influx.rows(
                f'SELECT * FROM "{kind}" WHERE subject = {quoted(subject)}'
                f" AND {between(0, END)} AND {OURS}"
                " GROUP BY device ORDER BY time DESC LIMIT 1"
            )
        ]
        return sorted(newest, key=lambda r: (r.device, r.kind))

    def withdrawn(self, subject: str, kind: Kind, t: Instant) -> list[Reading]:
        """Give readings that were entered in error."""
        rows = self._influx.rows(
            f'SELECT * FROM "{ERRATA}" WHERE subject = {quoted(subject)}'
            f" AND kind = {quoted(kind)} AND {between(t, t + 1)}"
        )
        return [
            Reading(
                subject, row["device"], wire.read(RECORDS[kind], row["record"].encode())
            )
            for row in rows
        ]

    def kept(self, subject: str) -> dict[str, int]:
        """Give how much there is of a person."""
        whose = f"subject = {quoted(subject)} AND {between(0, END)}"
        found = [
            row
            for kind in Kind
            for row in self._influx.rows(
                f'SELECT count("q") FROM "{kind}" WHERE {whose} AND {OURS}'
            )
        ]
        errata = f'SELECT count("record") FROM "{ERRATA}" WHERE {whose}'
        return {
            "records": sum(row["count"] for row in found),
            "readings entered in error": sum(
                row["count"] for row in self._influx.rows(errata)
            ),
        }

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""
        show = 'SHOW TAG VALUES FROM "{}" WITH KEY = "subject"'
        found = [row for kind in Kind for row in self._influx.rows(show.format(kind))]
        return sorted({row["value"] for row in found})

    def count(self) -> int:
        """Give the number of records."""
        select = 'SELECT count("q") FROM "{}" WHERE ' + f"{between(0, END)} AND {OURS}"
        found = [row for kind in Kind for row in self._influx.rows(select.format(kind))]
        return sum(row["count"] for row in found)

    def export(self) -> Iterator[Reading]:
        """Give every reading, by kind and time."""
        for kind in Kind:
            for row in self._rows(kind):
                yield reading(kind, row)

    def close(self) -> None:
        """Close the connections."""
        self._influx.close()

    def _parts(
        self, subject: str, metric: Metric, span: Window
    ) -> Iterator[dict[Key, Bucket]]:
        """Give a trend in parts: from the coarsest rung where it is complete."""
        if metric.derived:
            yield from self._varied(subject, metric, span)
            return
        fits = [rung for rung, width in RUNGS.items() if span.width % width == 0]
        start, stop = rolled(self._influx, metric, subject) if fits else (0, 0)
        start, stop = max(start, span.start), min(stop, span.stop)
        if start >= stop:
            yield from_records(self._influx, metric, [subject], span)
            return
        part = Window(start, stop, span.width)
        yield from_rung(self._influx, fits[-1], metric, subject, part)
        for first, last in ((span.start, start), (stop, span.stop)):
            if first < last:
                part = Window(first, last, span.width)
                yield from_records(self._influx, metric, [subject], part)

    def _varied(
        self, subject: str, metric: Metric, span: Window
    ) -> Iterator[dict[Key, Bucket]]:
        """Give variability: from its rung, and of the newest hours from the records.

        Older hours that are not rolled yet are a gap until they are: nobody can wait
        for a month's beats.
        """
        rung = [rung for rung, wide in RUNGS.items() if span.width % wide == 0][-1]
        _, stop = rolled(self._influx, metric, subject)
        if span.start < (until := min(stop, span.stop)):
            part = Window(span.start, until, span.width)
            yield from_rung(self._influx, rung, metric, subject, part)
        newest = self._influx.rows(
            f'SELECT q FROM "{Kind.HEART_RATE}" WHERE subject = {quoted(subject)}'
            f" AND {between(span.start, span.stop + LONGEST)} AND {OURS}"
            " ORDER BY time DESC LIMIT 1"
        )
        for row in newest:
            hour = row["time"] // MILLISECOND // HOUR * HOUR
            part = Window(max(span.start, stop, hour - HOUR), span.stop, span.width)
            yield varied(self._influx, [subject], part)[metric]

    def _rows(self, kind: Kind) -> Iterator[Row]:
        """Give all rows of a measurement, oldest first, page by page."""
        since, given = 0, 0  # and how many rows of that very nanosecond
        while True:
            rows = self._influx.rows(
                f'SELECT * FROM "{kind}" WHERE time >= {since}'
                f" AND time < {END * MILLISECOND} AND {OURS}"
                f" ORDER BY time LIMIT {PAGE} OFFSET {given}"
            )
            yield from rows
            if len(rows) < PAGE:
                return
            last = rows[-1]["time"]
            same = sum(row["time"] == last for row in rows)
            since, given = last, same + given if last == since else same


def _cursor(text: str) -> tuple[int, int]:
    """Read a page's cursor: time in ns, and how many of that time were given."""
    if not re.fullmatch(r"[0-9]{1,19}\.[0-9]{1,9}", text):
        raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
    time, given = map(int, text.split("."))
    if time > LAST:
        raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
    return time, given
