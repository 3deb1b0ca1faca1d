"""What a link is used for beside listening: the wearable's clock and its memory."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.decode import Circumstance
from gateway.device_clock import DeviceClock
from gateway.fetch import Fetch
from gateway.link import Link
from gateway.policy import Policy
from gateway.radio import FAILURES
from gateway.recorder import Recorder
from gateway.timeline import zone_offset
from vitals import Flag, Instant, Record
from vitals.clock import Clock
from vitals.gatt import glucose
from vitals.gatt.record_access import CONTROL_POINT
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

STORED_MS = 10_000  # a reading so old when it arrives was stored
QUIET_S = 2.0  # without a stored reading: they are all in
NOISE_S = 30.0  # of them: then its stamps are just wrong
AGAIN_S = 60.0  # between looks at what has been stored meanwhile
COMMITTED_S = 5.0  # between looks at what has been committed


class Visit:
    """One wearable's clock and memory, over all of its links."""

    def __init__(
        self,
        device: str,
        recorder: Recorder,
        policy: Policy,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._device, self._policy = device, policy
        self._metrics, self._clock = metrics, clock
        self.watch = DeviceClock(device, policy, metrics, clock)
        self._fetch = Fetch(device, recorder)
        self._stored_at = 0.0  # s, the loop's: a stored reading came

    def circumstance(
        self, received: Instant, site: int | None, bonded: bool
    ) -> Circumstance:
        """Give what is known beside the bytes."""
        return Circumstance(
            received,
            bonded=bonded,
            site=site,
            zone_offset_s=zone_offset(self._policy.zone, received),
            timeline=self.watch.timeline,
            synchronised=self._policy.synchronised(received),
        )

    def heard(
        self,
        characteristic: str,
        data: bytes,
        record: Record,
        stored: "asyncio.Future[None]",
    ) -> None:
        """Take note of a value that is on its way to the disk."""
        if characteristic == glucose.MEASUREMENT:
            self._fetch.heard(data, stored)
        old = record.received is not None and record.received - record.t > STORED_MS
        if old or (record.device_t and Flag.CLOCK_UNSYNCED in record.q):
            self._stored_at = asyncio.get_running_loop().time()

    async def arrive(self, link: Link) -> None:
        """Look at the clock; to be done before anything is subscribed to."""
        await self.watch.look(link)
        if link.offers(CONTROL_POINT):
            await self._fetch.listen(link)

    @asynccontextmanager
    async def beside(self, link: Link) -> AsyncIterator[None]:
        """See to memory and clock for the time of a block."""
        task = asyncio.create_task(self._run(link))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, link: Link) -> None:
        """Fetch what is stored, then set the clock; for as long as the link lasts."""
        while True:
            try:
                await self._once(link)
            except FAILURES as error:
                log.info("%s: %s", self._device, str(error) or type(error).__name__)
                self._metrics.count("gateway_radio_errors_total")
            except sqlite3.Error as error:
                log.info("%s: its records stay where they are: %s", self._device, error)
            await asyncio.sleep(AGAIN_S)

    async def _once(self, link: Link) -> None:
        if link.offers(CONTROL_POINT):
            await self._fetch.dump(link)
            self._metrics.count("gateway_dumps_total")
        await self._quiet()
        await self.watch.mend(link)
        if self._policy.delete_stored and link.offers(CONTROL_POINT):
            await self._tidy(link)

    async def _quiet(self) -> None:
        """Wait until no stored reading has come for a while."""
        loop = asyncio.get_running_loop()
        until, self._stored_at = loop.time() + NOISE_S, loop.time()
        while (due := min(self._stored_at + QUIET_S, until)) > loop.time():
            await asyncio.sleep(due - loop.time())

    async def _tidy(self, link: Link) -> None:
        """Delete on the wearable as soon as all is committed, if that is soon."""
        for _ in range(int(AGAIN_S / COMMITTED_S)):
            if await self._fetch.tidy(link) is not None:
                self._metrics.count("gateway_deletions_total")
                return
            await asyncio.sleep(COMMITTED_S)
