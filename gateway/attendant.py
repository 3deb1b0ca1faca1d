"""Looks after one wearable: keeps it connected, hears it, hands on what it says."""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial

from bleak.exc import BleakError
from msgspec import Struct, field

from gateway.cadence import Cadence
from gateway.decode import DECODERS, belated, decode
from gateway.link import Link
from gateway.outbox import Notification
from gateway.pairing import NotPaired
from gateway.policy import Policy
from gateway.recorder import Recorder
from gateway.roaming import Roaming
from gateway.session import Command, Event, Session, State
from gateway.stillness import Stillness
from gateway.visit import Visit
from vitals import (
    Battery,
    DeviceStatus,
    Flag,
    HeartRate,
    Kind,
    MalformedData,
    Reading,
    Record,
    config,
)
from vitals.clock import Clock, monotonic
from vitals.gatt import battery, device_information, health_thermometer, heart_rate
from vitals.metrics import Metrics
from vitals.model import KINDS

log = logging.getLogger(__name__)

STREAMING = (heart_rate.MEASUREMENT,)  # characteristics that speak all the time
ASKED = (*device_information.NAMES, battery.LEVEL)  # the first that it has is read
AGAIN_S = 1.0  # after what should not happen


class Facts(Struct):
    """What is known of a wearable beside its connection."""

    battery: float | None = None  # %
    last: int | None = None  # record received, ms since 1970
    off_body: bool = False
    malformed: int = 0
    connections: int = 0
    information: dict[str, str] = field(default_factory=dict)
    kinds: set[Kind] = field(default_factory=set)  # of its records so far


