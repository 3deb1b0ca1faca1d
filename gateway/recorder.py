"""Notifications -> disk, as many per fsync as have arrived meanwhile."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from gateway.outbox import Notification, Outbox, Row
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

AGAIN_S = 1.0  # until the next try when the disk refuses


class Recorder:
    """Owns the outbox and the one thread that touches it."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox, self._metrics = outbox, metrics
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._queue: list[tuple[Notification, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self.fresh: list[Row] = []  # on disk, not yet seen by the uplink
        self.recorded = asyncio.Event()

    async def ask(
        self,
        method: Callable[Concatenate[Outbox, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the outbox in its thread."""
        loop = asyncio.get_running_loop()
        call = partial(method, self._outbox, *args, **kwargs)
        return await loop.run_in_executor(self._thread, call)

    def put(self, notification: Notification) -> asyncio.Future[None]:
        """Take a notification; the future ends once it is on disk."""
        stored = asyncio.get_running_loop().create_future()
        self._queue.append((notification, stored))
        self._wake.set()
        return stored

    async def run(self) -> None:
        """Write what has arrived, for ever; at the end, what is left."""
        try:
            while True:
                await self._wake.wait()
                await self._write()
        finally:
            while self._queue:
                await self._write()

    async def _write(self) -> None:
        """Write all that waits in one transaction."""
        self._wake.clear()
        batch, self._queue = self._queue, []
        try:
            rows = await self.ask(Outbox.add, [one for one, _ in batch])
        except sqlite3.Error as error:
            await self._keep(batch, error)
            return
        self._metrics.count("gateway_records_total", len(rows))
        self._metrics.count("gateway_repeated_total", len(batch) - len(rows))
        self.fresh += rows
        self.recorded.set()
        for _, stored in batch:
            if not stored.done():
                stored.set_result(None)

    async def _keep(
        self,
        batch: list[tuple[Notification, asyncio.Future[None]]],
        error: sqlite3.Error,
    ) -> None:
        """Hold on to what the disk refused: no confirmation leaves, nothing is lost."""
        log.error("cannot write the outbox: %s; is the disk full?", error)
        self._metrics.count("gateway_disk_errors_total")
        self._queue = batch + self._queue
        self._wake.set()
        await asyncio.sleep(AGAIN_S)

    def close(self) -> None:
        """End the thread and close the file."""
        self._thread.submit(self._outbox.close)
        self._thread.shutdown()
