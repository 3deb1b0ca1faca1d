"""Heart rate variability: RMSSD and SDNN of each window of RR intervals.

Task Force of the ESC and NASPE, Circulation 93 (1996) 1043, 10.1161/01.CIR.93.5.1043:
of normal intervals, after the gate has mended them, in windows of five minutes unless
the configuration says otherwise.  A window is judged by its own intervals alone, so
what it gives does not depend on when they came.  Where too little of it is normal it
has no value, and a trend has a gap.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import isnan, nan, sqrt
from typing import NamedTuple

from ingest.samples import Sample, intervals, trusted
from vitals import HeartRate, Instant, MalformedData, Metric, Reading
from vitals.config import Store
from vitals.gate import (
    AROUND,
    ARTEFACT,
    ECTOPIC,
    EXTRA,
    MISSED,
    NORMAL,
    Gate,
    Watched,
    arrive,
    contradict,
    judge,
    leave,
    pieces,
)

METRICS = Metric.RMSSD, Metric.SDNN
GATE = Gate()
ODD = ECTOPIC, ARTEFACT  # flags of what is left out, and has no neighbours
CROWD = 60  # intervals and records in a second that no heart's wearables give


class Heard(NamedTuple):
    """What a record says of beats."""

    source: tuple[str, str]  # device and gateway
    t: int  # ms, of the beat that ends the last interval
    seq: int  # 0: none
    rr: tuple[float, ...]  # ms, oldest first
    rate: float  # /min, what the device itself says; 0: nothing
    good: bool  # to be trusted


class Interval(NamedTuple):
    """An RR interval as it came."""

    end: Instant  # of the beat that ends it
    rr: float  # ms
    rate: float  # /min, what the device itself says; 0: nothing
    good: bool  # its record is to be trusted


class Variability(NamedTuple):
    """How variable the normal intervals of a window are."""

    rmssd: float  # ms; NaN: no two are neighbours
    sdnn: float  # ms, n - 1; NaN: fewer than two
    normal: float  # ms that they last together, those mended left out


def bounded(readings: Iterable[Reading], seconds: int) -> Iterator[Reading]:
    """Give the readings of some seconds, as long as a heart can have given them.

    A clock that stands still puts all that comes into one second.

    Raises
    ------
    MalformedData
        They are more.
    """
    left = CROWD * seconds
    for reading in readings:
        left -= 1 + len(getattr(reading.record, "rr", ()))
        if left < 0:
            raise MalformedData(f"more intervals than a heart has in {seconds} s")
        yield reading


def gaps(starts: Iterable[int]) -> Iterator[Sample]:
    """Say of windows in which there were intervals that they have no value."""
    for start in starts:
        for metric in METRICS:
            yield Sample(metric, Instant(start), None)


def heard(readings: Iterable[Reading]) -> Iterator[Heard]:
    """Give what readings say of beats."""
    for reading in readings:
        r = reading.record
        if isinstance(r, HeartRate) and r.rr:
            source, good = (reading.device, r.gateway or ""), trusted(r.q)
            yield Heard(source, r.t, r.seq or 0, r.rr, r.hr or 0.0, good)


def windows(records: Iterable[Heard], settings: Store) -> Iterator[Sample]:
    """Give RMSSD and SDNN of each window in which there were intervals, at its start.

    Parameters
    ----------
    records : iterable of Heard
        One subject's, in any order; those from `LONGEST` behind a window reach into it.
    settings : Store
        How long a window is, and which share of it has to be normal.
    """
    width = settings.hrv_window_s * 1000
    best: dict[int, Variability] = {}
    for stream in _streams(records):
        for start, found in _cut(stream, width):
            told = variability(found)
            if start not in best or told.normal > best[start].normal:
                best[start] = told
    for start, told in sorted(best.items()):
        enough = told.normal >= settings.hrv_share * width
        for metric, value in zip(METRICS, told, strict=False):
            sound = enough and metric.plausible(value)
            yield Sample(metric, Instant(start), value if sound else None)


def variability(found: Iterable[Interval]) -> Variability:
    """Give the variability of intervals, oldest first, after the gate.

    A difference counts between neighbours only: not across a beat that was left out,
    nor where some were lost.
    """
    values: list[float] = []
    leaps: list[float] = []
    normal, before = 0.0, nan
    for flag, parts in _mended(list(_trusted(found))):
        if flag in ODD:
            before = nan
        for rr in parts:
            if not isnan(before):
                leaps.append(_square(rr - before))
            before = rr
        values += parts
        normal += sum(parts) if flag == NORMAL else 0.0
    return Variability(_root(sum(leaps), len(leaps)), _deviation(values), normal)


def _streams(records: Iterable[Heard]) -> Iterator[list[Interval]]:
    """Give what each gateway heard of each device, oldest first.

    They are not mixed: each may drop what the other hears, or hear the same again.
    """
    for _, stream in groupby(sorted(records), key=lambda record: record.source):
        yield [one for record in stream for one in _intervals(record)]


def _intervals(record: Heard) -> Iterator[Interval]:
    """Give a record's intervals, oldest first."""
    for end, rr in reversed(intervals(record.t, record.rr)):
        yield Interval(end, rr, record.rate, record.good)


