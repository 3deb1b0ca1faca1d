"""Trends: numbers gathered into buckets of whole seconds, minutes or hours.

Buckets are aligned to 1970-01-01T00:00Z, so that a coarse bucket is the sum of finer
ones and its extremes are exact.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingest.samples import Sample
from ingest.store import Point
from vitals import Instant, Metric
from vitals.config import Store

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000  # ms

WIDTHS = (
    *(SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14, 28)),
)


class Window(NamedTuple):
    """Whole buckets that cover a span of time."""

    start: int  # ms, multiple of `width`
    stop: int  # ms, multiple of `width`; not included
    width: int  # ms


def window(start: Instant, stop: Instant, points: int, finest: int = SECOND) -> Window:
    """Give the finest buckets that cover [start, stop) with at most `points`.

    None is narrower than `finest`, in ms.

    >>> window(Instant(61_000), Instant(3_600_000), 60)
    Window(start=60000, stop=3600000, width=60000)
    """
    for width in _widths():
        if width < finest:
            continue
        first, last = start // width * width, -(-stop // width) * width
        if last - first <= max(points, 1) * width:
            return Window(first, last, width)
    raise AssertionError("unreachable: widths grow without end")


def finest(metric: Metric, settings: Store) -> int:
    """Give the narrowest bucket, in ms, that may hold a value of a metric."""
    return settings.hrv_window_s * SECOND if metric.derived else SECOND


class Gathered:
    """What is known of the values in one bucket."""

    __slots__ = ("high", "low", "n", "seen", "total")

    def __init__(self) -> None:
        self.n = 0  # values that count
        self.low, self.high = float("inf"), float("-inf")
        self.total = 0.0
        self.seen = 0  # with those missing or not to be trusted

    def add(self, value: float | None) -> None:
        """Add a value, or None for one that does not count."""
        self.seen += 1
        if value is None:
            return
        self.n += 1
        self.total += value
        self.low, self.high = min(self.low, value), max(self.high, value)


def gather(samples: Iterable[Sample], width: int) -> dict[tuple[Metric, int], Gathered]:
    """Gather samples into buckets by metric and start of the bucket in ms."""
    found: dict[tuple[Metric, int], Gathered] = {}
    for metric, t, value in samples:
        key = metric, t // width * width
        if (bucket := found.get(key)) is None:
            bucket = found[key] = Gathered()
        bucket.add(value)
    return found


def coarser(
    fine: dict[tuple[Metric, int], Gathered], width: int
) -> dict[tuple[Metric, int], Gathered]:
    """Gather buckets into wider ones, of `width` ms."""
    found: dict[tuple[Metric, int], Gathered] = {}
    for (metric, t), part in fine.items():
        key = metric, t // width * width
        if (bucket := found.get(key)) is None:
            bucket = found[key] = Gathered()
        bucket.n, bucket.seen = bucket.n + part.n, bucket.seen + part.seen
        bucket.total += part.total
        bucket.low = min(bucket.low, part.low)
        bucket.high = max(bucket.high, part.high)
    return found


def point(t: int, n: int, low: float, high: float, total: float, seen: int) -> Point:
    """Make a point of a trend from the sums of its bucket, `n` being above 0."""
    # A mean never lies outside its extremes, though the last bit of a sum may.
    mean = min(max(total / n, low), high)
    return Point(Instant(t), low, mean, high, n, n / seen)


def _widths() -> Iterator[int]:
    """Give every width of a bucket, finest first."""
    yield from WIDTHS
    width = WIDTHS[-1]
    while True:
        width *= 2
        yield width
