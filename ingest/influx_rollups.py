"""The ladder of rollups in InfluxDB: made from its records, and read for trends.

`trend_minute` and `trend_hour` have a point for each subject, metric and bucket: `n`,
`low`, `high`, `total` and `seen`, as the SQLite store's.  An hour is rolled once it is
over and nobody writes to it.  Between the first and the last hour that are rolled, a
trend is read from here; before and behind them, from the records.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from ingest import variability
from ingest.due import ROLLED, Due, Mark
from ingest.influx_query import Influx, Row, between, quoted
from ingest.lines import INTERVALS, MILLISECOND, column, tag
from ingest.samples import LONGEST, METRICS, Sample
from ingest.trend import HOUR, MINUTE, SECOND, Gathered, Window, gather
from vitals import Instant, Kind, Metric, Unavailable

log = logging.getLogger(__name__)

RUNGS = {"trend_minute": MINUTE, "trend_hour": HOUR}
GRACE = 2 * MINUTE  # ms that an hour is left alone after its end
DAYS = 4  # that are rolled at a time, of each kind
AT_ONCE = 100  # hours of somebody's that are: who stops waits for them, some seconds
SUBJECTS = 100  # in one query
STRETCH = 12 * HOUR  # of one subject in one query
LINES = 20_000  # in one write
OURS = "ok >= 0"  # somebody else may write into our measurements
NEVER = 4_102_444_800_001  # ms; behind every record's time: queries are always bounded


class Bucket:
    """What is known of the values in a stretch of time; parts add up."""

    __slots__ = ("high", "low", "n", "seen", "total")

    def __init__(self) -> None:
        self.n, self.total, self.seen = 0, 0.0, 0
        self.low, self.high = float("inf"), float("-inf")

    def add(self, row: Row) -> None:
        """Add a part."""
        if n := int(row.get("n") or 0):
            self.n += n
            self.total += row["total"]
            self.low = min(self.low, row["low"])
            self.high = max(self.high, row["high"])
        self.seen += int(row.get("seen") or 0)


Key = tuple[str, int]
"""Subject, and start of the bucket in ms."""

Buckets = dict[Key, Bucket]


def from_records(
    influx: Influx, metric: Metric, subjects: Iterable[str], span: Window
) -> Buckets:
    """Gather records into buckets, in the database."""
    measurement, field = column(metric)
    source = (
        f'FROM "{measurement}" WHERE {_any(subjects)}'
        f" AND {between(span.start, span.stop)} AND {OURS}"
    )
    groups = f"GROUP BY time({span.width}ms), subject fill(none)"
    good = influx.rows(
        f'SELECT count("{field}") AS n, min("{field}") AS low, max("{field}") AS high,'
        f' sum("{field}") AS total {source} AND ok = 1 AND "{field}" >= {metric.low}'
        f' AND "{field}" <= {metric.high} {groups}'
    )
    seen = influx.rows(
        f'SELECT count("{field}") AS came, count("{field}_missing") AS missing'
        f" {source} {groups}"
    )
    for row in seen:
        row["seen"] = (row["came"] or 0) + (row["missing"] or 0)
    return _gather([*good, *seen])


def varied(
    influx: Influx, subjects: Iterable[str], span: Window
) -> dict[Metric, Buckets]:
    """Gather heart rate variability into buckets, of an hour's records at a time."""
    found: dict[Metric, Buckets] = {m: defaultdict(Bucket) for m in variability.METRICS}
    for subject in subjects:
        for first in range(span.start // STRETCH * STRETCH, span.stop, STRETCH):
            start, stop = max(first, span.start), min(first + STRETCH, span.stop)
            hours = _beating(influx, subject, start // HOUR, -(-stop // HOUR))
            told = (s for hour in hours for s in _told(influx, subject, hour))
            inside = (sample for sample in told if start <= sample.t < stop)
            for (metric, t), bucket in gather(inside, span.width).items():
                found[metric][subject, t].add(_part(bucket))
    return found


def _beating(influx: Influx, subject: str, first: int, last: int) -> list[int]:
    """Give the hours, from one to another, in which intervals came."""
    counts = _counts(influx, subject, (first * HOUR, last * HOUR), HOUR)
    return [start // HOUR for start in counts]


def _told(influx: Influx, subject: str, hour: int) -> list[Sample]:
    """Give variability in an hour; what cannot be computed has no value.

    It would fail again, and nothing behind it would ever be rolled.
    """
    start, stop = hour * HOUR, (hour + 1) * HOUR
    reach = start - LONGEST, stop + LONGEST  # of all that is read with it
    most = variability.CROWD * (reach[1] - reach[0]) // SECOND
    width = influx.settings.hrv_window_s * SECOND
    counts = _counts(influx, subject, reach, width)
    try:
        if (n := sum(counts.values())) <= most:
            beats = _beats(influx, subject, hour)
            found = variability.windows(beats, influx.settings)
            return [sample for sample in found if start <= sample.t < stop]
        log.warning("no variability in the hour at %d: %d intervals", start, n)
    except Unavailable:
        raise
    except Exception:
        log.exception("no variability in the hour at %d", start)
    return [*variability.gaps(t for t in counts if start <= t < stop)]


def _counts(
    influx: Influx, subject: str, span: tuple[int, int], width: int
) -> dict[int, int]:
    """Count intervals in buckets of some ms, where there are any."""
    rows = influx.rows(
        f'SELECT count(value) FROM "{INTERVALS}" WHERE subject = {quoted(subject)}'
        f" AND {OURS} AND {between(*span)} GROUP BY time({width}ms) fill(none)"
    )
    return {row["time"] // MILLISECOND: row["count"] for row in rows}


def _beats(influx: Influx, subject: str, hour: int) -> Iterator[variability.Heard]:
    """Give what records say of the beats in an hour."""
    rows = influx.rows(
        f'SELECT device, gateway, seq, hr, rr, ok FROM "{Kind.HEART_RATE}"'
        f" WHERE subject = {quoted(subject)} AND {OURS} AND rr != ''"
        f" AND {between(hour * HOUR, (hour + 1) * HOUR + LONGEST)}"
    )
    for row in rows:
        if row["rr"]:
            yield variability.Heard(
                (row["device"], row["gateway"] or ""),
                row["time"] // MILLISECOND,
                row["seq"] or 0,
                tuple(map(float, row["rr"].split(","))),
                row["hr"] or 0.0,
                row["ok"] == 1,
            )


def from_rung(
    influx: Influx, rung: str, metric: Metric, subject: str, span: Window
) -> Buckets:
    """Gather the points of a rung into wider buckets, in the database."""
    source = (
        f'FROM "{rung}" WHERE {_whose(subject, metric)}'
        f" AND {between(span.start, span.stop)}"
    )
    groups = f"GROUP BY time({span.width}ms), subject fill(none)"
    # A bucket whose last good value was withdrawn keeps its old sums, with n = 0.
    good = influx.rows(
        "SELECT sum(n) AS n, min(low) AS low, max(high) AS high, sum(total) AS total"
        f" {source} AND n > 0 {groups}",
        influx.rollups,
    )
    seen = influx.rows(f"SELECT sum(seen) AS seen {source} {groups}", influx.rollups)
    return _gather([*good, *seen])


def rolled(influx: Influx, metric: Metric, subject: str) -> tuple[int, int]:
    """Give from when to when the rungs are complete, in ms; (0, 0): nowhere."""
    ends = [
        row["time"] // MILLISECOND
        for order in ("ASC", "DESC")
        for row in influx.rows(
            f'SELECT seen FROM "trend_hour" WHERE {_whose(subject, metric)}'
            f" AND {between(0, NEVER)} ORDER BY time {order} LIMIT 1",
            influx.rollups,
        )
    ]
    return (ends[0], ends[-1] + HOUR) if ends else (0, 0)


class Rollups:
    """Keeps the rungs up to date; `send` writes lines to their database."""

    def __init__(self, influx: Influx, due: Due, send: Callable[[bytes], None]) -> None:
        self._influx, self._due, self._send = influx, due, send
        self._able: bool | None = None  # None: not asked yet

    def roll(self, now: Instant) -> bool:
        """Roll some of what is due; tell whether there was anything."""
        if not self._begin():
            self._due.settled(0, 0)  # it need not remember what was written
            return False
        found = self._due.settled(now - GRACE, AT_ONCE)
        days = [list(day) for _, day in groupby(found, lambda mark: mark[2] // 24)]
        for day in days[:DAYS]:
            for kind in sorted({Kind(kind) for _, kind, _ in day}):
                self._roll(kind, [mark for mark in day if mark[1] == kind])
        return bool(found)

    def again(self, marks: Iterable[Mark]) -> None:
        """Roll hours at once that are rolled already: somebody may look at them."""
        for mark in filter(self._is_rolled, marks):
            self._write(Kind(mark[1]), [mark])

    def _is_rolled(self, mark: Mark) -> bool:
        """Tell whether an hour has rollups; RR intervals may begin an hour earlier."""
        subject, name, hour = mark
        spans = (rolled(self._influx, one, subject) for one in _metrics(Kind(name)))
        return any(start <= hour * HOUR < stop for start, stop in spans)

    def _begin(self) -> bool:
        """Tell whether the server can be asked; the first time, note what it has."""
        if self._able is None:
            rows = self._influx.rows(
                f'SELECT last(q) FROM "{Kind.HEART_RATE}" WHERE {between(0, NEVER)}'
            )
            able = all("time" in row for row in rows)
            if not able:
                log.warning("%s knows no InfluxQL: no rollups", self._influx)
            elif (version := self._due.version) < ROLLED:
                # What version 1 rolled lacks variability only.
                kinds = [Kind.HEART_RATE] if version else filter(METRICS.get, Kind)
                self._due.complete_with(self._unrolled(kinds))
            self._able = able
        return self._able

    def _unrolled(self, kinds: Iterable[Kind]) -> Iterator[Mark]:
        """Give every hour of some kinds in a database that an older version wrote."""
        for kind in kinds:
            ends: dict[str, list[int]] = defaultdict(list)
            for which in ("first", "last"):
                for row in self._influx.rows(
                    f'SELECT {which}(q) FROM "{kind}" WHERE {between(0, NEVER)}'
                    " GROUP BY subject"
                ):
                    ends[row["subject"]].append(row["time"] // MILLISECOND // HOUR)
            for subject, (first, last) in ends.items():
                before = int(kind is Kind.HEART_RATE)  # its intervals reach back
                hours = range(max(first - before, 0), last + 1)
                yield from ((subject, kind.value, hour) for hour in hours)

    def _roll(self, kind: Kind, marks: Sequence[Mark]) -> None:
        """Roll a kind's hours of one day."""
        self._write(kind, marks)
        self._due.strike(marks)

    def _write(self, kind: Kind, marks: Sequence[Mark]) -> None:
        """Write the rollups of the hours from the first to the last."""
        hours = [hour for _, _, hour in marks]
        span = Window(min(hours) * HOUR, (max(hours) + 1) * HOUR, MINUTE)
        subjects = sorted({subject for subject, _, _ in marks})
        for place in range(0, len(subjects), SUBJECTS):
            some = subjects[place : place + SUBJECTS]
            for metric, minutes in self._minutes(kind, some, span):
                lines = self._lines(metric, minutes, some, span)
                body = [line.encode() for line in lines]
                for first in range(0, len(body), LINES):
                    self._send(b"\n".join(body[first : first + LINES]))

    def _minutes(
        self, kind: Kind, subjects: Sequence[str], span: Window
    ) -> Iterator[tuple[Metric, Buckets]]:
        """Give the minutes of each metric of a kind."""
        for metric in _metrics(kind):
            yield metric, from_records(self._influx, metric, subjects, span)
        if kind is Kind.HEART_RATE:
            yield from varied(self._influx, subjects, span).items()

    def _lines(
        self, metric: Metric, minutes: Buckets, subjects: Sequence[str], span: Window
    ) -> Iterator[str]:
        """Give the lines of minutes and hours, with those that are there no more."""
        hours: Buckets = defaultdict(Bucket)
        for (subject, t), bucket in minutes.items():
            hours[subject, t // HOUR * HOUR].add(_part(bucket))
        for rung, buckets in (("trend_minute", minutes), ("trend_hour", hours)):
            gone = self._known(rung, metric, subjects, span) - buckets.keys()
            yield from _lines(rung, metric, buckets | dict.fromkeys(gone, Bucket()))

    def _known(
        self, rung: str, metric: Metric, subjects: Sequence[str], span: Window
    ) -> set[Key]:
        """Give the buckets that a rung has something in."""
        rows = self._influx.rows(
            f'SELECT seen FROM "{rung}" WHERE {_any(subjects)}'
            f" AND metric = '{metric.value}' AND seen > 0"
            f" AND {between(span.start, span.stop)} GROUP BY subject",
            self._influx.rollups,
        )
        return {(row["subject"], row["time"] // MILLISECOND) for row in rows}


def merge(parts: Iterable[Buckets]) -> Buckets:
    """Put buckets of several sources together."""
    merged: Buckets = defaultdict(Bucket)
    for part in parts:
        for key, bucket in part.items():
            merged[key].add(_part(bucket))
    return merged


def _part(bucket: Bucket | Gathered) -> Row:
    """Give a bucket as a part of another."""
    return {name: getattr(bucket, name) for name in Bucket.__slots__}


def _metrics(kind: Kind) -> tuple[Metric, ...]:
    more = (Metric.RR_INTERVAL,) if kind is Kind.HEART_RATE else ()
    return METRICS[kind] + more


def _lines(rung: str, metric: Metric, buckets: Buckets) -> Iterator[str]:
    """Give the lines of a rung's buckets."""
    for (subject, t), b in buckets.items():
        fields = f"n={b.n}i,seen={b.seen}i"
        if b.n:
            fields += f",low={b.low!r},high={b.high!r},total={b.total!r}"
        tags = f"subject={tag(subject)},metric={metric.value}"
        yield f"{rung},{tags} {fields} {t * MILLISECOND}"


def _gather(rows: Iterable[Row]) -> Buckets:
    """Put rows together by subject and time."""
    found: Buckets = defaultdict(Bucket)
    for row in rows:
        found[row["subject"], row["time"] // MILLISECOND].add(row)
    return found


def _any(subjects: Iterable[str]) -> str:
    """Give the condition that a row is one of some subjects'."""
    return "(" + " OR ".join(f"subject = {quoted(one)}" for one in subjects) + ")"


def _whose(subject: str, metric: Metric) -> str:
    """Give the condition that a point of a rung is a subject's and metric's."""
    return f"subject = {quoted(subject)} AND metric = '{metric.value}'"
