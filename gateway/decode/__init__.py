"""One GATT value -> the record it carries.  Pure: units and quality are settled here.

What the device says it does not have is null with its reason; what it says though no
living human has it is kept and flagged; nothing is silently normal.

Intermediate Temperature and Intermediate Cuff Pressure carry no record: they are what a
sensor reads on its way to a measurement, a fever that looks like none.  Nobody
subscribes to them, which spares the wearable's battery too.
"""

from collections.abc import Callable

from msgspec.structs import replace

from gateway.decode import meter, saturation, vital_signs
from gateway.decode.circumstance import Circumstance
from vitals import Flag, Record
from vitals.gatt import (
    battery,
    blood_pressure,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
)

__all__ = ["DECODERS", "Circumstance", "belated", "decode"]


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
    record = read(data, now) if read else None
    if record is None or now.synchronised or Flag.CLOCK_UNSYNCED in record.q:
        return record
    return replace(record, q=(*record.q, Flag.CLOCK_UNSYNCED))


def belated(record: Record, late_ms: int) -> Record:
    """Mark a record that its wearable kept for longer than `late_ms`."""
    if record.received is None or record.received - record.t <= late_ms:
        return record
    return replace(record, q=(*record.q, Flag.LATE))


DECODERS: dict[str, Callable[[bytes, Circumstance], Record]] = {
    heart_rate.MEASUREMENT: vital_signs.heart_rate_measurement,
    blood_pressure.MEASUREMENT: vital_signs.blood_pressure_measurement,
    health_thermometer.MEASUREMENT: vital_signs.temperature_measurement,
    pulse_oximeter.SPOT_CHECK: saturation.spot_check,
    pulse_oximeter.CONTINUOUS: saturation.continuous,
    glucose.MEASUREMENT: meter.glucose_measurement,
    battery.LEVEL: vital_signs.battery_level,
}
