"""Trends as they are sent, kept while the store says that nothing has changed.

A trend is kept under its tag, and its tag is made of the store's stamp: what changes
the trend changes the tag, so nothing that is kept can be out of date.  Who may see it
was asked before.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from portal.times import rfc3339
from portal.views import PointView, Trend, encode
from vitals import __version__
from vitals.codes import Metric
from vitals.model import Instant

if TYPE_CHECKING:
    from ingest.store import History, Point

REMEMBERED = 4 << 20  # octets of bodies


class Asked(NamedTuple):
    """Which trend."""

    subject: str
    metric: Metric
    start: Instant
    stop: Instant
    points: int  # at most


class Trends:
    """The trends of a history as bytes.  All methods block; any thread may call."""

    def __init__(self, history: "History", remembered: int = REMEMBERED) -> None:
        self._history, self._remembered = history, remembered
        self._lock = threading.Lock()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._octets = 0

    def give(self, asked: Asked, known: str = "") -> tuple[str, bytes | None]:
        """Give a trend with its tag; None when its tag is among those `known`."""
        # The stamp first: what is written meanwhile makes the body newer than its tag,
        # and the next stamp another one.
        stamp = self._history.stamp(*asked)
        if stamp is None:
            body = self._read(asked)
            tag = _tag(body)
            return tag, None if tag in known else body
        tag = _tag(repr((__version__, asked.subject, asked.metric, stamp)).encode())
        if tag in known:
            return tag, None
        return tag, self._kept(tag) or self._keep(tag, self._read(asked))

    def _read(self, asked: Asked) -> bytes:
        """Read and write a trend."""
        return of_trend(asked.metric, self._history.trend(*asked))

    def _kept(self, tag: str) -> bytes | None:
        """Give a body that was given lately."""
        with self._lock:
            if tag in self._bodies:
                self._bodies.move_to_end(tag)
            return self._bodies.get(tag)

    def _keep(self, tag: str, body: bytes) -> bytes:
        """Keep a body, and forget those not asked for the longest."""
        with self._lock:
            if tag not in self._bodies:
                self._octets += len(body)
            self._bodies[tag] = body
            while self._octets > self._remembered:
                self._octets -= len(self._bodies.popitem(last=False)[1])
        return body


def of_trend(metric: Metric, points: "Iterable[Point]") -> bytes:
    """Write a trend; bytes, because the hot route must not go through a dict."""
    shown = [
        PointView(_start(p.t), p.min, p.mean, p.max, p.n, p.quality) for p in points
    ]
    return encode(Trend(metric.value, metric.loinc, metric.unit, shown))


# Buckets are aligned: whoever asks, the same few starts come again, and writing a time
# is two thirds of a trend's encoding.
_start = lru_cache(maxsize=8192)(rfc3339)


def _tag(data: bytes) -> str:
    """Give an entity tag."""
    return f'"{blake2b(data, digest_size=12).hexdigest()}"'
