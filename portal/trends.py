"""Trends as they are sent, kept while the store says that nothing has changed.

A trend is kept under its tag, and its tag is made of the store's stamp: what changes
the trend changes the tag, so nothing that is kept can be out of date.  Who may see it
was asked before.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from portal.times import rfc3339
from portal.views import PointView, Trend, encode
from vitals import __version__
from vitals.codes import Metric
from vitals.model import Instant

if TYPE_CHECKING:
    from ingest.store import History, Point

T = TypeVar("T")

REMEMBERED = 4 << 20  # octets of bodies
POINTS = 20_000  # remembered of what pages draw; some 200 octets each


class Asked(NamedTuple):
    """Which trend."""

    subject: str
    metric: Metric
    start: Instant
    stop: Instant
    points: int  # at most


class Kept(Generic[T]):
    """What was given lately, by tag; those not asked for the longest go first."""

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        self._most, self._size = most, size
        self._lock = threading.Lock()
        self._found: OrderedDict[str, T] = OrderedDict()
        self.held = 0

    def get(self, tag: str) -> T | None:
        """Give what is kept under a tag."""
        with self._lock:
            if tag in self._found:
                self._found.move_to_end(tag)
            return self._found.get(tag)

    def keep(self, tag: str, found: T) -> T:
        """Keep something, and forget what is too much."""
        with self._lock:
            if tag not in self._found:
                self._found[tag] = found
                self.held += self._size(found)
            while self.held > self._most:
                self.held -= self._size(self._found.popitem(last=False)[1])
        return found


class Trends:
    """The trends of a history.  All methods block; any thread may call."""

    def __init__(
        self, history: "History", octets: int = REMEMBERED, points: int = POINTS
    ) -> None:
        self._history = history
        self.bodies: Kept[bytes] = Kept(octets, len)
        # An empty one takes room, too: its tag.
        self.drawn: Kept[Sequence[Point]] = Kept(points, lambda found: len(found) + 1)

    def give(self, asked: Asked, known: str = "") -> tuple[str, bytes | None]:
        """Give a trend as it is sent, and its tag; None when its tag is `known`."""
        tag = self._tag(asked)
        if tag is None:
            body = of_trend(asked.metric, self._history.trend(*asked))
            tag = _digest(body)
            return tag, None if tag in known else body
        if tag in known:
            return tag, None
        if kept := self.bodies.get(tag):
            return tag, kept
        body = of_trend(asked.metric, self._history.trend(*asked))
        return tag, self.bodies.keep(tag, body)

    def points(self, asked: Asked) -> "Sequence[Point]":
        """Give a trend to draw."""
        tag = self._tag(asked)
        found = self.drawn.get(tag) if tag else None
        if found is not None:
            return found
        found = self._history.trend(*asked)
        return self.drawn.keep(tag, found) if tag else found

    def _tag(self, asked: Asked) -> str | None:
        """Give a trend's tag; None when it takes the trend to tell.

        Before the trend is read: what is written meanwhile makes a trend newer than its
        tag, and the next tag another one.
        """
        stamp = self._history.stamp(*asked)
        if stamp is None:
            return None
        return _digest(repr((__version__, asked.subject, asked.metric, stamp)).encode())


def of_trend(metric: Metric, points: "Iterable[Point]") -> bytes:
    """Write a trend; bytes, because the hot route must not go through a dict."""
    shown = [
        PointView(_start(p.t), p.min, p.mean, p.max, p.n, p.quality) for p in points
    ]
    return encode(Trend(metric.value, metric.loinc or None, metric.unit, shown))


# Buckets are aligned: whoever asks, the same few starts come again, and writing a time
# is two thirds of a trend's encoding.
_start = lru_cache(maxsize=8192)(rfc3339)


def _digest(data: bytes) -> str:
    """Give an entity tag."""
    return f'"{blake2b(data, digest_size=12).hexdigest()}"'
