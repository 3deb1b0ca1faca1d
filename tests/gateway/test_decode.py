import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decode import DECODERS, Circumstance, decode
from vitals import Flag, MalformedData
from vitals.gatt import battery, blood_pressure, health_thermometer, heart_rate
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Special

NOW = 1_800_000_000_000
HERE = Circumstance(received=NOW)


def bp(**fields):
    usual = {"systolic": 128.0, "diastolic": 82.0, "mean": 97.0}
    return blood_pressure.BloodPressureMeasurement(**{**usual, **fields}).build()


def of(characteristic, data, here=HERE):
    return decode(characteristic, data, here)


def test_a_heart_rate_keeps_every_interval_exactly():
    said = heart_rate.HeartRateMeasurement(72, True, 7, (853, 1, 65535))
    record = of(heart_rate.MEASUREMENT, said.build())
    assert (record.hr, record.energy, record.q, record.t) == (72, 7, (), NOW)
    assert record.rr == (853 * 1000 / 1024, 1000 / 1024, 65535 * 1000 / 1024)


@pytest.mark.parametrize(("rate", "contact"), [(0, None), (0, True), (72, False)])
def test_off_the_body_is_no_value_and_never_asystole(rate, contact):
    said = heart_rate.HeartRateMeasurement(rate, contact)
    record = of(heart_rate.MEASUREMENT, said.build())
    assert record.hr is None
    assert record.q == (Flag.OFF_BODY,)


def test_what_no_living_human_has_is_kept_and_flagged():
    record = of(heart_rate.MEASUREMENT, heart_rate.HeartRateMeasurement(400).build())
    assert (record.hr, record.q) == (400, (Flag.IMPLAUSIBLE,))


def test_the_error_frame_of_a_real_cuff_is_no_value_with_its_reason():
    # derdilla/blood-pressure-monitor-fl #80, comment of 2024-06-23
    frame = bytes.fromhex("16 ff07 ff07 ff07 e807 06 17 0e 23 0a ff07 0000")
    record = of(blood_pressure.MEASUREMENT, frame)
    assert (record.sys, record.dia, record.map, record.pulse) == (None,) * 4
    assert record.q[0] == Flag.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("special", "flag"),
    [
        (Special.NAN, Flag.NOT_A_NUMBER),
        (Special.NRES, Flag.NOT_AT_THIS_RESOLUTION),
        (Special.POSITIVE_INFINITY, Flag.POSITIVE_INFINITY),
        (Special.NEGATIVE_INFINITY, Flag.NEGATIVE_INFINITY),
        (Special.RESERVED, Flag.RESERVED),
    ],
)
def test_a_missing_number_is_null_and_says_why(special, flag):
    record = of(blood_pressure.MEASUREMENT, bp(mean=special))
    assert (record.sys, record.map, record.q) == (128, None, (flag,))


def test_kilopascals_become_millimetres_of_mercury():
    record = of(
        blood_pressure.MEASUREMENT,
        bp(systolic=17.1, diastolic=10.9, mean=12.9, kpa=True),
    )
    assert (record.sys, record.dia) == (128.3, 81.8)


def test_the_cuffs_own_doubts_become_flags():
    status = (
        blood_pressure.BODY_MOVEMENT
        | blood_pressure.CUFF_TOO_LOOSE
        | blood_pressure.IRREGULAR_PULSE
        | blood_pressure.IMPROPER_POSITION
    )
    record = of(blood_pressure.MEASUREMENT, bp(status=status))
    assert set(record.q) == {
        Flag.MOTION,
        Flag.CUFF_LOOSE,
        Flag.IRREGULAR_PULSE,
        Flag.BAD_POSITION,
    }


def test_a_systolic_below_the_diastolic_is_implausible():
    record = of(blood_pressure.MEASUREMENT, bp(systolic=80.0, diastolic=90.0))
    assert record.q == (Flag.IMPLAUSIBLE,)


@pytest.mark.parametrize(
    ("stamp", "t", "flags"),
    [
        (NOW - 3_600_000, NOW - 3_600_000, ()),
        (NOW + 30_000, NOW, ()),
        (NOW + 3_600_000, NOW, (Flag.CLOCK_UNSYNCED,)),
        (NOW - 5 * 365 * 86_400_000, NOW, (Flag.CLOCK_UNSYNCED,)),
    ],
)
def test_a_stamp_counts_unless_it_is_plainly_wrong_and_is_always_kept(stamp, t, flags):
    record = of(blood_pressure.MEASUREMENT, bp(stamp=DateTime.of(stamp)))
    assert (record.t, record.device_t, record.q) == (t, stamp, flags)


def test_a_temperature_knows_its_site():
    said = health_thermometer.TemperatureMeasurement(36.6, site=None)
    record = of(health_thermometer.MEASUREMENT, said.build())
    assert (record.temp, record.site) == (36.6, None)
    read = Circumstance(received=NOW, site=1)
    assert of(health_thermometer.MEASUREMENT, said.build(), read).site == "armpit"


def test_fahrenheit_becomes_celsius():
    said = health_thermometer.TemperatureMeasurement(98.6, fahrenheit=True)
    assert of(health_thermometer.MEASUREMENT, said.build()).temp == 37.0


def test_a_battery_level_is_a_record():
    assert of(battery.LEVEL, bytes([97])).level == 97


def test_an_unknown_characteristic_carries_no_record():
    assert of("0000ffff-0000-1000-8000-00805f9b34fb", b"x") is None


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=24))
def test_any_bytes_are_a_record_or_malformed(characteristic, data):
    try:
        record = of(characteristic, data)
    except MalformedData:
        return
    assert record.received == NOW
