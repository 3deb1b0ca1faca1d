"""InfluxDB 1.x, 2.x and 3.x written by one path: `/write`, which all of them have.

`influxdb_client` is the transport and nothing more: its points cost 30 times ours, its
batching mode loses them silently, and its queries are Flux, which neither 1.6 nor 3.x
speak.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit
from zlib import compress

from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ingest.due import Due, marks
from ingest.influx_history import END, ERRATA, InfluxHistory
from ingest.influx_query import Influx, quoted, reason
from ingest.influx_rollups import RUNGS, Rollups
from ingest.lines import INTERVALS, lines, places, tag, text
from ingest.store import Written
from vitals import Instant, Kind, Reading, Unavailable, wire

log = logging.getLogger(__name__)

BATCH = 5000  # readings in one request
FIRST = 1000  # in the first of many: the database does not wait for a whole batch
POSTS = 2  # requests under way: it reads one while it writes the other
DELETES = 25  # statements in one request: its address stays below 8 kB
POISON = frozenset({400, 422})  # a point is wrong; the others may be stored already
TOO_LARGE = 413
HIDDEN = "it is hidden, and stays until you delete by the server's own means what has"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
GZIP = 31  # zlib's window bits with a gzip header


class InfluxStore(InfluxHistory):
    """Writes to InfluxDB, and reads what it wrote."""

    unreadable = 0  # it looks after its own files

    def __init__(self, influx: Influx, due: Due) -> None:
        super().__init__(influx)
        self._due = due
        self._rollups = Rollups(influx, due, self._send_rollups)
        self._write = _WriteApi(influx.client, SYNCHRONOUS)
        self._write.gzip = urlsplit(influx.settings.url).hostname not in LOOPBACK
        self._poster = ThreadPoolExecutor(POSTS, "influx")

    def write(self, readings: Sequence[Reading]) -> Written:
        """Store readings; those that InfluxDB will not have are refused one by one.

        While two batches are on their way the lines of the next are made.
        """
        refused: list[tuple[Reading, str]] = []
        under_way: deque[Future[None]] = deque()
        try:
            for batch in _batches(readings):
                work = batch, [lines(reading) for reading in batch], refused
                if len(under_way) == POSTS:
                    under_way.popleft().result()
                under_way.append(self._poster.submit(self._note_and_post, *work))
        finally:
            wait(under_way)
        for one in under_way:
            one.result()
        return Written(len(readings) - len(refused), 0, refused)

    def withdraw(self, readings: Sequence[Reading]) -> None:
        """Take readings out: hide their points from whoever asks, then delete them.

        3.x deletes nothing; there they stay hidden.  A copy is kept beside them, for
        what a clinician has seen must be possible to find again.
        """
        hours = marks(readings)
        with self._due.noting(hours):
            for one in readings:
                if why := self._send("\n".join(_errata(one)).encode()):
                    log.warning("a record could not be withdrawn: %s", why)
            self._delete([which for one in readings for which in _points(one)])
        self._rollups.again(hours)

    def erase(self, subject: str) -> str:
        """Delete all of a person; where the server deletes nothing, hide it."""
        whose = f"subject = {quoted(subject)}"
        own = [*Kind, INTERVALS, ERRATA]
        places = [(name, self._influx.settings.database) for name in own]
        places += [(rung, self._influx.rollups) for rung in RUNGS]
        for measurement, database in places:
            self._delete([(measurement, whose)], database)
        if not self._remains(subject):
            return ""
        for kind in Kind:
            self._hide(subject, kind)
        return f"{self._influx} deletes nothing: {HIDDEN} subject={subject}"

    def tend(self, now: Instant) -> bool:
        """Roll some of the hours that are over."""
        return self._rollups.roll(now)

    def close(self) -> None:
        """Close the connections."""
        self._poster.shutdown()
        self._due.close()
        super().close()

    def _note_and_post(
        self,
        readings: Sequence[Reading],
        encoded: Sequence[str],
        refused: list[tuple[Reading, str]],
    ) -> None:
        """Note what has to be rolled again, then write a batch."""
        with self._due.noting(marks(readings)):
            self._post(readings, encoded, refused)

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
        why = self._send("\n".join(encoded).encode())
        if not why:
            return
        if len(readings) == 1:
            refused.append((readings[0], why))
            return
        half = len(readings) // 2
        self._post(readings[:half], encoded[:half], refused)
        self._post(readings[half:], encoded[half:], refused)

    def _send(self, body: bytes) -> str:
        """Write lines; give the reason if a point among them was refused, else ''."""
        try:
            self._send_once(body, self._influx.settings.database)
        except ApiException as error:
            if error.status in POISON or error.status == TOO_LARGE:
                return f"InfluxDB {error.status}: {reason(error)}"
            raise self._influx.away(error) from error
        except HTTPError as error:
            raise self._influx.away(error) from error
        return ""

    def _send_rollups(self, body: bytes) -> None:
        """Write lines of rollups."""
        try:
            self._send_once(body, self._influx.rollups)
        except (ApiException, HTTPError) as error:
            raise self._influx.away(error) from error

    def _send_once(self, body: bytes, database: str) -> None:
        """Write lines; a database that is not there yet is made."""
        org = self._influx.settings.organisation
        try:
            self._write.write(database, org or "-", body, write_precision="ns")
        except ApiException as error:
            if error.status != 404 or org:
                raise
            self._create(database)
            self._write.write(database, "-", body, write_precision="ns")

    def _delete(self, points: Sequence[tuple[str, str]], database: str = "") -> None:
        """Delete points where the server can: by measurement, and which of it."""
        statements = [f'DELETE FROM "{name}" WHERE {which}' for name, which in points]
        for first in range(0, len(statements), DELETES):
            some = statements[first : first + DELETES]
            self._execute(";".join(some), database or self._influx.settings.database)

    def _execute(self, deletions: str, database: str) -> None:
        """Have the server delete, if it can."""
        try:
            self._influx.call("POST", db=database, q=deletions)
        except ApiException as error:
            if (error.status or 500) >= 500:
                raise self._influx.away(error) from error
            log.info("InfluxDB deletes nothing: %s", reason(error))
        except HTTPError as error:
            raise self._influx.away(error) from error

    def _remains(self, subject: str) -> bool:
        """Tell whether the server has anything of a person."""
        return any(self.kept(subject).values())

    def _hide(self, subject: str, kind: Kind) -> None:
        """Hide a person's points of a kind from whoever asks us, trends too."""
        everything = subject, kind, Instant(0), Instant(END), None, BATCH
        while page := self.records(*everything)[0]:
            hours = marks(page)
            body = "\n".join(line for one in page for line in _hiding(one))
            with self._due.noting(hours):
                if why := self._send(body.encode()):
                    raise Unavailable(f"{self._influx}: cannot hide: {why}")
            self._rollups.again(hours)

    def _create(self, database: str) -> None:
        """Ask for a database; 2.x and 3.x make it by themselves or not at all."""
        name = database.replace("\\", "\\\\").replace('"', '\\"')
        try:
            self._influx.call("POST", q=f'CREATE DATABASE "{name}"')
        except ApiException as error:
            log.warning("InfluxDB did not create %s: %s", name, reason(error))


