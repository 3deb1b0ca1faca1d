import pytest

from tests.golden import number, octets, vectors
from vitals.errors import MalformedData
from vitals.gatt.date_time import DateTime
from vitals.gatt.glucose import GlucoseContext, GlucoseFeature, GlucoseMeasurement


def measurement(row):
    value = dict(row["value"])
    value["base"] = DateTime(*value["base"])
    if "concentration" in value:
        value["concentration"] = number(value["concentration"])
    return GlucoseMeasurement(**value)


@pytest.mark.parametrize("row", vectors("glucose", "measurement"))
def test_golden_measurement(row):
    value = measurement(row)
    assert GlucoseMeasurement.parse(octets(row)) == value
    assert GlucoseMeasurement.parse(value.build()) == value


@pytest.mark.parametrize("row", vectors("glucose", "context"))
def test_golden_context(row):
    pairs = ("carbohydrate", "exercise", "medication")
    value = {k: tuple(v) if k in pairs else v for k, v in row["value"].items()}
    assert GlucoseContext.parse(octets(row)) == GlucoseContext(**value)


@pytest.mark.parametrize("row", vectors("glucose", "feature"))
def test_golden_feature(row):
    assert GlucoseFeature.parse(octets(row)) == GlucoseFeature(row["value"])
    assert GlucoseFeature(row["value"]).build() == octets(row)


def test_every_flags_octet_of_a_context_asks_for_exactly_its_octets():
    sizes = {0: 3, 1: 1, 2: 1, 3: 3, 4: 3, 6: 2, 7: 1}
    for flags in range(256):
        end = 3 + sum(size for bit, size in sizes.items() if flags >> bit & 1)
        for length in range(1, 25):
            data = bytes([flags]) + bytes(length - 1)
            if length == end:
                assert GlucoseContext.parse(data).sequence == 0
            else:
                with pytest.raises(MalformedData):
                    GlucoseContext.parse(data)


@pytest.mark.parametrize(
    "wrong", [{"sequence": 65536}, {"offset": 40_000}, {"status": -1}]
)
def test_what_does_not_fit_is_refused(wrong):
    import struct

    whole = {"sequence": 1, "base": DateTime(2026, 1, 1)}
    with pytest.raises((ValueError, OverflowError, struct.error)):
        GlucoseMeasurement(**{**whole, **wrong}).build()
