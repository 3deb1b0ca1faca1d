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
from contextlib import suppress

from bumble import core, hci
from bumble.device import Connection, Device
from bumble.gatt import Characteristic

from firmware_sim.air import Radio
from firmware_sim.firmware import Firmware
from firmware_sim.ledger import Ledger
from firmware_sim.physiology import Person
from firmware_sim.server import Server
from vitals.gatt.battery import BatteryLevel

FIRST_S = 1.0  # a measurement comes at most this long after the subscription
BATTERY_S = 3600.0  # for one percent
LOWEST = 5  # %; somebody charges it then


class Pace:
    """The passing of simulated time, `speed` times as fast as the loop's."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        """Give the seconds since the simulation began."""
        return (self._loop.time() - self._began) * self.speed

    async def until(self, when: float) -> None:
        """Sleep until then."""
        await asyncio.sleep(max(0.0, when - self.now()) / self.speed)


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
    """

    def __init__(
        self,
        device: Device,
        firmware: Firmware,
        person: Person,
        ledger: Ledger,
        pace: Pace,
    ) -> None:
        self.device, self.firmware, self.person = device, firmware, person
        self.name = str(device.name)
        self.address = str(device.static_address).partition("/")[0]
        self._ledger, self._pace = ledger, pace
        self._hash = zlib.crc32(self.address.encode())
        self._session: asyncio.Task[None] | None = None
        self._sessions: asyncio.TaskGroup | None = None
        self._busy = asyncio.Lock()
        self._away = False
        self._unconfirmed: list[bytes] = []
        self._server = Server(device, firmware, self._read_battery)
        self._server.measurement.on("subscription", self._on_subscription)
        device.on("connection", self._on_connection)

    @property
    def radio(self) -> Radio:
        """Its antenna."""
        radio: Radio = self.device.host.hci_sink.sink
        return radio

    @property
    def level(self) -> int:
        """What is left of the battery, %."""
        span = 100 - LOWEST
        used = int(self._pace.now() / BATTERY_S) + self._hash % 20
        return 100 - used % span

    async def start(self) -> None:
        """Be there to be connected to."""
        await self.device.power_on()
        await self.device.start_advertising(auto_restart=True)

    async def run(self) -> None:
        """Measure while somebody is subscribed, roam, run down; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._sessions = tasks
            tasks.create_task(self._discharge())
            tasks.create_task(self._roam())

    async def stop(self) -> None:
        """Measure no more; links stay, and what is on its way is confirmed first."""
        self._sessions = None
        async with self._busy:
            self._end_session()

    async def close(self) -> None:
        """Hang up and power off."""
        for link in list(self.device.connections.values()):
            with suppress(core.BaseBumbleError, hci.HCI_Error):  # lost meanwhile
                await link.disconnect()
        await self.device.power_off()

    # Who is listening.

    def _on_connection(self, link: Connection) -> None:
        """Notice when a link ends."""
        link.on("disconnection", lambda _: self._end_session())

    def _on_subscription(self, link: Connection, notify: bool, indicate: bool) -> None:
        """Begin or end a session of measuring."""
        self._end_session()
        if (notify or indicate) and self._sessions:
            self._session = self._sessions.create_task(self._measure(link))

    def _end_session(self) -> None:
        """Stop measuring for this subscriber."""
        if self._session:
            self._session.cancel()
        self._session = None

    # Measuring.

    async def _measure(self, link: Connection) -> None:
        """Measure at every tick for as long as this subscription lasts."""
        last = self._pace.now()
        tick = last + self._phase() * min(FIRST_S, self.firmware.every_s)
        try:
            await self._confirm_rest(link)
            while True:
                await self._pace.until(tick)
                now = self._pace.now()
                if not self._away:
                    async with self._busy:
                        await self._send(link, self.firmware.measure(now, now - last))
                last = now
                tick = self._next_tick(tick)
        finally:
            # Bumble keeps an entry for a confirmation that was given up.
            self.device.gatt_server.pending_confirmations.pop(link, None)

    def _phase(self) -> float:
        """Give a fraction of our own, so that wearables do not all speak at once."""
        return self._hash % 997 / 997

    def _next_tick(self, tick: float) -> float:
        """Give the next tick that is not over yet."""
        every = self.firmware.every_s
        missed = max(0, int((self._pace.now() - tick) / every))
        return tick + (1 + missed) * every

    # Handing over.

    async def _send(self, link: Connection, values: list[bytes]) -> None:
        """Hand measurements to the radio, as the service wants it."""
        for value in values:
            self._enter(self._server.measurement, value)
            if self.firmware.indicates:
                self._unconfirmed.append(value)
            else:
                await self._notify(link, self._server.measurement, value)
        await self._indicate_unconfirmed(link)

    async def _confirm_rest(self, link: Connection) -> None:
        """Send again what the last subscriber did not confirm."""
        async with self._busy:
            for _ in self._unconfirmed:
                self._ledger.retried()
            await self._indicate_unconfirmed(link)

    async def _indicate_unconfirmed(self, link: Connection) -> None:
        """Indicate, oldest first; a value is ours until it is confirmed."""
        while self._unconfirmed:
            value = self._unconfirmed[0]
            try:
                await self.device.indicate_subscriber(
                    link, self._server.measurement, value
                )
            except TimeoutError:
                await link.disconnect()  # this ends the session
                return
            del self._unconfirmed[0]

    async def _notify(
        self, link: Connection, characteristic: Characteristic, value: bytes
    ) -> None:
        """Notify; nothing tells whether it arrived."""
        await self.device.notify_subscriber(link, characteristic, value)

    def _enter(self, characteristic: Characteristic, value: bytes) -> None:
        """Enter a value in the ledger."""
        uuid = characteristic.uuid.to_hex_str().lower()
        self._ledger.sent(self.name, self.address, uuid, value)

    # The battery.

    def _read_battery(self) -> bytes:
        """Answer a read of the level."""
        value = BatteryLevel(self.level).build()
        self._enter(self._server.battery, value)
        return value

    async def _discharge(self) -> None:
        """Notify every change of the level."""
        while True:
            changes = int(self._pace.now() / BATTERY_S) + 1
            await self._pace.until(changes * BATTERY_S)
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
