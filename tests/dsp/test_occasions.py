"""Who has missed an occasion of the schedule, by the clock and by later readings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import occasions
from dsp.ward import Ward
from vitals import BloodPressure, Plan, Reading
from vitals.detection import Dsp
from vitals.model import Schedule
from vitals.schedule import zone
from vitals.wire import encode

HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = 1_800_057_600_000  # midnight
WEEK = Schedule(begin=FIRST)
MORNING, EVENING = 7 * HOUR, 18 * HOUR
ENDS = 11 * HOUR + 60_000


def cuff(t, sys=130, subject="p-7", device="cuff", **fields):
    record = BloodPressure(t=FIRST + t, received=FIRST + t, sys=sys, dia=80, **fields)
    return Reading(subject, device, record)


def followed(plan=None):
    ward = Ward(Dsp())
    ward.plan("p-7", plan or Plan(schedule=WEEK))
    return ward


def play(ward, readings):
    return [a for r in readings for a in ward.observe([r], r.record.t)]


def words(said):
    assert {a.condition for a in said} <= {"measurement_missed"}
    return [(a.over, a.t - FIRST) for a in said]


def test_an_occasion_that_ends_without_its_readings_is_told_by_the_clock():
    ward = followed()
    assert play(ward, [cuff(MORNING)]) == []
    assert ward.tick(FIRST + ENDS - 1) == []
    (said,) = ward.tick(FIRST + ENDS + 5000)
    assert words([said]) == [(False, ENDS)]
    assert ward.tick(FIRST + ENDS + 6000) == []
    assert (said.kind, said.detector, said.value) == ("technical", "schedule", 1)
    assert said.evidence["text"] == (
        "Blood pressure of the morning of day 1 of 7 is missing: 1 of 2 readings."
    )
    assert "未按计划测量" in said.evidence["text_zh"]
    over = play(ward, [cuff(EVENING), cuff(EVENING + 60_000)])
    assert words(over) == [(True, EVENING + 60_000)]
    assert over[0].id == said.id
    assert over[0].evidence["text"].endswith("1 of 14 occasions done.")


def test_days_without_a_reading_are_one_episode_that_grows():
    ward = followed()
    said = ward.tick(FIRST + 2 * DAY)
    assert [a.value for a in said] == [1, 2, 3, 4]
    assert len({a.id for a in said}) == 1


def test_whoever_measures_as_agreed_hears_nothing():
    ward = followed()
    readings = [
        cuff(day * DAY + part + k * 60_000)
        for day in range(7)
        for part in (MORNING, EVENING)
        for k in (0, 1)
    ]
    assert play(ward, readings) == []
    assert ward.tick(FIRST + 30 * DAY) == []


def test_what_cannot_be_relied_on_is_no_reading():
    ward = followed()
    play(ward, [cuff(MORNING, q=("motion",)), cuff(MORNING + 1, q=("motion",))])
    assert words(ward.tick(FIRST + ENDS)) == [(False, ENDS)]


def test_two_cuffs_fill_one_occasion():
    ward = followed()
    play(ward, [cuff(MORNING), cuff(MORNING + 1, device="other")])
    assert ward.tick(FIRST + ENDS) == []


def test_what_comes_late_ends_it_and_wakes_nobody():
    ward = followed()
    ward.tick(FIRST + ENDS)
    late = [cuff(MORNING + k, q=("late",)) for k in range(2)]
    said = [a for r in late for a in ward.observe([r], FIRST + DAY)]
    assert [(a.over, a.late) for a in said] == [(True, True)]


def test_a_replay_without_ticks_says_the_same_to_the_bit():
    readings = [cuff(DAY + EVENING + k) for k in range(2)]
    live, replay = followed(), followed()
    seen = live.tick(FIRST + ENDS) + live.tick(FIRST + DAY) + play(live, readings)
    assert [encode(a) for a in seen] == [encode(a) for a in play(replay, readings)]
    assert len(seen) == 4


def test_a_plan_judges_nothing_that_ended_before_it_was_said():
    ward = followed(Plan(schedule=WEEK, t=FIRST + DAY + 12 * HOUR))
    assert words(ward.tick(FIRST + 2 * DAY)) == [(False, 2 * DAY)]


def test_another_schedule_none_or_switched_off_ends_what_is_open():
    for plan in (
        None,
        Plan(schedule=Schedule(begin=FIRST + 30 * DAY)),
        Plan(schedule=WEEK, off=("schedule",)),
    ):
        ward = followed()
        (begin,) = ward.tick(FIRST + ENDS)
        said = ward.plan("p-7", plan)
        ward = Ward.load(Dsp(), ward.save())
        (over,) = said + ward.tick(FIRST + ENDS + 1000)
        assert (over.id, over.over) == (begin.id, True)
        assert ward.tick(FIRST + 6 * DAY) == []


def test_the_same_schedule_in_a_new_plan_goes_on():
    ward = followed()
    play(ward, [cuff(MORNING), cuff(MORNING + 1)])
    ward.plan("p-7", Plan(schedule=WEEK, by="somebody"))
    assert ward.tick(FIRST + ENDS) == []
    ward.plan("p-7", Plan(schedule=Schedule(begin=FIRST, days=3)))  # control
    assert words(ward.tick(FIRST + ENDS)) == [(False, ENDS)]


def test_when_the_schedule_is_over_any_good_reading_ends_it():
    ward = followed(Plan(schedule=Schedule(begin=FIRST, days=1)))
    assert len(ward.tick(FIRST + DAY)) == 2
    assert words(play(ward, [cuff(5 * DAY)])) == [(True, 5 * DAY)]


def test_a_clock_that_was_ahead_is_judged_again():
    ward, ahead = followed(), cuff(400 * DAY)
    said = ward.observe([ahead], ahead.record.t)
    assert len(said) == 15
    said = ward.observe([cuff(MORNING)], FIRST + MORNING)
    assert words(ward.tick(FIRST + ENDS)) == [(False, ENDS)]


def test_only_those_with_a_schedule_are_followed():
    ward = Ward(Dsp())
    ward.plan("p-7", Plan())
    play(ward, [cuff(MORNING), cuff(MORNING, subject="p-8")])
    assert ward.tick(FIRST + 30 * DAY) == []


minutes = st.lists(st.integers(-1440, 5 * 1440), max_size=40, unique=True)


@given(st.integers(1, 3), st.integers(1, 3), minutes, st.integers(0, 5 * 1440))
@settings(max_examples=80, deadline=None)
def test_it_says_what_its_slow_twin_says(naive_pressure, days, needed, minutes, more):
    schedule = Schedule(begin=FIRST, days=days, readings=needed)
    where = "Asia/Shanghai"
    times = [FIRST + m * 60_000 for m in sorted(minutes)]
    now = max([FIRST, *times]) + more * 60_000
    state = occasions.course("p", Plan(schedule=schedule, time_zone=where))
    said = []
    for t in times:
        state, turns = occasions.take(state, t)
        said += turns
    state, turns = occasions.lapse(state, now)
    said += turns
    expected = naive_pressure.missed(schedule, where, times, now)
    assert [(turn.over, turn.t) for turn in said] == expected
    assert state.where == zone(where)


@given(minutes, st.data())
@settings(max_examples=30, deadline=None)
def test_neither_blocks_nor_restarts_nor_ticks_change_what_is_said(minutes, data):
    readings = [cuff(m * 60_000) for m in sorted(minutes) if m >= 0]
    single = [encode(a) for a in play(followed(), readings)]
    cut = data.draw(st.integers(0, len(readings)))
    ward = followed()
    pieces = ward.observe(readings[:cut], FIRST + 6 * DAY)
    ward = Ward.load(Dsp(), ward.save())
    pieces += ward.observe(readings[cut:], FIRST + 6 * DAY)
    assert [encode(a) for a in pieces] == single
    live, said = followed(), []
    for reading in readings:
        said += live.tick(reading.record.t - 1)
        said += live.observe([reading], reading.record.t)
    assert [encode(a) for a in said] == single
