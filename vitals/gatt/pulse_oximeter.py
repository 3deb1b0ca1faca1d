"""Pulse Oximeter Service (0x1822), Bluetooth SIG PLXS 1.0."""

import struct
from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Number, build_sfloat, parse_sfloat

SERVICE = uuid(0x1822)
SPOT_CHECK = uuid(0x2A5E)
CONTINUOUS = uuid(0x2A5F)
FEATURES = uuid(0x2A60)

# Bits of the flags octet, spot-check.
SPOT_STAMP = 1 << 0
SPOT_STATUS = 1 << 1
SPOT_SENSOR = 1 << 2
SPOT_AMPLITUDE = 1 << 3
CLOCK_NOT_SET = 1 << 4

# Bits of the flags octet, continuous.
FAST = 1 << 0
SLOW = 1 << 1
STATUS = 1 << 2
SENSOR = 1 << 3
AMPLITUDE = 1 << 4

RESERVED = 0b111 << 5  # of both

# Bits of the measurement status; 0 to 4 are reserved.
ONGOING = 1 << 5
EARLY_ESTIMATE = 1 << 6
VALIDATED = 1 << 7
FULLY_QUALIFIED = 1 << 8
FROM_STORAGE = 1 << 9
DEMONSTRATION = 1 << 10
TESTING = 1 << 11
CALIBRATING = 1 << 12
UNAVAILABLE = 1 << 13
QUESTIONABLE = 1 << 14
INVALID = 1 << 15

# Bits of the device and sensor status; 16 to 23 are reserved.
EXTENDED_DISPLAY = 1 << 0
EQUIPMENT_MALFUNCTION = 1 << 1
SIGNAL_IRREGULAR = 1 << 2
SIGNAL_INADEQUATE = 1 << 3
SIGNAL_POOR = 1 << 4
LOW_PERFUSION = 1 << 5
SIGNAL_ERRATIC = 1 << 6
NONPULSATILE = 1 << 7
PULSE_QUESTIONABLE = 1 << 8
SIGNAL_ANALYSIS = 1 << 9
SENSOR_INTERFERENCE = 1 << 10
SENSOR_OFF_USER = 1 << 11
SENSOR_UNKNOWN = 1 << 12
SENSOR_DISPLACED = 1 << 13
SENSOR_MALFUNCTION = 1 << 14
SENSOR_DISCONNECTED = 1 << 15

# Bits of the features.
STATUS_SUPPORT = 1 << 0
SENSOR_SUPPORT = 1 << 1
STORAGE = 1 << 2
STAMPED_SPOT_CHECK = 1 << 3
FAST_SUPPORT = 1 << 4
SLOW_SUPPORT = 1 << 5
AMPLITUDE_SUPPORT = 1 << 6
MULTIPLE_BONDS = 1 << 7


