"""Tells the world what is dead, and no faster than the world can read.

The table has every letter.  On the bus a flood of hostile messages must not become one
of our own: each costs ten times what a good record does.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from ingest.dead import OVERHEAD, Letter
from vitals import Instant, wire
from vitals.bus import Bus
from vitals.wire import Message

BURST = 100  # published at once
EACH_S = 0.01  # that one must wait for the one before, on average
OCTETS = 16 << 20  # that wait; the oldest go


class Notices:
    """Dead letters on their way to the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[Letter, Instant]] = deque()
        self._octets = 0
        self._news = asyncio.Event()

    def add(self, letters: Iterable[Letter], now: Instant) -> None:
        """Take letters to be published."""
        for letter in letters:
            self._waiting.append((letter, now))
            self._octets += len(letter.payload) + OVERHEAD
            self._news.set()
        while self._octets > OCTETS:
            self._take()

    async def run(self) -> None:
        """Publish, until cancelled."""
        while True:
            await self._news.wait()
            count = min(BURST, len(self._waiting))
            messages = [_message(*self._take()) for _ in range(count)]
            if not self._waiting:
                self._news.clear()
            await asyncio.gather(*map(self._bus.publish, messages))
            await asyncio.sleep(count * EACH_S)

    def _take(self) -> tuple[Letter, Instant]:
        letter, t = self._waiting.popleft()
        self._octets -= len(letter.payload) + OVERHEAD
        return letter, t


def _message(letter: Letter, t: Instant) -> Message:
    return wire.dead(Message(letter.topic, letter.payload), letter.reason, t)
