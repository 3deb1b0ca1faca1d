"""Straps, cuffs, thermometers and batteries.  Pure."""

from gateway.decode.circumstance import Circumstance, stamped, taken
from gateway.decode.quality import judge, number, once
from vitals import (
    SITES,
    Battery,
    BloodPressure,
    BodyTemperature,
    Flag,
    HeartRate,
    Metric,
)
from vitals.gatt import battery, blood_pressure, health_thermometer, heart_rate

MMHG_PER_KPA = 7.50062

STATUS_FLAGS = {
    blood_pressure.BODY_MOVEMENT: Flag.MOTION,
    blood_pressure.CUFF_TOO_LOOSE: Flag.CUFF_LOOSE,
    blood_pressure.IRREGULAR_PULSE: Flag.IRREGULAR_PULSE,
    blood_pressure.IMPROPER_POSITION: Flag.BAD_POSITION,
}


def heart_rate_measurement(data: bytes, now: Circumstance) -> HeartRate:
    """Make a record of a Heart Rate Measurement (0x2A37)."""
    said = heart_rate.HeartRateMeasurement.parse(data)
    flags: list[Flag] = []
    rate: float | None = said.rate
    if said.contact is False or said.rate == 0:  # 0 means lead off, never asystole
        rate = None
        flags.append(Flag.OFF_BODY)
    judge(flags, Metric.HEART_RATE, rate)
    return HeartRate(
        t=now.received,
        received=now.received,
        q=tuple(flags),
        link=now.link,
        hr=rate,
        rr=tuple(interval * 1000 / 1024 for interval in said.rr_intervals),
        energy=said.energy,
    )


def blood_pressure_measurement(data: bytes, now: Circumstance) -> BloodPressure:
    """Make a record of a Blood Pressure Measurement (0x2A35)."""
    said = blood_pressure.BloodPressureMeasurement.parse(data)
    flags = [flag for bit, flag in STATUS_FLAGS.items() if (said.status or 0) & bit]
    scale = MMHG_PER_KPA if said.kpa else 1
    sys, dia, mean = (
        number(flags, value, scale)
        for value in (said.systolic, said.diastolic, said.mean)
    )
    pulse = None if said.pulse is None else number(flags, said.pulse)
    judge(flags, Metric.SYSTOLIC, sys)
    judge(flags, Metric.DIASTOLIC, dia)
    if sys is not None and dia is not None and sys <= dia:
        flags.append(Flag.IMPLAUSIBLE)
    t, device_t = taken(flags, stamped(flags, said.stamp, now), now)
    return BloodPressure(
        t=t,
        received=now.received,
        q=once(flags),
        link=now.link,
        device_t=device_t,
        sys=sys,
        dia=dia,
        map=mean,
        pulse=pulse,
        user=said.user,
    )


def temperature_measurement(data: bytes, now: Circumstance) -> BodyTemperature:
    """Make a record of a Temperature Measurement (0x2A1C)."""
    said = health_thermometer.TemperatureMeasurement.parse(data)
    flags: list[Flag] = []
    value = number(flags, said.value)
    if value is not None and said.fahrenheit:
        value = round((value - 32) / 1.8, 3)
    judge(flags, Metric.BODY_TEMPERATURE, value)
    site = now.site if said.site is None else said.site
    t, device_t = taken(flags, stamped(flags, said.stamp, now), now)
    return BodyTemperature(
        t=t,
        received=now.received,
        q=once(flags),
        link=now.link,
        device_t=device_t,
        temp=value,
        site=SITES[site - 1] if site and site <= len(SITES) else None,
    )


def battery_level(data: bytes, now: Circumstance) -> Battery:
    """Make a record of a Battery Level (0x2A19)."""
    level = battery.BatteryLevel.parse(data).level
    return Battery(t=now.received, received=now.received, link=now.link, level=level)
