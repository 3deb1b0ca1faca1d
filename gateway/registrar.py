"""Takes words on whose readings are whose, and tells who has what."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from gateway.outbox import Outbox, Row
from gateway.recorder import Recorder
from gateway.roster import Wearables
from vitals import Instant, MalformedData, config, wire
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.model import Answer, Assign, CheckIn
from vitals.wire import Message

log = logging.getLogger(__name__)

SHOWN = 200  # of what waits, and of the audit trail, that everybody can read
TELL_S = 10.0  # between looks at what waits
AGAIN_S = 1.0  # until the next try when the disk refuses
AHEAD_MS = 60_000  # a word on later than this comes from a wrong clock

S = TypeVar("S", CheckIn, Assign)
Told = Callable[[], None]
Moved = list[Row] | None


class Registrar:
    """Knows who may be measured by what; a word that cannot be is refused."""

    def __init__(
        self,
        gateway: str,
        bus: Bus,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        told: Told = lambda: None,
    ) -> None:
        """Take what to call when records may have changed hands."""
        self._gateway, self._bus, self._recorder = gateway, bus, recorder
        self._metrics, self._clock, self._told = metrics, clock, told
        self._wearables: dict[str, config.Wearable] = {}
        self._configured, self._news = asyncio.Event(), asyncio.Event()

    def follow(self, wearables: Wearables) -> None:
        """Go by these wearables from now on."""
        self._wearables = {w.device: w for w in wearables}
        self._configured.set()

    async def run(self) -> None:
        """Follow the configuration, and tell who has what, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._configure())
            group.create_task(self._tell())

    # -- commands ----------------------------------------------------------------------

    async def check_in(self, message: Message) -> None:
        """Take the command `check_in`."""
        said = wire.read(CheckIn, message.payload)
        await self._refuse(said.id, self._against_check_in(said))
        minutes = said.minutes or self._wearables[said.device].minutes
        whole = replace(said, minutes=minutes)
        text = f"{said.device} measures {said.subject} for {minutes:g} minutes"
        await self._carry_out(whole, Outbox.check_in, text)

    async def assign(self, message: Message) -> None:
        """Take the command `assign`."""
        said = wire.read(Assign, message.payload)
        await self._refuse(said.id, self._against_assign(said))
        text = f"what {said.device} measured then is {said.subject or 'nobody'}'s"
        await self._carry_out(said, Outbox.assign, text)

    def _against_check_in(self, said: CheckIn) -> str:
        """Give why a check-in cannot be; "": it can."""
        wearable = self._wearables.get(said.device)
        if wearable is None:
            return self._unknown(said.device)
        if not wearable.shared:
            return f"{said.device} is not `shared`: nobody checks in at it"
        if said.subject not in wearable.shared:
            return f"unknown subject {said.subject}: not in `shared` of {said.device}"
        if not said.t:  # the broker may have kept it: for how long, nobody knows
            return "a check-in says since when: `t`, ms since 1970"
        if said.t > self._clock() + AHEAD_MS:
            return "the check-in begins in the future: is its sender's clock right?"
        return ""

    def _against_assign(self, said: Assign) -> str:
        wearable = self._wearables.get(said.device)
        waiting = self._recorder.waiting(said.device)
        if wearable is None and not waiting:
            return self._unknown(said.device)
        if wearable and wearable.subject and not waiting:
            return f"{said.device} is {wearable.subject}'s alone, by its `subject`"
        if said.subject not in {None, *self._subjects()}:
            return f"unknown subject {said.subject}: no wearable's"
        if said.until < said.since:
            return "the time ends before it begins"
        if said.until > self._clock() + AHEAD_MS:
            return "the time is not over: nobody corrects what is still to be measured"
        return ""

    def _subjects(self) -> Iterable[str]:
        for wearable in self._wearables.values():
            yield from wearable.subjects

    def _unknown(self, device: str) -> str:
        known = ", ".join(self._wearables) or "none"
        return f"unknown device {device}; known: {known}"

    async def _refuse(self, command: str, reason: str) -> None:
        if reason:
            await self._answer(command, False, reason)
            raise MalformedData(reason)

    async def _carry_out(
        self, said: S, change: Callable[[Outbox, S, Instant], Moved], text: str
    ) -> None:
        """Do what was said, and answer; a disk that refuses has changed nothing."""
        try:
            moved = await self._recorder.change(change, said, self._clock())
        except sqlite3.Error as error:
            log.error("a command was not carried out: %s", error)
            await self._answer(said.id, False, f"the gateway's disk refuses: {error}")
            return
        except MalformedData as error:
            await self._refuse(said.id, str(error))
            return
        if moved is None:
            await self._answer(said.id, True, f"{text}; that was said before")
            return
        log.info("%s: whose its readings are has been said", said.device)
        self._metrics.count("gateway_assignments_total")
        self._metrics.count("gateway_moved_total", len(moved))
        self._news.set()
        self._told()
        await self._answer(said.id, True, f"{text}; {len(moved)} readings moved")

    async def _answer(self, command: str, ok: bool, text: str) -> None:
        if command:
            topic = wire.gateway_topic(self._gateway, "answer")
            noun = Answer(id=command, ok=ok, text=text)
            await self._bus.publish(Message(topic, wire.encode(noun)))

    # -- beside ------------------------------------------------------------------------

    async def _configure(self) -> None:
        while True:
            await self._configured.wait()
            self._configured.clear()
            wearables = list(self._wearables.values())
            try:
                await self._recorder.change(Outbox.configure, wearables, self._clock())
            except sqlite3.Error:
                self._configured.set()
                await asyncio.sleep(AGAIN_S)
            self._news.set()

    async def _tell(self) -> None:
        """Tell who has what: at once when it changes, soon when something waits."""
        told = None
        while True:
            await self._bus.online.wait()
            waiting = self._recorder.unassigned
            if self._news.is_set() or waiting != told:
                self._news.clear()
                told = waiting
                await self._say()
            try:
                async with asyncio.timeout(TELL_S):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _say(self) -> None:
        try:
            noun = await self._recorder.ask(Outbox.assignments, self._clock(), SHOWN)
        except sqlite3.Error:
            self._news.set()
            await asyncio.sleep(AGAIN_S)
            return
        topic = wire.gateway_topic(self._gateway, "assignments")
        await self._bus.publish(Message(topic, wire.encode(noun), retain=True))
