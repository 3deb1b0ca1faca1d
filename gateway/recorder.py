"""Notifications -> disk, as many per fsync as may wait for each other.

A spot reading is written at once, and whatever waits with it: its wearable waits for
the confirmation.  Streamed values wait for company, at most `group_s`: every
transaction wears the SD card by a page.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.held import Queue
from gateway.outbox import Full, Notification, Outbox, Row
from gateway.tally import Range
from vitals.clock import monotonic
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

AGAIN_S = 1.0  # until the next try when the disk refuses
BATCH = 5000  # in one transaction
FRESH = 1000  # rows that the uplink finds in memory; older ones it reads from disk


class Recorder:
    """Owns the outbox and the one thread that touches it."""

    def __init__(self, outbox: Outbox, metrics: Metrics, group_s: float = 0.25) -> None:
        self._outbox, self._metrics, self._group_s = outbox, metrics, group_s
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._queue = Queue()
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._suspect = False  # the file must be opened anew before it is used
        self._refused = 0  # streamed values that the disk kept waiting for too long
        self.problem = ""  # what is wrong with the disk; "" nothing
        self.fresh: deque[Row] = deque(maxlen=FRESH)  # on disk, unseen by the uplink
        self.recorded = asyncio.Event()

    async def ask(
        self,
        method: Callable[Concatenate[Outbox, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a method of the outbox in its thread.

        Raises
        ------
        sqlite3.Error
            The disk refuses; it is in `problem`, too.
        """
        loop = asyncio.get_running_loop()
        call = partial(method, self._outbox, *args, **kwargs)
        try:
            return await loop.run_in_executor(self._thread, call)
        except sqlite3.Error as error:
            self._note(error)
            raise

    async def change(
        self,
        method: Callable[Concatenate[Outbox, P], list[Row] | None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[Row] | None:
        """Call a method of the outbox that gives records; the uplink gets them.

        Raises
        ------
        sqlite3.Error
            The disk refuses: nothing has changed.
        """
        await self._mend()
        rows = await self.ask(method, *args, **kwargs)
        self.fresh += rows or ()
        self.recorded.set()
        return rows

    async def _mend(self) -> None:
        """Open the file anew if it must be before it is used."""
        if self._suspect:
            await self.ask(Outbox.reopen)
            self._suspect = False

    def put(self, notification: Notification) -> asyncio.Future[None]:
        """Take a notification; the future ends once it is on disk.

        It fails with `Refused` when the value was given up because the disk refuses.
        """
        stored = asyncio.get_running_loop().create_future()
        self._queue.put(notification, stored, monotonic())
        self._wake.set()
        if not notification.streamed:
            self._urgent.set()
        return stored

    @property
    def dropped(self) -> int:
        """How many records had to go, for want of room or of a disk that works."""
        return self._outbox.gone + self._refused

    def lost(self, device: str) -> tuple[Range, ...]:
        """Give the numbers of a device whose records had to go."""
        return self._outbox.dropped.get(device, ())

    @property
    def unassigned(self) -> dict[str, int]:
        """By device, the readings of which nobody knows whose they are."""
        counts = dict(self._outbox.unassigned)  # at once: its thread may add to it
        return {device: n for device, n in counts.items() if n}

    def waiting(self, device: str) -> int:
        """Count the readings of a device of which nobody knows whose they are."""
        return self._outbox.unassigned.get(device, 0)

    async def run(self) -> None:
        """Write what has arrived, for ever; at the end, what is left."""
        try:
            while True:
                await self._company()
                if not await _whole(self._write()):
                    await asyncio.sleep(AGAIN_S)
        finally:
            while self._queue and await self._write():
                pass
            if self._queue:
                log.error("%d values could not be written", len(self._queue))

    async def _company(self) -> None:
        """Wait for a value, and then for others to share its transaction."""
        await self._wake.wait()
        if self._group_s and not self._urgent.is_set():
            try:
                async with asyncio.timeout(self._group_s):
                    await self._urgent.wait()
            except TimeoutError:
                pass

    async def _write(self) -> bool:
        """Write all that waits in one transaction; False when the disk refuses."""
        batch = self._queue.first(BATCH)
        try:
            await self._mend()
            rows = await self.ask(Outbox.add, [held.notification for held in batch])
        except sqlite3.Error:
            self._refused += self._queue.trim(monotonic())
            self._metrics.counters["gateway_dropped_total"] = self.dropped
            return False
        self._queue.done(len(batch))
        if not self._queue:
            self._wake.clear()
        if not self._queue.urgent:
            self._urgent.clear()
        held = self._outbox.held_back
        self._metrics.count("gateway_unassigned_total", held)
        self._tell(rows, len(batch) - len(rows) - held)
        await self._fold()
        return True

    def _tell(self, rows: list[Row], repeated: int) -> None:
        """Let the uplink know what is on disk, and the operator that all is well."""
        self._metrics.count("gateway_records_total", len(rows))
        self._metrics.count("gateway_repeated_total", repeated)
        self._metrics.counters["gateway_dropped_total"] = self.dropped
        self.fresh += rows
        self.recorded.set()
        if self.problem:
            log.warning("the outbox can be written again")
            self.problem = ""
            self._metrics.gauge("gateway_disk_failing", 0)

    async def _fold(self) -> None:
        """Tidy up the write-ahead log; what it holds is safe already."""
        if self._outbox.unfolded:
            try:
                await self.ask(Outbox.fold)
            except sqlite3.Error:
                self._wake.set()  # the next write opens the file anew

    def _note(self, error: sqlite3.Error) -> None:
        """Say once what is wrong; no confirmation leaves while it is."""
        self._metrics.count("gateway_disk_errors_total")
        self._metrics.gauge("gateway_disk_failing", 1)
        name = getattr(error, "sqlite_errorname", "")
        if not isinstance(error, Full) and name != "SQLITE_FULL":
            self._suspect = True
        if (text := f"cannot write the outbox: {error}") != self.problem:
            log.error("%s; readings are not confirmed until it can be", text)
            self.problem = text

    def close(self) -> None:
        """End the thread and close the file."""
        self._thread.submit(self._outbox.close)
        self._thread.shutdown()


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do work to its end, also when we are cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