def _batches(readings: Sequence[Reading]) -> Iterator[Sequence[Reading]]:
    """Cut readings into what one request takes each."""
    begin, end = 0, FIRST if len(readings) > BATCH else BATCH
    while begin < len(readings):
        yield readings[begin:end]
        begin, end = end, end + BATCH


def _errata(one: Reading) -> Iterator[str]:
    """Give the lines that hide a reading's points (see OURS), and keep its copy."""
    yield from _hiding(one)
    tags = f"subject={tag(one.subject)},device={tag(one.device)}"
    payload = text(wire.encode(one.record).decode())
    yield f"{ERRATA},{tags} kind={text(one.kind)},record={payload} {places(one)[0][1]}"


def _points(one: Reading) -> Iterator[tuple[str, str]]:
    """Give the measurement of each of a reading's points, and which one it is."""
    whose = f"subject = {quoted(one.subject)} AND device = {quoted(one.device)}"
    for measurement, stamp in places(one):
        yield measurement, f"{whose} AND time = {stamp}"


def _hiding(one: Reading) -> Iterator[str]:
    """Give the lines that hide a reading's points (see OURS)."""
    tags = f"subject={tag(one.subject)},device={tag(one.device)}"
    for measurement, stamp in places(one):
        yield f"{measurement},{tags} ok=-1i {stamp}"


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
