"""Exercise sessions: what is said in them, of them, and what is not said."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import kernels
from dsp.session import LOG, Heard, log_of
from dsp.ward import Ward
from vitals import HeartRate, Limit, Plan, Reading
from vitals.detection import Dsp
from vitals.model import Session
from vitals.wire import encode

T0 = 1_700_000_000_000
BEGIN, END = 100, 400  # s
BIKE = Session(
    id="bike-1",
    begin=T0 + BEGIN * 1000,
    end=T0 + END * 1000,
    low=100,
    high=130,
    limit=140,
)
PLAN = Plan(sessions=(BIKE,), limits={"heart_rate": Limit(high=120, hold_s=5)})


def at(second):
    return T0 + int(second * 1000)


def heart(second, hr, *, device="strap", subject="p-7", **fields):
    fields = {"received": at(second), **fields}
    return Reading(subject, device, HeartRate(t=at(second), hr=hr, **fields))


def ward_with(plan=PLAN, config=Dsp()):  # noqa: B008 frozen
    ward = Ward(config)
    ward.plan("p-7", plan)
    return ward


def play(ward, readings):
    return ward.observe(readings, readings[-1].record.t if readings else 0)


def words(said):
    return [(a.condition, a.over) for a in said]


def ride(*, top=125, after=90, step=1):
    """A session's heart: rest, zone, and down again after it."""
    found = [heart(s, 75) for s in range(0, BEGIN, step)]
    found += [heart(s, 95 if s < 160 else top) for s in range(BEGIN, END, step)]
    return found + [heart(s, after) for s in range(END, 800, step)]


def test_a_ride_within_its_zone_is_told_once_and_raises_nothing():
    said = play(ward_with(), ride())
    (notice,) = said
    assert (notice.condition, notice.over) == ("session_summary", True)
    assert (notice.begin, notice.t) == (BIKE.begin, BIKE.end + 70_000)
    evidence = notice.evidence
    zones = evidence["below_s"], evidence["in_s"], evidence["above_s"]
    assert zones == (59, 240, 0)
    assert (evidence["peak"], evidence["recovery"], evidence["heard"]) == (
        125,
        35,
        0.997,
    )
    assert evidence["text"] == (
        "Exercise: 240 s in the zone, 59 s below and 0 s above it; peak 125 /min."
    )
    assert evidence["text_zh"]


def test_without_the_plans_session_the_same_ride_alarms():  # negative control
    plan = Plan(limits=PLAN.limits)
    assert ("heart_rate_high", False) in words(play(ward_with(plan), ride()))
    keeps = ward_with(config=Dsp(session_keeps_limits=True))
    assert ("heart_rate_high", False) in words(play(keeps, ride()))


def test_a_session_without_a_limit_of_its_own_keeps_the_ordinary_one():
    plan = Plan(sessions=(Session(id="walk", begin=BIKE.begin, end=BIKE.end),))
    said = play(ward_with(plan), ride(top=150))
    assert ("heart_rate_high", False) in words(said)


def test_at_the_sessions_limit_for_its_hold_the_patient_should_stop():
    rates = ride()
    rates[200:230] = [heart(s, 145) for s in range(200, 230)]
    begin, end, _ = play(ward_with(), rates)
    assert words([begin, end]) == [("session_limit", False), ("session_limit", True)]
    assert (begin.begin, begin.t, end.t) == (at(200), at(210), at(240))
    assert begin.value == 145
    assert (begin.evidence["limit"], begin.evidence["session"]) == (140, "bike-1")
    assert begin.evidence["text"] == (
        "Heart rate 145 /min, at or above the 140 of this exercise session: stop."
    )
    short = ride()
    short[200:209] = [heart(s, 145) for s in range(200, 209)]
    assert words(play(ward_with(), short)) == [("session_summary", True)]  # control


def test_a_heart_that_comes_down_slowly_is_told_until_it_comes_down_well():
    slow = play(ward_with(), ride(after=118))
    assert words(slow) == [
        ("session_summary", True),
        ("heart_rate_recovery_slow", False),
    ]
    assert (slow[1].value, slow[1].evidence["limit"]) == (7, 12)
    ward = ward_with()
    play(ward, ride(after=113))
    ward = Ward.load(Dsp(), ward.save())
    again = Session(id="bike-2", begin=at(1000), end=at(1300), limit=140)
    ward.plan("p-7", Plan(sessions=(BIKE, again)))
    later = [heart(s, 120 if s < 1300 else 80) for s in range(1000, 1400)]
    said = play(ward, later)
    over = next(a for a in said if a.condition == "heart_rate_recovery_slow")
    assert (over.over, over.begin, over.value) == (True, at(END), 40)
    assert over.id == slow[1].id


