"""What wearables of every kind say, without a radio."""

from dataclasses import replace

import pytest

from firmware_sim.cuff import Cuff, Make, StoringCuff
from firmware_sim.current_time import CurrentTimeService, DeviceClock
from firmware_sim.firmware import Refused
from firmware_sim.glucose import GlucoseMeter
from firmware_sim.models import make
from firmware_sim.oximeter import oximeter
from firmware_sim.physiology import Heart, Person
from firmware_sim.strap import LyingStrap
from firmware_sim.thermometer import patch
from vitals.gatt import (
    blood_pressure,
    current_time,
    glucose,
    health_thermometer,
    heart_rate,
    pulse_oximeter,
    record_access,
)
from vitals.gatt.blood_pressure import BloodPressureMeasurement
from vitals.gatt.current_time import CurrentTime
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, SpotCheck
from vitals.gatt.record_access import CONTROL_POINT, RecordAccess
from vitals.simulation import Course, SimWearable

NOW = 1_800_000_000_000
OFF = [Course(at_s=60, for_s=60, state="off_body")]
KINDS = {
    "strap": {heart_rate.MEASUREMENT},
    "polar": {heart_rate.MEASUREMENT},
    "cuff": {blood_pressure.MEASUREMENT},
    "thermometer": {health_thermometer.MEASUREMENT},
    "patch": {health_thermometer.MEASUREMENT, health_thermometer.INTERMEDIATE},
    "oximeter": {pulse_oximeter.CONTINUOUS, pulse_oximeter.SPOT_CHECK},
    "glucose": {glucose.MEASUREMENT},
    "watch": {heart_rate.MEASUREMENT, pulse_oximeter.CONTINUOUS},
}


def clock():
    return NOW


def made(kind, **options):
    wearable = SimWearable(
        kind=kind, address="C0:00:00:00:00:01", person="p", **options
    )
    return make(wearable, Heart(Person(7)), clock)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_characteristics(kind):
    parts = made(kind).parts
    assert {part.measurement for part in parts} == KINDS[kind]
    parts = made(kind, current_time="write").parts
    assert {part.service for part in parts} > {current_time.SERVICE}
    assert {part.measurement for part in parts} == KINDS[kind] | {""}


@pytest.mark.parametrize("lie", ["frozen", "random"])
def test_a_strap_that_lies_tells_rates_without_beats_off_the_body(lie):
    person = Person(7, OFF)
    strap = LyingStrap(person, Heart(person), lie=lie)
    said = [
        HeartRateMeasurement.parse(v) for n in range(120) for v in strap.measure(n, 1)
    ]
    lies = said[-60:]
    assert not any(m.rr_intervals for m in lies)
    assert all(m.contact is None and m.rate > 29 for m in said)
    assert (len({m.rate for m in lies}) == 1) == (lie == "frozen")


def pressures(cuff, now=0.0):
    return [BloodPressureMeasurement.parse(v) for v in cuff.measure(now, 1)]


def test_a_storing_cuff_tells_its_memory_once_oldest_first():
    cuff = StoringCuff(Person(7), clock, 600, Make(stored=3, users=(1, 2)))
    assert cuff.live(0)
    told = pressures(cuff)
    stamps = [m.stamp.instant() for m in told]
    assert stamps == [NOW - 1_800_000, NOW - 1_200_000, NOW - 600_000, NOW]
    assert [m.user for m in told] == [1, 2, 1, 2]
    assert pressures(cuff) == []


def test_a_cuff_in_kilopascals_fits_the_smallest_mtu():
    [value] = made("cuff", kpa=True).measure(0, 1)
    said = BloodPressureMeasurement.parse(value)
    assert said.kpa
    assert 13 < said.systolic < 18
    assert len(value) <= 20


@pytest.mark.parametrize(
    ("rate", "bits"),
    [
        (70, 0),
        (190, blood_pressure.PULSE_ABOVE_RANGE),
        (35, blood_pressure.PULSE_BELOW_RANGE),
    ],
)
def test_a_cuff_says_that_a_pulse_is_beyond_what_it_trusts(rate, bits):
    class Steady(Person):
        def at(self, seconds):
            return replace(super().at(seconds), hr=rate)

    [said] = pressures(Cuff(Steady(7), clock))
    assert said.status == bits


