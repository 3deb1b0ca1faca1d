import pytest

from firmware_sim.cuff import Cuff
from firmware_sim.firmware import Refused
from firmware_sim.physiology import Heart, Person, RecordedHeart
from firmware_sim.strap import Strap
from firmware_sim.thermometer import Thermometer
from vitals.gatt import health_thermometer, heart_rate
from vitals.gatt.blood_pressure import BloodPressureMeasurement
from vitals.gatt.health_thermometer import TemperatureMeasurement
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.simulation import Course

OFF = [Course(at_s=10, for_s=10, state="off_body")]


def strap(intervals=None, course=()):
    person = Person(7, course)
    heart = RecordedHeart(person, intervals) if intervals else Heart(person)
    return Strap(person, heart)


def measured(firmware, ticks, seconds=1.0):
    """Every value of so many ticks, parsed."""
    values = [v for n in range(ticks) for v in firmware.measure(n, seconds)]
    return [HeartRateMeasurement.parse(v) for v in values]


def test_each_recorded_interval_is_sent_once_to_within_a_tick_of_1024_hz():
    recorded = [300 + 7.3 * (n * 37 % 199) for n in range(500)]
    sent = [rr for m in measured(strap(recorded), 700) for rr in m.rr_intervals]
    assert len(sent) == len(recorded)
    assert all(
        abs(rr / 1.024 - ms) <= 1000 / 1024 / 2 + 1e-9
        for rr, ms in zip(sent, recorded, strict=True)
    )


def test_many_beats_are_spread_over_values_that_fit_the_smallest_mtu():
    recorded = [100.0] * 1000
    firmware = strap(recorded)
    values = [v for n in range(10) for v in firmware.measure(10 * n, 10.0)]
    assert max(map(len, values)) <= 20
    parsed = [HeartRateMeasurement.parse(v) for v in values]
    assert max(len(m.rr_intervals) for m in parsed) == 8  # the rate takes two octets
    assert sum(len(m.rr_intervals) for m in parsed) == 1000


def test_a_strap_says_nothing_before_the_first_beat():
    firmware = strap([900.0, 900.0])
    assert firmware.measure(0.1, 0.1) == []
    assert [m.rate for m in measured(firmware, 1)] == [67]


def test_when_a_recording_ends_the_last_rate_stays_and_the_beats_do_not():
    last = measured(strap([500.0] * 4), 10)[-1]
    assert (last.rate, last.rr_intervals, last.contact) == (120, (), True)


def test_off_the_body_a_strap_says_so_and_holds_the_recorded_heart():
    recorded = [1000.0] * 20
    parsed = measured(strap(recorded, OFF), 40)
    assert [(m.rate, m.contact, m.rr_intervals) for m in parsed[10:20]] == [
        (0, False, ())
    ] * 10
    assert sum(len(m.rr_intervals) for m in parsed) == 20


def test_energy_grows_is_told_now_and_then_and_is_reset():
    firmware = strap()
    told = [m.energy for m in measured(firmware, 61) if m.energy is not None]
    assert told[-1] in (4, 5, 6)
    assert 5 <= len(told) <= 7
    firmware.write(heart_rate.CONTROL_POINT, b"\x01")
    assert firmware.energy == 0


@pytest.mark.parametrize("command", [b"\x05", b"", b"\x01\x00"])
def test_a_strap_knows_one_command(command):
    with pytest.raises(Refused) as refused:
        strap().write(heart_rate.CONTROL_POINT, command)
    assert refused.value.code == 0x80


def test_a_cuff_measures_what_is_there_with_its_own_time():
    ill = [Course(at_s=50, for_s=100, state="hypertension")]
    (value,) = Cuff(Person(7, ill), lambda: 1_719_153_310_000).measure(100, 60)
    parsed = BloodPressureMeasurement.parse(value)
    assert parsed.systolic == pytest.approx(190, abs=8)
    assert parsed.diastolic == pytest.approx(118, abs=8)
    assert parsed.diastolic < parsed.mean < parsed.systolic
    assert parsed.stamp.instant() == 1_719_153_310_000
    assert parsed.user == 1
    assert len(value) <= 20


def test_a_thermometer_measures_and_takes_an_interval():
    ill = [Course(at_s=50, for_s=100, state="fever")]
    firmware = Thermometer(Person(7, ill), lambda: 1_719_153_310_000)
    (value,) = firmware.measure(100, 10)
    assert TemperatureMeasurement.parse(value).value == pytest.approx(39.2, abs=0.2)
    firmware.write(health_thermometer.INTERVAL, b"\x05\x00")
    assert firmware.every_s == 5
    assert firmware.values()[health_thermometer.INTERVAL] == b"\x05\x00"
    with pytest.raises(Refused):
        firmware.write(health_thermometer.INTERVAL, b"\x00\x00")


@pytest.mark.parametrize("kind", [Cuff, Thermometer])
def test_what_is_not_worn_does_not_measure(kind):
    firmware = kind(Person(7, OFF), lambda: 0)
    assert firmware.measure(15, 1) == []
