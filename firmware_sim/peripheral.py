"""A wearable on the air: any `Firmware` behind a real GATT server.

The rules it keeps:

- A value is handed to the radio only while somebody is subscribed, and is entered in
  the ledger first.
- An indication that is not confirmed is sent again at the next subscription, before
  anything newer; it is entered once.  30 s without confirmation end the link, as
  Core 5.3 vol 3 part F 3.3.3 asks.
- Who is out of range hands nothing over, and what was handed over before has left.
"""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from bumble import core, hci
from bumble.device import Connection
from bumble.gatt import Characteristic

from firmware_sim.air import Radio
from firmware_sim.cell import Cell
from firmware_sim.faults import Faults
from firmware_sim.firmware import Firmware
from firmware_sim.identity import Hiding, WearableDevice
from firmware_sim.ledger import Ledger
from firmware_sim.pace import Pace
from firmware_sim.physiology import Person
from firmware_sim.server import INDICATE, Server
from firmware_sim.transmitter import Transmitter
from firmware_sim.trouble import Trouble
from vitals.gatt.battery import BatteryLevel

FIRST_S = 1.0  # a measurement comes at most this long after the subscription
LOOK_S = 0.5  # between looks whether to advertise again


@dataclass(eq=False)
class Stream:
    """A characteristic that speaks by itself, and what it has under way."""

    part: Firmware
    characteristic: Characteristic
    session: asyncio.Task[None] | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    unconfirmed: list[bytes] = field(default_factory=list)

    def end(self) -> None:
        """Stop measuring for this subscriber."""
        if self.session:
            self.session.cancel()
        self.session = None