def test_a_drop_of_13_is_not_slow():  # negative control
    assert words(play(ward_with(), ride(after=112))) == [("session_summary", True)]


def test_a_gap_in_a_session_was_a_loss_of_its_signal():
    gap = [r for r in ride() if not 200 < (r.record.t - T0) / 1000 < 231]
    begin, end, notice = play(ward_with(), gap)
    assert words([begin, end]) == [
        ("session_signal_lost", False),
        ("session_signal_lost", True),
    ]
    assert (begin.begin, begin.t, end.t) == (at(200), at(230), at(231))
    assert begin.kind == "technical"
    assert notice.evidence["heard"] < 0.91
    short = [r for r in ride() if not 200 < (r.record.t - T0) / 1000 < 230]
    assert words(play(ward_with(), short)) == [("session_summary", True)]  # control
    rest = [r for r in ride() if not 20 < (r.record.t - T0) / 1000 < 70]
    assert words(play(ward_with(), rest)) == [("session_summary", True)]  # at rest


def test_bad_values_in_a_session_are_no_signal():
    rates = ride()
    rates[200:240] = [heart(s, 60, q=("off_body",)) for s in range(200, 240)]
    said = play(ward_with(config=Dsp(off_body_s=1000)), rates)
    assert words(said)[:2] == [
        ("session_signal_lost", False),
        ("session_signal_lost", True),
    ]
    assert said[-1].evidence["quality"] == round(260 / 300, 3)


def test_a_second_device_that_hears_is_signal_enough():
    gap = [r for r in ride() if not 200 < (r.record.t - T0) / 1000 < 260]
    watch = [heart(s, 120, device="watch") for s in range(200, 270)]
    both = sorted(gap + watch, key=lambda r: r.record.t)
    said = play(ward_with(), both)
    assert "session_signal_lost" not in dict(words(said))


def test_a_strap_that_nobody_puts_on_is_missed_by_the_clocks():
    ward = ward_with()
    assert ward.tick(at(99), at(99)) == []
    assert ward.tick(at(110), at(110)) == []
    assert ward.tick(at(140), at(140)) == []  # not yet by the steady clock
    (begin,) = ward.tick(at(141), at(141))
    assert (begin.condition, begin.begin, begin.t) == (
        "session_signal_lost",
        at(100),
        at(130),
    )
    assert ward.tick(at(200), at(200)) == []
    ward = Ward.load(Dsp(), ward.save())
    (over,) = ward.tick(at(401), at(401))
    assert (over.id, over.over, over.t) == (begin.id, True, at(400))
    assert ward_with(Plan()).tick(at(200), at(200)) == []  # control: no session


def test_a_loss_that_ticks_have_seen_ends_with_the_record_of_a_replay():
    def live():
        ward, said = ward_with(), []
        for reading in ride():
            second = (reading.record.t - T0) // 1000
            if 200 < second < 300:
                said += ward.tick(at(second), at(second))
            else:
                said += ward.observe([reading], reading.record.t)
        return said

    gap = [r for r in ride() if not 200 < (r.record.t - T0) / 1000 < 300]
    live = [encode(a) for a in live() if a.detector == "session"]
    replay = [encode(a) for a in play(ward_with(), gap) if a.detector == "session"]
    assert live == replay
    assert len(live) == 3


def test_a_session_after_which_nothing_comes_is_told_by_a_tick():
    ward = ward_with()
    play(ward, [r for r in ride() if r.record.t < at(390)])
    assert "session_summary" not in dict(words(ward.tick(at(600), at(600))))
    said = [a for a in ward.tick(at(1080), at(1080)) if a.detector == "session"]
    assert words(said) == [("session_summary", True)]
    assert said[0].evidence["recovery"] is None
    late = play(ward, [heart(2000, 70)])
    assert [a for a in late if a.detector == "session"] == []


def test_rows_go_with_their_sessions():
    ward = ward_with()
    play(ward, ride())
    kept = ward._sessions.save()[0]
    assert (kept.logs, kept.contacts) == ([], [])


