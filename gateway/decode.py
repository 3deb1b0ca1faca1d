"""One GATT value -> the record it carries.  Pure: units and quality are settled here.

What the device says it does not have is null with its reason; what it says though no
living human has it is kept and flagged; nothing is silently normal.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from vitals import (
    SITES,
    Battery,
    BloodPressure,
    BodyTemperature,
    Flag,
    HeartRate,
    Instant,
    Metric,
    Record,
)
from vitals.gatt import battery, blood_pressure, health_thermometer, heart_rate
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Number, Special

MMHG_PER_KPA = 7.50062
CLOCK_AHEAD_MS = 60_000  # a stamp further in the future is a wrong clock
CLOCK_BEHIND_MS = 365 * 86_400_000  # and so is one further in the past

REASONS = {
    Special.NAN: Flag.NOT_A_NUMBER,
    Special.NRES: Flag.NOT_AT_THIS_RESOLUTION,
    Special.POSITIVE_INFINITY: Flag.POSITIVE_INFINITY,
    Special.NEGATIVE_INFINITY: Flag.NEGATIVE_INFINITY,
    Special.RESERVED: Flag.RESERVED,
}

STATUS_FLAGS = {
    blood_pressure.BODY_MOVEMENT: Flag.MOTION,
    blood_pressure.CUFF_TOO_LOOSE: Flag.CUFF_LOOSE,
    blood_pressure.IRREGULAR_PULSE: Flag.IRREGULAR_PULSE,
    blood_pressure.IMPROPER_POSITION: Flag.BAD_POSITION,
}


class Circumstance(Struct, frozen=True):
    """What the gateway knows beside the bytes."""

    received: Instant
    bonded: bool = False
    site: int | None = None  # Temperature Type, read at connection
    zone_offset_s: int = 0  # of the wall clock that devices' stamps are in


def decode(characteristic: str, data: bytes, now: Circumstance) -> Record | None:
    """Turn a characteristic's value into a record without `gateway` and `seq`.

    Parameters
    ----------
    characteristic
        UUID of the characteristic, 128 bits in lower case.
    data
        Its value as it came over the air.
    now
        When the radio handed it over, and what else is known.

    Returns
    -------
    Record or None
        None for a characteristic that carries no record.

    Raises
    ------
    MalformedData
        `data` breaks the characteristic's specification.
    """
    read = DECODERS.get(characteristic)
    return read(data, now) if read else None


def _heart_rate(data: bytes, now: Circumstance) -> HeartRate:
    said = heart_rate.HeartRateMeasurement.parse(data)
    flags: list[Flag] = []
    rate: float | None = said.rate
    if said.contact is False or said.rate == 0:  # 0 means lead off, never asystole
        rate = None
        flags.append(Flag.OFF_BODY)
    _judge(flags, Metric.HEART_RATE, rate)
    return HeartRate(
        t=now.received,
        received=now.received,
        q=tuple(flags),
        link=_link(now),
        hr=rate,
        rr=tuple(interval * 1000 / 1024 for interval in said.rr_intervals),
        energy=said.energy,
    )


def _blood_pressure(data: bytes, now: Circumstance) -> BloodPressure:
    said = blood_pressure.BloodPressureMeasurement.parse(data)
    flags = [flag for bit, flag in STATUS_FLAGS.items() if (said.status or 0) & bit]
    scale = MMHG_PER_KPA if said.kpa else 1
    sys, dia, mean = (
        _number(flags, value, scale)
        for value in (said.systolic, said.diastolic, said.mean)
    )
    pulse = None if said.pulse is None else _number(flags, said.pulse)
    _judge(flags, Metric.SYSTOLIC, sys)
    _judge(flags, Metric.DIASTOLIC, dia)
    if sys is not None and dia is not None and sys <= dia:
        flags.append(Flag.IMPLAUSIBLE)
    t, device_t = _time(flags, said.stamp, now)
    return BloodPressure(
        t=t,
        received=now.received,
        q=_once(flags),
        link=_link(now),
        device_t=device_t,
        sys=sys,
        dia=dia,
        map=mean,
        pulse=pulse,
        user=said.user,
    )


def _temperature(data: bytes, now: Circumstance) -> BodyTemperature:
    said = health_thermometer.TemperatureMeasurement.parse(data)
    flags: list[Flag] = []
    value = _number(flags, said.value)
    if value is not None and said.fahrenheit:
        value = round((value - 32) / 1.8, 3)
    _judge(flags, Metric.BODY_TEMPERATURE, value)
    site = now.site if said.site is None else said.site
    t, device_t = _time(flags, said.stamp, now)
    return BodyTemperature(
        t=t,
        received=now.received,
        q=_once(flags),
        link=_link(now),
        device_t=device_t,
        temp=value,
        site=SITES[site - 1] if site and site <= len(SITES) else None,
    )


def _battery(data: bytes, now: Circumstance) -> Battery:
    level = battery.BatteryLevel.parse(data).level
    return Battery(t=now.received, received=now.received, link=_link(now), level=level)


DECODERS: dict[str, Callable[[bytes, Circumstance], Record]] = {
    heart_rate.MEASUREMENT: _heart_rate,
    blood_pressure.MEASUREMENT: _blood_pressure,
    health_thermometer.MEASUREMENT: _temperature,
    battery.LEVEL: _battery,
}


def _number(flags: list[Flag], value: Number, scale: float = 1) -> float | None:
    """Give a device's number, or None and why it has none."""
    if isinstance(value, Special):
        flags.append(REASONS[value])
        return None
    return round(value * scale, 1) if scale != 1 else value


def _judge(flags: list[Flag], metric: Metric, value: float | None) -> None:
    """Flag what no living human has."""
    if value is not None and not metric.plausible(value):
        flags.append(Flag.IMPLAUSIBLE)


def _time(
    flags: list[Flag], stamp: DateTime | None, now: Circumstance
) -> tuple[Instant, Instant | None]:
    """Give the time of measurement and the device's own, which is kept as it is.

    A device without a stamp measured when we heard of it.  A clock that is plainly
    wrong tells nothing: reception is then the best we know, and a flag says so.
    """
    stamped = stamp.instant(now.zone_offset_s) if stamp else None
    if stamped is None or stamped < 0:
        return now.received, None
    device_t = Instant(stamped)
    if -CLOCK_BEHIND_MS < device_t - now.received <= CLOCK_AHEAD_MS:
        return min(device_t, now.received), device_t
    flags.append(Flag.CLOCK_UNSYNCED)
    return now.received, device_t


def _link(now: Circumstance) -> Literal["bonded", "open"]:
    return "bonded" if now.bonded else "open"


def _once(flags: list[Flag]) -> tuple[Flag, ...]:
    """Drop repeated flags, keep their order."""
    return tuple(dict.fromkeys(flags))
