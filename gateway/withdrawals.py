"""Tells ingest which records were entered in error, until it has taken them away."""

import asyncio
import logging
import sqlite3

from gateway.outbox import Outbox
from gateway.recorder import Recorder
from vitals import MalformedData, wire
from vitals.bus import Bus
from vitals.metrics import Metrics
from vitals.model import Withdrawn

log = logging.getLogger(__name__)

AGAIN_S = (5, 10, 20, 30, 60, 120, 300, 600)  # without a word from ingest


class Withdrawals:
    """Publishes what is to be withdrawn; every word may come twice."""

    def __init__(
        self, gateway: str, bus: Bus, recorder: Recorder, metrics: Metrics
    ) -> None:
        self._bus, self._recorder, self._metrics = bus, recorder, metrics
        self._news = asyncio.Event()
        self._inbox = bus.subscribe(wire.gateway_topic(gateway, "withdrawn"))

    def look(self) -> None:
        """Look at once whether there is anything to tell."""
        self._news.set()

    async def run(self) -> None:
        """Tell and hear, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._say())
            group.create_task(self._hear())

    async def _say(self) -> None:
        tries = 0
        while True:
            await self._bus.online.wait()
            self._news.clear()
            told = await self._publish()
            tries = tries + 1 if told else 0
            try:
                async with asyncio.timeout(AGAIN_S[min(tries, len(AGAIN_S)) - 1]):
                    await self._news.wait()
                    tries = 0
            except TimeoutError:
                pass

    async def _publish(self) -> int:
        """Publish what is to be withdrawn; give how many."""
        try:
            readings = await self._recorder.ask(Outbox.withdrawals)
        except sqlite3.Error:  # the disk refuses: later
            return 1
        for reading in readings:
            await self._bus.publish(wire.pack_withdrawal(reading))
        return len(readings)

    async def _hear(self) -> None:
        while True:
            for delivery in await self._inbox.take():
                try:
                    noun = wire.read(Withdrawn, delivery.message.payload)
                    done = await self._recorder.ask(Outbox.withdrawn, noun.devices)
                    self._metrics.count("gateway_withdrawn_total", done)
                except MalformedData as error:
                    log.warning("ignored a word from ingest: %s", error)
                    self._metrics.count("gateway_refused_total")
                except sqlite3.Error:  # it will be said again
                    pass
                delivery.ack()
