from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import shifts

ZURICH = "Europe/Zurich"


def at(text, zone=ZURICH, fold=0):
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.timestamp() * 1000)


NIGHT = 22 * 60, 6 * 60


@pytest.mark.parametrize(
    ("when", "on"),
    [
        ("2026-01-05T21:59", False),  # a Monday
        ("2026-01-05T22:00", True),
        ("2026-01-06T05:59", True),  # begun on Monday
        ("2026-01-06T06:00", False),
        ("2026-01-06T22:30", False),
        ("2026-01-05T05:59", False),  # that one began on Sunday
    ],
)
def test_a_night_shift_belongs_to_the_day_on_which_it_begins(when, on):
    assert shifts.within(at(when), ZURICH, NIGHT, ("mon",)) is on


def test_from_and_to_at_the_same_minute_is_all_day():
    assert shifts.within(at("2026-01-05T12:00"), ZURICH, (480, 480))
    assert shifts.within(at("2026-01-05T03:00"), ZURICH, (480, 480))


def test_an_hour_that_comes_twice_is_worked_twice():
    early = 2 * 60, 3 * 60
    for fold in (0, 1):
        assert shifts.within(at("2026-10-25T02:30", fold=fold), ZURICH, early)
    first = at("2026-10-25T02:30", fold=0)
    assert at("2026-10-25T02:30", fold=1) - first == 3_600_000


def test_an_hour_that_is_left_out_is_not_worked():
    begin = at("2026-03-29T01:59")
    worked = [
        shifts.within(begin + n * 60_000, ZURICH, (2 * 60, 3 * 60)) for n in range(120)
    ]
    assert not any(worked)


def test_a_shift_through_the_night_of_the_change_is_an_hour_shorter():
    begin, end = at("2026-03-28T22:00"), at("2026-03-29T06:00")
    assert end - begin == 7 * 3_600_000
    minutes = range(begin, end, 60_000)
    assert all(shifts.within(t, ZURICH, NIGHT) for t in minutes)
    assert not shifts.within(end, ZURICH, NIGHT)


def test_quiet_hours_end_by_the_clock_on_the_wall():
    assert shifts.end(at("2026-03-28T23:00"), ZURICH, 360) == at("2026-03-29T06:00")
    assert shifts.end(at("2026-01-05T06:00"), ZURICH, 360) == at("2026-01-06T06:00")


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from(["UTC", ZURICH, "Asia/Shanghai", "America/New_York"]),
    st.integers(0, 1439),
)
def test_the_end_lies_ahead_within_a_day_and_a_changed_hour(now, zone, minute):
    assert now < shifts.end(now, zone, minute) <= now + 26 * 3_600_000
