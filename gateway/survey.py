"""Who is in the air: a look around for people who set up wearables.

Everybody is listed; nobody is connected.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback
from bleak.exc import BleakError
from msgspec import Struct

from gateway.identity import Identities
from gateway.radio import options
from vitals import Unavailable
from vitals.clock import monotonic

START_S = 10.0
NOBODY = Identities({})


class Heard(Struct, frozen=True):
    """One device that advertises."""

    address: str
    name: str
    rssi: int  # dBm, the strongest
    services: tuple[str, ...]  # UUIDs, 128 bits written out


async def survey(
    adapters: Collection[str],
    seconds: float,
    enough: Collection[str] = (),
    known: Identities = NOBODY,
) -> list[Heard]:
    """Listen for some time, or until all addresses of `enough` were heard.

    Gives the strongest first.

    Parameters
    ----------
    known
        Who is behind which private address.

    Raises
    ------
    Unavailable
        An adapter cannot scan; the text says why.
    """
    found: dict[str, Heard] = {}
    until = monotonic() + seconds
    async with AsyncExitStack() as scans:
        for adapter in adapters:
            scan = _scan(adapter, partial(_note, found, known))
            await scans.enter_async_context(scan)
        while monotonic() < until and not (enough and found.keys() >= {*enough}):
            await asyncio.sleep(0.1)
    return sorted(found.values(), key=lambda one: -one.rssi)


@asynccontextmanager
async def _scan(adapter: str, note: AdvertisementDataCallback) -> AsyncIterator[None]:
    """Scan for the time of a block."""
    scanner = BleakScanner(note, **options(adapter)["scanner"])
    try:
        async with asyncio.timeout(START_S):
            await scanner.start()
        try:
            yield
        finally:
            async with asyncio.timeout(START_S):
                await scanner.stop()
    except (BleakError, OSError, TimeoutError, EOFError) as error:
        text = f"cannot scan with {adapter or 'BlueZ'}: {_why(error)}"
        raise Unavailable(f"{text}; {_remedy(adapter)}") from error


def _why(error: Exception) -> str:
    """Give an error's own words; bleak's may be beside a reason of its own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # its first argument is a number
    return str(error.args[0] if error.args else "") or str(error) or "no answer"


def _remedy(adapter: str) -> str:
    """Say what to do when an adapter cannot scan."""
    if adapter.startswith("tcp-client:"):
        return "does the simulation run there (vitals run sim --config FILE)?"
    return "is it plugged in, and apt install bluez dbus? `vitals doctor` looks closer"


def _note(
    found: dict[str, Heard],
    known: Identities,
    device: BLEDevice,
    said: AdvertisementData,
) -> None:
    """Add what one advertisement says; name and services may come apart."""
    address = known.of(device.address.upper())
    old = found.get(address, Heard(address, "", -128, ()))
    found[address] = Heard(
        address,
        said.local_name or old.name,
        max(said.rssi, old.rssi),
        tuple(sorted({*old.services, *said.service_uuids})),
    )
