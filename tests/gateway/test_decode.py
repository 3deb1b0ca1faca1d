import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decode import DECODERS, Circumstance, belated, decode
from gateway.stillness import Stillness
from gateway.timeline import Timeline
from vitals import Flag, HeartRate, MalformedData, Reading
from vitals.gatt import (
    battery,
    blood_pressure,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
)
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Special
from vitals.wire import Message, encode, record_topic, unpack

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


def test_the_longest_notification_is_a_record_of_the_wire():
    data = b"\x10\x48" + b"\x90\x03" * 256  # an ATT_MTU of 517, and so 514 octets
    record = of(heart_rate.MEASUREMENT, data)
    assert len(record.rr) == 256
    [sent] = unpack(
        Message(record_topic(Reading("p-1", "d-1", record)), encode(record))
    )
    assert sent.record == record


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


def spot(spo2=97, pulse=60, **fields):
    return pulse_oximeter.SpotCheck(spo2, pulse, **fields).build()


def continuous(spo2=97, pulse=60, **fields):
    return pulse_oximeter.Continuous(spo2, pulse, **fields).build()


def sugar(concentration=0.001, base=NOW - 3_600_000, **fields):
    stamp = DateTime.of(base)
    return glucose.GlucoseMeasurement(7, stamp, None, concentration, **fields).build()


def test_a_saturation_has_its_pulse():
    record = of(pulse_oximeter.CONTINUOUS, continuous())
    assert (record.spo2, record.pulse, record.q, record.t) == (97, 60, (), NOW)
    record = of(pulse_oximeter.SPOT_CHECK, spot(stamp=DateTime.of(NOW - 60_000)))
    assert (record.spo2, record.t, record.device_t) == (97, NOW - 60_000, NOW - 60_000)


@pytest.mark.parametrize("make", [spot, continuous])
@pytest.mark.parametrize(
    ("fields", "flag", "kept"),
    [
        ({"sensor": pulse_oximeter.SENSOR_OFF_USER}, Flag.OFF_BODY, False),
        ({"sensor": pulse_oximeter.SENSOR_DISCONNECTED}, Flag.OFF_BODY, False),
        ({"sensor": pulse_oximeter.SENSOR_MALFUNCTION}, Flag.ARTEFACT, False),
        ({"status": pulse_oximeter.INVALID}, Flag.ARTEFACT, False),
        ({"status": pulse_oximeter.DEMONSTRATION}, Flag.ARTEFACT, False),
        ({"status": pulse_oximeter.CALIBRATING}, Flag.ARTEFACT, False),
        ({"status": pulse_oximeter.QUESTIONABLE}, Flag.ARTEFACT, True),
        ({"sensor": pulse_oximeter.LOW_PERFUSION}, Flag.ARTEFACT, True),
        ({"sensor": pulse_oximeter.SIGNAL_ERRATIC}, Flag.ARTEFACT, True),
        ({"spo2": Special.NRES}, Flag.NOT_AT_THIS_RESOLUTION, False),
        ({"spo2": 108}, Flag.IMPLAUSIBLE, True),
    ],
)
def test_an_oximeters_doubts_become_flags(make, fields, flag, kept):
    characteristics = {
        spot: pulse_oximeter.SPOT_CHECK,
        continuous: pulse_oximeter.CONTINUOUS,
    }
    record = of(characteristics[make], make(**fields))
    assert record.q == (flag,)
    assert (record.spo2 is not None) == kept


@pytest.mark.parametrize(
    "status", [0, pulse_oximeter.FULLY_QUALIFIED | pulse_oximeter.ONGOING]
)
def test_an_oximeter_without_doubts_has_no_flags(status):
    data = continuous(status=status, sensor=pulse_oximeter.EXTENDED_DISPLAY)
    assert of(pulse_oximeter.CONTINUOUS, data).q == ()


def test_a_stamp_of_a_clock_that_was_never_set_is_kept_and_not_believed():
    # a real oximeter, Stack Overflow 71264072
    data = bytes.fromhex("17 6100 6000 e107010101 2213 2000 200000")
    record = of(pulse_oximeter.SPOT_CHECK, data)
    assert (record.spo2, record.pulse, record.t) == (97, 96, NOW)
    assert record.device_t == 1_483_234_459_000
    assert set(record.q) == {Flag.ARTEFACT, Flag.CLOCK_UNSYNCED}


def test_a_stored_spot_check_without_a_stamp_was_taken_nobody_knows_when():
    data = spot(status=pulse_oximeter.FROM_STORAGE)
    assert of(pulse_oximeter.SPOT_CHECK, data).q == (Flag.CLOCK_UNSYNCED,)


@pytest.mark.parametrize(
    ("concentration", "molar", "value"),
    [(0.00119, False, 6.605), (0.0055, True, 5.5), (0.0, True, 0.0)],
)
def test_glucose_is_in_millimoles_per_litre(concentration, molar, value):
    record = of(glucose.MEASUREMENT, sugar(concentration, molar=molar))
    assert record.glucose == value
    assert record.device_t == NOW - 3_600_000


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"sample": glucose.CONTROL_SOLUTION}, Flag.ARTEFACT),
        ({"place": glucose.CONTROL_SOLUTION_PLACE}, Flag.ARTEFACT),
        ({"status": glucose.RESULT_TOO_HIGH}, Flag.OUT_OF_RANGE),
        ({"concentration": None}, Flag.NOT_A_NUMBER),
        ({"concentration": Special.NAN}, Flag.NOT_A_NUMBER),
    ],
)
def test_a_meters_number_that_is_none_of_the_patients_is_no_value(fields, flag):
    record = of(glucose.MEASUREMENT, sugar(**fields))
    assert (record.glucose, record.q) == (None, (flag,))


