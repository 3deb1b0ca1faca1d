import pytest
from bumble.profiles.device_information_service import DeviceInformationService
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import octets, vectors
from vitals.errors import MalformedData
from vitals.gatt.battery import BatteryLevel
from vitals.gatt.device_information import (
    LONGEST,
    SystemId,
    build_text,
    parse_text,
)


@pytest.mark.parametrize("row", vectors("device_information", "text"))
def test_golden_text(row):
    assert parse_text(octets(row)) == row["value"]
    assert (build_text(row["value"]) == octets(row)) == row.get("builds", True)


@pytest.mark.parametrize("row", vectors("device_information", "system_id"))
def test_golden_system_id(row):
    system = SystemId(row["manufacturer"], row["organisation"])
    assert SystemId.parse(octets(row)) == system
    assert system.build() == octets(row)


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**24 - 1))
def test_bumble_packs_the_same_system_id(manufacturer, organisation):
    theirs = DeviceInformationService.pack_system_id(organisation, manufacturer)
    assert SystemId(manufacturer, organisation).build() == theirs


@pytest.mark.parametrize("row", vectors("device_information", "battery"))
def test_golden_battery(row):
    assert BatteryLevel.parse(octets(row)) == BatteryLevel(row["value"])
    assert BatteryLevel(row["value"]).build() == octets(row)


def test_a_battery_is_at_most_full():
    with pytest.raises(MalformedData, match="101"):
        BatteryLevel.parse(bytes([101]))
    with pytest.raises(ValueError, match="101"):
        BatteryLevel(101).build()


@given(st.binary(max_size=64))
def test_any_octets_are_some_text_that_can_be_printed(data):
    text = parse_text(data)
    assert text.isprintable()
    assert text == text.strip()


letters = st.characters(exclude_categories=("C", "Z")) | st.just(" ")


@given(st.text(letters, max_size=64).map(str.strip))
def test_parse_undoes_build_for_text(text):
    assert parse_text(build_text(text)) == text


def test_a_broken_letter_does_not_cost_the_rest():
    assert parse_text(b"caf\xe9 7\r\n") == "caf\N{REPLACEMENT CHARACTER} 7"


def test_a_text_longer_than_an_attribute_cannot_be_built():
    assert build_text("é" * (LONGEST // 2))
    with pytest.raises(ValueError, match="514 octets"):
        build_text("é" * (LONGEST // 2 + 1))
