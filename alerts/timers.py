"""When each case comes due; ten thousand that wait cost nothing until one does."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

from vitals.model import Instant

K = TypeVar("K", bound=tuple[str, ...])


class Timers(Generic[K]):
    """At most one time for each key."""

    def __init__(self) -> None:
        self._due: dict[K, Instant] = {}
        self._queue: list[tuple[Instant, K]] = []  # also what no longer holds

    def set(self, key: K, due: Instant | None) -> None:
        """Give a key its time, or none."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heappush(self._queue, (due, key))

    def up(self, now: Instant) -> Iterator[K]:
        """Take the keys whose time has come, the earliest first."""
        while self._queue and self._queue[0][0] <= now:
            due, key = heappop(self._queue)
            if self._due.get(key) == due:
                del self._due[key]
                yield key
