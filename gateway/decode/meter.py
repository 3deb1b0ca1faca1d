"""Glucose meters: Glucose Measurement.  Pure."""

from gateway.decode.circumstance import Circumstance, stamped, taken
from gateway.decode.quality import judge, number, once
from vitals import Flag, Glucose, Instant, Metric
from vitals.gatt import glucose

MMOL_PER_KG = 1e6 / 180.156  # of glucose, by its molar mass in g/mol
MINUTE_MS = 60_000
OVERRUN = 0x7FFF, -0x8000  # time offsets of a meter that say only: too far

# What a glucose meter says of a measurement.
BEYOND_METER = glucose.RESULT_TOO_HIGH | glucose.RESULT_TOO_LOW
METER_FAULTS = (
    glucose.SENSOR_MALFUNCTION
    | glucose.SAMPLE_TOO_SMALL
    | glucose.STRIP_INSERTION
    | glucose.STRIP_TYPE
    | glucose.TOO_HOT
    | glucose.TOO_COLD
    | glucose.READ_INTERRUPTED
    | glucose.DEVICE_FAULT
)


def glucose_measurement(data: bytes, now: Circumstance) -> Glucose:
    """Make a record of a Glucose Measurement (0x2A18)."""
    said = glucose.GlucoseMeasurement.parse(data)
    flags: list[Flag] = []
    value = _concentration(flags, said)
    judge(flags, Metric.GLUCOSE, value)
    offset, status = said.offset or 0, said.status or 0
    stamp = stamped(flags, said.base, now)
    if stamp is not None and offset not in OVERRUN:
        stamp = Instant(stamp + offset * MINUTE_MS)
    trusted = offset not in OVERRUN and not status & glucose.TIME_FAULT
    t, device_t = taken(flags, stamp, now, trusted)
    return Glucose(
        t=t,
        received=now.received,
        q=once(flags),
        link=now.link,
        device_t=device_t,
        glucose=value,
    )


def _concentration(flags: list[Flag], said: glucose.GlucoseMeasurement) -> float | None:
    """Give the glucose in mmol/L, or None and why there is none of the patient."""
    status = said.status or 0
    if status & METER_FAULTS:
        flags.append(Flag.ARTEFACT)
    if (
        said.sample == glucose.CONTROL_SOLUTION
        or said.place == glucose.CONTROL_SOLUTION_PLACE
    ):
        flags.append(Flag.ARTEFACT)  # the meter was tested, nobody's blood
        return None
    if status & BEYOND_METER:
        flags.append(Flag.OUT_OF_RANGE)
        return None
    if said.concentration is None:
        flags.append(Flag.NOT_A_NUMBER)
        return None
    value = number(flags, said.concentration)
    if value is None:
        return None
    return round(value * (1000 if said.molar else MMOL_PER_KG), 3)
