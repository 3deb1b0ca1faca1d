"""What is left in a wearable's battery; pure, like its faults."""

import zlib

from firmware_sim.faults import Faults
from firmware_sim.firmware import Firmware
from vitals.gatt import battery
from vitals.gatt.battery import BatteryLevel

PERCENT_S = 3600.0  # for one percent
DYING_S = 30.0  # between looks at a battery that runs down faster
LOWEST = 5  # %; somebody charges it then


class Cell:
    """A battery that lasts for days, unless its faults say otherwise.

    Parameters
    ----------
    address
        Of the wearable: no two are charged at the same time.
    faults
        What is wrong with it.

    Attributes
    ----------
    look_s
        Seconds between two looks that miss no change that matters.
    """

    def __init__(self, address: str, faults: Faults) -> None:
        self._faults = faults
        self._spent = zlib.crc32(address.encode()) % 20
        self.look_s = DYING_S if faults else PERCENT_S

    def level(self, now: float) -> int:
        """Give what is left, %, at a time of the person's, s."""
        used = int(now / PERCENT_S) + self._spent
        return self._faults.level(now, 100 - used % (100 - LOWEST))


class Gauge(Firmware):
    """A cell that says its level whenever that has changed."""

    service, measurement = battery.SERVICE, battery.LEVEL

    def __init__(self, cell: Cell) -> None:
        self._cell, self.every_s = cell, cell.look_s
        self._told: int | None = None

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Give the level, if it is news."""
        level = self._cell.level(now)
        if level == self._told:
            return []
        self._told = level
        return [BatteryLevel(level).build()]
