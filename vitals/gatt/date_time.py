"""Date Time (0x2A08): a wall clock's reading, without a zone."""

from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Self

import msgspec

from vitals.gatt import uuid, whole
from vitals.model import Instant

DATE_TIME = uuid(0x2A08)
LENGTH = 7  # octets

_LAYOUT = Struct("<HBBBBB")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR = 1582  # of the Gregorian calendar, and of the specification


class DateTime(msgspec.Struct, frozen=True):
    """Date Time (0x2A08).  Kept as sent: a device's clock may say anything."""

    year: int  # 1582 to 9999; 0: unknown
    month: int  # 1 to 12; 0: unknown
    day: int  # 1 to 31; 0: unknown
    hours: int = 0
    minutes: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read seven octets.

        >>> DateTime.parse(bytes.fromhex("e8070617 0e230a"))
        DateTime(year=2024, month=6, day=23, hours=14, minutes=35, seconds=10)
        """
        return cls(*_LAYOUT.unpack(whole(data, LENGTH, "date time")))

    def build(self) -> bytes:
        """Write seven octets; the inverse of `parse`."""
        date = self.year, self.month, self.day
        return _LAYOUT.pack(*date, self.hours, self.minutes, self.seconds)

    def instant(self, zone_offset_s: int = 0) -> Instant | None:
        """Give the moment, if the clock stands in a zone `zone_offset_s` east of UTC.

        Returns
        -------
        Instant or None
            None: year, month or day is unknown, or there is no such date and time.
        """
        if self.year < _FIRST_YEAR:
            return None
        date = self.year, self.month, self.day
        try:
            wall = datetime(*date, self.hours, self.minutes, self.seconds, tzinfo=UTC)
        except ValueError:
            return None
        seconds = (wall - _EPOCH) // timedelta(seconds=1) - zone_offset_s
        return Instant(1000 * seconds)

    @classmethod
    def of(cls, instant_ms: int, zone_offset_s: int = 0) -> Self:
        """Read a wall clock at a moment; whole seconds, rounded down.

        >>> DateTime.of(1_719_153_310_000).build().hex(" ")
        'e8 07 06 17 0e 23 0a'
        """
        wall = _EPOCH + timedelta(seconds=instant_ms // 1000 + zone_offset_s)
        time = wall.hour, wall.minute, wall.second
        return cls(wall.year, wall.month, wall.day, *time)
