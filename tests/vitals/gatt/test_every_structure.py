"""What is true of every structure: one contract, one list."""

import random
from dataclasses import FrozenInstanceError, fields

import pytest
from bleak.uuids import normalize_uuid_16, uuidstr_to_str
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import octets, vectors
from vitals.errors import MalformedData
from vitals.gatt import (
    battery,
    blood_pressure,
    current_time,
    date_time,
    device_information,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
    record_access,
    uuid,
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
from vitals.gatt.numbers import parse_float, parse_sfloat
from vitals.gatt.pulse_oximeter import Continuous, PlxFeatures, SpotCheck
from vitals.gatt.record_access import RecordAccess

uint8, uint16 = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
uint4, uint24 = st.integers(0, 0xF), st.integers(0, 0xFFFFFF)
sfloat = st.binary(min_size=2, max_size=2).map(parse_sfloat)
float32 = st.binary(min_size=4, max_size=4).map(parse_float)
stamp = st.builds(DateTime, uint16, uint8, uint8, uint8, uint8, uint8)


def maybe(strategy):
    return st.none() | strategy


STRUCTURES = {
    HeartRateMeasurement: st.builds(
        HeartRateMeasurement,
        uint16,
        maybe(st.booleans()),
        maybe(uint16),
        st.lists(uint16, max_size=9).map(tuple),
    ),
    BloodPressureMeasurement: st.builds(
        BloodPressureMeasurement,
        sfloat,
        sfloat,
        sfloat,
        st.booleans(),
        maybe(stamp),
        maybe(sfloat),
        maybe(uint8),
        maybe(uint16),
    ),
    BloodPressureFeature: st.builds(BloodPressureFeature, uint16),
    TemperatureMeasurement: st.builds(
        TemperatureMeasurement, float32, st.booleans(), maybe(stamp), maybe(uint8)
    ),
    TemperatureType: st.builds(TemperatureType, uint8),
    DateTime: stamp,
    CurrentTime: st.builds(CurrentTime, stamp, uint8, uint8, uint8),
    LocalTimeInformation: st.builds(
        LocalTimeInformation, st.integers(-128, 127), uint8
    ),
    BatteryLevel: st.builds(BatteryLevel, st.integers(0, 100)),
    SpotCheck: st.builds(
        SpotCheck,
        sfloat,
        sfloat,
        maybe(stamp),
        maybe(uint16),
        maybe(uint24),
        maybe(sfloat),
        st.booleans(),
    ),
    Continuous: st.builds(
        Continuous,
        sfloat,
        sfloat,
        maybe(st.tuples(sfloat, sfloat)),
        maybe(st.tuples(sfloat, sfloat)),
        maybe(uint16),
        maybe(uint24),
        maybe(sfloat),
    ),
    PlxFeatures: st.tuples(uint16, maybe(uint16), maybe(uint24)).map(
        lambda said: PlxFeatures(
            said[0] & ~3 | (said[1] is not None) | 2 * (said[2] is not None), *said[1:]
        )
    ),
    GlucoseMeasurement: st.one_of(
        st.builds(
            GlucoseMeasurement,
            uint16,
            stamp,
            maybe(st.integers(-0x8000, 0x7FFF)),
            sfloat,
            st.booleans(),
            uint4,
            uint4,
            maybe(uint16),
            st.booleans(),
        ),
        st.builds(GlucoseMeasurement, uint16, stamp, status=maybe(uint16)),
    ),
    GlucoseFeature: st.builds(GlucoseFeature, uint16),
    MeasurementInterval: st.builds(MeasurementInterval, uint16),
    RecordAccess: st.builds(RecordAccess, uint8, uint8, st.binary(max_size=18)),
    SystemId: st.builds(SystemId, st.integers(0, 2**40 - 1), st.integers(0, 2**24 - 1)),
}
every_structure = pytest.mark.parametrize(
    "structure", STRUCTURES, ids=lambda structure: structure.__name__
)


@every_structure
def test_parse_undoes_build(structure):
    @given(STRUCTURES[structure])
    def check(value):
        assert structure.parse(value.build()) == value

    check()


@every_structure
def test_any_bytes_parse_or_are_malformed(structure):
    @given(st.binary(max_size=24))
    def check(data):
        try:
            value = structure.parse(data)
        except MalformedData:
            return
        assert structure.parse(value.build()) == value

    check()


@every_structure
def test_what_bleak_hands_over_is_read_too_and_not_kept(structure):
    @given(STRUCTURES[structure])
    def check(value):
        data = bytearray(value.build())
        parsed = structure.parse(data)
        data[:] = bytes(len(data))
        assert parsed == value

    check()


@every_structure
def test_a_structure_is_immutable_and_small(structure):
    first = fields(structure)[0].name
    assert structure.__slots__[0] == first
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        setattr(object.__new__(structure), first, 0)


# Octets per flag bit, from the tables of the GATT Specification Supplement; the first
# number is what is always there, the flags included.
LENGTHS = {
    HeartRateMeasurement: (2, {0: 1, 3: 2}, {5, 6, 7}),
    BloodPressureMeasurement: (7, {1: 7, 2: 2, 3: 1, 4: 2}, {5, 6, 7}),
    TemperatureMeasurement: (5, {1: 7, 2: 1}, {3, 4, 5, 6, 7}),
    SpotCheck: (5, {0: 7, 1: 2, 2: 3, 3: 2}, {5, 6, 7}),
    Continuous: (5, {0: 4, 1: 4, 2: 2, 3: 3, 4: 2}, {5, 6, 7}),
    GlucoseMeasurement: (10, {0: 2, 1: 3, 3: 2}, {5, 6, 7}),
}


def well_formed(structure, flags, length):
    """Say from the table alone whether a value of this length is well-formed."""
    least, sizes, reserved = LENGTHS[structure]
    bits = {bit for bit in range(8) if flags >> bit & 1}
    rest = length - least - sum(sizes.get(bit, 0) for bit in bits)
    if structure is HeartRateMeasurement and 4 in bits:  # RR intervals to the end
        return rest >= 0 and rest % 2 == 0
    return rest == 0 or (rest > 0 and bool(bits & reserved))


def parses(structure, data):
    try:
        structure.parse(data)
    except MalformedData:
        return False
    return True


@pytest.mark.parametrize("structure", LENGTHS, ids=lambda s: s.__name__)
def test_every_flags_octet_asks_for_exactly_its_octets(structure):
    octet = random.Random(structure.__name__).randbytes
    assert not parses(structure, b"")
    for flags in range(256):
        for length in range(1, 25):
            data = bytes([flags]) + octet(length - 1)
            assert parses(structure, data) == well_formed(structure, flags, length), (
                data.hex()
            )


@pytest.mark.parametrize(
    ("structure", "length"),
    [
        (BloodPressureFeature, 2),
        (TemperatureType, 1),
        (MeasurementInterval, 2),
        (GlucoseFeature, 2),
        (DateTime, 7),
        (CurrentTime, 10),
        (LocalTimeInformation, 2),
        (BatteryLevel, 1),
        (SystemId, 8),
    ],
)
def test_a_structure_without_flags_has_one_length(structure, length):
    assert [n for n in range(25) if parses(structure, bytes(n))] == [length]


def mutated(octet, data):
    """Flip, cut, repeat or insert: one change of the kind that a bad radio makes."""
    at, change = octet.randrange(len(data) + 1), octet.randrange(4)
    if change == 0 and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << octet.randrange(8)]) + data[at + 1 :]
    if change == 1:
        return data[:at]
    if change == 2:
        return data[at:] + data[:at]
    return data[:at] + octet.randbytes(1 + at % 3) + data[at:]


