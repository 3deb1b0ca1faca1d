"""Where signals are going: forecasts before a limit is reached, and fast changes."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import kernels, trend
from dsp.arrays import NIGHT, REWIND, RULE, Block
from dsp.ward import Ward
from vitals import (
    BloodPressure,
    BodyTemperature,
    ConfigError,
    HeartRate,
    Limit,
    Plan,
    Reading,
)
from vitals.config import parse
from vitals.detection import Dsp, Forecast, Rate
from vitals.model import Session
from vitals.wire import encode

T0 = 1_700_000_000_000
ON = Dsp(forecasts={"heart_rate": Forecast(horizon_s=600)})


def at(second):
    return T0 + int(second * 1000)


def heart(second, hr, **fields):
    fields = {"received": at(second), **fields}
    return Reading("p-7", "strap", HeartRate(t=at(second), hr=hr, **fields))


def patch(second, temp):
    record = BodyTemperature(t=at(second), received=at(second), temp=temp)
    return Reading("p-7", "patch", record)


def play(ward, readings):
    return ward.observe(readings, at(0))


def words(said):
    return [(a.condition, a.over) for a in said]


def climb(start, slope, seconds, first=0, noise=2.0, seed=1):
    """A heart whose rate goes up by `slope` /min every minute."""
    wobble = np.random.default_rng(seed).normal(0, noise, seconds)
    rates = np.round(start + slope / 60 * np.arange(seconds) + wobble)
    return [heart(first + s, hr) for s, hr in enumerate(rates.tolist())]


def ahead(said):
    return [a for a in said if a.detector == "forecast"]


def test_a_heart_on_its_way_to_its_limit_is_told_before_it_is_there():
    said = play(Ward(ON), climb(90, 3, 900))
    begin, end = ahead(said)
    assert words([begin, end]) == [
        ("heart_rate_forecast_high", False),
        ("heart_rate_forecast_high", True),
    ]
    reached = at(60 * (131 - 90) / 3)
    assert reached - 600_000 < begin.t < reached - 180_000
    evidence = begin.evidence
    assert evidence["limit"] == 131
    assert evidence["per_hour"] == pytest.approx(180, abs=15)
    expected = begin.t + evidence["in_s"] * 1000
    assert expected == pytest.approx(reached, abs=60_000)
    first, last = evidence["from_s"], evidence["to_s"]
    assert first < evidence["in_s"] < last <= 600
    assert begin.begin == begin.t
    assert "will be at 131 in about" in evidence["text"]
    assert "131" in evidence["text_zh"]
    assert end.t >= reached - 60_000  # then it is the limit's


def test_by_default_a_heart_is_not_foretold():  # undeclared exercise would be
    assert ahead(play(Ward(Dsp()), climb(90, 3, 900))) == []


def test_a_forecast_that_does_not_come_true_is_withdrawn():
    rates = climb(90, 3, 520) + climb(116, 0, 900, first=520)
    begin, end = ahead(play(Ward(ON), rates))
    assert (begin.over, end.over, begin.id == end.id) == (False, True, True)
    assert end.evidence["text"] == "Heart rate is no longer on its way to 131 /min."
    assert end.t < at(900)


@pytest.mark.parametrize("slope", [0, 0.5, -0.5])
def test_a_heart_that_goes_nowhere_near_is_left_in_peace(slope):
    assert ahead(play(Ward(ON), climb(80, slope, 1800, noise=4))) == []


def test_who_is_beyond_already_is_not_foretold():
    assert ahead(play(Ward(ON), climb(135, 3, 900))) == []


def test_a_wide_scatter_is_no_forecast():  # the same slope, and the band is wide
    wild = [heart(s, 90 + s / 20 + (14 if s // 30 % 2 else -14)) for s in range(620)]
    assert ahead(play(Ward(ON), wild)) == []
    calm = [heart(s, 90 + s / 20) for s in range(620)]
    assert ahead(play(Ward(ON), calm)) != []  # negative control


@pytest.mark.parametrize("height", [30, 45, 55, 60])
def test_a_leap_is_no_trend(height):
    leap = climb(70, 0, 600) + climb(70 + height, 0, 900, first=600)
    assert ahead(play(Ward(ON), leap)) == []


def test_a_bradycardia_is_foretold_too():
    (begin, *_) = ahead(play(Ward(ON), climb(80, -3, 700)))
    assert (begin.condition, begin.evidence["limit"]) == ("heart_rate_forecast_low", 40)


def test_hourly_values_are_no_stream():
    hours = [heart(3600 * h, 70 + 5 * h) for h in range(12)]
    hours += [patch(3600 * h, 36.5 + 0.15 * h) for h in range(12)]
    assert ahead(play(Ward(ON), sorted(hours, key=lambda r: r.record.t))) == []


def test_a_fever_that_comes_is_told_before_it_is_there():
    rise = [patch(60 * m, 36.8 + max(0, m - 60) * 0.015) for m in range(200)]
    begin, *_ = ahead(play(Ward(ON), rise))
    reached = at(60 * (60 + 1.7 / 0.015))
    assert begin.condition == "body_temperature_forecast_high"
    assert reached - 7_200_000 < begin.t < reached - 1_200_000


def cooling(start, per_hour, hours, floor=0.0):
    """A temperature that falls every minute, and not below a floor."""
    wobble = np.random.default_rng(1).normal(0, 0.02, int(60 * hours))
    falls = np.maximum(start - per_hour / 60 * np.arange(wobble.size), floor) + wobble
    return [patch(60 * m, temp) for m, temp in enumerate(np.round(falls, 2).tolist())]


@pytest.mark.parametrize("per_hour", [0.75, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("usual", [36.5, 36.8, 37.1])
def test_a_fever_that_falls_to_the_usual_is_no_forecast_of_hypothermia(per_hour, usual):
    fall = cooling(39.5, per_hour, 8, floor=usual)
    assert ahead(play(Ward(Dsp()), fall)) == []


@pytest.mark.parametrize(
    ("per_hour", "early_s"), [(0.4, 4500), (0.75, 3600), (1.0, 2700), (1.5, 1200)]
)
@pytest.mark.parametrize("start", [36.9, 39.0])
def test_a_body_that_cools_out_is_told_before_it_is_too_cold(per_hour, early_s, start):
    said = ahead(play(Ward(Dsp()), cooling(start, per_hour, 11)))
    begin, end = said  # the limit's, once it is reached
    reached = at(3600 * (start - 35.0) / per_hour)
    assert begin.condition == "body_temperature_forecast_low"
    assert early_s * 1000 < reached - begin.t < 7_200_000
    assert end.over


def test_a_heart_that_comes_down_from_exercise_is_not_on_its_way_to_stop():
    rates = climb(150, -8, 540, noise=1) + climb(78, 0, 600, first=540, noise=1)
    assert ahead(play(Ward(ON), rates)) == []
    ward = Ward(ON)  # negative control: a middle that all of it lies below
    ward.plan("p-7", Plan(limits={"heart_rate": Limit(low=40, high=240)}))
    assert ahead(play(ward, rates)) != []


def test_pressure_by_readings_is_foretold_where_the_configuration_asks():
    def cuff_at(n):
        t = at(43_200 * n)
        return Reading(
            "p-7", "cuff", BloodPressure(t=t, received=t, sys=130 + 4 * n, dia=80)
        )

    cuff = [cuff_at(n) for n in range(12)]
    assert ahead(play(Ward(ON), cuff)) == []  # by default nobody does
    asked = Dsp(forecasts={"systolic": Forecast(horizon_s=3 * 86_400, z=1)})
    assert ahead(play(Ward(asked), cuff)) == []  # 180 is a matter of two steps
    ward = Ward(asked)
    ward.plan("p-7", Plan(limits={"systolic": Limit(high=180)}))
    (begin, *_) = ahead(play(ward, cuff))
    assert begin.condition == "systolic_forecast_high"


def test_exercise_is_no_trend():
    session = Session(id="bike", begin=at(0), end=at(900), limit=160)
    ward = Ward(ON)
    ward.plan("p-7", Plan(sessions=(session,)))
    assert ahead(play(ward, climb(90, 3, 900))) == []


def test_c10_missing_data_neither_raises_nor_withdraws_a_forecast():
    rates = climb(90, 3, 520)
    gone = [heart(520 + s, None) for s in range(600)]
    bad = [heart(1200 + s, 70, q=("artefact",)) for s in range(600)]
    assert [a.over for a in ahead(play(Ward(ON), rates + gone + bad))] == [False]
    assert ahead(play(Ward(ON), gone + bad)) == []


def test_quality_is_in_the_evidence_and_late_wakes_nobody():
    rates = climb(90, 3, 600)
    rates[10:500:7] = [heart(s, 70, q=("motion",)) for s in range(10, 500, 7)]
    begin = ahead(play(Ward(ON), rates))[0]
    assert 0.8 < begin.evidence["quality"] == begin.confidence < 0.95
    belated = [
        heart(s, r.record.hr, received=at(s + 3600)) for s, r in enumerate(rates)
    ]
    assert all(a.late for a in ahead(play(Ward(ON), belated)))


def test_a_fast_change_is_told_where_the_configuration_asks():
    leap = climb(70, 0, 300) + climb(75, 25, 150, first=300)
    leap += climb(115, 0, 600, first=450)
    assert "heart_rate_rising_fast" not in dict(words(play(Ward(ON), leap)))
    asked = Dsp(rates={"heart_rate": Rate(by=30, within_s=180)})
    begin, end = (a for a in play(Ward(asked), leap) if a.detector == "rate")
    assert words([begin, end]) == [
        ("heart_rate_rising_fast", False),
        ("heart_rate_rising_fast", True),
    ]
    assert begin.value >= 30
    assert begin.evidence["limit"] == 30
    assert begin.evidence["text"].startswith("Heart rate has risen by ")
    slow = climb(70, 5, 600)
    assert [a for a in play(Ward(asked), slow) if a.detector == "rate"] == []


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(ConfigError, match=r"dsp\.forecasts\.glucose: unknown"):
        parse("[dsp.forecasts]\nglucose = { horizon_s = 60 }")
    with pytest.raises(ConfigError, match=r"dsp\.rates\.diastolic: unknown"):
        parse("[dsp.rates]\ndiastolic = { by = 60 }")


HELD = np.zeros(1, trend.COURSE)
HELD[0] = (5000, 12_000, 30_000, 5, 2, 0.5, 1.5, 20.0, 20_000)
SPOT = HELD.copy()
SPOT["width"] = 0
SPOT["gap"] = 60_000
RULES = np.zeros((1, 1), RULE)
RULES["bound"], RULES["night"] = (45.0, 120.0), (50.0, 110.0)
OPEN = RULES.copy()  # one side only
OPEN["bound"], OPEN["night"] = (np.nan, 100.0), (60.0, np.nan)

moments = st.lists(
    st.tuples(
        st.sampled_from([0, 1000, 1000, 1000, 2000, 5000, 13_000, -4000]),
        st.sampled_from([-9.3, -3.1, 0.0, 0.7, 3.3, 6.1, 12.9, float("nan")]),
        st.sampled_from([0, 0, 0, 0, 0, 0, 1, NIGHT, REWIND]),
    ),
    min_size=1,
    max_size=120,
)


def course(moments):
    gaps, steps, q = (np.array(c) for c in zip(*moments, strict=True))
    walk = 80 + np.cumsum(np.nan_to_num(steps))
    return np.cumsum(gaps) + 100_000, np.where(np.isnan(steps), np.nan, walk), q


def run(t, x, q, held, cuts=(), rules=RULES):
    state, said, edges = trend.trends(1), [], [0, *cuts, t.size]
    for a, b in pairwise(edges):
        n = b - a
        zeros = np.zeros(n, np.int64)
        block = Block(zeros, zeros, t[a:b], x[a:b], q[a:b])
        events = np.zeros(4 * n + 1, trend.TURN)
        m = kernels.trends(state, held, rules, block, 3, events)
        for e in events[:m]:
            names = "side", "what", "begin", "value"
            said.append((int(e["sample"]) + a, *(e[name].item() for name in names)))
    return said, state


def twin():
    path = Path(__file__).with_name("naive_trend.py")
    spec = importlib.util.spec_from_file_location("dsp_naive_trend", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TWIN = twin()


@given(moments, st.booleans(), st.booleans())
def test_the_kernel_equals_its_slow_twin(moments, spot, open_):
    t, x, q = course(moments)
    held = SPOT if spot else HELD
    names = held.dtype.names
    values = dict(zip(names, held[0].tolist(), strict=True))
    rules = OPEN if open_ else RULES
    slow = TWIN.Trend(values, *(rules[name][0, 0] for name in ("bound", "night")))
    columns = zip(t.tolist(), x.tolist(), q.tolist(), strict=True)
    expected = [e for i, (a, b, c) in enumerate(columns) for e in slow.take(i, a, b, c)]
    assert repr(run(t, x, q, held, rules=rules)[0]) == repr(expected)


@given(moments, st.data())
def test_cutting_into_blocks_changes_nothing(moments, data):
    t, x, q = course(moments)
    cut = data.draw(st.integers(0, t.size))
    whole, state = run(t, x, q, HELD)
    pieces, cut_state = run(t, x, q, HELD, [cut])
    assert repr(whole) == repr(pieces)
    assert state.tobytes() == cut_state.tobytes()


def test_such_courses_say_everything():  # or the twins would agree on nothing
    said = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = 80 + np.cumsum(rng.choice([-5.0, -1.0, 0.0, 1.0, 5.0], 400))
        t = np.arange(400) * 1000
        said |= {e[1:3] for e in run(t, x, np.zeros(400, np.int64), HELD)[0]}
    assert said == {(side, what) for side in range(4) for what in (1, 3)}


@given(st.integers(0, 900), st.integers(0, 5))
@settings(max_examples=15)
def test_a_restart_changes_no_forecast(cut, seed):
    rates = climb(95, 2.5, 900, seed=seed)
    ward = Ward(ON)
    said = play(ward, rates[:cut])
    said += play(Ward.load(ON, ward.save()), rates[cut:])
    assert [encode(a) for a in said] == [encode(a) for a in play(Ward(ON), rates)]


def test_a_limit_of_a_plan_is_the_one_that_is_looked_ahead_to():
    ward = Ward(ON)
    ward.plan("p-7", Plan(limits={"heart_rate": Limit(high=200)}))
    assert ahead(play(ward, climb(90, 3, 900))) == []
