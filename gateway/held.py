"""What waits for the disk: bounded, whatever the disk does.  Sans-I/O."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from gateway.notification import Notification

STREAM_S = 300.0  # a streamed value waits at most so long for a disk that refuses
STREAMED = 10_000  # and so many
SPOTS = 1000  # spot readings wait until there is no room; then they are refused

Stored = asyncio.Future[None]


class Refused(Exception):
    """A reading cannot be kept; so it must not be confirmed to the wearable."""


class Held(Struct):
    """One value that waits, and who waits for it."""

    notification: Notification
    stored: Stored
    since: float  # s, monotonic


class Queue:
    """Values in order of arrival."""

    def __init__(self) -> None:
        self._values: list[Held] = []
        self._spots = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def urgent(self) -> bool:
        """Tell whether somebody waits for a confirmation."""
        return self._spots > 0

    def put(self, notification: Notification, stored: Stored, now: float) -> None:
        """Take a value in; a spot reading for which there is no room is refused."""
        if not notification.streamed:
            if self._spots >= SPOTS:
                _fail(stored, "the disk refuses, and too much waits for it")
                return
            self._spots += 1
        self._values.append(Held(notification, stored, now))

    def first(self, limit: int) -> Sequence[Held]:
        """Give the oldest values; they stay until they are `done`."""
        return self._values[:limit]

    def done(self, count: int) -> None:
        """Forget the oldest values: they are on disk."""
        for held in self._values[:count]:
            self._spots -= not held.notification.streamed
            if not held.stored.done():
                held.stored.set_result(None)
        del self._values[:count]

    def trim(self, now: float) -> int:
        """Drop streamed values that the disk kept waiting; give how many."""
        streamed = [held for held in self._values if held.notification.streamed]
        excess = max(0, len(streamed) - STREAMED)
        gone = {
            id(held)
            for place, held in enumerate(streamed)
            if place < excess or held.since < now - STREAM_S
        }
        for held in streamed:
            if id(held) in gone:
                _fail(held.stored, "the disk refuses for too long")
        self._values = [held for held in self._values if id(held) not in gone]
        return len(gone)


def _fail(stored: Stored, why: str) -> None:
    """Tell whoever waits that it will not be; often nobody does."""
    if not stored.done():
        stored.set_exception(Refused(why))
        stored.exception()  # else asyncio complains when nobody asks
