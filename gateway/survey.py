"""Who is in the air: a look around for people who set up wearables.

Everybody is listed; nobody is connected.
"""

import asyncio
from collections.abc import Collection

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from msgspec import Struct

from gateway.radio import options
from vitals import Unavailable
from vitals.clock import monotonic

START_S = 10.0


class Heard(Struct, frozen=True):
    """One device that advertises."""

    address: str
    name: str
    rssi: int  # dBm, the strongest
    services: tuple[str, ...]  # UUIDs, 128 bits written out


async def survey(
    adapter: str, seconds: float, enough: Collection[str] = ()
) -> list[Heard]:
    """Listen for some time, or until all addresses of `enough` were heard.

    Gives the strongest first.

    Raises
    ------
    Unavailable
        The adapter cannot scan; the text says why.
    """
    found: dict[str, Heard] = {}
    chosen = options(adapter)["scanner"]
    scanner = BleakScanner(lambda d, said: _note(found, d, said), **chosen)
    try:
        async with asyncio.timeout(START_S):
            await scanner.start()
        try:
            until = monotonic() + seconds
            while monotonic() < until and not (enough and found.keys() >= {*enough}):
                await asyncio.sleep(0.1)
        finally:
            async with asyncio.timeout(START_S):
                await scanner.stop()
    except (BleakError, OSError, TimeoutError, EOFError) as error:
        what = str(error) or "no answer"
        raise Unavailable(f"cannot scan with {adapter or 'BlueZ'}: {what}") from error
    return sorted(found.values(), key=lambda one: -one.rssi)


def _note(found: dict[str, Heard], device: BLEDevice, said: AdvertisementData) -> None:
    """Add what one advertisement says; name and services may come apart."""
    address = device.address.upper()
    old = found.get(address, Heard(address, "", -128, ()))
    found[address] = Heard(
        address,
        said.local_name or old.name,
        max(said.rssi, old.rssi),
        tuple(sorted({*old.services, *said.service_uuids})),
    )