FUZZED = [
    (HeartRateMeasurement, "heart_rate", "vector"),
    (BloodPressureMeasurement, "blood_pressure", "vector"),
    (TemperatureMeasurement, "health_thermometer", "vector"),
    (SpotCheck, "pulse_oximeter", "spot_check"),
    (Continuous, "pulse_oximeter", "continuous"),
    (GlucoseMeasurement, "glucose", "measurement"),
    (GlucoseContext, "glucose", "context"),
]


def fuzz(structure, name, table, count):
    octet = random.Random(f"{name}{table}")
    seeds = [octets(param.values[0]) for param in vectors(name, table)]
    damaged = (
        mutated(octet, mutated(octet, octet.choice(seeds))) for _ in range(count)
    )
    good = sum(parses(structure, data) for data in damaged)
    assert min(good, count - good) > count // 20  # the fuzz reaches both sides


@pytest.mark.parametrize(("structure", "name", "table"), FUZZED)
def test_20_000_damaged_frames_parse_or_are_malformed(structure, name, table):
    fuzz(structure, name, table, 20_000)


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "name", "table"), FUZZED)
def test_200_000_damaged_frames_parse_or_are_malformed(structure, name, table):
    fuzz(structure, name, table, 200_000)


SERVICES = {
    "Heart Rate": heart_rate.SERVICE,
    "Heart Rate Measurement": heart_rate.MEASUREMENT,
    "Body Sensor Location": heart_rate.BODY_SENSOR_LOCATION,
    "Heart Rate Control Point": heart_rate.CONTROL_POINT,
    "Blood Pressure": blood_pressure.SERVICE,
    "Blood Pressure Measurement": blood_pressure.MEASUREMENT,
    "Intermediate Cuff Pressure": blood_pressure.INTERMEDIATE_CUFF_PRESSURE,
    "Blood Pressure Feature": blood_pressure.FEATURE,
    "Health Thermometer": health_thermometer.SERVICE,
    "Temperature Measurement": health_thermometer.MEASUREMENT,
    "Temperature Type": health_thermometer.TYPE,
    "Intermediate Temperature": health_thermometer.INTERMEDIATE,
    "Measurement Interval": health_thermometer.INTERVAL,
    "Pulse Oximeter": pulse_oximeter.SERVICE,
    "PLX Spot-Check Measurement": pulse_oximeter.SPOT_CHECK,
    "PLX Continuous Measurement Characteristic": pulse_oximeter.CONTINUOUS,
    "PLX Features": pulse_oximeter.FEATURES,
    "Glucose": glucose.SERVICE,
    "Glucose Measurement": glucose.MEASUREMENT,
    "Glucose Measurement Context": glucose.CONTEXT,
    "Glucose Feature": glucose.FEATURE,
    "Record Access Control Point": record_access.CONTROL_POINT,
    "Battery Service": battery.SERVICE,
    "Battery Level": battery.LEVEL,
    "Device Information": device_information.SERVICE,
    "Manufacturer Name String": device_information.MANUFACTURER,
    "Model Number String": device_information.MODEL,
    "Serial Number String": device_information.SERIAL,
    "Firmware Revision String": device_information.FIRMWARE,
    "Hardware Revision String": device_information.HARDWARE,
    "Software Revision String": device_information.SOFTWARE,
    "System ID": device_information.SYSTEM_ID,
    "Current Time Service": current_time.SERVICE,
    "Current Time": current_time.CURRENT_TIME,
    "Local Time Information": current_time.LOCAL_TIME_INFORMATION,
    "Date Time": date_time.DATE_TIME,
}


@pytest.mark.parametrize("name", SERVICES)
def test_bleak_knows_the_uuid_by_the_name_of_the_specification(name):
    assert uuidstr_to_str(SERVICES[name]) == name


@given(uint16)
def test_a_short_uuid_is_spelt_out_as_bleak_does(short):
    assert uuid(short) == normalize_uuid_16(short)
