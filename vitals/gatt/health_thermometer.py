"""Health Thermometer Service (0x1809), Bluetooth SIG HTS 1.0."""

import struct
from typing import Self

from msgspec import Struct

from vitals.codes import SITES
from vitals.errors import MalformedData
from vitals.gatt import uuid, whole
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Number, build_float, parse_float

SERVICE = uuid(0x1809)
MEASUREMENT = uuid(0x2A1C)
TYPE = uuid(0x2A1D)
INTERMEDIATE = uuid(0x2A1E)
INTERVAL = uuid(0x2A21)

# Bits of the flags octet.
FAHRENHEIT = 1 << 0
STAMP = 1 << 1
SITE = 1 << 2
RESERVED = 0b11111 << 3


class TemperatureMeasurement(Struct, frozen=True):
    """Temperature Measurement (0x2A1C), section 3.1; Intermediate (0x2A1E) too."""

    value: Number  # Cel, or degF
    fahrenheit: bool = False
    stamp: DateTime | None = None
    site: int | None = None  # a TemperatureType

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one indication.

        >>> TemperatureMeasurement.parse(bytes.fromhex("04 6e0100ff 01"))
        TemperatureMeasurement(value=36.6, fahrenheit=False, stamp=None, site=1)
        """
        if len(data) < (end := _length(data[0] if data else 0)):
            raise MalformedData(f"temperature measurement {data.hex()}: too short")
        flags, rest = data[0], 5
        if len(data) > end and not flags & RESERVED:
            raise MalformedData(f"temperature measurement {data.hex()}: too long")
        stamp = site = None
        if flags & STAMP:
            stamp, rest = DateTime.parse(data[rest : rest + 7]), rest + 7
        if flags & SITE:
            site = data[rest]
        return cls(parse_float(data, 1), bool(flags & FAHRENHEIT), stamp, site)

    def build(self) -> bytes:
        """Write one indication; the inverse of `parse`."""
        flags = FAHRENHEIT if self.fahrenheit else 0
        body = build_float(self.value)
        if self.stamp is not None:
            flags |= STAMP
            body += self.stamp.build()
        if self.site is not None:
            flags |= SITE
            body += struct.pack("<B", self.site)
        return bytes([flags]) + body


def _length(flags: int) -> int:
    """Give the octets that the flags announce, their own included."""
    return 5 + 7 * bool(flags & STAMP) + bool(flags & SITE)


class TemperatureType(Struct, frozen=True):
    """Temperature Type (0x2A1D), section 3.2: where on the body."""

    site: int  # 1 to 9; the rest is reserved

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one octet."""
        return cls(whole(data, 1, "temperature type")[0])

    def build(self) -> bytes:
        """Write one octet; the inverse of `parse`."""
        return struct.pack("<B", self.site)

    @property
    def site_name(self) -> str | None:
        """Give the site's name, one of `vitals.codes.SITES`; None: a reserved value.

        >>> TemperatureType(3).site_name
        'ear'
        """
        return SITES[self.site - 1] if 1 <= self.site <= len(SITES) else None


class MeasurementInterval(Struct, frozen=True):
    """Measurement Interval (0x2A21), section 3.4."""

    seconds: int  # 1 to 65535; 0: no periodic measurement

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two octets."""
        return cls(*struct.unpack("<H", whole(data, 2, "measurement interval")))

    def build(self) -> bytes:
        """Write two octets; the inverse of `parse`."""
        return struct.pack("<H", self.seconds)
