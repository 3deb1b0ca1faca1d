"""What faults make of a value: in the sensor, and on its way through the air.  Pure.

`sensed` gives what a broken sensor says in the place of a good one; it is a whole and
well-formed value of its characteristic.  `aired` says which frames leave the antenna.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from firmware_sim.faults import Faults, amount
from vitals.gatt import (
    blood_pressure,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
)
from vitals.gatt.blood_pressure import BloodPressureMeasurement
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.health_thermometer import TemperatureMeasurement
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, SpotCheck

FILL = 1024  # 1/1024 s: a second, whatever the heart does
ANY_RATE = 30, 220  # /min
NUMBERS = {"nan": Special.NAN, "reserved": Special.RESERVED}


@dataclass(frozen=True, slots=True)
class Aired:
    """What becomes of one value on the air."""

    fate: str = "sent"  # or "lost", "garbled", "doubled", "late"
    frames: tuple[bytes, ...] = ()
    delay_s: float = 0.0


def aired(value: bytes, faults: Faults, now: float) -> Aired:
    """Give the frames that leave for a value."""
    if faults.strikes("lost", now):
        return Aired("lost")
    if faults.strikes("garbled", now):
        return Aired("garbled", (_garbled(value, faults.dice("garbled")),))
    if faults.strikes("doubled", now):
        return Aired("doubled", (value, value))
    if late := faults.strikes("late", now):
        return Aired("late", (value,), amount(late))
    return Aired("sent", (value,))


class Sensor:
    """The sensor of one characteristic; it remembers what it said, to freeze on it."""

    def __init__(self, characteristic: str, faults: Faults) -> None:
        self._faults = faults
        self._distort = DISTORTIONS.get(characteristic)
        self._rate: int | None = None

    def sensed(self, value: bytes, now: float) -> bytes:
        """Give what is said in the place of a value."""
        if not (self._faults and self._distort):
            return value
        return self._distort(self, value, now)

    def heart_rate(self, value: bytes, now: float) -> bytes:
        """Lie about a heart."""
        said, faults = HeartRateMeasurement.parse(value), self._faults
        none = replace(said, contact=None, rr_intervals=())
        if faults.strikes("zero", now):
            return replace(none, rate=0).build()
        if faults.strikes("random", now):
            rate = faults.dice("random").randint(*ANY_RATE)
            return replace(none, rate=rate).build()
        if faults.strikes("frozen", now):
            return replace(none, rate=self._rate or said.rate).build()
        self._rate = said.rate or self._rate
        if faults.strikes("rr_fill", now):
            fill = (FILL,) * max(1, len(said.rr_intervals))
            return replace(said, rr_intervals=fill).build()
        return value

    def blood_pressure(self, value: bytes, now: float) -> bytes:
        """Measure no pressure, or no pulse."""
        number = self._number(now)
        if number is None:
            return value
        said = BloodPressureMeasurement.parse(value)
        none = replace(said, systolic=number, diastolic=number, mean=number)
        return replace(none, pulse=None if said.pulse is None else number).build()

    def temperature(self, value: bytes, now: float) -> bytes:
        """Measure no temperature."""
        number = self._number(now)
        if number is None:
            return value
        return replace(TemperatureMeasurement.parse(value), value=number).build()

    def spot_check(self, value: bytes, now: float) -> bytes:
        """Measure neither saturation nor pulse, once."""
        number = self._number(now)
        if number is None:
            return value
        return replace(SpotCheck.parse(value), spo2=number, pulse=number).build()

    def continuous(self, value: bytes, now: float) -> bytes:
        """Measure neither saturation nor pulse, in a stream."""
        number = self._number(now)
        if number is None:
            return value
        return replace(Continuous.parse(value), spo2=number, pulse=number).build()

    def glucose(self, value: bytes, now: float) -> bytes:
        """Measure no glucose."""
        number = self._number(now)
        if number is None:
            return value
        return replace(GlucoseMeasurement.parse(value), concentration=number).build()

    def _number(self, now: float) -> Special | None:
        """Give what is said instead of a number."""
        struck = (n for kind, n in NUMBERS.items() if self._faults.strikes(kind, now))
        return next(struck, None)


DISTORTIONS: dict[str, Callable[[Sensor, bytes, float], bytes]] = {
    heart_rate.MEASUREMENT: Sensor.heart_rate,
    blood_pressure.MEASUREMENT: Sensor.blood_pressure,
    health_thermometer.MEASUREMENT: Sensor.temperature,
    pulse_oximeter.SPOT_CHECK: Sensor.spot_check,
    pulse_oximeter.CONTINUOUS: Sensor.continuous,
    glucose.MEASUREMENT: Sensor.glucose,
}


def garbage(dice: Random) -> bytes:
    """Give what a hostile peripheral answers: an ATT PDU, or not even that."""
    noise = dice.randbytes(dice.randint(0, 22))
    return dice.choice(_ANSWERS)(noise)


_ANSWERS: tuple[Callable[[bytes], bytes], ...] = (
    lambda noise: noise,
    lambda noise: b"\x01" + noise,  # an error of any kind, or too short for one
    lambda noise: b"\x03" + noise[:2],  # any MTU, or half of one
    lambda noise: b"\x05" + noise,  # descriptors of any form
    lambda noise: b"\x09" + noise,  # attributes of any length
    lambda noise: b"\x11" + noise,  # services anywhere
    lambda noise: b"\x0b" + noise,  # a value that nobody asked for
    lambda noise: b"\x13" + noise,  # written, or was it
    lambda noise: b"\x1b" + noise,  # a notification, or the beginning of one
    lambda noise: b"\x1d" + noise,
    lambda _: b"\x11\x06" + struct.pack("<HHH", 0xFFFF, 0, 0x180D),  # ends, then begins
)


def _garbled(value: bytes, dice: Random) -> bytes:
    """Cut a value short, or give noise of its length."""
    if dice.random() < 0.5:
        return value[: dice.randrange(len(value))]
    return dice.randbytes(len(value))