def test_a_patch_has_its_site_in_temperature_type_only():
    worn, warming = patch(Person(7), clock).parts
    assert worn.values()[health_thermometer.TYPE] == b"\x01"
    parse = health_thermometer.TemperatureMeasurement.parse
    assert [parse(v).site for v in worn.measure(0, 1)] == [None]
    colder = [parse(v).value for n in range(99) for v in warming.measure(n, 1)]
    assert min(colder) < 35.5


def test_an_oximeter_searches_then_measures_and_says_when_it_is_off():
    stream, spots = oximeter(Person(7, OFF), clock).parts
    said = [Continuous.parse(v) for n in range(120) for v in stream.measure(n, 1)]
    assert [m.spo2 for m in said[:3]] == [Special.NAN] * 3
    assert all(90 < m.spo2 <= 100 for m in said[3:60])
    assert {m.sensor for m in said[60:]} == {pulse_oximeter.SENSOR_OFF_USER}
    assert spots.measure(130, 1) == []  # it searches again
    assert SpotCheck.parse(spots.measure(140, 1)[0]).stamp.instant() == NOW


def ask(meter, command):
    """Write a command; give the numbers of the records, and the answer."""
    meter.write(CONTROL_POINT, command.build())
    *records, (where, answer) = meter.answers()
    assert where == CONTROL_POINT
    numbers = [GlucoseMeasurement.parse(value).sequence for _, value in records]
    return numbers, RecordAccess.parse(answer)


def a_meter(stored=5):
    return GlucoseMeter(Person(7), clock, 600, stored)


@pytest.mark.parametrize(
    ("command", "numbers"),
    [
        (RecordAccess.all(record_access.REPORT), [1, 2, 3, 4, 5]),
        (RecordAccess.since(record_access.REPORT, 4), [4, 5]),
        (RecordAccess.until(record_access.REPORT, 2), [1, 2]),
        (RecordAccess(1, record_access.WITHIN, bytes.fromhex("0102000400")), [2, 3, 4]),
        (RecordAccess(1, record_access.FIRST), [1]),
        (RecordAccess(1, record_access.LAST), [5]),
    ],
)
def test_a_meter_reports_what_is_asked_for_oldest_first(command, numbers):
    found, answer = ask(a_meter(), command)
    assert found == numbers
    assert answer.outcome == (record_access.REPORT, record_access.SUCCESS)
    count = RecordAccess(record_access.REPORT_NUMBER, command.operator, command.operand)
    assert ask(a_meter(), count) == ([], RecordAccess.count(len(numbers)))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RecordAccess.since(1, 6), record_access.NO_RECORDS),
        (RecordAccess(1, 9), record_access.OPERATOR_NOT_SUPPORTED),
        (RecordAccess(1, 3, b"\x02\x01"), record_access.INVALID_OPERAND),
        (RecordAccess(77, 1), record_access.OP_CODE_NOT_SUPPORTED),
        (RecordAccess(record_access.ABORT), record_access.SUCCESS),
    ],
)
def test_a_meter_answers_what_it_cannot_do(command, code):
    assert ask(a_meter(), command) == (
        [],
        RecordAccess.response(command.op_code, code),
    )


def test_a_meter_forgets_when_told_to_and_goes_on_counting():
    meter = a_meter()
    _, answer = ask(meter, RecordAccess.until(record_access.DELETE, 3))
    assert answer.outcome == (record_access.DELETE, record_access.SUCCESS)
    meter.live(0)
    assert list(meter.records) == [4, 5, 6]


def test_a_meter_refuses_what_is_no_command():
    with pytest.raises(Refused):
        a_meter().write(CONTROL_POINT, b"\x01")


@pytest.mark.parametrize(
    ("manner", "off_s"), [("write", 0), ("ignore", 7200), ("read", 7200)]
)
def test_a_clock_is_set_by_whom_it_lets(manner, off_s):
    own = DeviceClock(clock, 7200)
    service = CurrentTimeService(own, manner)
    assert bool(service.writable) == (manner != "read")
    if service.writable:
        service.write(current_time.CURRENT_TIME, CurrentTime.of(NOW).build())
    shown = CurrentTime.parse(service.values()[current_time.CURRENT_TIME])
    assert shown.instant() == NOW + 1000 * off_s


@pytest.mark.parametrize("value", [b"", b"\0" * 10, b"\0" * 11])
def test_a_clock_refuses_what_is_no_time(value):
    with pytest.raises(Refused):
        CurrentTimeService(DeviceClock(clock)).write(current_time.CURRENT_TIME, value)