def test_exercise_is_neither_decline_nor_usual():
    hours = Plan(sessions=(Session(id="a", begin=at(0), end=at(9 * 3600), limit=220),))
    fast = [heart(60 * m, 190) for m in range(9 * 60)]
    fast += [heart(9 * 3600 + 60 * m, 80) for m in range(10, 180)]
    config = Dsp(silence_s={"heart_rate": 1e6}, decline_score=3)
    said = play(ward_with(hours, config), fast)
    assert "decline" not in dict(words(said))
    rest = play(ward_with(Plan(), config), fast)
    assert "decline" in dict(words(rest))  # negative control


rides = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 5, 31, 90]),
        st.sampled_from([70.0, 110.0, 135.0, 150.0, None]),
        st.sampled_from([(), (), (), ("artefact",)]),
        st.sampled_from(["strap", "watch"]),
    ),
    max_size=60,
)
SHORT = Plan(
    limits={"heart_rate": Limit(high=120, hold_s=5)},
    sessions=(
        Session(id="a", begin=at(20), end=at(90), low=90, high=120, limit=130),
        Session(id="b", begin=at(150), end=at(200), limit=145),
        Session(id="c", begin=at(700), end=at(800), limit=140),
    ),
)
QUICK = Dsp(session_recovery_s=100, session_hold_s=2)


@given(rides, st.data())
@settings(max_examples=40)
def test_neither_blocks_nor_restarts_change_what_is_said_of_sessions(ride, data):
    second, readings = 0, []
    for gap, hr, q, device in ride:
        second += gap
        readings.append(heart(second, hr, q=q, device=device))
    cut = data.draw(st.integers(0, len(readings)))
    ward = ward_with(SHORT, QUICK)
    said = ward.observe(readings[:cut], at(0))
    said += Ward.load(QUICK, ward.save()).observe(readings[cut:], at(0))
    one = ward_with(SHORT, QUICK)
    single = [a for r in readings for a in one.observe([r], at(0))]
    assert [encode(a) for a in said] == [encode(a) for a in single]


def by_definition(session, moments):
    """The slow twin of kernels.exercise."""
    good = {}
    seen = 0
    for t, x in moments:
        if t < session.begin or (good and t <= max(good)):
            continue
        seen += t < session.end
        if x == x:
            good[t] = x
    inside = {t: x for t, x in good.items() if t < session.end}
    times, zones = list(inside), [0, 0, 0]
    for before, t in pairwise(times):
        if t - before <= 10_000:
            x = inside[t]
            zones[0 if x < session.low else 2 if x > session.high else 1] += t - before
    minute = [x for t, x in good.items() if 50_000 <= t - session.end <= 70_000]
    peak = max(inside.values(), default=float("nan"))
    return (*zones, peak, sum(minute), len(minute), len(inside), seen)


beats = st.lists(
    st.tuples(
        st.sampled_from([0, 1000, 1000, 4000, 10_000, 11_000, 25_000]),
        st.sampled_from([80.0, 100.0, 115.0, 130.0, 150.0, float("nan")]),
    ),
    min_size=1,
    max_size=60,
)


@given(beats)
def test_the_log_equals_its_slow_twin(beats):
    t = BIKE.begin - 60_000 + np.cumsum([gap for gap, _ in beats])
    x = np.array([hr for _, hr in beats])
    log = log_of(BIKE)
    kernels.exercise(log, Heard(np.zeros(t.size, np.int64), t, x))
    names = ("below", "inside", "above", "peak", "sum", "n", "good", "seen")
    expected = by_definition(BIKE, zip(t.tolist(), x.tolist(), strict=True))
    assert repr(tuple(log[0][n].item() for n in names)) == repr(
        tuple(type(log[0][n].item())(e) for n, e in zip(names, expected, strict=True))
    )
    assert log.dtype == LOG


def test_such_rides_say_everything():  # or the properties would agree on nothing
    said = set()
    for top, after in ((125, 80), (150, 118), (150, 150)):
        gap = [r for r in ride(top=top, after=after) if r.record.t % 200_000 > 40_000]
        said |= set(words(play(ward_with(), gap)))
    assert {condition for condition, _ in said} >= {
        "session_limit",
        "session_signal_lost",
        "session_summary",
        "heart_rate_recovery_slow",
    }


@pytest.mark.parametrize("hr", [39, 30])
def test_a_low_heart_rate_counts_in_a_session_too(hr):
    said = play(ward_with(), [heart(s, hr) for s in range(120, 200)])
    assert ("heart_rate_low", False) in words(said)
