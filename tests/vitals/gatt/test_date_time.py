from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import octets, vectors
from vitals.gatt.date_time import DateTime

FIRST, LAST = datetime(1582, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001
moments = st.datetimes(FIRST, LAST)
offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: 900 * quarters)


@pytest.mark.parametrize("row", vectors("time", "date_time"))
def test_golden(row):
    stamp = DateTime(*row["stamp"])
    assert DateTime.parse(octets(row)) == stamp
    assert stamp.build() == octets(row)
    assert stamp.instant() == row["unix_ms"]
    assert DateTime.of(row["unix_ms"]) == stamp


@given(moments, offsets)
def test_a_wall_clock_east_of_utc_is_ahead(moment, offset):
    moment = moment.replace(microsecond=0)
    wall = moment.replace(tzinfo=timezone(timedelta(seconds=offset)))
    stamp = DateTime(*moment.timetuple()[:6])
    expected = (wall - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert stamp.instant(offset) == expected
    assert DateTime.of(expected, offset) == stamp


def test_a_moment_is_rounded_down_to_its_second():
    assert DateTime.of(1999).seconds == 1
    assert DateTime.of(-1) == DateTime(1969, 12, 31, 23, 59, 59)


def test_the_29th_of_february_exists_in_leap_years_only():
    assert DateTime(2024, 2, 29).instant() is not None
    assert DateTime(2023, 2, 29).instant() is None


@pytest.mark.parametrize(
    "stamp",
    [
        DateTime(0, 6, 23),
        DateTime(2024, 0, 23),
        DateTime(2024, 6, 0),
        DateTime(2024, 13, 1),
        DateTime(2024, 6, 31),
        DateTime(2024, 6, 23, 24),
        DateTime(2024, 6, 23, 0, 60),
        DateTime(2024, 6, 23, 0, 0, 60),
        DateTime(1581, 12, 31),
        DateTime(65535, 1, 1),
    ],
)
def test_what_is_unknown_or_impossible_is_no_moment_but_is_kept(stamp):
    assert stamp.instant() is None
    assert DateTime.parse(stamp.build()) == stamp