def test_a_meters_faults_are_kept_with_the_value():
    record = of(glucose.MEASUREMENT, sugar(status=glucose.STRIP_TYPE))
    assert record.q == (Flag.ARTEFACT,)
    assert record.glucose is not None
    assert of(glucose.MEASUREMENT, sugar(status=glucose.BATTERY_LOW)).q == ()


@pytest.mark.parametrize(("minutes", "ahead"), [(-90, -90), (60, 60), (None, 0)])
def test_the_time_that_the_user_of_a_meter_sees_counts(minutes, ahead):
    base = DateTime.of(NOW - 7_200_000)
    said = glucose.GlucoseMeasurement(7, base, minutes, 0.001)
    record = of(glucose.MEASUREMENT, said.build())
    assert record.device_t == record.t == NOW - 7_200_000 + ahead * 60_000


@pytest.mark.parametrize(
    "fields", [{"offset": 0x7FFF}, {"offset": -0x8000}, {"status": glucose.TIME_FAULT}]
)
def test_a_meter_that_does_not_know_the_time_is_not_believed(fields):
    base = DateTime.of(NOW - 7_200_000)
    said = glucose.GlucoseMeasurement(7, base, concentration=0.001, **fields)
    record = of(glucose.MEASUREMENT, said.build())
    assert (record.t, record.device_t) == (NOW, NOW - 7_200_000)
    assert record.q == (Flag.CLOCK_UNSYNCED,)


def test_a_stamp_is_corrected_by_what_its_clock_was_ahead_and_kept_raw():
    here = Circumstance(NOW, timeline=Timeline(ahead_ms=3_600_000))
    record = of(blood_pressure.MEASUREMENT, bp(stamp=DateTime.of(NOW)), here)
    assert (record.t, record.device_t, record.q) == (NOW - 3_600_000, NOW, ())


def test_a_stamp_is_of_the_zone_that_wearables_live_in():
    here = Circumstance(NOW, zone_offset_s=28_800)
    stamp = DateTime.of(NOW - 60_000, 28_800)
    record = of(blood_pressure.MEASUREMENT, bp(stamp=stamp), here)
    assert (record.t, record.device_t) == (NOW - 60_000, NOW - 60_000)


def test_a_reading_that_its_wearable_kept_for_long_is_late():
    def q(minutes, late_s=600):
        data = bp(stamp=DateTime.of(NOW - minutes * 60_000))
        return belated(of(blood_pressure.MEASUREMENT, data), late_s * 1000).q

    assert q(9) == q(10) == ()
    assert q(11) == (Flag.LATE,)
    assert q(11, late_s=3600) == ()


def test_before_our_own_clock_is_right_every_record_says_so():
    here = Circumstance(NOW, synchronised=False)
    beat = heart_rate.HeartRateMeasurement(72, True).build()
    assert of(heart_rate.MEASUREMENT, beat, here).q == (Flag.CLOCK_UNSYNCED,)
    stamped = bp(stamp=DateTime.of(NOW - 60_000))
    record = of(blood_pressure.MEASUREMENT, stamped, here)
    assert (record.t, record.device_t) == (NOW, NOW - 60_000)
    assert record.q == (Flag.CLOCK_UNSYNCED,)


@pytest.mark.parametrize("year", [0, 1582, 2199, 9999])
def test_an_impossible_year_costs_no_measurement(year):
    record = of(blood_pressure.MEASUREMENT, bp(stamp=DateTime(year, 1, 1)))
    assert (record.sys, record.t, record.device_t) == (128, NOW, None)
    assert record.q == (Flag.CLOCK_UNSYNCED,)


@pytest.mark.parametrize(
    "characteristic",
    [health_thermometer.INTERMEDIATE, blood_pressure.INTERMEDIATE_CUFF_PRESSURE],
)
def test_what_a_sensor_reads_on_its_way_to_a_measurement_is_no_record(characteristic):
    assert of(characteristic, bytes.fromhex("00 6c0100ff")) is None


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=24))
def test_any_bytes_are_a_record_or_malformed(characteristic, data):
    try:
        record = of(characteristic, data)
    except MalformedData:
        return
    assert record.received == NOW
    reading = Reading("p-1", "it", record)
    again = unpack(Message(record_topic(reading), encode(record)))
    assert again == [reading]  # whatever it is, ingest will take it


UNSURE = Circumstance(received=NOW, synchronised=False)


def test_every_flag_of_the_contract_is_produced_somewhere():
    made = set()
    for status in range(64):
        made.update(of(blood_pressure.MEASUREMENT, bp(status=status)).q)
    for special in Special:
        made.update(of(blood_pressure.MEASUREMENT, bp(mean=special)).q)
    for rate in (0, 400):
        said = heart_rate.HeartRateMeasurement(rate)
        made.update(of(heart_rate.MEASUREMENT, said.build()).q)
    old = bp(stamp=DateTime.of(NOW - 3_600_000))
    made.update(belated(of(blood_pressure.MEASUREMENT, old), 600_000).q)
    made.update(of(blood_pressure.MEASUREMENT, old, UNSURE).q)
    made.update(of(glucose.MEASUREMENT, sugar(status=glucose.RESULT_TOO_HIGH)).q)
    strap = Stillness()
    for second in range(100):
        rr = (1000.0,) if second < 5 else ()
        made.update(strap.judge(HeartRate(t=NOW + second * 1000, hr=72, rr=rr)).q)
    assert made == set(Flag)
