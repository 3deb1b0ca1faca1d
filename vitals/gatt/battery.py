"""Battery Service (0x180F), Bluetooth SIG BAS 1.0."""

import struct
from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid, whole

SERVICE = uuid(0x180F)
LEVEL = uuid(0x2A19)


class BatteryLevel(Struct, frozen=True):
    """Battery Level (0x2A19), section 3.1."""

    level: int  # %, 0 to 100

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one octet; above 100 is malformed.

        >>> BatteryLevel.parse(b"d")
        BatteryLevel(level=100)
        """
        level = whole(data, 1, "battery level")[0]
        if level > 100:
            raise MalformedData(f"battery level {level} %")
        return cls(level)

    def build(self) -> bytes:
        """Write one octet; the inverse of `parse`."""
        if not 0 <= self.level <= 100:
            raise ValueError(f"battery level {self.level} %")
        return struct.pack("<B", self.level)
