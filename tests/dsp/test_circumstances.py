"""Blood pressure before and in a declared session, and in a declared standing test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import circumstances
from dsp.pressure import Pressure
from dsp.ward import Ward
from vitals import BloodPressure, Plan, Reading
from vitals.detection import Dsp
from vitals.detection import Pressure as Rules
from vitals.model import Session, Standing
from vitals.wire import encode

T0 = 1_700_000_000_000
START = "exercise_start_pressure_high"
STOP = "exercise_pressure_high"
FALL = "exercise_hypotension"
STAND = "orthostatic_hypotension"


def at(minute):
    return T0 + int(minute * 60_000)


SESSION = Session(id="s-1", begin=at(60), end=at(90))
TEST = Standing(id="t-1", begin=at(0), stand=at(5), end=at(10))
DECLARED = Plan(sessions=(SESSION,), standings=(TEST,))


def cuff(minute, sys, dia=80, pulse=None, **fields):
    t = at(minute)
    record = BloodPressure(t=t, received=t, sys=sys, dia=dia, pulse=pulse, **fields)
    return Reading("p-7", "cuff", record)


def play(readings, plan=DECLARED):
    ward, said = Ward(Dsp()), []
    ward.plan("p-7", plan)
    for reading in readings:
        said += ward.observe([reading], reading.record.t)
    return said


def words(said):
    return [(a.condition, a.over) for a in said]


def test_whose_pressure_is_high_at_rest_should_not_start():
    (begin,) = play([cuff(31, 175, 101)])
    assert words([begin]) == [(START, False)]
    assert begin.evidence["text"] == (
        "Blood pressure 175/101 mmHg at rest, above 180/100: do not start the session."
    )
    assert begin.evidence["limit"] == [180, 100]
    assert words(play([cuff(31, 175, 101), cuff(50, 150)])) == [
        (START, False),
        (START, True),
    ]
    for fine in (cuff(29, 175, 101), cuff(31, 179, 100), cuff(95, 175, 101)):
        assert play([fine]) == []  # controls: too early, not above, afterwards


@pytest.mark.parametrize(("sys", "dia"), [(250, 90), (200, 115)])
def test_a_very_high_pressure_stops_a_session(sys, dia):
    begin, end = play([cuff(70, sys, dia), cuff(75, 190, 90)])
    assert words([begin, end]) == [(STOP, False), (STOP, True)]
    assert "stop the session" in begin.evidence["text"]
    assert "请停止运动" in begin.evidence["text_zh"]
    assert begin.id == end.id


def test_in_a_session_a_pressure_of_190_is_no_crisis():
    assert play([cuff(70, 190), cuff(75, 200)]) == []
    outside = play([cuff(20, 190), cuff(22, 190)], Plan())
    assert ("blood_pressure_crisis", False) in words(outside)  # control
    unwatched = Plan(sessions=(SESSION,), off=("exercise_pressure",))
    assert words(play([cuff(70, 190)], unwatched)) == [
        ("blood_pressure_crisis_pending", False)
    ]


def test_a_fall_while_the_pulse_rises_stops_a_session():
    readings = [cuff(62, 150, pulse=95), cuff(70, 139, pulse=115)]
    (begin,) = play(readings)
    assert words([begin]) == [(FALL, False)]
    assert begin.evidence["baseline"] == [150, 80]
    assert begin.evidence["baseline_t"] == at(62)
    assert begin.evidence["text"] == (
        "Blood pressure 139/80 mmHg in exercise: systolic 11 lower while the pulse"
        " rose from 95 to 115 /min. Stop the session."
    )


@pytest.mark.parametrize(
    "second",
    [
        cuff(70, 140, pulse=115),  # ten is not more than ten
        cuff(70, 130, pulse=99),  # the workload is the same
        cuff(70, 130, pulse=80),  # cooling down
        cuff(70, 130),  # nobody knows
        cuff(91, 130, pulse=115),  # afterwards
        cuff(70, 130, pulse=115, q=("motion",)),
    ],
)
def test_other_falls_do_not(second):
    said = play([cuff(62, 150, pulse=95), second])
    assert FALL not in {a.condition for a in said}


def test_standing_up_a_fall_of_20_or_10_is_orthostatic():
    for sys, dia in ((120, 80), (135, 70)):
        (begin,) = play([cuff(3, 140, 80), cuff(6, sys, dia)])
        assert words([begin]) == [(STAND, False)]
        assert begin.evidence["baseline"] == [140, 80]
    text = begin.evidence["text"]
    assert text == "Blood pressure fell from 140/80 mmHg lying to 135/70 mmHg standing."
    said = play([cuff(3, 140, 80), cuff(6, 120, 80), cuff(8, 138, 80)])
    assert words(said) == [(STAND, False), (STAND, True)]


def test_without_a_declared_test_a_fall_means_nothing():
    readings = [cuff(3, 140, 80), cuff(6, 115, 70)]
    assert play(readings, Plan()) == []
    assert play(readings, Plan(standings=(TEST,), off=("orthostatic",))) == []
    assert play([cuff(3, 121, 71), cuff(6, 115, 70)]) == []
    assert play([cuff(6, 115, 70)]) == []  # nobody was lying


def test_the_last_reading_lying_counts():
    assert play([cuff(1, 160, 80), cuff(4, 130, 80), cuff(6, 125, 80)]) == []


def naive(plan, readings, rules):
    """Judge the last of the readings from all of them, from the definitions."""
    found, now = set(), readings[-1]
    for s in plan.sessions:
        inside = [r for r in readings if s.begin <= r.t < s.end]
        if s.begin - 1_800_000 <= now.t < s.begin and (now.sys > 180 or now.dia > 100):
            found.add(START)
        if now in inside and (now.sys >= 250 or now.dia >= 115):
            found.add(STOP)
        harder = [
            r for r in inside if now.pulse and r.pulse and now.pulse - r.pulse >= 5
        ]
        if now in inside and any(r.sys - now.sys > 10 for r in harder):
            found.add(FALL)
    for s in plan.standings:
        lying = [r for r in readings if s.begin <= r.t < s.stand]
        if s.stand <= now.t < s.end and lying:
            fall = lying[-1].sys - now.sys, lying[-1].dia - now.dia
            if fall[0] >= 20 or fall[1] >= 10:
                found.add(STAND)
    return found


readings = st.lists(
    st.tuples(
        st.integers(0, 100),
        st.sampled_from([110, 125, 135, 150, 181, 250]),
        st.sampled_from([60, 70, 80, 101, 115]),
        st.sampled_from([None, 80, 85, 100, 104]),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda r: r[0],
)


@given(readings)
def test_it_sees_what_its_slow_twin_sees(readings):
    taken = [Pressure(at(m), s, d, p) for m, s, d, p in sorted(readings)]
    found = circumstances.sights(DECLARED, Rules(), taken[:-1], taken[-1])
    assert {s.condition for s in found} == naive(DECLARED, taken, Rules())


@given(readings, st.data())
def test_neither_blocks_nor_restarts_change_what_is_said(readings, data):
    diary = [cuff(*r) for r in sorted(readings, key=lambda r: r[0])]
    single = [encode(a) for a in play(diary)]
    cut = data.draw(st.integers(0, len(diary)))
    ward = Ward(Dsp())
    ward.plan("p-7", DECLARED)
    pieces = ward.observe(diary[:cut], at(200))
    ward = Ward.load(Dsp(), ward.save())
    pieces += ward.observe(diary[cut:], at(200))
    assert [encode(a) for a in pieces] == single
