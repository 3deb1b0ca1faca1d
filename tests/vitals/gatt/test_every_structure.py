"""What is true of every structure: one contract, one list."""

import pytest
from bleak.uuids import normalize_uuid_16, uuidstr_to_str
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.decode import DECODERS
from tests import fuzz
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
from vitals.gatt.numbers import Special, parse_float, parse_sfloat
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
    assert structure.__struct_config__.frozen
    assert not structure.__dictoffset__  # its instances have no dict


def parses(structure, data):
    try:
        structure.parse(data)
    except MalformedData:
        return False
    return True


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


every_decoder = pytest.mark.parametrize(
    "structure", fuzz.SEEDS, ids=lambda structure: structure.__name__
)


def test_the_fuzz_knows_every_decoder():
    assert set(STRUCTURES) | {GlucoseContext} == set(fuzz.SEEDS)
    assert set(fuzz.RECORDED.values()) == set(DECODERS)


@every_decoder
def test_every_flags_octet_asks_for_exactly_its_octets(structure):
    assert fuzz.every_flag_and_length(structure) == 256 * fuzz.LONGEST + 1


@every_decoder
def test_10_000_damaged_values_are_refused_or_read_as_the_oracle_does(structure):
    taken = fuzz.damaged(structure, 10_000)
    assert min(taken, 10_000 - taken) > 10_000 // 20  # the fuzz reaches both sides


@every_decoder
def test_200_invented_values_are_refused_or_read_as_the_oracle_does(structure):
    tried, taken = fuzz.invented(structure, 200)
    assert tried >= 200
    assert 0 < taken < tried


@pytest.mark.soak
@every_decoder
def test_200_000_damaged_and_5_000_invented_values(structure):
    taken = fuzz.damaged(structure, 200_000)
    assert min(taken, 200_000 - taken) > 10_000
    tried, taken = fuzz.invented(structure, 5_000)
    assert tried >= 5_000
    assert 0 < taken < tried


class NoSpecials(BloodPressureMeasurement):
    """A control that reads the pattern of NaN as a number."""

    @classmethod
    def parse(cls, data):
        said = BloodPressureMeasurement.parse(data)
        wrong = said.systolic is Special.NAN
        return replace(said, systolic=2047.0) if wrong else said


class Deaf(BloodPressureMeasurement):
    """A control that takes what is too long."""

    @classmethod
    def parse(cls, data):
        try:
            return BloodPressureMeasurement.parse(data)
        except MalformedData:
            return BloodPressureMeasurement.parse(data[:-1])


class Strict(BloodPressureMeasurement):
    """A control that refuses a good value."""

    @classmethod
    def parse(cls, data):
        if len(data) == 7:
            raise MalformedData("too short for my taste")
        return BloodPressureMeasurement.parse(data)


class Broken(BloodPressureMeasurement):
    """A control that trips over what is too short."""

    @classmethod
    def parse(cls, data):
        return BloodPressureMeasurement.parse(data) if data[6] else None


@pytest.mark.parametrize("wrong", [NoSpecials, Deaf, Strict, Broken])
def test_a_decoder_that_is_wrong_would_be_found(monkeypatch, wrong):
    control = type("BloodPressureMeasurement", (wrong,), {})
    seeds = fuzz.SEEDS[BloodPressureMeasurement]
    monkeypatch.setitem(fuzz.SEEDS, control, seeds)
    with pytest.raises((AssertionError, IndexError)):
        fuzz.damaged(control, 10_000)


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
