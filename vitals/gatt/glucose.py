"""Glucose Service (0x1808), Bluetooth SIG GLS 1.0.

Records are kept by the meter and reported through `vitals.gatt.record_access`.
"""

import struct
from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid, whole
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Number, build_sfloat, parse_sfloat

SERVICE = uuid(0x1808)
MEASUREMENT = uuid(0x2A18)
CONTEXT = uuid(0x2A34)
FEATURE = uuid(0x2A51)

# Bits of a measurement's flags octet.
OFFSET = 1 << 0
CONCENTRATION = 1 << 1
MOLAR = 1 << 2  # mol/L; else kg/L
STATUS = 1 << 3
CONTEXT_FOLLOWS = 1 << 4
RESERVED = 0b111 << 5

# Types of the sample and places it is from that are none of a patient.
CONTROL_SOLUTION = 10
CONTROL_SOLUTION_PLACE = 4

CAPILLARY_WHOLE_BLOOD, FINGER = 1, 1

# Bits of the sensor status annunciation.
BATTERY_LOW = 1 << 0
SENSOR_MALFUNCTION = 1 << 1
SAMPLE_TOO_SMALL = 1 << 2
STRIP_INSERTION = 1 << 3
STRIP_TYPE = 1 << 4
RESULT_TOO_HIGH = 1 << 5
RESULT_TOO_LOW = 1 << 6
TOO_HOT = 1 << 7
TOO_COLD = 1 << 8
READ_INTERRUPTED = 1 << 9
DEVICE_FAULT = 1 << 10
TIME_FAULT = 1 << 11

# Bits of a context's flags octet.
CARBOHYDRATE = 1 << 0
MEAL = 1 << 1
TESTER_HEALTH = 1 << 2
EXERCISE = 1 << 3
MEDICATION = 1 << 4
MEDICATION_IN_LITRES = 1 << 5
HBA1C = 1 << 6
EXTENDED_FLAGS = 1 << 7


class GlucoseMeasurement(Struct, frozen=True):
    """Glucose Measurement (0x2A18), section 3.1."""

    sequence: int  # counts up for as long as the meter keeps its memory
    base: DateTime  # the meter's own clock, whatever the user set
    offset: int | None = None  # min to add for the time that the user sees
    concentration: Number | None = None  # kg/L, or mol/L
    molar: bool = False
    sample: int = 0  # type of the sample, 4 bits
    place: int = 0  # where it was taken, 4 bits
    status: int | None = None  # BATTERY_LOW | ...
    context: bool = False  # a Glucose Measurement Context follows

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one notification.

        >>> measurement = GlucoseMeasurement.parse(bytes.fromhex(
        ...     "1b 0400 e407070e0b0605 5a02 77b0 f8 0000"))
        >>> measurement.sequence, measurement.offset, measurement.concentration
        (4, 602, 0.00119)
        """
        flags = data[0] if data else 0
        if len(data) < (end := _length(flags)):
            raise MalformedData(f"glucose measurement {data.hex()}: too short")
        if len(data) > end and not flags & RESERVED:
            raise MalformedData(f"glucose measurement {data.hex()}: too long")
        rest, offset, status, concentration, kind = 10, None, None, None, 0
        if flags & OFFSET:
            (offset,) = struct.unpack_from("<h", data, rest)
            rest += 2
        if flags & CONCENTRATION:
            concentration, kind = parse_sfloat(data, rest), data[rest + 2]
            rest += 3
        if flags & STATUS:
            status = int.from_bytes(data[rest : rest + 2], "little")
        return cls(
            sequence=int.from_bytes(data[1:3], "little"),
            base=DateTime.parse(data[3:10]),
            offset=offset,
            concentration=concentration,
            molar=bool(flags & MOLAR),
            sample=kind & 0xF,
            place=kind >> 4,
            status=status,
            context=bool(flags & CONTEXT_FOLLOWS),
        )

    def build(self) -> bytes:
        """Write one notification; the inverse of `parse`.

        Without a concentration there is no place for the type of the sample.
        """
        flags = MOLAR * self.molar | CONTEXT_FOLLOWS * self.context
        body = struct.pack("<H", self.sequence) + self.base.build()
        if self.offset is not None:
            flags |= OFFSET
            body += struct.pack("<h", self.offset)
        if self.concentration is not None:
            flags |= CONCENTRATION
            kind = struct.pack("<B", self.place << 4 | self.sample)
            body += build_sfloat(self.concentration) + kind
        if self.status is not None:
            flags |= STATUS
            body += struct.pack("<H", self.status)
        return bytes([flags]) + body


def _length(flags: int) -> int:
    """Give the octets that a measurement's flags announce, their own included."""
    offset, concentration = 2 * bool(flags & OFFSET), 3 * bool(flags & CONCENTRATION)
    return 10 + offset + concentration + 2 * bool(flags & STATUS)


class GlucoseContext(Struct, frozen=True):
    """Glucose Measurement Context (0x2A34), section 3.2.  We only read it."""

    sequence: int  # of the measurement that it belongs to
    carbohydrate: tuple[int, Number] | None = None  # id, kg
    meal: int | None = None
    tester: int | None = None  # 4 bits
    health: int | None = None  # 4 bits
    exercise: tuple[int, int] | None = None  # s, %
    medication: tuple[int, Number] | None = None  # id, kg or L
    litres: bool = False
    hba1c: Number | None = None  # %

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one notification; the extended flags are all reserved."""
        flags = data[0] if data else 0
        if len(data) != (end := _context_length(flags)):
            reason = f"not {end} octets"
            raise MalformedData(f"glucose context {data.hex()}: {reason}")
        rest = 4 if flags & EXTENDED_FLAGS else 3
        carbohydrate = meal = tester = health = exercise = medication = hba1c = None
        if flags & CARBOHYDRATE:
            carbohydrate, rest = _amount(data, rest), rest + 3
        if flags & MEAL:
            meal, rest = data[rest], rest + 1
        if flags & TESTER_HEALTH:
            tester, health, rest = data[rest] & 0xF, data[rest] >> 4, rest + 1
        if flags & EXERCISE:
            exercise, rest = struct.unpack_from("<HB", data, rest), rest + 3
        if flags & MEDICATION:
            medication, rest = _amount(data, rest), rest + 3
        if flags & HBA1C:
            hba1c = parse_sfloat(data, rest)
        sequence = int.from_bytes(data[1:3], "little")
        litres = bool(flags & MEDICATION_IN_LITRES)
        people = tester, health
        return cls(
            sequence, carbohydrate, meal, *people, exercise, medication, litres, hba1c
        )


def _context_length(flags: int) -> int:
    """Give the octets that a context's flags announce, their own included."""
    threes = (CARBOHYDRATE, EXERCISE, MEDICATION)
    ones = (MEAL, TESTER_HEALTH, EXTENDED_FLAGS)
    many = 3 * sum(bool(flags & bit) for bit in threes)
    return 3 + many + sum(bool(flags & b) for b in ones) + 2 * bool(flags & HBA1C)


def _amount(data: bytes, offset: int) -> tuple[int, Number]:
    """Read what it was, and how much."""
    return data[offset], parse_sfloat(data, offset + 1)


class GlucoseFeature(Struct, frozen=True):
    """Glucose Feature (0x2A51), section 3.3."""

    features: int  # 16 bits, the same order as the sensor status annunciation

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two octets."""
        return cls(*struct.unpack("<H", whole(data, 2, "glucose feature")))

    def build(self) -> bytes:
        """Write two octets; the inverse of `parse`."""
        return struct.pack("<H", self.features)
