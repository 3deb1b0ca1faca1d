from random import Random

import pytest
from msgspec.structs import replace

from firmware_sim.distortion import Sensor, aired, garbage
from firmware_sim.faults import Faults
from firmware_sim.heard import Heard
from firmware_sim.physiology import Heart, Person, RecordedHeart
from gateway.decode import Circumstance, decode
from vitals.codes import Flag
from vitals.errors import MalformedData
from vitals.gatt import (
    blood_pressure,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
)
from vitals.gatt.blood_pressure import BloodPressureMeasurement
from vitals.gatt.date_time import DateTime
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.health_thermometer import TemperatureMeasurement
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, SpotCheck
from vitals.simulation import SimFault

NOON = 1_800_000_000_000

BEAT = HeartRateMeasurement(rate=72, contact=True, rr_intervals=(850, 840))
PRESSURE = BloodPressureMeasurement(120, 80, 93, pulse=66, user=1)


def faults(kind, **what):
    return Faults([SimFault(kind=kind, **what)], seed=5)


def said(kind, measurement=BEAT, n=1, **what):
    sensor = Sensor(heart_rate.MEASUREMENT, faults(kind, **what))
    values = [sensor.sensed(measurement.build(), t) for t in range(n)]
    return [HeartRateMeasurement.parse(value) for value in values]


def test_off_the_body_a_strap_says_zero_one_rate_or_any():
    assert said("zero") == [HeartRateMeasurement(0)]
    rates = {m.rate for m in said("random", n=50)}
    assert len(rates) > 20
    assert 30 <= min(rates) <= max(rates) <= 220


def test_a_frozen_strap_repeats_what_it_said_last():
    sensor = Sensor(heart_rate.MEASUREMENT, faults("frozen", at_s=5))
    rates = [
        HeartRateMeasurement.parse(
            sensor.sensed(replace(BEAT, rate=60 + t).build(), t)
        ).rate
        for t in range(10)
    ]
    assert rates == [60, 61, 62, 63, 64, 64, 64, 64, 64, 64]


def test_filled_in_intervals_contradict_the_rate():
    [filled] = said("rr_fill")
    assert (filled.rate, filled.rr_intervals) == (72, (1024, 1024))


@pytest.mark.parametrize(
    ("kind", "flag"), [("nan", Flag.NOT_A_NUMBER), ("reserved", Flag.RESERVED)]
)
def test_a4_a_cuff_without_a_number_reads_as_no_value_and_never_as_2047(kind, flag):
    sensor = Sensor(blood_pressure.MEASUREMENT, faults(kind))
    value = sensor.sensed(PRESSURE.build(), 0)
    assert len(value) == len(PRESSURE.build())
    record = decode(blood_pressure.MEASUREMENT, value, Circumstance(received=0))
    assert (record.sys, record.dia, record.map, record.pulse) == (None,) * 4
    assert flag in record.q


WITHOUT = {
    pulse_oximeter.SPOT_CHECK: (SpotCheck(97, 66), ("spo2", "pulse")),
    pulse_oximeter.CONTINUOUS: (Continuous(97, 66), ("spo2", "pulse")),
    glucose.MEASUREMENT: (
        GlucoseMeasurement(
            sequence=1,
            base=DateTime(2026, 11, 21),
            concentration=0.0009,
            sample=glucose.CAPILLARY_WHOLE_BLOOD,
            place=glucose.FINGER,
        ),
        ("glucose",),
    ),
}


@pytest.mark.parametrize("characteristic", WITHOUT)
@pytest.mark.parametrize(
    ("kind", "flag"), [("nan", Flag.NOT_A_NUMBER), ("reserved", Flag.RESERVED)]
)
def test_a4_oximeters_and_meters_without_a_number_too(characteristic, kind, flag):
    good, fields = WITHOUT[characteristic]
    sensor = Sensor(characteristic, faults(kind, at_s=1))
    assert sensor.sensed(good.build(), 0) == good.build()
    value = sensor.sensed(good.build(), 1)
    record = decode(characteristic, value, Circumstance(received=NOON))
    assert [getattr(record, field) for field in fields] == [None] * len(fields)
    assert record.q[0] == flag


def test_a_thermometer_without_a_number():
    value = TemperatureMeasurement(36.6, site=1).build()
    sensor = Sensor(health_thermometer.MEASUREMENT, faults("nan"))
    found = TemperatureMeasurement.parse(sensor.sensed(value, 0))
    assert found == TemperatureMeasurement(Special.NAN, site=1)


def test_without_faults_every_value_is_itself():
    value = BEAT.build()
    assert Sensor(heart_rate.MEASUREMENT, Faults()).sensed(value, 0) is value
    gone = aired(value, Faults(), 0)
    assert (gone.fate, gone.frames, gone.delay_s) == ("sent", (value,), 0)


@pytest.mark.parametrize(
    ("kind", "frames", "delay"), [("lost", 0, 0), ("doubled", 2, 0), ("late", 1, 3)]
)
def test_what_becomes_of_a_value_on_the_air(kind, frames, delay):
    gone = aired(BEAT.build(), faults(kind), 0)
    assert (gone.fate, gone.frames, gone.delay_s) == (
        kind,
        (BEAT.build(),) * frames,
        delay,
    )


def test_garbled_values_are_never_longer_and_mostly_refused():
    broken = faults("garbled")
    refused = 0
    for t in range(500):
        [frame] = aired(PRESSURE.build(), broken, t).frames
        assert len(frame) <= len(PRESSURE.build())
        try:
            BloodPressureMeasurement.parse(frame)
        except MalformedData:
            refused += 1
    assert refused > 400


def test_a_hostile_peripheral_says_everything_that_is_no_answer():
    dice = Random(1)
    said = {garbage(dice)[:1] for _ in range(2000)}
    answers = 0x01, 0x03, 0x05, 0x09, 0x0B, 0x11, 0x13, 0x1B, 0x1D
    assert {b"", *(bytes([op_code]) for op_code in answers)} <= said


def heard(kind, recorded, probability=1.0):
    heart = RecordedHeart(Person(7), recorded)
    listening = Heard(heart, faults(kind, probability=probability))
    return [b for t in range(60) for b in listening.elapse(1.0, t)]


def test_an_early_beat_is_made_up_for_by_the_next():
    recorded = [1000.0] * 40
    beats = heard("ectopic", recorded, 0.2)
    early = [n for n, b in enumerate(beats) if b < 900]
    assert early
    assert all(beats[n + 1] > 1200 or n + 1 in early for n in early)
    assert sum(beats) == pytest.approx(40_000, abs=700)


def test_a_missed_beat_leaves_one_long_interval_and_loses_no_time():
    recorded = [1000.0] * 40
    beats = heard("missed_beat", recorded, 0.2)
    assert set(beats) <= {1000.0 * n for n in range(1, 6)}
    assert len(beats) < 40
    assert sum(beats) == pytest.approx(40_000, abs=4000)


def test_a_heart_without_faults_is_heard_as_it_beats():
    plain, heard = Heart(Person(7)), Heard(Heart(Person(7)), Faults())
    assert [plain.elapse(1, t) for t in range(60)] == [
        heard.elapse(1, t) for t in range(60)
    ]
