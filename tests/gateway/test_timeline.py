from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.timeline import Timeline, ahead, zone_offset
from vitals.gatt.current_time import CurrentTime
from vitals.gatt.date_time import DateTime

NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def test_a_right_clock_is_left_alone():
    assert Timeline(1900).measured(NOW - DAY, NOW) == NOW - DAY


@pytest.mark.parametrize("off", [-3 * DAY, -HOUR, 2001, HOUR, 900 * DAY])
def test_a_wrong_clock_is_corrected_by_what_it_was_wrong(off):
    assert Timeline(off).measured(NOW - DAY + off, NOW) == NOW - DAY


def test_a_stamp_ahead_of_its_own_clock_is_of_an_older_timeline():
    began_anew = Timeline(ahead_ms=946_684_800_000 - NOW)  # it shows the year 2000
    assert began_anew.measured(946_684_800_000 - HOUR, NOW) == NOW - HOUR
    assert began_anew.measured(NOW - 5 * DAY, NOW) is None


@pytest.mark.parametrize("off", [-3 * HOUR, 5 * HOUR, -400 * DAY])
def test_readings_from_before_we_set_the_clock_are_corrected_by_what_it_was(off):
    set_at, then = NOW - 1000, NOW - DAY
    mended = Timeline(off).set(set_at, 0)
    assert mended.measured(then + off, NOW) == then
    assert mended.measured(NOW, NOW) == NOW


def test_between_two_timelines_nothing_is_made_up():
    mended = Timeline(-10 * HOUR).set(NOW - DAY, 0)
    assert mended.measured(NOW - DAY - 5 * HOUR, NOW) is None


def test_a_clock_that_somebody_else_set_ends_what_we_knew():
    mended = Timeline(-10 * HOUR).set(NOW - DAY, 0)
    assert mended.seen(500).older == mended.older
    assert mended.seen(5 * HOUR) == Timeline(5 * HOUR)


def test_a_reading_of_more_than_a_year_ago_is_not_believed():
    assert Timeline().measured(NOW - 366 * DAY, NOW) is None
    assert Timeline().measured(0, NOW) is None


@given(
    st.integers(-(10**13), 10**13),
    st.integers(0, 4_102_444_800_000),
    st.none() | st.integers(-(10**13), 10**13),
)
def test_no_reading_is_ever_from_the_future_or_of_more_than_a_year_ago(
    off, stamp, before
):
    timeline = Timeline(off) if before is None else Timeline(before).set(NOW - 9, off)
    t = timeline.measured(stamp, NOW)
    assert t is None or NOW - 366 * DAY < t <= NOW


def test_a_clock_is_ahead_by_what_it_shows_in_its_zone():
    shown = CurrentTime.of(NOW + 8 * HOUR + 90_000)
    assert ahead(shown, NOW, 8 * 3600) == 90_000
    assert ahead(CurrentTime(DateTime(0, 0, 0)), NOW, 0) is None
    assert zone_offset(UTC, NOW) == 0
