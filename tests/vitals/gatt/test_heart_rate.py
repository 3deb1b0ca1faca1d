import struct

import pytest
from bumble.profiles.heart_rate_service import HeartRateService
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import octets, vectors
from vitals.errors import MalformedData
from vitals.gatt.heart_rate import HeartRateMeasurement

uint16 = st.integers(0, 0xFFFF)
RIVAL = HeartRateService.HeartRateMeasurement


@pytest.mark.parametrize("row", vectors("heart_rate"))
def test_golden(row):
    value = dict(row["value"])
    rr = tuple(value.pop("rr_intervals", ()))
    measurement = HeartRateMeasurement(**value, rr_intervals=rr)
    assert HeartRateMeasurement.parse(octets(row)) == measurement
    assert (measurement.build() == octets(row)) == row.get("builds", True)


@pytest.mark.parametrize("row", vectors("heart_rate", "malformed"))
def test_malformed(row):
    with pytest.raises(MalformedData, match="103eb103de"):
        HeartRateMeasurement.parse(octets(row))


@given(
    rate=uint16,
    contact=st.none() | st.booleans(),
    energy=st.none() | uint16,
    rr=st.lists(uint16, min_size=1, max_size=9),
)
def test_bumble_reads_and_writes_the_same_octets(rate, contact, energy, rr):
    ours = HeartRateMeasurement(rate, contact, energy, tuple(rr))
    theirs = RIVAL(rate, contact, energy, [interval / 1024 for interval in rr])
    assert ours.build() == bytes(theirs)
    assert HeartRateMeasurement.parse(bytes(theirs)) == ours


def test_octets_that_no_flag_explains_are_malformed():
    with pytest.raises(MalformedData, match="too long"):
        HeartRateMeasurement.parse(bytes.fromhex("00 48 00"))


def test_a_reserved_bit_may_announce_what_we_do_not_know():
    data = bytes.fromhex("20 48 00")
    assert HeartRateMeasurement.parse(data) == HeartRateMeasurement(72)


def test_a_rate_beyond_uint16_cannot_be_built():
    with pytest.raises(struct.error):
        HeartRateMeasurement(65536).build()
