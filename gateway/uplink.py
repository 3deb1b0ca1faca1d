"""Disk -> bus: publish, and publish again until ingest has committed.

A broker's PUBACK releases nothing (docs/decisions/0001).  `Progress` is the pure core:
it says from where to publish next, given what was published, what was committed and
when.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from gateway.outbox import Outbox, Row
from gateway.recorder import Recorder
from vitals import Committed, Instant, MalformedData, wire
from vitals.bus import Bus, Delivery
from vitals.clock import Clock, monotonic
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

PAGE = 1000  # records read from disk at once
BATCH = 100  # records in one message of a backlog
WINDOW = 20_000  # records on their way without a commit
PATIENCE_S = (5, 10, 20, 30)  # without any commit, then we publish again
GREETING_S = 3.0  # we wait for ingest's first word after connecting


@dataclass
class Progress:
    """How far publishing has come.  Sans-I/O."""

    cursor: int = 0  # the highest id published in this pass
    flying: int = 0  # published and not committed
    news: int = 0  # ms since 1970, of the last publication or commit
    disappointments: int = 0

    def published(self, rows: Sequence[Row], now: Instant) -> None:
        """Note what has been handed to the broker."""
        self.cursor, self.news = max(self.cursor, rows[-1].id), now
        self.flying += len(rows)

    def committed(self, count: int, now: Instant) -> None:
        """Note what ingest has made durable."""
        self.flying = max(0, self.flying - count)
        if count:
            self.news, self.disappointments = now, 0

    def rewind(self) -> None:
        """Begin again with the oldest record."""
        self.cursor = self.flying = 0

    def impatient(self, now: Instant) -> bool:
        """Tell whether it is time to publish again what was never committed."""
        patience = PATIENCE_S[min(self.disappointments, len(PATIENCE_S) - 1)]
        if not self.flying or now - self.news < patience * 1000:
            return False
        self.disappointments += 1
        self.news = now
        return True

    @property
    def full(self) -> bool:
        """Tell whether enough is under way."""
        return self.flying >= WINDOW


class Uplink:
    """Publishes what the recorder has written."""

    def __init__(
        self, gateway: str, recorder: Recorder, bus: Bus, metrics: Metrics, clock: Clock
    ) -> None:
        self._recorder, self._bus, self._metrics = recorder, bus, metrics
        self._clock = clock
        self._progress = Progress()
        self._greeted = asyncio.Event()
        self._committed = bus.subscribe(wire.gateway_topic(gateway, "committed"))

    async def run(self) -> None:
        """Publish and release, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._release())
            group.create_task(self._publish())

    def rewind(self) -> None:
        """Publish everything that is not committed again."""
        self._progress.rewind()
        self._recorder.recorded.set()

    async def _publish(self) -> None:
        """Publish as records come, the backlog from disk, the live ones from memory."""
        await self._greeting()
        while True:
            rows = await self._next_rows()
            if rows:
                self._observe(rows)
                self._progress.published(rows, self._clock())
                await asyncio.gather(*map(self._bus.publish, messages(rows)))
                self._metrics.count("gateway_published_total", len(rows))
            else:
                await self._pause()

    async def _greeting(self) -> None:
        """Wait for ingest's word on what it has, so that no number is used twice."""
        await self._bus.online.wait()
        try:
            async with asyncio.timeout(GREETING_S):
                await self._greeted.wait()
        except TimeoutError:
            log.info("no word from ingest yet; publishing all the same")
        self._greeted.set()

    async def _next_rows(self) -> list[Row]:
        """Give what to publish next; nothing while enough is under way."""
        recorder, progress = self._recorder, self._progress
        fresh, recorder.fresh = recorder.fresh, []
        recorder.recorded.clear()
        if progress.impatient(self._clock()):
            progress.rewind()
        if progress.full:
            return []
        # Ids have no gaps, so this is all there is: no need to ask the disk.
        if fresh and fresh[0].id == progress.cursor + 1 and len(fresh) <= PAGE:
            return fresh
        return await recorder.ask(Outbox.pending, progress.cursor, PAGE)

    async def _pause(self) -> None:
        """Wait for news, at most a second."""
        try:
            async with asyncio.timeout(1):
                await self._recorder.recorded.wait()
        except TimeoutError:
            pass

    def _observe(self, rows: Iterable[Row]) -> None:
        """Measure from notification to publication."""
        now = monotonic()
        ages = [now - row.heard for row in rows if row.heard]
        self._metrics.observe("gateway_publish_seconds", ages)

    async def _release(self) -> None:
        """Forget what ingest has committed."""
        while True:
            for delivery in await self._committed.take():
                await self._take(delivery)
                delivery.ack()

    async def _take(self, delivery: Delivery) -> None:
        try:
            noun = wire.read(Committed, delivery.message.payload)
        except MalformedData as error:
            log.warning("ignored a word from ingest: %s", error)
            self._metrics.count("gateway_refused_total")
            return
        first = not self._greeted.is_set()
        for device, ranges in noun.devices.items():
            if first and ranges:
                last = max(last for _, last in ranges)
                await self._recorder.ask(Outbox.reconcile, device, last)
            gone = await self._recorder.ask(Outbox.release, device, ranges)
            self._progress.committed(gone, self._clock())
            self._metrics.count("gateway_committed_total", gone)
        self._greeted.set()
        self._recorder.recorded.set()


def messages(rows: Iterable[Row]) -> list[Message]:
    """Put rows into messages: one alone as it is, more of a stream as batches."""
    streams = groupby(sorted(rows, key=lambda row: row.topic), lambda row: row.topic)
    return [message for topic, stream in streams for message in _pack(topic, stream)]


def _pack(topic: str, stream: Iterable[Row]) -> list[Message]:
    payloads = [row.payload for row in stream]
    if len(payloads) == 1:
        return [Message(topic, payloads[0])]
    starts = range(0, len(payloads), BATCH)
    return [wire.pack_batch(topic, payloads[at : at + BATCH]) for at in starts]