class SpotCheck(Struct, frozen=True):
    """PLX Spot-Check Measurement (0x2A5E), section 3.1."""

    spo2: Number  # %
    pulse: Number  # /min
    stamp: DateTime | None = None
    status: int | None = None  # ONGOING | ...
    sensor: int | None = None  # EXTENDED_DISPLAY | ..., 24 bits
    amplitude: Number | None = None  # pulse amplitude index, %
    clock_set: bool = True

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one indication.

        >>> SpotCheck.parse(bytes.fromhex("02 6100 6000 2000")).status == ONGOING
        True
        """
        flags = data[0] if data else 0
        _check(data, _spot_length(flags), flags, "PLX spot-check")
        rest = 5
        stamp = status = sensor = amplitude = None
        if flags & SPOT_STAMP:
            stamp, rest = DateTime.parse(data[rest : rest + 7]), rest + 7
        if flags & SPOT_STATUS:
            status, rest = int.from_bytes(data[rest : rest + 2], "little"), rest + 2
        if flags & SPOT_SENSOR:
            sensor, rest = int.from_bytes(data[rest : rest + 3], "little"), rest + 3
        if flags & SPOT_AMPLITUDE:
            amplitude = parse_sfloat(data, rest)
        values = parse_sfloat(data, 1), parse_sfloat(data, 3)
        clock_set = not flags & CLOCK_NOT_SET
        return cls(*values, stamp, status, sensor, amplitude, clock_set)

    def build(self) -> bytes:
        """Write one indication; the inverse of `parse`."""
        flags = 0 if self.clock_set else CLOCK_NOT_SET
        body = build_sfloat(self.spo2) + build_sfloat(self.pulse)
        if self.stamp is not None:
            flags |= SPOT_STAMP
            body += self.stamp.build()
        if self.status is not None:
            flags |= SPOT_STATUS
            body += struct.pack("<H", self.status)
        if self.sensor is not None:
            flags |= SPOT_SENSOR
            body += self.sensor.to_bytes(3, "little")
        if self.amplitude is not None:
            flags |= SPOT_AMPLITUDE
            body += build_sfloat(self.amplitude)
        return bytes([flags]) + body


class Continuous(Struct, frozen=True):
    """PLX Continuous Measurement (0x2A5F), section 3.2.

    `fast` and `slow` are the same quantities with a shorter and a longer averaging.
    """

    spo2: Number  # %
    pulse: Number  # /min
    fast: tuple[Number, Number] | None = None  # %, /min
    slow: tuple[Number, Number] | None = None
    status: int | None = None  # ONGOING | ...
    sensor: int | None = None  # EXTENDED_DISPLAY | ..., 24 bits
    amplitude: Number | None = None  # pulse amplitude index, %

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one notification.

        >>> Continuous.parse(bytes.fromhex("00 6200 4e00")).spo2
        98.0
        """
        flags = data[0] if data else 0
        _check(data, _continuous_length(flags), flags, "PLX continuous")
        rest = 5
        fast = slow = status = sensor = amplitude = None
        if flags & FAST:
            fast, rest = _pair(data, rest), rest + 4
        if flags & SLOW:
            slow, rest = _pair(data, rest), rest + 4
        if flags & STATUS:
            status, rest = int.from_bytes(data[rest : rest + 2], "little"), rest + 2
        if flags & SENSOR:
            sensor, rest = int.from_bytes(data[rest : rest + 3], "little"), rest + 3
        if flags & AMPLITUDE:
            amplitude = parse_sfloat(data, rest)
        return cls(*_pair(data, 1), fast, slow, status, sensor, amplitude)

    def build(self) -> bytes:
        """Write one notification; the inverse of `parse`."""
        flags, body = 0, build_sfloat(self.spo2) + build_sfloat(self.pulse)
        for flag, pair in ((FAST, self.fast), (SLOW, self.slow)):
            if pair is not None:
                flags |= flag
                body += b"".join(map(build_sfloat, pair))
        if self.status is not None:
            flags |= STATUS
            body += struct.pack("<H", self.status)
        if self.sensor is not None:
            flags |= SENSOR
            body += self.sensor.to_bytes(3, "little")
        if self.amplitude is not None:
            flags |= AMPLITUDE
            body += build_sfloat(self.amplitude)
        return bytes([flags]) + body


class PlxFeatures(Struct, frozen=True):
    """PLX Features (0x2A60), section 3.3: what the oximeter is able to tell."""

    features: int  # STATUS_SUPPORT | ...
    status: int | None = None  # bits of the measurement status that it may set
    sensor: int | None = None  # bits of the device and sensor status

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read two to seven octets."""
        features = int.from_bytes(data[:2], "little")
        has_status, has_sensor = features & STATUS_SUPPORT, features & SENSOR_SUPPORT
        end = 2 + 2 * bool(has_status) + 3 * bool(has_sensor)
        if len(data) != end:
            raise MalformedData(f"PLX features {data.hex()}: not {end} octets")
        status = int.from_bytes(data[2:4], "little") if has_status else None
        sensor = int.from_bytes(data[-3:], "little") if has_sensor else None
        return cls(features, status, sensor)

    def build(self) -> bytes:
        """Write it; the bits that announce the other fields follow from these."""
        features = self.features & ~(STATUS_SUPPORT | SENSOR_SUPPORT)
        body = b""
        if self.status is not None:
            features |= STATUS_SUPPORT
            body += struct.pack("<H", self.status)
        if self.sensor is not None:
            features |= SENSOR_SUPPORT
            body += self.sensor.to_bytes(3, "little")
        return struct.pack("<H", features) + body


def _spot_length(flags: int) -> int:
    """Give the octets that a spot-check's flags announce, their own included."""
    stamp, status = 7 * bool(flags & SPOT_STAMP), 2 * bool(flags & SPOT_STATUS)
    sensor = 3 * bool(flags & SPOT_SENSOR)
    return 5 + stamp + status + sensor + 2 * bool(flags & SPOT_AMPLITUDE)


def _continuous_length(flags: int) -> int:
    """Give the octets that a continuous measurement's flags announce."""
    pairs = 4 * bool(flags & FAST) + 4 * bool(flags & SLOW)
    states = 2 * bool(flags & STATUS) + 3 * bool(flags & SENSOR)
    return 5 + pairs + states + 2 * bool(flags & AMPLITUDE)


def _check(data: bytes, end: int, flags: int, name: str) -> None:
    """Raise MalformedData unless `data` has the octets that its flags announce."""
    if len(data) < end:
        raise MalformedData(f"{name} {data.hex()}: too short")
    if len(data) > end and not flags & RESERVED:
        raise MalformedData(f"{name} {data.hex()}: too long")


def _pair(data: bytes, offset: int) -> tuple[Number, Number]:
    """Read a saturation and a pulse rate."""
    return parse_sfloat(data, offset), parse_sfloat(data, offset + 2)