class Attendant:
    """Keeps one wearable connected."""

    def __init__(
        self,
        wearable: config.Wearable,
        radio: Roaming,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        policy: Policy = Policy(),  # noqa: B008 - immutable
    ) -> None:
        self._wearable, self._radio, self._recorder = wearable, radio, recorder
        self._metrics, self._clock = metrics, clock
        self._silence_s, self._active_at = policy.silence_s, 0.0
        self._late_ms = policy.late_ms
        self._address = wearable.address.upper()
        self._session = Session()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._link: Link | None = None
        self._held = AsyncExitStack()
        self._streams = False
        self._site: int | None = None
        self._facts = Facts()
        self._visit = Visit(wearable.device, recorder, policy, metrics, clock)
        self._stillness, self._cadence = Stillness(), Cadence()

    @property
    def device(self) -> config.Wearable:
        """Whom this attendant looks after."""
        return self._wearable

    @property
    def kinds(self) -> Collection[Kind]:
        """What it has measured so far."""
        return self._facts.kinds

    @property
    def information(self) -> Mapping[str, str]:
        """Its Device Information."""
        return self._facts.information

    def status(self, gateway: str) -> DeviceStatus:
        """Give the wearable's state as its retained status."""
        facts = self._facts
        return DeviceStatus(
            t=self._clock(),
            connected=self._session.state is State.STREAMING,
            gateway=gateway,
            name=self._radio.names.get(self._address),
            rssi=self._radio.rssi.get(self._address),
            battery=facts.battery,
            last=facts.last,
            off_body=facts.off_body,
            malformed=facts.malformed,
            reconnects=max(0, facts.connections - 1),
            lost_frames=self._cadence.lost,
            clock_ahead_ms=self._visit.watch.ahead_ms,
            information=facts.information,
        )

    @property
    def problem(self) -> str:
        """What keeps its radio from hearing anybody."""
        return self._radio.problem

    async def run(self) -> None:
        """Look after the wearable, for ever; one that goes wrong disturbs no other."""
        while True:
            try:
                await self._live()
            except Exception:
                log.exception("%s: starting over", self._wearable.device)
                self._metrics.count("gateway_attendant_failures_total")
            finally:
                self._session = Session()
                await self._hang_up()
            await asyncio.sleep(AGAIN_S)

    async def _live(self) -> None:
        await self._do(Command.SCAN)
        while True:
            event = await self._next()
            for command in self._session.handle(event, self._clock()):
                await self._do(command)

    async def _next(self) -> Event:
        """Wait for what happens next; silence is something that happens."""
        due = None
        if self._session.state is State.STREAMING:
            due = self._active_at + self._silence_s
        try:
            async with asyncio.timeout_at(due):
                return await self._events.get()
        except TimeoutError:
            quiet = asyncio.get_running_loop().time() - self._active_at
            lives = quiet < self._silence_s or await self._lives()
            return Event.WOKE if lives else Event.SILENT

    async def _lives(self) -> bool:
        """Tell whether a link that has been quiet for so long is one still.

        BlueZ says "connected" for ever where its controller hangs or the daemon died.
        """
        if self._streams or self._link is None:
            return False
        try:
            asked = next(filter(self._link.offers, ASKED), None)
        except BleakError:  # the link has just been lost
            return False
        if asked and not await self._link.answers(asked):
            return False
        if asked:
            self._radio.lives()
        self._active()
        return True

    def _active(self) -> None:
        """Begin to wait for the wearable's next sign."""
        self._active_at = asyncio.get_running_loop().time()

    async def _do(self, command: Command) -> None:
        """Carry out a command of the session."""
        match command:
            case Command.SCAN:
                self._seen = await self._radio.seen(self._address)
                self._events.put_nowait(Event.SEEN)
            case Command.CONNECT:
                await self._attempt(self._connect())
            case Command.LISTEN:
                await self._attempt(self._listen())
            case Command.DISCONNECT:
                log.warning("%s is connected but silent", self._wearable.device)
                self._metrics.count("gateway_silences_total")
                self._radio.suffers()
                await self._hang_up()
            case Command.SLEEP:
                await self._hang_up()
                wake_at = self._session.wake_at or 0
                await asyncio.sleep(max(0, wake_at - self._clock()) / 1000)
                self._events.put_nowait(Event.WOKE)

    async def _attempt(self, step: Awaitable[None]) -> None:
        """Take a step that the radio may fail; failing is an event like any other."""
        try:
            await step
        except NotPaired as error:
            log.warning(
                "%s: %s; docs/install.md: Pairing", self._wearable.device, error
            )
            self._metrics.count("gateway_pairings_failed_total")
            self._events.put_nowait(Event.LOST)
        except (BleakError, OSError, TimeoutError, EOFError) as error:
            log.info(
                "%s: %s", self._wearable.device, str(error) or type(error).__name__
            )
            self._metrics.count("gateway_radio_errors_total")
            self._events.put_nowait(Event.LOST)

    async def _connect(self) -> None:
        lost = partial(self._events.put_nowait, Event.LOST)
        held = self._radio.connected(self._seen, lost)
        self._link = await self._held.enter_async_context(held)
        self._active()
        self._events.put_nowait(Event.CONNECTED)

    async def _listen(self) -> None:
        """Read what stays the same, then subscribe to everything that we can decode."""
        assert self._link
        log.info("%s connected", self._wearable.device)
        self._metrics.count("gateway_connections_total")
        self._facts.connections += 1
        self._stillness = Stillness()
        await self._visit.arrive(self._link)
        if site := await self._link.read(health_thermometer.TYPE):
            self._site = site[0]
        offered = list(filter(self._link.offers, DECODERS))
        if not offered:  # BlueZ gives a list without any when its discovery failed
            raise BleakError("it offers nothing that we can listen to")
        for characteristic in offered:
            hear = partial(self._hear, self._link, characteristic)
            await self._link.listen(characteristic, hear)
        self._streams = any(map(self._link.offers, STREAMING))
        await self._held.enter_async_context(self._visit.beside(self._link))
        await self._read_facts(self._link)

    async def _read_facts(self, link: Link) -> None:
        """Read Device Information and the battery."""
        for characteristic, name in device_information.NAMES.items():
            if value := await link.read(characteristic):
                text = device_information.parse_text(value)
                self._facts.information[name] = text
        if level := await link.read(battery.LEVEL):
            await self._hear(link, battery.LEVEL, level)

    async def _hang_up(self) -> None:
        self._link = None
        self._cadence.ended(asyncio.get_running_loop().time())
        held, self._held = self._held, AsyncExitStack()
        await held.aclose()
        while not self._events.empty():  # of the old link
            self._events.get_nowait()

    def _hear(
        self, link: Link, characteristic: str, data: bytes
    ) -> "asyncio.Future[None]":
        """Take a value; the future ends once it is on disk (or was refused)."""
        heard, received = monotonic(), self._clock()
        if characteristic in STREAMING:
            self._cadence.heard(asyncio.get_running_loop().time())
        try:
            now = self._visit.circumstance(received, self._site, link.bonded)
            record = decode(characteristic, data, now)
        except MalformedData as error:
            return self._refuse(error)
        if record is None:
            return _done()
        if isinstance(record, HeartRate):
            record = self._stillness.judge(record)
        record = belated(record, self._late_ms)
        self._note(record)
        if isinstance(record, Battery) and self._wearable.subject is None:
            return _done()  # nobody's; it is in the device's status
        subject = self._wearable.subject or ""  # "": the outbox finds out
        reading = Reading(subject, self._wearable.device, record)
        said = Notification(reading, characteristic, data, heard)
        stored = self._recorder.put(said)
        self._visit.heard(characteristic, data, record, stored)
        return stored

    def _note(self, record: Record) -> None:
        """Keep the wearable's state up to date."""
        self._session.forgive()
        self._radio.lives()
        self._active()
        self._facts.last = record.received
        self._facts.kinds.add(KINDS[type(record)])
        if not isinstance(record, Battery):
            self._facts.off_body = Flag.OFF_BODY in record.q
        if isinstance(record, Battery):
            self._facts.battery = record.level

    def _refuse(self, error: MalformedData) -> "asyncio.Future[None]":
        """Count what broke its specification; asking again would not mend it."""
        log.warning("%s: refused %s", self._wearable.device, error)
        self._facts.malformed += 1
        self._metrics.count("gateway_malformed_total")
        return _done()


def _done() -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
