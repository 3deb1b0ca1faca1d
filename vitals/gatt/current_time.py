"""Current Time Service (0x1805), Bluetooth SIG CTS 1.1."""

import struct
from datetime import date
from typing import Self

from msgspec import Struct

from vitals.gatt import uuid, whole
from vitals.gatt.date_time import LENGTH, DateTime
from vitals.model import Instant

SERVICE = uuid(0x1805)
CURRENT_TIME = uuid(0x2A2B)
LOCAL_TIME_INFORMATION = uuid(0x2A0F)

# Bits of the adjust reason.
MANUAL_UPDATE = 1 << 0
EXTERNAL_UPDATE = 1 << 1
ZONE_CHANGE = 1 << 2
DAYLIGHT_CHANGE = 1 << 3

UNKNOWN_ZONE = -128
UNKNOWN_DAYLIGHT = 255


class CurrentTime(Struct, frozen=True):
    """Current Time (0x2A2B), section 3.1: Exact Time 256 and the adjust reason."""

    stamp: DateTime
    day_of_week: int = 0  # 1: Monday ... 7: Sunday; 0: unknown
    fractions256: int = 0  # 1/256 s
    adjust_reason: int = 0  # MANUAL_UPDATE | ...

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read ten octets."""
        whole(data, LENGTH + 3, "current time")
        return cls(DateTime.parse(data[:LENGTH]), *data[LENGTH:])

    def build(self) -> bytes:
        """Write ten octets; the inverse of `parse`."""
        rest = self.day_of_week, self.fractions256, self.adjust_reason
        return self.stamp.build() + struct.pack("<BBB", *rest)

    def instant(self, zone_offset_s: int = 0) -> Instant | None:
        """Give the moment to 1/256 s, in ms rounded down; None as for `DateTime`."""
        second = self.stamp.instant(zone_offset_s)
        if second is None:
            return None
        return Instant(second + self.fractions256 * 1000 // 256)

    @classmethod
    def of(
        cls, instant_ms: int, zone_offset_s: int = 0, adjust_reason: int = 0
    ) -> Self:
        """Read a wall clock at a moment; rounded down to 1/256 s.

        >>> CurrentTime.of(1_719_153_310_500).build().hex(" ")
        'e8 07 06 17 0e 23 0a 07 80 00'
        """
        stamp = DateTime.of(instant_ms, zone_offset_s)
        weekday = date(stamp.year, stamp.month, stamp.day).isoweekday()
        return cls(stamp, weekday, instant_ms % 1000 * 256 // 1000, adjust_reason)


class LocalTimeInformation(Struct, frozen=True):
    """Local Time Information (0x2A0F), section 3.2."""

    time_zone: int  # 15 min east of UTC, -48 to 56, without daylight saving
    daylight: int = 0  # 15 min to add: 0, 2, 4 or 8

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two octets."""
        return cls(*struct.unpack("<bB", whole(data, 2, "local time information")))

    def build(self) -> bytes:
        """Write two octets; the inverse of `parse`."""
        return struct.pack("<bB", self.time_zone, self.daylight)

    @property
    def offset_s(self) -> int | None:
        """Seconds to add to UTC for the wall clock; None: the device does not know.

        >>> LocalTimeInformation(4, 4).offset_s
        7200
        """
        if self.time_zone == UNKNOWN_ZONE or self.daylight == UNKNOWN_DAYLIGHT:
            return None
        return 900 * (self.time_zone + self.daylight)
