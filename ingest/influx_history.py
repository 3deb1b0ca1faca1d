"""Records and trends read back from InfluxDB."""

import re
from collections.abc import Iterator

from ingest.influx_query import Influx, Row, quoted
from ingest.lines import MILLISECOND, column, reading
from ingest.store import Point
from ingest.trend import point, window
from vitals import Instant, Kind, MalformedData, Metric, Reading

PAGE = 5000  # readings that `export` reads at a time
END = 4_102_444_800_001  # ms; behind every record's time: queries are always bounded
LAST = END * MILLISECOND  # ns
OURS = "ok >= 0"  # somebody else may write into our measurements


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
        """Give a trend, gathered by InfluxDB."""
        if stop <= start:
            return []
        first, last, width = window(start, stop, points)
        measurement, field = column(metric)
        source = (
            f'FROM "{measurement}" WHERE subject = {quoted(subject)}'
            f" AND {_between(first, last)} AND {OURS}"
        )
        groups = f"GROUP BY time({width}ms) fill(none)"
        good = self._influx.rows(
            f'SELECT count("{field}"), min("{field}"), max("{field}"), sum("{field}")'
            f' {source} AND ok = 1 AND "{field}" >= {metric.low}'
            f' AND "{field}" <= {metric.high} {groups}'
        )
        seen = self._influx.rows(
            f'SELECT count("{field}"), count("{field}_missing") {source} {groups}'
        )
        total = {
            row["time"]: (row["count"] or 0) + (row["count_1"] or 0) for row in seen
        }
        return [
            point(
                row["time"] // MILLISECOND,
                *(row["count"], row["min"], row["max"], row["sum"]),
                total[row["time"]],
            )
            for row in good
            if row["count"]
        ]

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
                f" AND {_between(0, END)} AND {OURS}"
                " GROUP BY device ORDER BY time DESC LIMIT 1"
            )
        ]
        return sorted(newest, key=lambda r: (r.device, r.kind))

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""
        show = 'SHOW TAG VALUES FROM "{}" WITH KEY = "subject"'
        found = [row for kind in Kind for row in self._influx.rows(show.format(kind))]
        return sorted({row["value"] for row in found})

    def count(self) -> int:
        """Give the number of records."""
        select = 'SELECT count("q") FROM "{}" WHERE ' + _between(0, END)
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


def _between(start: int, stop: int) -> str:
    """Bound the time of a query, in ms."""
    return f"time >= {start}ms AND time < {stop}ms"


def _cursor(text: str) -> tuple[int, int]:
    """Read a page's cursor: time in ns, and how many of that time were given."""
    if not re.fullmatch(r"[0-9]{1,19}\.[0-9]{1,9}", text):
        raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
    time, given = map(int, text.split("."))
    if time > LAST:
        raise MalformedData(f"not a cursor of ours: {text[:80]!r}")
    return time, given
