import pytest

from tests.golden import number, octets, vectors
from vitals.errors import MalformedData
from vitals.gatt import blood_pressure
from vitals.gatt.blood_pressure import BloodPressureFeature, BloodPressureMeasurement
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Special

NUMBERS = ("systolic", "diastolic", "mean", "pulse")


def measurement(row):
    value = dict(row["value"])
    value |= {name: number(value[name]) for name in NUMBERS if name in value}
    if "stamp" in value:
        value["stamp"] = DateTime(*value["stamp"])
    return BloodPressureMeasurement(**value)


@pytest.mark.parametrize("row", vectors("blood_pressure"))
def test_golden(row):
    assert BloodPressureMeasurement.parse(octets(row)) == measurement(row)
    assert (measurement(row).build() == octets(row)) == row.get("builds", True)


@pytest.mark.parametrize("row", vectors("blood_pressure", "feature"))
def test_golden_feature(row):
    feature = BloodPressureFeature(row["value"])
    assert BloodPressureFeature.parse(octets(row)) == feature
    assert feature.build() == octets(row)


def test_a_failed_measurement_has_no_numbers():
    (real,) = [p.values[0] for p in vectors("blood_pressure") if "failed" in p.id]
    measured = BloodPressureMeasurement.parse(octets(real))
    assert {getattr(measured, name) for name in NUMBERS} == {Special.NAN}


def test_the_pulse_range_is_one_field_of_two_bits():
    above, below = blood_pressure.PULSE_ABOVE_RANGE, blood_pressure.PULSE_BELOW_RANGE
    assert (above, below) == (0b01000, 0b10000)
    assert above | below == blood_pressure.PULSE_RANGE


def test_a_tenth_of_a_millimetre_is_kept():
    built = BloodPressureMeasurement(120.5, 80.0, 93.5).build()
    assert built == bytes.fromhex("00 b5f4 5000 a7f3")
    assert BloodPressureMeasurement.parse(built).systolic == 120.5


def test_an_impossible_date_does_not_cost_the_measurement():
    data = bytes.fromhex("02 7800 5000 5d00 e8070d20 19 3d 3d")
    measured = BloodPressureMeasurement.parse(data)
    assert measured.systolic == 120
    assert measured.stamp.instant() is None


def test_octets_that_no_flag_explains_are_malformed():
    with pytest.raises(MalformedData, match="too long"):
        BloodPressureMeasurement.parse(bytes.fromhex("00 7800 5000 5d00 00"))


def test_a_reserved_bit_may_announce_what_we_do_not_know():
    data = bytes.fromhex("80 7800 5000 5d00 00")
    assert BloodPressureMeasurement.parse(data) == BloodPressureMeasurement(120, 80, 93)


def test_a_frame_that_only_looks_like_a_measurement_is_far_from_plausible():
    # github.com/pauldemarco/flutter_blue, issue 687: a vendor's own format (117/85)
    # under 0x2A35.  No rule of the specification refuses it; the plausible range does.
    data = bytes(
        [254, 32, 39, 0, 117, 0, 85, 0, 95, 0, 228, 7, 9, 24, 16, 9, 58, 105, 0, 1]
    )
    measured = BloodPressureMeasurement.parse(data)
    assert measured.systolic > 100_000
