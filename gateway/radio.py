"""The radio, behind bleak: scan, connect, read, listen.  Home of bleak.

The adapter's name chooses the backend: "" or "hci0" is bleak's own for this system
(BlueZ on a Pi), anything else is a transport for Bumble ("tcp-client:HOST:PORT",
"usb:0", "serial:/dev/ttyACM0").  Every call has a time limit of its own: BlueZ can let
one hang for ever (facts: bluez #21).
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from gateway.health import Health
from gateway.identity import Identities
from gateway.link import ASK_S, Link, words
from gateway.pairing import Bonded, Pairing, bluez_bonded
from vitals import Unavailable
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

CONNECT_S = 20.0
AT_ONCE = 8  # connections being made
# By Linux 6.1 one: making more, it half forgets some, which nobody can end then.
AT_ONCE_BLUEZ = 1
# A link that BlueZ ends may live on in the controller, and Linux (6.1) not know it.
ORPHAN_S = 15.0
RESCAN_S = 30.0  # a scan that finds nobody begins anew: BlueZ forgets one at times

FAILURES = (BleakError, OSError, TimeoutError, EOFError)
"""What talking to a wearable may end in."""


class Radio:
    """One adapter: a shared scan, and links to the wearables it hears.

    Attributes
    ----------
    rssi, names
        As last heard, by address; dBm.
    identities
        Who is behind which private address, where we are told and have no bond yet.
    paths
        BlueZ's devices that are whose: identity addresses by path.
    problem
        What keeps it from hearing anybody, "" when nothing does.
    """

    def __init__(
        self,
        adapter: str,
        metrics: Metrics | None = None,
        bonds: Path | None = None,
    ) -> None:
        """Take the adapter's name, and the file of its bonds where BlueZ has none."""
        self._adapter, self._metrics = adapter, metrics or Metrics()
        self._options, self._bonds = options(adapter, bonds), bonds
        self._seekers: dict[str, asyncio.Future[BLEDevice]] = {}
        at_once = AT_ONCE_BLUEZ if self.on_bluez else AT_ONCE
        self._connecting = asyncio.Semaphore(at_once)
        self._useless: set[str] = set()  # whose last connection could not be made
        self._wanted, self._sick = asyncio.Event(), asyncio.Event()
        self._health = Health()
        self._holders: set[Callable[[], None]] = set()
        self._orphans: dict[str, float] = {}  # let go, and by then to be heard
        self._ours: set[str] = set()  # whom anybody has sought
        self.rssi: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.identities = Identities({})
        self.paths: dict[str, str] = {}
        self.problem = ""

    async def run(self) -> None:
        """Scan while anybody is sought, and keep the adapter alive; for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._scan())
            if self.on_bluez:
                group.create_task(self._heal())

    @property
    def on_bluez(self) -> bool:
        """Whether BlueZ is behind bleak."""
        return native(self._adapter) and sys.platform == "linux"

    def lives(self) -> None:
        """Take a sign of life of the adapter: a wearable got through."""
        self._health.lives()

    def suffers(self) -> None:
        """Take a trouble that may be the adapter's; after some, it is reset."""
        sick = self._health.suffers(asyncio.get_running_loop().time())
        if sick and self.on_bluez:  # nobody else's adapter is ours to reset
            self._sick.set()

    def drop(self) -> None:
        """Tell all who hold a link that it is lost: BlueZ is gone, and cannot."""
        for lost in list(self._holders):
            lost()

    async def _scan(self) -> None:
        """Scan while anybody is sought; say once what is wrong, and try again."""
        while True:
            await self._wanted.wait()
            try:
                await self._well()
                await self._take_over()
                async with self._scanning():
                    await self._found()
            except Exception as error:  # bleak passes on whatever D-Bus throws
                what = f"cannot scan with {self._name}: {words(error)}"
                self._trouble(f"{what}; trying again")
                self.suffers()
                await asyncio.sleep(2)
            if not self._seekers:
                self._wanted.clear()

    async def _well(self) -> None:
        """Wait while the adapter is being reset."""
        while self._sick.is_set() and self.on_bluez:
            await asyncio.sleep(0.1)

    async def _found(self) -> None:
        """Wait until nobody is sought, or for a while."""
        loop = asyncio.get_running_loop()
        until = loop.time() + RESCAN_S
        while self._seekers and not self._sick.is_set() and loop.time() < until:
            await asyncio.sleep(0.1)
            if any(due < loop.time() for due in self._orphans.values()):
                self._orphans.clear()
                self._sick.set()

    async def _heal(self) -> None:
        """Switch the adapter off and on when it is sick, for ever."""
        from gateway.adapter import power_cycle

        while True:
            await self._sick.wait()
            self._trouble(f"{self._name}: nothing works; switching it off and on")
            try:
                await power_cycle(self._adapter)
            except (OSError, TimeoutError) as error:
                self._trouble(f"cannot reset {self._name}: {words(error)}")
            else:
                self._metrics.count("gateway_adapter_resets_total")
                self.problem = ""
                log.warning("%s is on again", self._name)
            self._sick.clear()
            self.drop()

    async def _take_over(self) -> None:
        """Take the links that BlueZ has kept of wearables that are sought."""
        if not self.on_bluez:
            return
        from gateway.adapter import left_over

        due = asyncio.get_running_loop().time() + ORPHAN_S
        left = await left_over(self._adapter, self._seekers.keys(), self._useless)
        for address, path in left.items():
            log.info("BlueZ held a link to %s that nobody uses", address)
            if path:
                name, details = self.names.get(address), {"path": path}
                self._give(address, BLEDevice(address, name, details))
            else:
                self._orphans[address] = due

    @property
    def _name(self) -> str:
        return self._adapter or "BlueZ"

    async def seen(self, address: str) -> BLEDevice:
        """Wait for a wearable's next advertisement."""
        self._ours.add(address)
        future = self._seekers.get(address)
        if future is None or future.done():
            future = asyncio.get_running_loop().create_future()
            self._seekers[address] = future
        self._wanted.set()
        try:
            return await future
        finally:
            self._seekers.pop(address, None)

    @asynccontextmanager
    async def connected(
        self, device: BLEDevice, pairing: Pairing, lost: Callable[[], None]
    ) -> AsyncIterator["Link"]:
        """Hold a link for the time of a block; `lost` is called when it breaks."""
        self._note_path(device, pairing.identity)
        client = BleakClient(
            device,
            disconnected_callback=lambda _: lost(),
            timeout=CONNECT_S,
            pairing=pairing,
            **self._options["client"],
        )
        await self._dial(client)
        self._holders.add(lost)
        try:
            async with asyncio.timeout(ASK_S):
                bonded = await self._bonded(device, pairing.identity)
            link = Link(client, self._options["confirms"], bonded)
            if pairing.required and not link.bonded:
                await link.pair()
            yield link
        finally:
            self._holders.discard(lost)
            await _within(client.disconnect())

    def _note_path(self, device: BLEDevice, identity: str) -> None:
        """Note whose a device of BlueZ is: its path may show an address of the past."""
        if self.on_bluez:
            mine = {p: who for p, who in self.paths.items() if who != identity}
            self.paths = mine | {device.details["path"]: identity}

    async def _bonded(self, device: BLEDevice, identity: str) -> Bonded:
        """Give what tells whether a bond secures the link."""
        if native(self._adapter):
            return await bluez_bonded(device)
        from gateway.bumble import Central

        secured = (await Central.get(self._adapter, self._bonds)).secured
        return lambda: identity in secured

    async def _dial(self, client: BleakClient) -> None:
        """Connect; if that fails, it may be the adapter."""
        try:
            async with self._connecting, asyncio.timeout(CONNECT_S + 5):
                await client.connect()
        except Exception:
            self._useless.add(client.address.upper())
            self.suffers()
            raise
        self._useless.discard(client.address.upper())

    @asynccontextmanager
    async def _scanning(self) -> AsyncIterator[None]:
        scanner = BleakScanner(self._hear, **self._options["scanner"])
        async with asyncio.timeout(ASK_S):
            await scanner.start()
        self.problem = ""
        try:
            yield
        finally:
            await _within(scanner.stop())

    def _hear(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        """Take an advertisement."""
        address = self.identities.of(device.address.upper())
        if address not in self._ours:
            return  # there is no end of telephones that change their addresses
        self.rssi[address] = advertisement.rssi
        if advertisement.local_name:
            self.names[address] = advertisement.local_name
        self._orphans.pop(address, None)
        self._give(address, device)

    def _give(self, address: str, device: BLEDevice) -> None:
        """Give a wearable to whoever seeks it."""
        future = self._seekers.get(address)
        if future and not future.done():
            future.set_result(device)

    def _trouble(self, text: str) -> None:
        if text != self.problem:
            log.warning("%s", text)
        self.problem = text


def native(adapter: str) -> bool:
    """Tell whether an adapter is the system's own: BlueZ's on Linux."""
    return not adapter or adapter.startswith("hci")


def options(adapter: str, bonds: Path | None = None) -> dict[str, Any]:
    """Give bleak's arguments for an adapter, and for the file of its bonds.

    Raises
    ------
    Unavailable
        The adapter needs Bumble, which is not installed.
    """
    if native(adapter):
        system = {"bluez": {"adapter": adapter}} if adapter else {}
        return {"scanner": system, "client": system, "confirms": False}
    try:
        from gateway.bumble import BumbleClient, BumbleScanner
    except ImportError as error:
        hint = "pip install 'vitals[sim]'"
        raise Unavailable(f"adapter {adapter!r} needs Bumble: {hint}") from error
    bluez = {"bluez": {"adapter": adapter, "bonds": bonds}}
    return {
        "scanner": {"backend": BumbleScanner, **bluez},
        "client": {"backend": BumbleClient, **bluez},
        "confirms": True,
    }


async def _within(call: Awaitable[object]) -> None:
    """Give a call that ends things its time, whatever it says."""
    try:
        async with asyncio.timeout(ASK_S):
            await call
    except Exception as error:  # on a dead stack bleak raises anything
        log.debug("while ending: %s", words(error))
