"""InfluxDB 1.x, 2.x and 3.x by one path: `/write` and `/query`, which all of them have.

`influxdb_client` is the transport and nothing more: its points cost 30 times ours, its
batching mode loses them silently, and its queries are Flux, which neither 1.6 nor 3.x
speak.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from zlib import compress

from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.rest import ApiException
from msgspec import DecodeError
from msgspec.json import decode
from urllib3.exceptions import HTTPError

from ingest.lines import MILLISECOND, column, lines, reading
from ingest.store import Point, Written
from ingest.trend import point, window
from vitals import Instant, Kind, MalformedData, Metric, Reading, Unavailable
from vitals.config import Store as Settings

log = logging.getLogger(__name__)

TIMEOUT_MS = 30_000
BATCH = 5000  # readings in one request
PAGE = 5000  # readings that `export` reads at a time
END = 4_102_444_800_001  # ms; behind every record's time: queries are always bounded
LAST = END * MILLISECOND  # ns
OURS = "ok >= 0"  # somebody else may write into our measurements
POISON = frozenset({400, 422})  # a point is wrong; the others may be stored already
TOO_LARGE = 413
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
GZIP = 31  # zlib's window bits with a gzip header

Row = dict[str, Any]


class InfluxStore:
    """A store in InfluxDB; see `ingest.store` for what its methods do."""

    def __init__(self, settings: Settings, authorization: str = "") -> None:
        self._settings = settings
        self._client = InfluxDBClient(
            settings.url,
            None,
            timeout=TIMEOUT_MS,
            org=settings.organisation or "-",
            ssl_ca_cert=settings.ca or None,
        )
        if authorization:
            self._client.api_client.set_default_header("Authorization", authorization)
        self._write = _WriteApi(self._client, SYNCHRONOUS)
        self._write.gzip = urlsplit(settings.url).hostname not in LOOPBACK
        self._poster = ThreadPoolExecutor(1, "influx")

    def write(self, readings: Sequence[Reading]) -> Written:
        """Store readings; those that InfluxDB will not have are refused one by one.

        While a batch is on its way the lines of the next are made.
        """
        refused: list[tuple[Reading, str]] = []
        under_way: Future[None] | None = None
        for place in range(0, len(readings), BATCH):
            batch = readings[place : place + BATCH]
            encoded = [lines(reading) for reading in batch]
            if under_way:
                under_way.result()
            under_way = self._poster.submit(self._post, batch, encoded, refused)
        if under_way:
            under_way.result()
        return Written(len(readings) - len(refused), 0, refused)

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
            f'FROM "{measurement}" WHERE subject = {_quoted(subject)}'
            f" AND {_between(first, last)} AND {OURS}"
        )
        groups = f"GROUP BY time({width}ms) fill(none)"
        good = self._query(
            f'SELECT count("{field}"), min("{field}"), max("{field}"), sum("{field}")'
            f' {source} AND ok = 1 AND "{field}" >= {metric.low}'
            f' AND "{field}" <= {metric.high} {groups}'
        )
        seen = self._query(
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
        rows = self._query(
            f'SELECT * FROM "{kind}" WHERE subject = {_quoted(subject)}'
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
            for row in self._query(
                f'SELECT * FROM "{kind}" WHERE subject = {_quoted(subject)}'
                f" AND {_between(0, END)} AND {OURS}"
                " GROUP BY device ORDER BY time DESC LIMIT 1"
            )
        ]
        return sorted(newest, key=lambda r: (r.device, r.kind))

    def subjects(self) -> list[str]:
        """Give everybody of whom there is a record."""
        show = 'SHOW TAG VALUES FROM "{}" WITH KEY = "subject"'
        found = [row for kind in Kind for row in self._query(show.format(kind))]
        return sorted({row["value"] for row in found})

    def count(self) -> int:
        """Give the number of records."""
        select = 'SELECT count("q") FROM "{}" WHERE ' + _between(0, END)
        found = [row for kind in Kind for row in self._query(select.format(kind))]
        return sum(row["count"] for row in found)

    def export(self) -> Iterator[Reading]:
        """Give every reading, by kind and time."""
        for kind in Kind:
            for row in self._rows(kind):
                yield reading(kind, row)

    def close(self) -> None:
        """Close the connections."""
        self._poster.shutdown()
        self._client.close()

    def _post(
        self,
        readings: Sequence[Reading],
        encoded: Sequence[str],
        refused: list[tuple[Reading, str]],
    ) -> None:
        """Write a batch; halve it until the points that are wrong stand alone.

        What InfluxDB has stored of a batch that it answered with an error is written
        again, which changes nothing.
        """
        reason = self._send("\n".join(encoded).encode())
        if not reason:
            return
        if len(readings) == 1:
            refused.append((readings[0], reason))
            return
        half = len(readings) // 2
        self._post(readings[:half], encoded[:half], refused)
        self._post(readings[half:], encoded[half:], refused)

    def _send(self, body: bytes) -> str:
        """Write lines; give the reason if a point among them was refused, else ''."""
        try:
            self._send_once(body)
        except ApiException as error:
            if error.status in POISON or error.status == TOO_LARGE:
                return f"InfluxDB {error.status}: {_reason(error)}"
            raise self._away(error) from error
        except HTTPError as error:
            raise self._away(error) from error
        return ""

    def _send_once(self, body: bytes) -> None:
        """Write lines; a database that is not there yet is made."""
        name, org = self._settings.database, self._settings.organisation or "-"
        try:
            self._write.write(name, org, body, write_precision="ns")
        except ApiException as error:
            if error.status != 404 or self._settings.organisation:
                raise
            self._create()
            self._write.write(name, org, body, write_precision="ns")

    def _create(self) -> None:
        """Ask for the database; 2.x and 3.x make it by themselves or not at all."""
        name = self._settings.database.replace("\\", "\\\\").replace('"', '\\"')
        try:
            self._call("POST", q=f'CREATE DATABASE "{name}"')
        except ApiException as error:
            log.warning("InfluxDB did not create %s: %s", name, _reason(error))

    def _query(self, statement: str) -> list[Row]:
        """Ask one thing in InfluxQL; give its rows by tag and column, times in ns.

        One at a time: of several, 1.6 says "not executed" and keeps the reason.
        """
        try:
            answer = self._call(
                "GET", db=self._settings.database, epoch="ns", q=statement
            )
            (result,) = decode(answer)["results"]
        except ApiException as error:
            if error.status == 404:  # no such database, yet
                return []
            raise self._away(error) from error
        except (HTTPError, DecodeError) as error:
            raise self._away(error) from error
        if "database not found" in result.get("error", ""):
            return []
        if "error" in result:
            raise self._away(Exception(result["error"]))
        return list(_rows(result))

    def _rows(self, kind: Kind) -> Iterator[Row]:
        """Give all rows of a measurement, oldest first, page by page."""
        since, given = 0, 0  # and how many rows of that very nanosecond
        while True:
            rows = self._query(
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

    def _call(self, method: str, **query: str) -> bytes:
        """Call `/query`."""
        response, *_ = self._client.api_client.call_api(
            "/query",
            method,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "text/plain"},
            body=b"" if method == "POST" else None,
            _preload_content=False,
        )
        try:
            data: bytes = response.data
        finally:
            response.release_conn()
        return data

    def _away(self, error: Exception) -> Unavailable:
        """Say what is wrong with the server in one line that says what to do."""
        hint = ""
        if isinstance(error, ApiException):
            if error.status in (401, 403):
                hint = "; check store.authorization_file"
            error = Exception(f"HTTP {error.status} {_reason(error)}")
        return Unavailable(f"InfluxDB at {self._settings.url}: {error}{hint}")


class _WriteApi(WriteApi):  # type: ignore[misc]
    """Writes to `/write`, which 1.x and 3.x have as well as 2.x, or where 2.x does."""

    gzip = False

    def _post_write(
        self,
        _async_req: bool,
        bucket: str,
        org: str,
        body: bytes,
        precision: str,
        **settings: dict[str, object],
    ) -> object:
        path, query = "/write", [("db", bucket), ("precision", precision)]
        if org != "-":
            path, query = "/api/v2/write", [("org", org), ("bucket", bucket), query[1]]
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self.gzip:
            headers["Content-Encoding"] = "gzip"
            body = compress(body, 1, wbits=GZIP)
        return self._influxdb_client.api_client.call_api(
            path,
            "POST",
            query_params=query,
            header_params=headers,
            body=body,
            urlopen_kw=settings.get("urlopen_kw") or {},
        )


def _rows(result: dict[str, Any]) -> Iterator[Row]:
    """Give the rows of one statement's result."""
    for series in result.get("series", ()):
        for values in series["values"]:
            yield {
                **series.get("tags", {}),
                **dict(zip(series["columns"], values, strict=True)),
            }


def _reason(error: ApiException) -> str:
    """Give what the server said, short."""
    body = error.body or error.reason or ""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    return str(body).strip()[:500]


def _quoted(text: str) -> str:
    """Quote a string for InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


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