class Peripheral:
    """One wearable: advertises, is connected to, streams what its firmware measures.

    Parameters
    ----------
    device
        Bumble's device with name, address and host; not yet powered.
    firmware, person
        What it measures, and on whom.
    ledger
        Told of every value.
    pace
        The time it lives in.
    faults
        What is wrong with it.
    """

    def __init__(
        self,
        device: WearableDevice,
        firmware: Firmware,
        person: Person,
        ledger: Ledger,
        pace: Pace,
        faults: Faults,
    ) -> None:
        self.device, self.firmware, self.person = device, firmware, person
        self.name = str(device.name)
        self.address = str(device.static_address).partition("/")[0]
        self._ledger, self._pace = ledger, pace
        self._transmitter = Transmitter(device, ledger, faults, pace)
        self._trouble = Trouble(device, faults, pace)
        always = firmware.window_s is None
        self._hiding = Hiding(device, always, pace) if device.private_s else None
        self._hash = zlib.crc32(self.address.encode())
        self._cell = Cell(self.address, faults)
        self._sessions: asyncio.TaskGroup | None = None
        self._away = False
        self._ending: set[asyncio.Future[None]] = set()  # links
        self._answering: asyncio.Task[None] | None = None
        self._told: dict[bytes, bytes] = {}  # records, and what answers said of each
        self._server = Server(device, firmware, self._read_battery, self._on_write)
        self._streams = [Stream(*pair) for pair in self._server.streams]
        for stream in self._streams:
            stream.characteristic.on(
                "subscription", partial(self._on_subscription, stream)
            )
        device.on("connection", self._on_connection)

    @property
    def radio(self) -> Radio:
        """Its antenna."""
        radio: Radio = self.device.host.hci_sink.sink
        return radio

    @property
    def level(self) -> int:
        """What is left of the battery, %."""
        return self._cell.level(self._pace.now())

    async def start(self) -> None:
        """Be there to be connected to."""
        await self.device.power_on()
        if self._hiding:
            await self._hiding.change()
        if self.firmware.window_s is None and not self.device.is_advertising:
            await self.device.start_advertising(auto_restart=True)

    async def run(self) -> None:
        """Measure while somebody is subscribed, roam, run down; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._sessions = tasks
            tasks.create_task(self._discharge())
            tasks.create_task(self._roam())
            tasks.create_task(self._trouble.run())
            if self._hiding:
                tasks.create_task(self._hiding.run())
            for part in self.firmware.parts:
                if part.live_s:
                    tasks.create_task(self._live(part, part.live_s))

    async def stop(self) -> None:
        """Measure no more; links stay, and what is on its way is confirmed first."""
        self._sessions = None
        for stream in self._streams:
            async with stream.busy:
                stream.end()

    async def close(self) -> None:
        """Hang up and power off."""
        self._transmitter.close()
        for link in list(self.device.connections.values()):
            await self._hang_up(link)
        await self.device.power_off()

    async def _hang_up(self, link: Connection) -> None:
        """End a link.  Bumble must see the reply, so it runs to its end."""
        ending = asyncio.ensure_future(link.disconnect())
        self._ending.add(ending)
        ending.add_done_callback(self._ended)
        with suppress(core.BaseBumbleError, hci.HCI_Error):  # lost meanwhile
            await asyncio.shield(ending)

    def _ended(self, ending: "asyncio.Future[None]") -> None:
        """Take note of the end, and of an error that nobody waits for any more."""
        self._ending.discard(ending)
        if not ending.cancelled():
            ending.exception()

    # Who is listening.

    def _on_connection(self, link: Connection) -> None:
        """Notice when a link ends."""
        link.on("disconnection", lambda _: self._end_sessions())

    def _on_subscription(
        self, stream: Stream, link: Connection, notify: bool, indicate: bool
    ) -> None:
        """Begin or end a session of measuring."""
        stream.end()
        if (notify or indicate) and self._sessions:
            stream.session = self._sessions.create_task(self._measure(stream, link))

    def _end_sessions(self) -> None:
        """Stop measuring for whoever has gone."""
        for stream in self._streams:
            stream.end()
        if self._answering:
            self._answering.cancel()

    # Measuring.

    async def _measure(self, stream: Stream, link: Connection) -> None:
        """Measure at every tick for as long as this subscription lasts."""
        began = last = self._pace.now()
        part = stream.part
        tick = last + self._phase() * min(FIRST_S, part.every_s)
        try:
            await self._confirm_rest(stream, link)
            while True:
                await self._pace.until(tick)
                now = self._pace.now()
                if self._speaks(began, now) and not self._trouble.babbles(link, now):
                    async with stream.busy:
                        await self._send(stream, link, part.measure(now, now - last))
                last = now
                tick = self._next_tick(tick, part.every_s)
        except TimeoutError:  # no confirmation: the session is over, and the link
            await self._hang_up(link)
        finally:
            # Bumble keeps an entry for a confirmation that was given up.
            self.device.gatt_server.pending_confirmations.pop(link, None)

    def _speaks(self, since: float, now: float) -> bool:
        """Tell whether who subscribed at `since` is told anything now."""
        return not (self._away or self._trouble.silences(since, now))

    def _phase(self) -> float:
        """Give a fraction of our own, so that wearables do not all speak at once."""
        return self._hash % 997 / 997

    def _next_tick(self, tick: float, every: float) -> float:
        """Give the next tick that is not over yet."""
        missed = max(0, int((self._pace.now() - tick) / every))
        return tick + (1 + missed) * every

    # Handing over.

    async def _send(
        self, stream: Stream, link: Connection, values: list[bytes]
    ) -> None:
        """Hand measurements to the radio, as the service wants it."""
        for measured in values:
            value = self._transmitter.sense(stream.characteristic, measured)
            if stream.part.indicates:
                self._enter(stream.characteristic, value)
                stream.unconfirmed.append(value)
            else:
                await self._transmitter.notify(link, stream.characteristic, value)
        await self._indicate_unconfirmed(stream, link)

    async def _confirm_rest(self, stream: Stream, link: Connection) -> None:
        """Send again what the last subscriber did not confirm."""
        async with stream.busy:
            for value in stream.unconfirmed:
                self._transmitter.retried(value)
            await self._indicate_unconfirmed(stream, link)

    async def _indicate_unconfirmed(self, stream: Stream, link: Connection) -> None:
        """Indicate, oldest first; a value is ours until it is confirmed."""
        while stream.unconfirmed:
            value = stream.unconfirmed[0]
            await self._transmitter.indicate(link, stream.characteristic, value)
            if link not in self.device.gatt_server.subscribers:
                return  # Bumble says nothing of an indication that nobody wants
            del stream.unconfirmed[0]

    async def _notify(
        self, link: Connection, characteristic: Characteristic, value: bytes
    ) -> None:
        """Notify; nothing tells whether it arrived."""
        await self.device.notify_subscriber(link, characteristic, value)

    def _enter(self, characteristic: Characteristic, value: bytes) -> None:
        """Enter a value in the ledger."""
        self._transmitter.enter(characteristic, value)

    # Answering a control point.

    def _on_write(self, part: Firmware, link: Connection) -> None:
        """Begin to tell what a write asked for; a new command ends the old answer."""
        if self._answering:
            self._answering.cancel()
        if self._sessions:
            answer = self._answer(part.answers(), link)
            self._answering = self._sessions.create_task(answer)

    async def _answer(
        self, values: Iterator[tuple[str, bytes]], link: Connection
    ) -> None:
        """Hand over what was asked for, one value after the other."""
        for uuid, value in values:
            characteristic = self._server.characteristics[uuid]
            if characteristic.properties & INDICATE:
                with suppress(TimeoutError):
                    await self.device.indicate_subscriber(link, characteristic, value)
            else:
                await self._report(link, characteristic, value)
            await asyncio.sleep(0)

    async def _report(
        self, link: Connection, characteristic: Characteristic, value: bytes
    ) -> None:
        """Notify a record; it is entered in the ledger the first time only."""
        if said := self._told.get(value):
            self._transmitter.retried(said)
            await self._notify(link, characteristic, said)
            return
        said = self._told[value] = self._transmitter.sense(characteristic, value)
        await self._transmitter.notify(link, characteristic, said)

    # Living on, connected or not.

    async def _live(self, part: Firmware, every_s: float) -> None:
        """Let a part measure for its memory; then be in the air for its window."""
        tick = self._pace.now() + self._phase() * min(FIRST_S, every_s)
        window: asyncio.Task[None] | None = None
        while True:
            await self._pace.until(tick)
            told = part.live(self._pace.now())
            if told and self.firmware.window_s and self._sessions:
                if window:
                    window.cancel()
                opened = self._window(self.firmware.window_s)
                window = self._sessions.create_task(opened)
            tick = self._next_tick(tick, every_s)

    async def _window(self, window_s: float) -> None:
        """Advertise for so long; at the end hang up and be gone from the air."""
        closes = self._pace.now() + window_s
        while (now := self._pace.now()) < closes:
            if not (self.device.connections or self.device.is_advertising):
                await self.device.start_advertising()
            await self._pace.until(min(now + LOOK_S, closes))
        await self.device.stop_advertising()
        for stream in self._streams:
            async with stream.busy:
                stream.end()
        for link in list(self.device.connections.values()):
            await self._hang_up(link)

    # The battery.

    def _read_battery(self) -> bytes:
        """Answer a read of the level."""
        value = BatteryLevel(self.level).build()
        self._enter(self._server.battery, value)
        return value

    async def _discharge(self) -> None:
        """Notify every change of the level."""
        told, look_s = self.level, self._cell.look_s
        while True:
            looks = int(self._pace.now() / look_s) + 1
            await self._pace.until(looks * look_s)
            if self.level != told:
                told = self.level
                await self._tell_battery()

    async def _tell_battery(self) -> None:
        """Notify the level to who wants to know it."""
        for link, cccds in list(self.device.gatt_server.subscribers.items()):
            if any(cccds.get(self._server.battery.handle, b"")) and not self._away:
                await self._notify(link, self._server.battery, self._read_battery())

    # Coming and going.

    async def _roam(self) -> None:
        """Be out of range when the person is."""
        for begin, end in self.person.absences():
            await self._pace.until(begin)
            self._away = True
            for link in list(self.device.connections.values()):
                await link.drain()
            self.radio.vanish()
            await self._pace.until(end)
            self.radio.appear()
            self._away = False
