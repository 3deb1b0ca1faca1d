"""Pulse oximeters: PLX Spot-Check and Continuous Measurement.  Pure."""

from msgspec.structs import replace

from gateway.decode.circumstance import Circumstance, stamped, taken
from gateway.decode.quality import judge, number, once
from vitals import Flag, Metric, OxygenSaturation
from vitals.gatt import pulse_oximeter

# What an oximeter says of itself.  Void: the numbers are none of this patient.
VOID_STATUS = (
    pulse_oximeter.DEMONSTRATION
    | pulse_oximeter.TESTING
    | pulse_oximeter.CALIBRATING
    | pulse_oximeter.UNAVAILABLE
    | pulse_oximeter.INVALID
)
VOID_SENSOR = pulse_oximeter.EQUIPMENT_MALFUNCTION | pulse_oximeter.SENSOR_MALFUNCTION
OFF_SENSOR = pulse_oximeter.SENSOR_OFF_USER | pulse_oximeter.SENSOR_DISCONNECTED
DOUBTFUL_STATUS = pulse_oximeter.EARLY_ESTIMATE | pulse_oximeter.QUESTIONABLE
DOUBTFUL_SENSOR = (
    pulse_oximeter.SIGNAL_IRREGULAR
    | pulse_oximeter.SIGNAL_INADEQUATE
    | pulse_oximeter.SIGNAL_POOR
    | pulse_oximeter.LOW_PERFUSION
    | pulse_oximeter.SIGNAL_ERRATIC
    | pulse_oximeter.NONPULSATILE
    | pulse_oximeter.PULSE_QUESTIONABLE
    | pulse_oximeter.SENSOR_INTERFERENCE
    | pulse_oximeter.SENSOR_UNKNOWN
    | pulse_oximeter.SENSOR_DISPLACED
)


def spot_check(data: bytes, now: Circumstance) -> OxygenSaturation:
    """Make a record of a PLX Spot-Check Measurement (0x2A5E)."""
    said = pulse_oximeter.SpotCheck.parse(data)
    record = _saturation(said, now)
    flags = [Flag(flag) for flag in record.q]
    stamp = stamped(flags, said.stamp, now)
    kept = (said.status or 0) & pulse_oximeter.FROM_STORAGE
    if kept and stamp is None:  # taken earlier, and nobody knows when
        flags.append(Flag.CLOCK_UNSYNCED)
    t, device_t = taken(flags, stamp, now, trusted=said.clock_set)
    return replace(record, t=t, device_t=device_t, q=once(flags))


def continuous(data: bytes, now: Circumstance) -> OxygenSaturation:
    """Make a record of a PLX Continuous Measurement (0x2A5F)."""
    return _saturation(pulse_oximeter.Continuous.parse(data), now)


def _saturation(
    said: pulse_oximeter.SpotCheck | pulse_oximeter.Continuous, now: Circumstance
) -> OxygenSaturation:
    """Make a record, measured now, of what both characteristics say."""
    status, sensor = said.status or 0, said.sensor or 0
    flags: list[Flag] = []
    spo2 = pulse = None
    if sensor & OFF_SENSOR:
        flags.append(Flag.OFF_BODY)
    elif status & VOID_STATUS or sensor & VOID_SENSOR:
        flags.append(Flag.ARTEFACT)
    else:
        spo2, pulse = number(flags, said.spo2), number(flags, said.pulse)
    if status & DOUBTFUL_STATUS or sensor & DOUBTFUL_SENSOR:
        flags.append(Flag.ARTEFACT)
    judge(flags, Metric.OXYGEN_SATURATION, spo2)
    judge(flags, Metric.PULSE, pulse)
    return OxygenSaturation(
        t=now.received,
        received=now.received,
        q=once(flags),
        link=now.link,
        spo2=spo2,
        pulse=pulse,
    )
