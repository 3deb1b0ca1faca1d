"""Disk -> bus: publish, and publish again until ingest has committed.

A broker's PUBACK releases nothing (docs/decisions/0001).  Two lanes run side by side:
what has just been recorded goes out at once, and beside it, in batches, whatever an
outage has left behind.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby

from gateway.flight import Flight
from gateway.outbox import Outbox, Row
from gateway.recorder import Recorder
from vitals import Committed, MalformedData, wire
from vitals.bus import Bus, Delivery
from vitals.clock import monotonic
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

PAGE = 1000  # records of the backlog read from disk, and on their way to the broker
BATCH = 100  # records in one message of a backlog
GREETING_S = 3.0  # we wait for ingest's first word after connecting


class Uplink:
    """Publishes what the recorder has written."""

    def __init__(
        self, gateway: str, recorder: Recorder, bus: Bus, metrics: Metrics
    ) -> None:
        self._recorder, self._bus, self._metrics = recorder, bus, metrics
        self._flight = Flight()
        self._cursor = 0  # no record on disk up to here waits to be published
        self._behind, self._news = asyncio.Event(), asyncio.Event()
        self._greeted = asyncio.Event()
        self._committed = bus.subscribe(wire.gateway_topic(gateway, "committed"))

    async def run(self) -> None:
        """Publish and release, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._release())
            await self._greeting()
            self._fall_behind(0)
            group.create_task(self._live())
            group.create_task(self._backlog())

    async def resend(self, _: Message) -> None:
        """Take the command `resend`: publish all that is not committed again."""
        self._flight = Flight()
        self._fall_behind(0)

    def look_again(self) -> None:
        """Go by the disk: what is in memory may be somebody else's by now."""
        self._recorder.fresh.clear()
        self._fall_behind(self._cursor)

    # -- out ---------------------------------------------------------------------------

    async def _live(self) -> None:
        """Publish as records come, from memory."""
        while True:
            await self._recorder.recorded.wait()
            await self._bus.online.wait()  # what leaves, the broker gets
            self._recorder.recorded.clear()
            if rows := self._fresh():
                self._take_off(rows)
                self._observe(rows)
                await self._publish(rows)

    def _fresh(self) -> list[Row]:
        """Take what has just been recorded; the backlog may have been faster."""
        fresh, cursor, flight = self._recorder.fresh, self._cursor, self._flight
        rows = [row for row in fresh if row.id > cursor and row.id not in flight]
        fresh.clear()
        return rows

    def _take_off(self, rows: Sequence[Row]) -> None:
        """Note that live records leave."""
        tracked = self._flight.depart(rows, monotonic())
        follows = rows[-1].id - len(rows) == self._cursor == rows[0].id - 1
        if tracked and follows:
            self._cursor = rows[-1].id
        else:  # others wait before these, or these must go once more
            self._fall_behind(self._cursor)

    async def _backlog(self) -> None:
        """Publish what is on disk and not under way, beside the live records."""
        while True:
            if not self._bus.online.is_set():
                await self._bus.online.wait()
                self._flight.doubt()
            late = self._flight.overdue(monotonic())
            if late is not None:
                self._fall_behind(late - 1)
            if self._behind.is_set() and not self._flight.full:
                await self._next_page()
            else:
                await self._pause()

    async def _next_page(self) -> None:
        self._behind.clear()  # before reading: what is recorded meanwhile sets it
        cursor = self._cursor
        try:
            page = await self._recorder.ask(Outbox.pending, cursor, PAGE)
        except sqlite3.Error:
            self._behind.set()
            await asyncio.sleep(1)
            return
        if not page or self._cursor != cursor:  # the end; or we were sent back
            return
        self._fall_behind(page[-1].id)
        rows = [row for row in page if row.id not in self._flight]
        self._flight.depart(rows, monotonic())
        await self._publish(rows)

    def _fall_behind(self, cursor: int) -> None:
        """Go on from disk behind a record, until nothing is left there."""
        self._cursor = cursor
        self._behind.set()
        self._news.set()

    async def _publish(self, rows: Sequence[Row]) -> None:
        await asyncio.gather(*map(self._bus.publish, messages(rows)))
        self._metrics.count("gateway_published_total", len(rows))

    async def _pause(self) -> None:
        """Wait for news, at most a second."""
        self._news.clear()
        try:
            async with asyncio.timeout(1):
                await self._news.wait()
        except TimeoutError:
            pass

    def _observe(self, rows: Iterable[Row]) -> None:
        """Measure from notification to publication."""
        now = monotonic()
        ages = [now - row.heard for row in rows if row.heard]
        self._metrics.observe("gateway_publish_seconds", ages)

    # -- back --------------------------------------------------------------------------

    async def _greeting(self) -> None:
        """Wait for ingest's word on what it has, so that no number is used twice."""
        await self._bus.online.wait()
        try:
            async with asyncio.timeout(GREETING_S):
                await self._greeted.wait()
        except TimeoutError:
            log.info("no word from ingest yet; publishing all the same")
        self._greeted.set()

    async def _release(self) -> None:
        """Forget what ingest has committed."""
        while True:
            for delivery in await self._committed.take():
                await self._take(delivery)
                delivery.ack()

    async def _take(self, delivery: Delivery) -> None:
        try:
            if len(delivery.message.payload) > wire.LARGEST:
                raise MalformedData("it is too long")
            noun = wire.read(Committed, delivery.message.payload)
        except MalformedData as error:
            log.warning("ignored a word from ingest: %s", error)
            self._metrics.count("gateway_refused_total")
            return
        await self._go_on_behind(noun)
        ids = self._flight.hear(noun)
        await self._recorder.ask(Outbox.release, ids)
        self._metrics.count("gateway_committed_total", len(ids))
        self._news.set()

    async def _go_on_behind(self, noun: Committed) -> None:
        """See to it that no number is given that ingest already has."""
        highest = {
            device: max(last for _, last in ranges)
            for device, ranges in noun.devices.items()
            if ranges and len(device) <= 64  # as wire has it
        }
        first = not self._greeted.is_set()
        try:
            renumbered, doubted = await self._recorder.ask(
                Outbox.reconcile, highest, renumber=first
            )
        except sqlite3.Error:  # the disk refuses: another word will come
            return
        if renumbered:  # those in memory have their old numbers
            self._recorder.fresh.clear()
        if doubted:
            log.warning("ingest claims impossible numbers of %d devices", doubted)
            self._metrics.count("gateway_refused_total", doubted)
        self._greeted.set()


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
