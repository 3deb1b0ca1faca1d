"""The schedule of blood pressure at home, and what came of it."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitals.model import Schedule
from vitals.schedule import (
    Average,
    Measured,
    adherence,
    count,
    occasion,
    place,
    zone,
)

HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = 1_800_057_600_000  # Mon 2027-01-16 00:00 UTC
UTC = zone("UTC")
WEEK = Schedule(begin=FIRST + 3 * HOUR)


def twice(day, part, sys=130.0, dia=80.0, n=2):
    hour = 18 if part else 7
    t = FIRST + day * DAY + hour * HOUR
    return [Measured(t + k * 60_000, sys, dia) for k in range(n)]


def week(days, **fields):
    return [
        r for day in range(days) for part in (0, 1) for r in twice(day, part, **fields)
    ]


def test_a_whole_week_is_kept_and_its_first_day_left_out():
    readings = twice(0, 0, 190, 110) + twice(0, 1, 190, 110) + week(7)[4:]
    found = adherence(WEEK, UTC, readings, FIRST + 7 * DAY)
    assert (found.done, found.due, found.missed, found.days) == (14, 14, 0, 7)
    assert found.share == 1
    assert found.average == Average(130, 80, 24)


@pytest.mark.parametrize(("days", "known"), [(3, False), (4, True)])
def test_there_is_an_average_from_four_days_on(days, known):
    found = adherence(WEEK, UTC, week(days), FIRST + 7 * DAY)
    assert (found.average is not None) is known
    assert found.done == 2 * days
    assert found.missed == 14 - 2 * days


def test_an_occasion_with_too_few_readings_is_not_done():
    readings = week(7)[:-1]
    found = adherence(WEEK, UTC, readings, FIRST + 7 * DAY)
    assert (found.done, found.missed, found.days) == (13, 1, 7)
    three = Schedule(begin=FIRST, readings=3)  # in atrial fibrillation
    assert adherence(three, UTC, readings, FIRST + 7 * DAY).done == 0


def test_what_is_not_over_is_not_missed():
    assert adherence(WEEK, UTC, [], FIRST + 11 * HOUR + 59_999).missed == 0
    assert adherence(WEEK, UTC, [], FIRST + 11 * HOUR + 60_000).missed == 1


def test_a_reading_at_noon_or_on_another_day_counts_nowhere():
    noon = [Measured(FIRST + 13 * HOUR, 130, 80)] * 2
    before = [Measured(FIRST - 17 * HOUR, 130, 80)] * 2
    after = [Measured(FIRST + 7 * DAY + 7 * HOUR, 130, 80)] * 2
    assert adherence(WEEK, UTC, noon + before + after, FIRST).done == 0
    assert adherence(WEEK, UTC, twice(6, 0), FIRST).done == 1  # control


def test_an_evening_may_last_beyond_midnight():
    late = Schedule(begin=FIRST, evening=(20 * 60, 60))
    own = occasion(late, UTC, 1)
    assert (own.begin, own.end) == (FIRST + 20 * HOUR, FIRST + 25 * HOUR + 60_000)
    assert place(late, UTC, FIRST + 25 * HOUR) == 1
    assert place(late, UTC, FIRST + 26 * HOUR) is None
    last = FIRST + 7 * DAY + HOUR
    assert place(late, UTC, last) == 13


def test_the_hours_are_the_patients_own_when_the_clock_is_changed():
    berlin = zone("Europe/Berlin")
    spring = Schedule(begin=1_806_188_400_000)  # 2027-03-28 00:00, of 23 hours
    first, second = (occasion(spring, berlin, k) for k in (0, 2))
    assert first.begin - spring.begin == 4 * HOUR  # 05:00, one hour after midnight left
    assert second.begin - first.begin == DAY
    before = Schedule(begin=spring.begin - DAY)
    gap = occasion(before, berlin, 2).begin - occasion(before, berlin, 0).begin
    assert gap == 23 * HOUR


def test_a_zone_that_nobody_knows_is_utc():
    assert zone("Middle/Earth") == zone("") == UTC


def naive():
    path = Path(__file__).parent.parent / "dsp/naive_pressure.py"
    spec = importlib.util.spec_from_file_location("naive_schedule", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TWIN = naive()
zones = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns"])
schedules = st.builds(
    Schedule,
    begin=st.integers(1_806_000_000_000, 1_806_400_000_000),  # the clock is changed
    days=st.integers(1, 6),
    readings=st.integers(1, 3),
)
minutes = st.lists(st.integers(-2 * 1440, 8 * 1440), max_size=60)


@given(schedules, zones, minutes, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_it_is_what_its_slow_twin_counts_in_any_order(schedule, name, minutes, random):
    times = [schedule.begin + m * 60_000 for m in minutes]
    now = schedule.begin + 3 * DAY
    readings = [Measured(t, 100 + t / 7 % 50, 80) for t in times]
    found = adherence(schedule, zone(name), readings, now)
    windows = TWIN.windows(schedule, name, times)
    done = {key for key, t in windows.items() if len(t) >= schedule.readings}
    assert (found.done, found.due) == (len(done), count(schedule))
    assert found.days == len({day for day, _ in done})
    later = sum(len(t) for (day, _), t in windows.items() if day > 0)
    assert (found.average.n if found.average else 0) == later * (found.days >= 4)
    random.shuffle(readings)
    assert adherence(schedule, zone(name), readings, now) == found
