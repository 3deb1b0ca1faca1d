"""A hypertensive crisis has two steps; what cannot be relied on is asked for again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import crisis
from dsp.crisis import CRISIS, PENDING, Steps
from dsp.pressure import Pressure, Taken
from dsp.ward import Ward
from vitals import BloodPressure, HeartRate, Limit, Plan, Reading
from vitals.detection import Dsp
from vitals.detection import Pressure as Rules
from vitals.model import Session
from vitals.wire import encode

T0 = 1_700_000_000_000
MINUTE = 60
SOON = Dsp(pressure=Rules(wait_s=600))


def at(second):
    return T0 + int(second * 1000)


def cuff(second, systolic, diastolic=70, device="cuff", **fields):
    record = BloodPressure(
        t=at(second), sys=systolic, dia=diastolic, **{"received": at(second), **fields}
    )
    return Reading("p-7", device, record)


def play(ward, readings):
    said, now = [], 0
    for reading in readings:
        now = max(now, reading.record.t)
        said += ward.observe([reading], now)
    return said


def words(said):
    return [(a.condition, a.over) for a in said]


ASKED, CALM = (PENDING, False), (PENDING, True)
RAISED, OVER = (CRISIS, False), (CRISIS, True)
REPEAT, REPEATED = ("measurement_unusable", False), ("measurement_unusable", True)


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([cuff(0, 179, 119), cuff(60, 179, 119)], []),
        ([cuff(0, 180)], [ASKED]),
        ([cuff(0, 150, 120)], [ASKED]),
        ([cuff(0, 190), cuff(120, 150)], [ASKED, CALM]),
        ([cuff(0, 190), cuff(60, 185)], [ASKED, RAISED, CALM]),
        ([cuff(0, 190), cuff(59, 185)], [ASKED]),  # too soon to count
        ([cuff(0, 190), cuff(59, 185), cuff(61, 184)], [ASKED, RAISED, CALM]),
        ([cuff(0, 190), cuff(600, 150)], [ASKED, CALM]),  # just in time
        ([cuff(0, 190), cuff(601, 150)], [ASKED, RAISED, CALM, OVER]),
        ([cuff(0, 190), cuff(60, 185), cuff(120, 177)], [ASKED, RAISED, CALM]),
        ([cuff(0, 190), cuff(60, 185), cuff(120, 176)], [ASKED, RAISED, CALM, OVER]),
        ([cuff(0, 190), cuff(60, 185), cuff(90, 210)], [ASKED, RAISED, CALM, RAISED]),
        ([cuff(0, 190), cuff(60, None, None)], [ASKED]),
        ([cuff(0, 190), cuff(60, 150, None)], [ASKED]),  # half a reading calms nobody
        ([cuff(0, 190, None)], [ASKED]),  # but it warns
        ([cuff(0, 100, 190)], []),  # upside down
        (
            [cuff(0, 190), cuff(60, 200, q=("motion",)), cuff(120, 150)],
            [ASKED, REPEAT, REPEATED, CALM],
        ),
    ],
)
def test_one_reading_asks_and_a_second_one_or_none_tells(readings, said):
    assert words(play(Ward(SOON), readings)) == said


def test_it_says_what_the_patient_should_do_and_what_was_seen():
    asked, raised, calm, over = play(
        Ward(SOON), [cuff(0, 190, 95), cuff(90, 185, 92), cuff(600, 150, 80)]
    )
    assert asked.evidence["text"] == (
        "Blood pressure 190/95 mmHg: very high."
        " Sit still and measure again in 1 to 5 min."
    )
    assert "复测" in asked.evidence["text_zh"]
    assert raised.evidence["text"] == (
        "Blood pressure 185/92 mmHg, at or above 180/120 when measured again."
    )
    assert (raised.begin, raised.t, raised.value) == (at(0), at(90), 190)
    assert raised.evidence["values"] == [[at(0), 190, 95], [at(90), 185, 92]]
    assert raised.evidence["limit"] == [180, 120]
    assert (raised.evidence["quality"], raised.confidence) == (1, 1)
    assert (asked.id, raised.id) == (calm.id, over.id)
    assert over.evidence["text"].endswith("the worst was 190/95 mmHg.")


def test_a_reading_that_stays_the_only_one_counts_by_the_clock():
    ward = Ward(SOON)
    play(ward, [cuff(0, 190)])
    assert ward.tick(at(600)) == []
    raised, calm = ward.tick(at(601))
    assert words([raised, calm]) == [RAISED, CALM]
    assert (raised.t, raised.confidence) == (at(600), 0.5)
    assert raised.evidence["age_s"] == 600
    assert "not measured again in 10 min" in raised.evidence["text"]
    assert ward.tick(at(9999)) == []
    assert words(play(ward, [cuff(700, 150)])) == [OVER]


def test_a_replay_without_ticks_says_the_same_to_the_bit():
    live, replay = Ward(SOON), Ward(SOON)
    first, second = cuff(0, 190), cuff(3600, 150)
    seen = play(live, [first]) + live.tick(at(700)) + play(live, [second])
    assert [encode(a) for a in seen] == [
        encode(a) for a in play(replay, [first, second])
    ]
    assert words(seen) == [ASKED, RAISED, CALM, OVER]


def test_a_restart_does_not_start_the_wait_anew():
    ward = Ward(SOON)
    play(ward, [cuff(0, 190)])
    ward = Ward.load(SOON, ward.save())
    steady = 5_000  # of a clock that began with the new process
    assert ward.tick(steady, at(500)) == []
    assert ward.tick(steady + 100_000, at(600)) == []
    assert words(ward.tick(steady + 100_001, at(600))) == [RAISED, CALM]


@pytest.mark.parametrize(
    ("reading", "minutes"),
    [(cuff(0, 190), 60), (cuff(0, 199, 129), 60), (cuff(0, 200), 10),
     (cuff(0, 150, 130), 10)],
)  # fmt: skip
def test_an_extreme_reading_waits_less_long_for_a_second(reading, minutes):
    ward = Ward(Dsp())
    play(ward, [reading])
    assert ward.tick(at(60 * minutes)) == []
    raised, _calm = ward.tick(at(60 * minutes + 1))
    assert raised.t == at(60 * minutes)
    assert f"not measured again in {minutes} min" in raised.evidence["text"]


def test_no_extreme_reading_waits_longer_than_any_other():
    short = Dsp(pressure=Rules(wait_s=5))
    (asked, raised, _) = play(Ward(short), [cuff(0, 210), cuff(6, 210)])
    assert words([asked, raised]) == [ASKED, RAISED]


def test_an_old_reading_pages_nobody():
    ward = Ward(SOON)
    (asked,) = ward.observe([cuff(0, 190, q=("late",))], at(7200))
    said = ward.tick(at(7200 + 601))
    assert words(said) == [RAISED, CALM]
    assert asked.late
    assert all(a.late for a in said)
    (asked,) = Ward(SOON).observe([cuff(0, 190)], at(0))  # control
    assert not asked.late


def test_a_new_second_reading_pages_though_the_first_was_old():
    first = cuff(0, 190, received=at(700))
    _, raised, _ = play(Ward(SOON), [first, cuff(599, 190, received=at(701))])
    assert not raised.late


def test_the_limit_does_not_say_it_again_but_a_personal_one_does():
    loud = Dsp(limits={"systolic": Limit(low=90, high=180)})
    assert words(play(Ward(loud), [cuff(0, 190)])) == [ASKED]
    strict = Dsp(limits={"systolic": Limit(high=160)})  # control: below the crisis
    assert ("systolic_high", False) in words(play(Ward(strict), [cuff(0, 190)]))
    ward = Ward(SOON)
    ward.plan("p-7", Plan(limits={"systolic": Limit(high=180)}))
    assert ("systolic_high", False) in words(play(ward, [cuff(0, 190)]))


def test_switched_off_it_leaves_the_bounds_to_the_limits():
    ward = Ward(SOON)
    ward.plan("p-7", Plan(off=("crisis",)))
    assert words(play(ward, [cuff(0, 190, 125)])) == [
        ("systolic_high", False),
        ("diastolic_high", False),
    ]
    ward.plan("p-7", None)
    said = words(play(ward, [cuff(60, 190, 125)]))
    assert ASKED in said
    assert ("systolic_high", False) not in said


def test_switched_off_in_between_it_ends():
    ward = Ward(SOON)
    play(ward, [cuff(0, 190)])
    (over,) = ward.plan("p-7", Plan(off=("crisis",)))
    assert words([over]) == [CALM]
    assert "switched off" in over.evidence["text"]
    assert ward.tick(at(601)) == []


ARM, WRIST = "cuff", "other"


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([(0, 190, ARM), (60, 185, WRIST)], [ASKED, RAISED, CALM]),
        ([(0, 190, ARM), (59, 185, WRIST)], [ASKED]),  # too soon to count
        ([(0, 190, ARM), (59, 185, WRIST), (61, 181, WRIST)], [ASKED, RAISED, CALM]),
        # No cuff hides what another sees.
        ([(0, 190, ARM), (60, 120, WRIST), (120, 190, ARM)], [ASKED, RAISED, CALM]),
        ([(0, 190, ARM), (60, 190, ARM), (120, 120, WRIST)], [ASKED, RAISED, CALM]),
        # But one that has seen it may say that it is over.
        ([(0, 190, ARM), (60, 185, WRIST), (900, 120, WRIST)],
         [ASKED, RAISED, CALM, OVER]),
        ([(0, 190, ARM), (30, 185, WRIST), (90, 120, WRIST)], [ASKED, CALM]),
        # What was measured before the question is no answer to it.
        ([(0, 190, ARM), (-60, 185, WRIST)], [ASKED, ASKED]),
        # What has waited for too long counts before the other cuff's word.
        ([(0, 190, ARM), (700, 185, WRIST)], [ASKED, RAISED, CALM]),
    ],
)  # fmt: skip
def test_a_second_cuff_confirms_and_hides_nothing(readings, said):
    both = [cuff(s, pressure, device=device) for s, pressure, device in readings]
    assert words(play(Ward(SOON), both)) == said


def test_a_cuff_of_somebody_else_confirms_nothing():  # negative control
    other = Reading("p-8", WRIST, cuff(60, 185).record)
    assert words(play(Ward(SOON), [cuff(0, 190), other])) == [ASKED, ASKED]


def test_whose_word_confirmed_a_crisis_is_in_its_evidence():
    asked, raised, _ = play(Ward(SOON), [cuff(0, 190), cuff(60, 185, device=WRIST)])
    assert asked.begin == raised.begin == at(0)
    assert (raised.evidence["device"], raised.evidence["others"]) == (ARM, [WRIST])
    assert raised.evidence["values"] == [[at(0), 190, 70], [at(60), 185, 70]]
    assert raised.evidence["text"].startswith("Blood pressure 185/70 mmHg")
    assert raised.confidence == 1
    assert "others" not in asked.evidence


def test_in_a_session_no_other_cuff_confirms_a_crisis():
    ward = Ward(SOON)
    ward.plan("p-7", Plan(sessions=(Session(id="s", begin=at(50), end=at(300)),)))
    both = [cuff(0, 190), cuff(60, 185, device=WRIST), cuff(310, 120, device=WRIST)]
    said = [a for a in play(ward, both) if a.detector == "crisis"]
    assert words(said) == [ASKED]


def test_the_numbers_are_the_configurations():
    mine = Dsp(pressure=Rules(crisis=(160, 100), again_s=10, wait_s=30))
    assert words(play(Ward(mine), [cuff(0, 161), cuff(10, 161)])) == [
        ASKED,
        RAISED,
        CALM,
    ]


def test_a_broken_clock_ends_what_it_began():
    ahead = cuff(400 * 86_400, 190)
    ward = Ward(SOON)
    said = ward.observe([ahead], at(400 * 86_400))
    said += ward.observe([cuff(0, 120)], at(0))
    assert words(said) == [ASKED, CALM]
    assert "clock" in said[1].evidence["text"]


def test_the_records_of_other_kinds_change_nothing():
    heart = Reading("p-7", "strap", HeartRate(t=at(9000), hr=70))
    assert words(play(Ward(SOON), [cuff(0, 190), heart])) == [ASKED]


@pytest.mark.parametrize("flag", ["motion", "cuff_loose", "bad_position"])
def test_a_reading_that_cannot_be_relied_on_is_asked_for_again(flag):
    said = play(Ward(SOON), [cuff(0, 200, q=(flag,)), cuff(60, 120)])
    assert words(said) == [REPEAT, REPEATED]
    assert {a.kind for a in said} == {"technical"}
    assert "measure again" in said[0].evidence["text"]
    off = Ward(SOON)
    off.plan("p-7", Plan(off=("cuff",)))
    assert play(off, [cuff(0, 200, q=(flag,)), cuff(60, 120)]) == []


readings = st.lists(
    st.tuples(
        st.sampled_from([1, 30, 59, 60, 61, 300, 540, 601, 4000]),
        st.sampled_from([130, 176, 177, 179, 180, 185, 210]),
        st.sampled_from([80, 117, 118, 119.5, 120, 130]),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=25,
)


def diary(steps):
    second, found = 0, []
    for gap, systolic, diastolic, good in steps:
        second += gap
        found.append((second * 1000, systolic, diastolic, good))
    return found


NEVER_EXTREME = Steps((180, 120), 60_000, 600_000, (999, 999), 0)


@given(readings)
def test_it_says_what_its_slow_twin_says(naive_pressure, steps):
    state, said, held_to = None, [], NEVER_EXTREME
    on = False
    for t, systolic, diastolic, good in diary(steps):
        found = Pressure(t, systolic, diastolic) if good else None
        state, turns = crisis.take(state, Taken(t, found), held_to)
        for turn in turns:
            what = "crisis" if turn.condition == CRISIS else "pending"
            if what == "pending" or turn.over or not on:  # else it has grown
                said.append((what, turn.over, turn.t))
            on = not turn.over if what == "crisis" else on
    assert said == (naive_pressure.crisis(diary(steps)) if steps else [])


@given(readings, st.data())
@settings(max_examples=40, deadline=None)
def test_neither_blocks_nor_restarts_nor_ticks_change_what_is_said(steps, data):
    device = st.sampled_from([ARM, ARM, WRIST])
    diary_ = [
        cuff(t / 1000, s, d, data.draw(device), q=() if good else ("motion",))
        for t, s, d, good in diary(steps)
    ]
    plan = Plan(sessions=(Session(id="s", begin=at(900), end=at(2000)),))

    def fresh():
        ward = Ward(SOON)
        ward.plan("p-7", plan)
        return ward

    single = [encode(a) for a in play(fresh(), diary_)]
    cut = data.draw(st.integers(0, len(diary_)))
    ward = fresh()
    pieces = ward.observe(diary_[:cut], at(0))
    ward = Ward.load(SOON, ward.save())
    pieces += ward.observe(diary_[cut:], at(0))
    assert [encode(a) for a in pieces] == single
    live, said = fresh(), []
    for reading in diary_:
        said += live.tick(reading.record.t - 1)
        said += live.observe([reading], reading.record.t)
    assert [encode(a) for a in said] == single


def test_forgetting_in_between_would_change_something():  # negative control
    first, second = cuff(0, 190), cuff(120, 190)
    apart = play(Ward(SOON), [first]) + play(Ward(SOON), [second])
    assert words(apart) != words(play(Ward(SOON), [first, second]))


def test_what_the_version_before_saved_still_loads():
    ward = Ward(SOON)
    play(ward, [cuff(0, 85)])
    saved = ward.save()
    del saved["pressures"], saved["fevers"]
    again = Ward.load(SOON, saved)
    assert words(play(again, [cuff(60, 120)])) == [("systolic_low", True)]
    assert words(play(again, [cuff(120, 190)])) == [ASKED]


def test_what_is_no_memory_of_ours_is_refused():
    saved = Ward(SOON).save()
    saved["pressures"] = saved["pressures"][:-3]
    with pytest.raises(ValueError, match="truncated"):
        Ward.load(SOON, saved)