def _cut(
    stream: Iterable[Interval], width: int
) -> Iterator[tuple[int, list[Interval]]]:
    """Cut a stream into windows by where its intervals end."""
    found: dict[int, list[Interval]] = defaultdict(list)
    for one in stream:
        found[one.end // width * width].append(one)
    yield from found.items()


def _trusted(found: Iterable[Interval]) -> Iterator[tuple[Interval, bool]]:
    """Give intervals to be trusted, each with whether its neighbour is missing."""
    last: Interval | None = None
    for one in found:
        if one.good:
            alone = last is None or not last.good
            lost = last is not None and one.end - last.end > one.rr + GATE.lost
            yield one, alone or lost
        last = one


def _mended(
    found: Sequence[tuple[Interval, bool]],
) -> Iterator[tuple[int, list[float]]]:
    """Give each interval's flag, and what it is mended to; nothing: it is left out.

    As `dsp.kernels.beats` does: missed beats are divided, extra ones joined.  A normal
    interval lies between two normal beats (Task Force): the pause behind a premature
    beat is left out with it, and an interval whose first beat is not known.
    """
    half, prior, before = False, 0.0, NORMAL
    judged = _judged([one for one, _ in found])
    for (one, alone), (said, median) in zip(found, judged, strict=True):
        behind = said != EXTRA and (alone or before in ODD)
        flag, before = ECTOPIC if behind else said, said
        parts = [one.rr] if flag == NORMAL else []
        if flag == MISSED:
            n = pieces(one.rr, median, GATE.least)
            parts = [one.rr / n] * n
        elif flag == EXTRA and half:
            parts = [prior + one.rr]
        yield flag, parts
        half, prior = flag == EXTRA and not half, one.rr


def _judged(found: Iterable[Interval]) -> Iterator[tuple[int, float]]:
    """Give each interval's flag, and the median around it, ms."""
    s = Watched()
    for one in found:
        contradict(s, one.rr, one.rate)
        arrive(s, one.rr)
        if s.count > AROUND:
            yield judge(s, GATE)
    while s.judged < s.count:
        leave(s)
        yield judge(s, GATE)


def _root(total: float, n: int) -> float:
    """Give the root of a mean of squares."""
    return sqrt(total / n) if n else nan


def _deviation(values: list[float]) -> float:
    """Give the standard deviation of a sample."""
    n = len(values)
    if n < 2:
        return nan
    mean = sum(values) / n
    return sqrt(sum(_square(x - mean) for x in values) / (n - 1))


def _square(x: float) -> float:
    """Give a square; of an absurd number infinity, where `**` raises an error."""
    return x * x
