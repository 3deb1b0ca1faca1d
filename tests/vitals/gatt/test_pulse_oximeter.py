import pytest

from tests.golden import number, octets, vectors
from vitals.errors import MalformedData
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, PlxFeatures, SpotCheck

NUMBERS = ("spo2", "pulse", "amplitude")


def fields(row):
    value = dict(row["value"])
    value |= {name: number(value[name]) for name in NUMBERS if name in value}
    value |= {name: tuple(value[name]) for name in ("fast", "slow") if name in value}
    if "stamp" in value:
        value["stamp"] = DateTime(*value["stamp"])
    return value


@pytest.mark.parametrize(
    ("structure", "row"),
    [
        pytest.param(structure, *param.values, id=param.id)
        for structure, table in [
            (SpotCheck, "spot_check"),
            (Continuous, "continuous"),
            (PlxFeatures, "features"),
        ]
        for param in vectors("pulse_oximeter", table)
    ],
)
def test_golden(structure, row):
    value = structure(**fields(row))
    assert structure.parse(octets(row)) == value
    assert structure.parse(value.build()) == value
    if row.get("builds", True):
        assert value.build() == octets(row)


def test_fast_and_slow_do_not_stand_in_for_the_normal_average():
    data = bytes.fromhex("03 ff07 ff07 6100 4e00 6200 4f00")
    said = Continuous.parse(data)
    assert (said.spo2, said.fast, said.slow) == (Special.NAN, (97, 78), (98, 79))


@pytest.mark.parametrize("structure", [SpotCheck, Continuous])
def test_a_reserved_flag_may_announce_what_we_do_not_know(structure):
    assert structure.parse(bytes.fromhex("20 6100 4e00 aabb")).spo2 == 97
    with pytest.raises(MalformedData, match="too long"):
        structure.parse(bytes.fromhex("00 6100 4e00 aabb"))


@pytest.mark.parametrize("data", ["", "00", "0100", "010000", "03000000", "0000ff"])
def test_features_have_the_octets_that_they_announce(data):
    with pytest.raises(MalformedData):
        PlxFeatures.parse(bytes.fromhex(data))
