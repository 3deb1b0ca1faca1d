"""A fever depends on the site, and is said once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import fever
from dsp.fever import Heat, Thermometer
from dsp.ward import Ward
from vitals import BodyTemperature, ConfigError, Limit, Plan, Reading
from vitals.config import parse
from vitals.detection import Dsp
from vitals.model import Session
from vitals.wire import encode

T0 = 1_700_000_000_000
BEGUN, OVER = ("fever", False), ("fever", True)
HIGH, LOWER = ("body_temperature_high", False), ("body_temperature_high", True)


def temp(minute, value, site="armpit", **fields):
    t = T0 + int(minute * 60_000)
    record = BodyTemperature(t=t, temp=value, site=site, **{"received": t, **fields})
    return Reading("p-7", "thermo", record)


def play(ward, readings):
    return [a for r in readings for a in ward.observe([r], r.record.t)]


def words(said):
    return [(a.condition, a.over) for a in said]


@pytest.mark.parametrize(
    ("site", "bound"),
    [
        ("rectum", 38.0),
        ("ear", 38.0),
        ("tympanum", 38.0),
        ("gi", 38.0),
        ("mouth", 37.5),
        ("armpit", 37.3),
        (None, 38.0),
    ],
)
def test_each_site_has_its_own_fever(site, bound):
    assert words(play(Ward(Dsp()), [temp(0, bound, site)])) == [BEGUN]
    assert play(Ward(Dsp()), [temp(0, bound - 0.1, site)]) == []


def test_of_fingers_and_toes_nothing_is_known():
    assert play(Ward(Dsp()), [temp(0, 38.4, "finger"), temp(10, 38.4, "toe")]) == []


def test_it_ends_below_by_the_margin_and_explains_itself():
    readings = [temp(0, 37.2), temp(60, 37.9), temp(120, 37.1), temp(180, 37.0)]
    begin, end = play(Ward(Dsp()), readings)
    assert words([begin, end]) == [BEGUN, OVER]
    assert begin.id == end.id
    assert (end.t, end.value, end.unit) == (T0 + 180 * 60_000, 37.9, "Cel")
    evidence = begin.evidence
    assert evidence["text"] == "Fever: 37.9 °C under the arm, at or above 37.3."
    assert evidence["text_zh"] == "发热:腋下体温 37.9 °C,达到或高于 37.3。"
    assert (evidence["site"], evidence["limit"]) == ("armpit", 37.3)
    assert (evidence["quality"], evidence["age_s"]) == (1, 0)
    assert evidence["values"] == [[T0, 37.2], [T0 + 60 * 60_000, 37.9]]
    assert end.evidence["text"] == (
        "No fever any more: 37.0 °C under the arm; the highest was 37.9 °C."
    )


def test_what_the_limit_says_at_once_is_not_said_twice():
    readings = [temp(0, 39), temp(60, 38.4), temp(120, 38.1), temp(180, 37)]
    assert words(play(Ward(Dsp()), readings)) == [HIGH, LOWER, BEGUN, OVER]
    rising = [temp(0, 38), temp(60, 39)]
    assert words(play(Ward(Dsp()), rising)) == [BEGUN, HIGH]


def test_what_a_limit_says_only_later_or_never_is_said():
    for limit in (Limit(high=38.5, hold_s=60), Limit(high=44, hold_s=0)):
        ward = Ward(Dsp())
        ward.plan("p-7", Plan(limits={"body_temperature": limit}))
        assert words(play(ward, [temp(0, 39)])) == [BEGUN]


def test_a_patch_is_believed_when_it_has_been_worn_for_a_while():
    patch = [temp(minute, 38.2, "body") for minute in range(26)]
    (begin,) = play(Ward(Dsp()), patch)
    assert (begin.begin, begin.t) == (T0 + 15 * 60_000, T0 + 25 * 60_000)
    assert play(Ward(Dsp()), patch[:25]) == []
    again = [*patch[:10], temp(10, None, "body", q=("off_body",)), *patch[11:]]
    again += [temp(minute, 38.2, "body") for minute in range(26, 36)]
    assert [a.t for a in play(Ward(Dsp()), again)] == [T0 + 35 * 60_000]


def test_of_a_stream_one_value_is_no_fever():
    values = [37.9 if minute % 10 else 37.0 for minute in range(120)]
    stream = [temp(minute, x) for minute, x in enumerate(values)]
    assert play(Ward(Dsp()), stream) == []
    lasting = [temp(minute, 37.9) for minute in range(120)]  # control
    assert words(play(Ward(Dsp()), lasting)) == [BEGUN]


def test_whoever_exercises_is_warm_and_has_no_fever():
    ward, run = Ward(Dsp()), Session(id="s", begin=T0, end=T0 + 3_600_000)
    ward.plan("p-7", Plan(sessions=(run,)))
    assert play(ward, [temp(30, 37.9)]) == []
    assert words(play(ward, [temp(60, 37.9)])) == [BEGUN]


def test_so_is_whatever_streams_though_it_tells_no_site():
    cold = [temp(s / 6, 33, None) for s in range(12)]
    hot = [temp(2 + s / 6, 38.2, None) for s in range(150)]
    (begin,) = play(Ward(Dsp()), cold + hot)
    assert (begin.begin, begin.t) == (T0 + 15 * 60_000, T0 + 25 * 60_000)
    assert words(play(Ward(Dsp()), [temp(0, 38.2, None)])) == [BEGUN]  # control


@pytest.mark.parametrize("q", [("off_body",), ("implausible",), ("motion",)])
def test_what_cannot_be_relied_on_changes_nothing(q):
    assert play(Ward(Dsp()), [temp(0, 38, q=q)]) == []
    assert words(play(Ward(Dsp()), [temp(0, 38), temp(9, 36, q=q)])) == [BEGUN]


def test_the_bounds_are_the_configurations():
    mine = Dsp(fever={"armpit": 37.0, "toe": 36.0}, fever_margin=0.1)
    readings = [temp(0, 37.0), temp(9, 36.9), temp(18, 36.0, "toe")]
    assert words(play(Ward(mine), readings)) == [BEGUN, OVER, BEGUN]
    with pytest.raises(ConfigError, match=r"dsp\.fever\.nose"):
        parse("[dsp.fever]\nnose = 37")


def test_late_data_is_marked():
    late = temp(0, 38, received=T0 + 7_200_000)
    assert [a.late for a in play(Ward(Dsp()), [late])] == [True]
    assert [a.late for a in play(Ward(Dsp()), [temp(0, 38)])] == [False]


def test_switched_off_it_ends():
    ward = Ward(Dsp())
    play(ward, [temp(0, 38)])
    (over,) = ward.plan("p-7", Plan(off=("fever",)))
    assert words([over]) == [OVER]
    assert "switched off" in over.evidence["text"]
    assert play(Ward.load(Dsp(), ward.save()), [temp(9, 38), temp(18, 38)]) == []


def test_a_broken_clock_ends_what_it_began():
    ward, ahead = Ward(Dsp()), temp(400 * 1440, 38)
    said = ward.observe([ahead], ahead.record.t)
    said += ward.observe([temp(0, 36)], T0)
    assert words(said) == [BEGUN, OVER]


readings = st.lists(
    st.tuples(
        st.sampled_from([3, 10, 59, 61, 300]),
        st.sampled_from([36.0, 37.0, 37.2, 37.3, 37.5, 37.7, 38.0, 38.1, 38.4, 39.0])
        | st.none(),
        st.sampled_from(["armpit", "ear", "mouth", "toe"]),
    ),
    max_size=30,
)


def diary(steps):
    minute, found = 0, []
    for gap, value, site in steps:
        minute += gap
        found.append((T0 + minute * 60_000, value, site))
    return found


@given(readings)
def test_it_says_what_its_slow_twin_says(naive_pressure, steps):
    held_to = fever.rules(Dsp())._replace(ceiling=38.5)
    state, said = Thermometer("p", "d", T0, T0), []
    for t, value, site in diary(steps):
        state, turn = fever.take(state, Heat(t, value, site, False), held_to)
        said += [(turn.over, t)] if turn else []
    assert said == naive_pressure.fever(diary(steps), fever.BOUNDS)


@given(readings, st.data())
@settings(max_examples=40, deadline=None)
def test_neither_blocks_nor_a_restart_change_what_is_said(steps, data):
    diary_ = [temp((t - T0) / 60_000, x, site) for t, x, site in diary(steps)]
    single = [encode(a) for a in play(Ward(Dsp()), diary_)]
    cut = data.draw(st.integers(0, len(diary_)))
    ward, end = Ward(Dsp()), T0 + 7 * 86_400_000
    pieces = ward.observe(diary_[:cut], end)
    ward = Ward.load(Dsp(), ward.save())
    pieces += ward.observe(diary_[cut:], end)
    assert [encode(a) for a in pieces] == single


def test_forgetting_in_between_would_change_something():  # negative control
    first, second = temp(0, 38), temp(60, 37.1)
    apart = play(Ward(Dsp()), [first]) + play(Ward(Dsp()), [second])
    assert words(apart) == words(play(Ward(Dsp()), [first, second]))
    third = temp(120, 36)
    assert words(apart + play(Ward(Dsp()), [third])) == [BEGUN]
    assert words(play(Ward(Dsp()), [first, second, third])) == [BEGUN, OVER]
