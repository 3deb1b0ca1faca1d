"""Heart Rate Service (0x180D), Bluetooth SIG HRS 1.0."""

import struct
from typing import Self

from msgspec import Struct

from vitals.errors import MalformedData
from vitals.gatt import uuid

SERVICE = uuid(0x180D)
MEASUREMENT = uuid(0x2A37)
BODY_SENSOR_LOCATION = uuid(0x2A38)
CONTROL_POINT = uuid(0x2A39)

# Bits of the flags octet.
UINT16_RATE = 1 << 0
CONTACT = 1 << 1
CONTACT_SUPPORTED = 1 << 2
ENERGY = 1 << 3
RR_INTERVALS = 1 << 4
RESERVED = 0b111 << 5

RESET_ENERGY = 1  # written to the control point


class HeartRateMeasurement(Struct, frozen=True):
    """Heart Rate Measurement (0x2A37), section 3.1.

    RR intervals run to the end of the value, so an odd octet there is malformed
    whatever the reserved bits say.  RR intervals announced but not there are just none.
    """

    rate: int  # /min
    contact: bool | None = None  # None: the sensor cannot tell
    energy: int | None = None  # kJ since reset
    rr_intervals: tuple[int, ...] = ()  # 1/1024 s, oldest first

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one notification.

        >>> HeartRateMeasurement.parse(bytes.fromhex("1048 9003"))
        HeartRateMeasurement(rate=72, contact=None, energy=None, rr_intervals=(912,))
        """
        energy: int | None = None
        rr: tuple[int, ...] = ()
        try:
            flags = data[0]
            wide = flags & UINT16_RATE
            (rate,) = struct.unpack_from("<H" if wide else "<B", data, 1)
            end = 3 if wide else 2
            if flags & ENERGY:
                (energy,) = struct.unpack_from("<H", data, end)
                end += 2
            if flags & RR_INTERVALS:
                rr = struct.unpack(f"<{(len(data) - end) // 2}H", data[end:])
        except (IndexError, struct.error) as error:
            raise MalformedData(f"heart rate measurement {data.hex()}") from error
        if len(data) > end and not flags & (RR_INTERVALS | RESERVED):
            raise MalformedData(f"heart rate measurement {data.hex()}: too long")
        contact = bool(flags & CONTACT) if flags & CONTACT_SUPPORTED else None
        return cls(rate, contact, energy, rr)

    def build(self) -> bytes:
        """Write one notification; the inverse of `parse`."""
        wide = self.rate > 0xFF
        flags = UINT16_RATE if wide else 0
        body = struct.pack("<H" if wide else "<B", self.rate)
        if self.contact is not None:
            flags |= CONTACT_SUPPORTED | (CONTACT if self.contact else 0)
        if self.energy is not None:
            flags |= ENERGY
            body += struct.pack("<H", self.energy)
        if self.rr_intervals:
            flags |= RR_INTERVALS
            body += struct.pack(f"<{len(self.rr_intervals)}H", *self.rr_intervals)
        return bytes([flags]) + body
