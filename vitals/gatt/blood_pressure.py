"""Blood Pressure Service (0x1810), Bluetooth SIG BLS 1.1."""

import struct
from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid, whole
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Number, build_sfloat, parse_sfloat

SERVICE = uuid(0x1810)
MEASUREMENT = uuid(0x2A35)
INTERMEDIATE_CUFF_PRESSURE = uuid(0x2A36)
FEATURE = uuid(0x2A49)

# Bits of the flags octet.
KPA = 1 << 0
STAMP = 1 << 1
PULSE = 1 << 2
USER = 1 << 3
STATUS = 1 << 4
RESERVED = 0b111 << 5

# Bits of the measurement status.  The pulse range is one field of two bits.
BODY_MOVEMENT = 1 << 0
CUFF_TOO_LOOSE = 1 << 1
IRREGULAR_PULSE = 1 << 2
PULSE_RANGE = 0b11 << 3
PULSE_ABOVE_RANGE = 1 << 3
PULSE_BELOW_RANGE = 2 << 3
IMPROPER_POSITION = 1 << 5

UNKNOWN_USER = 0xFF

# Bits of the features: what the cuff is able to notice.
BODY_MOVEMENT_DETECTION = 1 << 0
CUFF_FIT_DETECTION = 1 << 1
IRREGULAR_PULSE_DETECTION = 1 << 2
PULSE_RANGE_DETECTION = 1 << 3
POSITION_DETECTION = 1 << 4
MULTIPLE_BONDS = 1 << 5


class BloodPressureMeasurement(Struct, frozen=True):
    """Blood Pressure Measurement (0x2A35), section 3.1; Intermediate Cuff Pressure too.

    An Intermediate Cuff Pressure (0x2A36) has its pressure in `systolic`, the other two
    are NaN.
    """

    systolic: Number  # mmHg, or kPa
    diastolic: Number
    mean: Number
    kpa: bool = False
    stamp: DateTime | None = None
    pulse: Number | None = None  # /min
    user: int | None = None  # UNKNOWN_USER: the cuff does not know who it was
    status: int | None = None  # BODY_MOVEMENT | CUFF_TOO_LOOSE | ...

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one indication.

        >>> BloodPressureMeasurement.parse(bytes.fromhex("04 7800 5000 5d00 4800"))
        ... # doctest: +ELLIPSIS
        BloodPressureMeasurement(systolic=120.0, diastolic=80.0, mean=93.0, ...
        """
        if len(data) < (end := _length(data[0] if data else 0)):
            raise MalformedData(f"blood pressure measurement {data.hex()}: too short")
        flags, rest = data[0], 7
        if len(data) > end and not flags & RESERVED:
            raise MalformedData(f"blood pressure measurement {data.hex()}: too long")
        stamp = pulse = user = status = None
        if flags & STAMP:
            stamp, rest = DateTime.parse(data[rest : rest + 7]), rest + 7
        if flags & PULSE:
            pulse, rest = parse_sfloat(data, rest), rest + 2
        if flags & USER:
            user, rest = data[rest], rest + 1
        if flags & STATUS:
            status = data[rest] | data[rest + 1] << 8
        pressures = parse_sfloat(data, 1), parse_sfloat(data, 3), parse_sfloat(data, 5)
        return cls(*pressures, bool(flags & KPA), stamp, pulse, user, status)

    def build(self) -> bytes:
        """Write one indication; the inverse of `parse`."""
        flags = KPA if self.kpa else 0
        pressures = self.systolic, self.diastolic, self.mean
        body = b"".join(build_sfloat(pressure) for pressure in pressures)
        if self.stamp is not None:
            flags |= STAMP
            body += self.stamp.build()
        if self.pulse is not None:
            flags |= PULSE
            body += build_sfloat(self.pulse)
        if self.user is not None:
            flags |= USER
            body += struct.pack("<B", self.user)
        if self.status is not None:
            flags |= STATUS
            body += struct.pack("<H", self.status)
        return bytes([flags]) + body


def _length(flags: int) -> int:
    """Give the octets that the flags announce, their own included."""
    stamp, pulse = 7 * bool(flags & STAMP), 2 * bool(flags & PULSE)
    return 7 + stamp + pulse + bool(flags & USER) + 2 * bool(flags & STATUS)


class BloodPressureFeature(Struct, frozen=True):
    """Blood Pressure Feature (0x2A49), section 3.3."""

    features: int  # BODY_MOVEMENT_DETECTION | ...

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two octets."""
        return cls(*struct.unpack("<H", whole(data, 2, "blood pressure feature")))

    def build(self) -> bytes:
        """Write two octets; the inverse of `parse`."""
        return struct.pack("<H", self.features)
