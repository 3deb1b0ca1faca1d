import pytest

from tests.golden import number, octets, vectors
from vitals.codes import SITES
from vitals.errors import MalformedData
from vitals.gatt.date_time import DateTime
from vitals.gatt.health_thermometer import TemperatureMeasurement, TemperatureType


def measurement(row):
    value = row["value"] | {"value": number(row["value"]["value"])}
    if "stamp" in value:
        value["stamp"] = DateTime(*value["stamp"])
    return TemperatureMeasurement(**value)


@pytest.mark.parametrize("row", vectors("health_thermometer"))
def test_golden(row):
    assert TemperatureMeasurement.parse(octets(row)) == measurement(row)
    rebuilt = measurement(row).build()
    assert TemperatureMeasurement.parse(rebuilt) == measurement(row)
    if row.get("builds", True):
        assert rebuilt == octets(row)


def test_every_site_of_the_specification_has_its_name():
    names = [TemperatureType(site).site_name for site in range(1, 10)]
    assert names == list(SITES)
    assert (names[0], names[5], names[8]) == ("armpit", "mouth", "tympanum")


@pytest.mark.parametrize("site", [0, 10, 255])
def test_a_reserved_site_is_kept_without_a_name(site):
    assert TemperatureType.parse(bytes([site])) == TemperatureType(site)
    assert TemperatureType(site).site_name is None


def test_octets_that_no_flag_explains_are_malformed():
    with pytest.raises(MalformedData, match="too long"):
        TemperatureMeasurement.parse(bytes.fromhex("00 6c0100ff 00"))


def test_a_reserved_bit_may_announce_what_we_do_not_know():
    data = bytes.fromhex("80 6c0100ff 00")
    assert TemperatureMeasurement.parse(data) == TemperatureMeasurement(36.4)
