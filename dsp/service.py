"""Records and plans off the bus, anomalies onto it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from time import perf_counter

from dsp.erasure import forgotten
from dsp.snapshot import Snapshot
from dsp.ward import Ward
from vitals import wire
from vitals.bus import Bus, Delivery, Inbox
from vitals.clock import Clock, monotonic
from vitals.detection import Dsp
from vitals.errors import MalformedData
from vitals.metrics import Metrics
from vitals.model import Anomaly, Erased, Plan, Reading
from vitals.wire import Message

log = logging.getLogger(__name__)

BLOCK = 5000  # deliveries taken at once, at most
SAVE_S = 5.0  # of records that a SIGKILL may make us forget, at most


async def run(
    bus: Bus,
    settings: Dsp,
    data: Path,
    metrics: Metrics,
    clock: Clock,
    steady: Callable[[], float] = monotonic,
) -> None:
    """Watch every record until cancelled.

    Anomalies are published and then, if one has begun or ended, the ward is saved,
    before the records that led to them are acknowledged.  `steady` gives seconds that
    never step: only by it is a device silent.
    """
    memory = Snapshot(data / "dsp.npz")
    ward = await asyncio.to_thread(memory.read, settings)
    service = Service(bus, ward, memory, metrics, (clock, steady))
    inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES, wire.PLANS, wire.ERASURES)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service.watch(inbox))
            tasks.create_task(service.tick(settings.tick_s))
            tasks.create_task(service.keep())
    finally:
        bus.unsubscribe(inbox)
        await service.close()


class Service:
    """One ward on one bus."""

    def __init__(
        self,
        bus: Bus,
        ward: Ward,
        memory: Snapshot,
        metrics: Metrics,
        clocks: tuple[Clock, Callable[[], float]],
    ) -> None:
        self._bus, self._ward, self._memory = bus, ward, memory
        self._metrics, (self._clock, self._steady) = metrics, clocks
        ward.defects.forgiven = True
        self._one_at_a_time = asyncio.Lock()
        self._settled = True  # all that the ward has said is published
        self._changed = False  # since it was saved
        self._erased = False  # so has somebody been who may be in the file
        self._open: set[str] = set()  # episodes

    async def watch(self, inbox: Inbox) -> None:
        """Take deliveries in blocks, for ever."""
        while True:
            block = await inbox.take(BLOCK)
            async with self._one_at_a_time:
                self._settled = False
                await self._say(self._take(block))
            for delivery in block:
                delivery.ack()

    async def tick(self, every_s: float) -> None:
        """Look for what has not come in time, for ever."""
        while True:
            await asyncio.sleep(every_s)
            async with self._one_at_a_time:
                self._settled = False
                said = self._ward.tick(self._passed(), self._clock())
                self._confess()
                await self._say(said)

    async def keep(self) -> None:
        """Save what has changed, for ever."""
        while True:
            await asyncio.sleep(SAVE_S)
            async with self._one_at_a_time:
                if self._changed:
                    await self._save()

    async def close(self) -> None:
        """Save, unless we were stopped in mid-word.

        Then the last save stands: whoever starts next is handed the same records again
        and says what we could not.
        """
        if self._settled:
            await self._save()

    def _take(self, block: Sequence[Delivery]) -> list[Anomaly]:
        """Hand a block to the ward: a plan holds from its place in the block on."""
        said: list[Anomaly] = []
        for word, stretch in groupby((d.message for d in block), _word):
            if word == "plan":
                said += [one for message in stretch for one in self._plan(message)]
            elif word == "erased":
                for message in stretch:
                    self._erase(message)
            else:
                said += self._observe([r for m in stretch for r in self._unpack(m)])
        self._changed = True
        return said

    def _observe(self, readings: list[Reading]) -> list[Anomaly]:
        start, stale = perf_counter(), self._ward.stale
        said = self._judge(readings)
        self._confess()
        self._metrics.observe("dsp_block_seconds", [perf_counter() - start])
        self._metrics.count("dsp_records_total", len(readings))
        self._metrics.count("dsp_stale_total", self._ward.stale - stale)
        return said

    def _judge(self, readings: list[Reading]) -> list[Anomaly]:
        """Hand readings to the ward; one that it cannot take costs no other patient."""
        now = self._clock(), self._passed()
        try:
            return self._ward.observe(readings, *now)
        except Exception:  # a defect of ours: whatever it is, others must be watched
            self._metrics.count("dsp_failures_total")
            log.exception("cannot judge %d records; each by itself now", len(readings))
        if len(readings) == 1:
            return []
        return [said for one in readings for said in self._judge([one])]

    def _confess(self) -> None:
        """Count the defects that single patients have brought out; log each once."""
        for subject, error, is_new in self._ward.defects.take():
            self._metrics.count("dsp_failures_total")
            if is_new:
                whom = subject or "everybody"
                log.error("cannot judge %s as it should be", whom, exc_info=error)

    def _passed(self) -> int:
        """Give the ms of the clock that never steps."""
        return int(self._steady() * 1000)

    def _unpack(self, message: Message) -> list[Reading]:
        """Give the readings that can be understood; ingest keeps the rest."""
        try:
            return wire.unpack(message)
        except MalformedData as error:
            self._malformed(message, error)
        try:
            return wire.salvage(message)[0]
        except MalformedData:
            return []

    def _plan(self, message: Message) -> list[Anomaly]:
        """Obey a plan, or the defaults where one was taken back."""
        try:
            plan = wire.read(Plan, message.payload) if message.payload else None
        except MalformedData as error:
            self._malformed(message, error)
            return []
        try:
            return self._ward.plan(wire.levels(message.topic)[1], plan)
        except Exception:  # see `_judge`
            self._metrics.count("dsp_failures_total")
            log.exception("cannot obey the plan of %s", message.topic)
            return []

    def _erase(self, message: Message) -> None:
        """Forget a patient."""
        if message.retain:  # nobody of ours retains it: it would come again for ever
            return
        try:
            wire.read(Erased, message.payload)
            subject = wire.levels(message.topic)[1]
            self._ward = forgotten(self._ward, subject)
            self._erased = True
        except MalformedData as error:
            self._malformed(message, error)
        except Exception:  # see `_judge`
            self._metrics.count("dsp_failures_total")
            log.exception("cannot obey %s", message.topic)

    def _malformed(self, message: Message, error: MalformedData) -> None:
        self._metrics.count("dsp_malformed_total")
        log.debug("%s: %s", message.topic, error)

    async def _say(self, said: Sequence[Anomaly]) -> None:
        """Publish, and save if an episode has begun or ended."""
        self._metrics.count("dsp_anomalies_total", len(said))
        await asyncio.gather(*(self._bus.publish(_message(a)) for a in said))
        self._settled = True
        turns = [a for a in said if a.over or a.id not in self._open]
        self._open.update(a.id for a in said)
        self._open.difference_update(a.id for a in said if a.over)
        if turns or self._erased:
            await self._save()

    async def _save(self) -> None:
        """Save; a full disk must not stop us from watching patients."""
        try:
            await asyncio.to_thread(self._memory.write, self._ward.save())
            self._changed = self._erased = False
        except OSError as error:
            self._metrics.count("dsp_save_failures_total")
            log.error("cannot save what the detectors remember: %s", error)


def _word(message: Message) -> str:
    """Give what is said of a patient; "": what was measured."""
    last = message.topic.rpartition("/")[2]
    return last if last in ("plan", "erased") else ""


def _message(anomaly: Anomaly) -> Message:
    return Message(wire.of(anomaly.subject, "anomaly"), wire.encode(anomaly))
