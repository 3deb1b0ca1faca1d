"""With whom we pair, and whether a link is secured by a bond."""

import sys
from collections.abc import Callable

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from msgspec import Struct


class NotPaired(BleakError):
    """Pairing was refused, or a bond is worth nothing any more."""


class Pairing(Struct, frozen=True):
    """Whom a link is made to, and how it is secured."""

    identity: str  # the address that the wearable is configured by
    passkey: str = ""  # six digits; "" pairs Just Works, and only who asks for it
    required: bool = False  # nothing is taken over a link without a bond


Bonded = Callable[[], bool]
"""Tells whether a link is encrypted with the key of a bond, as of now."""


async def bluez_bonded(device: BLEDevice) -> Bonded:
    """Watch a device of BlueZ: a link to one that is paired is always encrypted."""
    if sys.platform != "linux":
        return lambda: False
    from bleak.backends.bluezdbus.manager import get_global_bluez_manager

    manager, path = await get_global_bluez_manager(), device.details["path"]
    return lambda: manager.is_paired(path)
