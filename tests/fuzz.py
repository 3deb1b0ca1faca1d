"""Damaged and invented values for every decoder, each judged by the oracle.

What the oracle calls malformed must be refused with `MalformedData`, everything else
must be read, and to the last field as the oracle reads it; so must the record that the
gateway makes of it.
"""

import random
from fractions import Fraction

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.decode import Circumstance, decode
from tests import naive
from tests.golden import octets, vectors
from vitals import Flag, Metric
from vitals.errors import MalformedData
from vitals.gatt import (
    battery,
    blood_pressure,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
)
from vitals.gatt.battery import BatteryLevel
from vitals.gatt.blood_pressure import BloodPressureFeature, BloodPressureMeasurement
from vitals.gatt.current_time import CurrentTime, LocalTimeInformation
from vitals.gatt.date_time import DateTime
from vitals.gatt.device_information import SystemId
from vitals.gatt.glucose import GlucoseContext, GlucoseFeature, GlucoseMeasurement
from vitals.gatt.health_thermometer import (
    MeasurementInterval,
    TemperatureMeasurement,
    TemperatureType,
)
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, PlxFeatures, SpotCheck
from vitals.gatt.record_access import RecordAccess

NOW = 1_719_153_310_000  # 2024-06-23T14:35:10Z: some of the seeds' stamps are near
LONGEST = 24

# Every decoder, and values that it reads: a golden table of tests/vectors, or our own.
SEEDS = {
    HeartRateMeasurement: ("heart_rate", "vector"),
    BloodPressureMeasurement: ("blood_pressure", "vector"),
    TemperatureMeasurement: ("health_thermometer", "vector"),
    SpotCheck: ("pulse_oximeter", "spot_check"),
    Continuous: ("pulse_oximeter", "continuous"),
    GlucoseMeasurement: ("glucose", "measurement"),
    GlucoseContext: ("glucose", "context"),
    PlxFeatures: ("pulse_oximeter", "features"),
    GlucoseFeature: ("glucose", "feature"),
    SystemId: ("device_information", "system_id"),
    CurrentTime: ("time", "current_time"),
    DateTime: ("time", "date_time"),
    LocalTimeInformation: ("time", "local_time"),
    RecordAccess: ("record_access", "vector"),
    BatteryLevel: [b"\0", b"\x40", b"\x64"],
    BloodPressureFeature: [b"\0\0", b"\x3f\0"],
    TemperatureType: [b"\1", b"\x09"],
    MeasurementInterval: [b"\0\0", b"\x3c\0"],
}
RECORDED = {  # what the gateway makes a record of
    HeartRateMeasurement: heart_rate.MEASUREMENT,
    BloodPressureMeasurement: blood_pressure.MEASUREMENT,
    TemperatureMeasurement: health_thermometer.MEASUREMENT,
    SpotCheck: pulse_oximeter.SPOT_CHECK,
    Continuous: pulse_oximeter.CONTINUOUS,
    GlucoseMeasurement: glucose.MEASUREMENT,
    BatteryLevel: battery.LEVEL,
}


def seeds(structure):
    """Give whole values to begin from."""
    source = SEEDS[structure]
    if isinstance(source, list):
        return source
    return [octets(param.values[0]) for param in vectors(*source)]


def mutated(dice, data):
    """Flip, cut, turn or insert: one change of the kind that a bad radio makes."""
    at, change = dice.randrange(len(data) + 1), dice.randrange(4)
    if change == 0 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
    if change == 1:
        return data[:at]
    if change == 2:
        return data[at:] + data[:at]
    return data[:at] + dice.randbytes(1 + at % 3) + data[at:]


def judge(structure, data):
    """Tell whether a decoder took a value; AssertionError if it should not, or wrongly.

    Any exception but MalformedData passes through.
    """
    expected = naive.read(structure.__name__, data)
    try:
        said = structure.parse(data)
    except MalformedData:
        assert expected is None, f"refused a good {structure.__name__} {data.hex()}"
        said = None
    else:
        assert expected is not None, f"took a bad {structure.__name__} {data.hex()}"
        found = {
            name: _plain(getattr(said, name)) for name in structure.__struct_fields__
        }
        assert found == expected, (data.hex(), found, expected)
    if characteristic := RECORDED.get(structure):
        _judge_record(structure, characteristic, data, expected)
    return said is not None


def _plain(value):
    """Give a field's value as the oracle does."""
    if isinstance(value, Special):
        return value.name
    if isinstance(value, DateTime):
        return tuple(getattr(value, name) for name in DateTime.__struct_fields__)
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value


def _judge_record(structure, characteristic, data, said):
    """Hold the gateway's record against the oracle's values."""
    try:
        record = decode(characteristic, data, Circumstance(NOW))
    except MalformedData:
        assert said is None, f"no record of {data.hex()}"
        return
    assert said is not None, f"a record of the bad {data.hex()}"
    for name, expected in naive.values(structure.__name__, said, NOW).items():
        found = getattr(record, name)
        assert _agree(found, expected), (data.hex(), name, found, expected)
        if name in REQUIRED and found is None:
            assert record.q, f"{name} is missing without a reason: {data.hex()}"
        if name in HUMAN and found is not None and not HUMAN[name].plausible(found):
            assert Flag.IMPLAUSIBLE in record.q, (data.hex(), name, found)


REQUIRED = {"hr", "sys", "dia", "map", "temp", "spo2", "glucose", "level"}
HUMAN = {
    "hr": Metric.HEART_RATE,
    "sys": Metric.SYSTOLIC,
    "dia": Metric.DIASTOLIC,
    "temp": Metric.BODY_TEMPERATURE,
    "spo2": Metric.OXYGEN_SATURATION,
    "glucose": Metric.GLUCOSE,
}


def _agree(found, expected):
    """Tell whether a value of a record is what it must be, give or take."""
    match expected:
        case list():
            return len(found) == len(expected) and all(map(_agree, found, expected))
        case (exact, within) if found is not None:
            rounding = abs(exact) / 2**50 if within else 0  # of huge floats
            return abs(Fraction(found) - exact) <= within + rounding
    return found == expected


def damaged(structure, count):
    """Judge damaged values; give how many were taken."""
    dice, whole = random.Random(structure.__name__), seeds(structure)
    return sum(
        judge(structure, mutated(dice, mutated(dice, dice.choice(whole))))
        for _ in range(count)
    )


def invented(structure, count):
    """Judge what Hypothesis thinks of; give how many that were, and were taken."""
    tried = taken = 0
    anything = st.binary(max_size=LONGEST)
    # A flags octet and a length that agree are found seldom by chance.
    near = st.builds(
        lambda seed, tail, keep: seed[:keep] + tail,
        st.sampled_from(seeds(structure)),
        st.binary(max_size=4),
        st.integers(0, LONGEST),
    )

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(anything | near)
    def check(data):
        nonlocal tried, taken
        tried += 1
        taken += judge(structure, data)

    check()
    return tried, taken


def every_flag_and_length(structure):
    """Judge every flags octet with every length; give how many that were."""
    dice, count = random.Random(structure.__name__), 0
    judge(structure, b"")
    for flags in range(256):
        for length in range(LONGEST):
            judge(structure, bytes([flags]) + dice.randbytes(length))
            count += 1
    return count + 1
