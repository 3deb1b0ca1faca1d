import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import octets, vectors
from vitals.gatt.current_time import CurrentTime, LocalTimeInformation
from vitals.gatt.date_time import DateTime

instants = st.integers(0, 4_102_444_800_000)
offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: 900 * quarters)


@pytest.mark.parametrize("row", vectors("time", "current_time"))
def test_golden(row):
    time = CurrentTime(DateTime(*row["stamp"]), *row["rest"])
    assert CurrentTime.parse(octets(row)) == time
    assert time.build() == octets(row)


@pytest.mark.parametrize("row", vectors("time", "local_time"))
def test_golden_local_time(row):
    local = LocalTimeInformation(*row["value"])
    assert LocalTimeInformation.parse(octets(row)) == local
    assert local.build() == octets(row)
    assert local.offset_s == row.get("offset_s")


@given(instants, offsets)
def test_a_clock_loses_less_than_eight_milliseconds_of_a_moment(instant, offset):
    # 1/256 s is 3.9 ms, and both directions round down.
    lost = instant - CurrentTime.of(instant, offset).instant(offset)
    assert 0 <= lost < 8


@pytest.mark.parametrize(
    ("ms", "fractions"), [(0, 0), (3, 0), (4, 1), (500, 128), (996, 254), (999, 255)]
)
def test_milliseconds_are_counted_in_256ths(ms, fractions):
    assert CurrentTime.of(1_719_153_310_000 + ms).fractions256 == fractions


def test_the_day_of_the_week_is_that_of_the_wall_clock():
    sunday_noon = 1_719_144_000_000  # 2024-06-23T12:00Z
    assert CurrentTime.of(sunday_noon).day_of_week == 7
    assert CurrentTime.of(sunday_noon, 12 * 3600).day_of_week == 1


def test_an_unknown_date_is_no_moment():
    assert CurrentTime(DateTime(0, 0, 0)).instant() is None
