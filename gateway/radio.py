"""The radio, behind bleak: scan, connect, read, listen.  Home of bleak.

The adapter's name chooses the backend: "" or "hci0" is bleak's own for this system
(BlueZ on a Pi), anything else is a transport for Bumble ("tcp-client:HOST:PORT",
"usb:0", "serial:/dev/ttyACM0").  Every call has a time limit of its own: BlueZ can let
one hang for ever (facts: bluez #21).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from gateway.memory import trim
from vitals import Unavailable

log = logging.getLogger(__name__)

CONNECT_S = 20.0
ASK_S = 10.0
AT_ONCE = 8  # connections being made

Heard = Callable[[bytes], "asyncio.Future[None]"]
"""Takes a value; its future ends once the value is on disk."""


class Radio:
    """One adapter: a shared scan, and links to the wearables it hears."""

    def __init__(self, adapter: str) -> None:
        self._adapter = adapter
        self._options = options(adapter)
        self._seekers: dict[str, asyncio.Future[BLEDevice]] = {}
        self._connecting = asyncio.Semaphore(AT_ONCE)
        self._wanted = asyncio.Event()
        self.rssi: dict[str, int] = {}  # dBm, by address, as last heard
        self.names: dict[str, str] = {}  # by address
        self.problem = ""

    async def run(self) -> None:
        """Scan while anybody is sought; say once what is wrong, and try again."""
        while True:
            await self._wanted.wait()
            try:
                async with self._scanning():
                    while self._seekers:
                        await asyncio.sleep(0.1)
            except (BleakError, OSError, TimeoutError) as error:
                self._trouble(f"cannot scan with {self._adapter or 'BlueZ'}: {error}")
                await asyncio.sleep(2)
            if not self._seekers:
                self._wanted.clear()

    async def seen(self, address: str) -> BLEDevice:
        """Wait for a wearable's next advertisement."""
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
        self, device: BLEDevice, lost: Callable[[], None]
    ) -> AsyncIterator["Link"]:
        """Hold a link for the time of a block; `lost` is called when it breaks."""
        client = BleakClient(
            device,
            disconnected_callback=lambda _: lost(),
            timeout=CONNECT_S,
            **self._options["client"],
        )
        async with self._connecting, asyncio.timeout(CONNECT_S + 5):
            await client.connect()
        try:
            yield Link(client, self._options["confirms"])
        finally:
            await _within(client.disconnect())

    @asynccontextmanager
    async def _scanning(self) -> AsyncIterator[None]:
        scanner = BleakScanner(self._hear, **self._options["scanner"])
        async with asyncio.timeout(ASK_S):
            await scanner.start()
        self.problem = ""
        trim()  # the backend has been imported
        try:
            yield
        finally:
            await _within(scanner.stop())
            trim()  # much was new to bleak, and is known now

    def _hear(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        """Take an advertisement."""
        address = device.address.upper()
        self.rssi[address] = advertisement.rssi
        if advertisement.local_name:
            self.names[address] = advertisement.local_name
        future = self._seekers.get(address)
        if future and not future.done():
            future.set_result(device)

    def _trouble(self, text: str) -> None:
        if text != self.problem:
            log.warning("%s; trying again", text)
        self.problem = text


class Link:
    """A connection to one wearable."""

    def __init__(self, client: BleakClient, confirms: bool) -> None:
        self._client, self._confirms = client, confirms

    def offers(self, characteristic: str) -> bool:
        """Tell whether the wearable has a characteristic."""
        return self._client.services.get_characteristic(characteristic) is not None

    async def read(self, characteristic: str) -> bytes | None:
        """Read a characteristic; None when the wearable lacks or refuses it."""
        if not self.offers(characteristic):
            return None
        try:
            async with asyncio.timeout(ASK_S):
                return bytes(await self._client.read_gatt_char(characteristic))
        except BleakError as error:
            log.info("cannot read %s: %s", characteristic[4:8], error)
            return None

    async def listen(self, characteristic: str, heard: Heard) -> None:
        """Subscribe to notifications or indications.

        Where the radio's host stack is ours, an indication is confirmed to the wearable
        only once `heard`'s awaitable has ended: what we confirm, we have on disk.
        """
        found = self._client.services.get_characteristic(characteristic)
        more: dict[str, Any] = {}
        if found and self._confirms and "indicate" in found.properties:
            more = {"confirm_after": lambda value: heard(bytes(value))}
        async with asyncio.timeout(ASK_S):
            await self._client.start_notify(
                characteristic, _ignore if more else _adapt(heard), **more
            )


def native(adapter: str) -> bool:
    """Tell whether an adapter is the system's own: BlueZ's on Linux."""
    return not adapter or adapter.startswith("hci")


def options(adapter: str) -> dict[str, Any]:
    """Give bleak's arguments for an adapter.

    Raises
    ------
    Unavailable
        The adapter needs Bumble, which is not installed.
    """
    if native(adapter):
        bluez = {"bluez": {"adapter": adapter}} if adapter else {}
        return {"scanner": bluez, "client": bluez, "confirms": False}
    try:
        from gateway.bumble import BumbleClient, BumbleScanner
    except ImportError as error:
        hint = "pip install 'vitals[sim]'"
        raise Unavailable(f"adapter {adapter!r} needs Bumble: {hint}") from error
    bluez = {"bluez": {"adapter": adapter}}
    return {
        "scanner": {"backend": BumbleScanner, **bluez},
        "client": {"backend": BumbleClient, **bluez},
        "confirms": True,
    }


def _adapt(heard: Heard) -> Callable[[object, bytearray], None]:
    """Make bleak's callback of ours; nobody waits for the disk here."""

    def callback(_: object, value: bytearray) -> None:
        heard(bytes(value))

    return callback


def _ignore(_: object, __: bytearray) -> None:
    """Leave the value to `confirm_after`."""


async def _within(call: Awaitable[object]) -> None:
    """Give a call that ends things its time, whatever it says."""
    try:
        async with asyncio.timeout(ASK_S):
            await call
    except (BleakError, OSError, TimeoutError, EOFError) as error:
        log.debug("while ending: %s", error)
