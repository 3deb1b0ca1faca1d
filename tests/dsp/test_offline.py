"""The kernels on whole arrays, against their slow twins and what they promise."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from dsp import heart, kernels, offline
from dsp.decline import COUNT, SIGNS, VERDICT, Hours, Watchfulness, declines, signs
from dsp.heart import BEAT, Beats, Rhythm
from dsp.hearts import gathered
from vitals import gate
from vitals.gate import Gate


def sinus(n, seed=1, mean=850.0):
    """A heart in sinus rhythm: breath and a slow wave, in whole 1/1024 s."""
    rng = np.random.default_rng(seed)
    k = np.arange(n)
    rr = mean + 25 * np.sin(k / 4) + 30 * np.sin(k / 60) + rng.normal(0, 8, n)
    return np.rint(rr * 1.024) / 1.024


def fibrillation(n, seed=2):
    rng = np.random.default_rng(seed)
    return np.rint(np.clip(rng.gamma(14, 50, n), 350, 1400) * 1.024) / 1.024


def times(rr):
    return np.r_[0.0, np.cumsum(rr)] / 1000


def day(seed, n=300):
    """A heart with everything: both rhythms, ectopic, missed and extra beats."""
    rng = np.random.default_rng(seed)
    rr = np.concatenate([sinus(n, seed), fibrillation(n, seed), sinus(n, seed + 1)])
    for at in rng.choice(np.arange(10, rr.size - 10, 7), rr.size // 30, replace=False):
        what = rng.integers(4)
        if what == 0:
            rr[at], rr[at + 1] = 0.6 * rr[at], rr[at + 1] + 0.4 * rr[at]
        elif what == 1:
            rr[at] *= 2
        elif what == 2:
            rr[at], rr[at + 1] = 0.4 * rr[at], 0.6 * rr[at]
        else:
            rr[at] = 90.0
    return rr


def words(said):
    return repr(said.tolist())  # to the bit, and NaN equals NaN


def run(rr, cuts=(), t=None):
    state = heart.hearts(1)
    t = np.cumsum(rr) if t is None else t
    said = np.zeros(rr.size, BEAT)
    edges = [0, *sorted(cuts), rr.size]
    for a, b in pairwise(edges):
        row, rate = np.zeros(b - a, np.int64), np.full(b - a, np.nan)
        block = Beats(row, t[a:b].copy(), rr[a:b].copy(), rate)
        kernels.beats(state, Gate(), Rhythm(), block, said[a:b])
    return state, said


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(1, 899), max_size=4))
def test_cutting_beats_into_blocks_changes_nothing(seed, cuts):
    rr = day(seed)
    whole, pieces = run(rr), run(rr, cuts)
    assert whole[0].tobytes() == pieces[0].tobytes()
    assert whole[1].tobytes() == pieces[1].tobytes()


def test_hearts_in_any_order_equal_each_alone():
    hearts = [day(seed) for seed in range(5)]
    n = hearts[0].size
    rng = np.random.default_rng(3)
    who = rng.permutation(np.repeat(np.arange(5), n))
    rr, t = np.empty(5 * n), np.empty(5 * n)
    for k, own in enumerate(hearts):
        rr[who == k], t[who == k] = own, np.cumsum(own)
    said = np.zeros(5 * n, BEAT)
    block, order = gathered(Beats(who, t, rr, np.full(5 * n, np.nan)), 5)
    kernels.beats(heart.hearts(5), Gate(), Rhythm(), block, said)
    said[order] = said.copy()
    mixed = np.zeros(5 * n, BEAT)
    block = Beats(who, t, rr, np.full(5 * n, np.nan))
    kernels.beats(heart.hearts(5), Gate(), Rhythm(), block, mixed)
    assert words(mixed) == words(said)
    for k, own in enumerate(hearts):
        assert words(said[who == k]) == words(run(own)[1])
    assert words(said[who == 0]) != words(said[who == 1])  # control


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_gate_and_rhythm_equal_their_slow_twins(naive_heart, seed):
    rr = day(seed, 150)
    _, said = run(rr)
    flags, medians, smooth = naive_heart.gate(rr.tolist(), Gate())
    judged = said[said["judged"] >= 0]
    n = judged.size
    assert judged["flag"].tolist() == flags[:n]
    assert judged["usual"].tolist() == medians[:n]
    slow = naive_heart.evidence(flags[:n], smooth[:n], Rhythm())
    assert np.allclose(judged["evidence"], slow, rtol=1e-9, atol=1e-12)


def test_such_days_hold_every_kind_of_beat():  # or the twins would agree on nothing
    _, said = run(np.concatenate([day(seed) for seed in range(5)]))
    assert set(said["flag"].tolist()) == {0, 1, 2, 3, 4}
    assert (said["evidence"] > 1).any()
    assert (said["evidence"] < 0.2).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([np.nan, 70.0]))
def test_the_gate_without_a_compiler_judges_as_the_kernels_do(seed, rate):
    rr = day(seed, 150)
    said = np.concatenate(offline.heard(np.cumsum(rr), rr, np.full(rr.size, rate)))
    said = said[said["judged"] >= 0]
    s, plain = gate.Watched(), []
    for x in rr.tolist():
        gate.contradict(s, x, rate)
        gate.arrive(s, x)
        if s.count > gate.AROUND:
            plain.append(gate.judge(s, Gate()))
    while s.judged < s.count:
        gate.leave(s)
        plain.append(gate.judge(s, Gate()))
    assert plain == list(
        zip(said["flag"].tolist(), said["usual"].tolist(), strict=True)
    )


def rolled(said):
    """Give what was said of variability, (judged, 4)."""
    return np.stack([said[name] for name in offline.NAMES], axis=1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sets(st.integers(1, 449), max_size=20))
def test_rolling_variability_equals_its_definition(naive_heart, seed, lost):
    rr = day(seed, 150)
    before = np.zeros(rr.size)
    before[list(lost)] = 1501.0
    _, said = run(rr, t=np.cumsum(rr + before))
    judged = said[said["judged"] >= 0]
    found = judged["flag"].tolist(), judged["usual"].tolist()
    want = naive_heart.rolling(rr.tolist(), *found, lost)
    assert np.allclose(rolled(judged), want, rtol=1e-9, equal_nan=True)


def premature(n=400, every=20):
    """A heart in sinus rhythm and the same with premature beats, each with a pause."""
    rr = sinus(n)
    odd = rr.copy()
    for at in range(every, n - 1, every):
        odd[at], odd[at + 1] = 0.6 * rr[at], rr[at + 1] + 0.4 * rr[at]
    return rr, odd


def test_premature_beats_and_their_pauses_leave_variability_as_it_is():
    clean, odd = (run(rr)[1][-1] for rr in premature())
    assert odd["rmssd"] == pytest.approx(clean["rmssd"], rel=0.1)
    assert odd["sdnn"] == pytest.approx(clean["sdnn"], rel=0.1)
    assert odd["mean_hr"] == pytest.approx(clean["mean_hr"], rel=0.01)


def test_negative_control_with_the_pauses_it_is_several_times_as_much(naive_heart):
    clean, odd = premature()
    flags, *_ = naive_heart.gate(odd.tolist(), Gate())
    kept = [x for x, flag in zip(odd.tolist(), flags, strict=False) if flag == 0]
    [*_, (with_pauses, *_)] = naive_heart.rolling(kept, [0] * len(kept), kept)
    assert with_pauses > 3 * run(clean)[1]["rmssd"][-1]


def test_what_was_lost_is_no_neighbour_where_it_was_lost():
    rr = np.full(200, 800.0)
    rr[100:] = 860.0  # the heart has slowed down meanwhile
    for lost, rmssd in ((100, 0.0), (95, 60 / np.sqrt(127))):
        t = np.cumsum(rr)
        t[lost:] += 5000.0
        assert run(rr, t=t)[1]["rmssd"][-1] == pytest.approx(rmssd)


def test_rounding_does_not_pile_up():
    rr = sinus(20_000) + np.random.default_rng(1).normal(0, 1e-3, 20_000)
    _, said = run(rr)
    last = rr[: said["judged"][-1] + 1][-128:]
    assert said["rmssd"][-1] == pytest.approx(
        np.sqrt(np.mean(np.diff(rr[: said["judged"][-1] + 1][-129:]) ** 2)), rel=1e-9
    )
    assert said["sdnn"][-1] == pytest.approx(np.std(last, ddof=1), rel=1e-9)


@given(st.lists(st.floats(200, 2500), min_size=2, max_size=400))
def test_variability_is_the_textbooks(rr):
    rr = np.array(rr)
    found = offline.hrv(rr)
    leaps = np.diff(rr)
    assert found["rmssd"] == pytest.approx(np.sqrt(np.mean(leaps**2)), rel=1e-9)
    assert found["sdnn"] == pytest.approx(rr.std(ddof=1), rel=1e-9, abs=1e-9)
    assert found["pnn50"] == np.mean(np.abs(leaps) > 50)
    assert found["mean_hr"] == pytest.approx(60_000 / rr.mean(), rel=1e-12)


def test_the_periodogram_is_scipys():
    rr = sinus(300)
    t, y = np.cumsum(rr) / 1000, rr - rr.mean()
    grid = 2 * np.pi * np.linspace(0.04, 0.4, 256)
    power = np.zeros(grid.size)
    kernels.lomb(t, y, grid[0], grid[1] - grid[0], power)
    assert np.allclose(power, signal.lombscargle(t, y, grid), rtol=1e-9)


def test_low_and_high_frequencies_are_told_apart():
    t = np.cumsum(np.full(300, 0.8))
    for rate, name in ((0.1, "lf"), (0.3, "hf")):
        wave = 800 + 30 * np.sin(2 * np.pi * rate * t)
        found = offline.spectrum(wave)
        other = "hf" if name == "lf" else "lf"
        assert found[name] > 20 * found[other]


def test_sample_entropy_is_its_definition(naive_heart):
    rr = fibrillation(200)
    r = 0.2 * rr.std(ddof=1)
    assert kernels.sample_entropy(rr, 2, r) == naive_heart.sample_entropy(
        rr.tolist(), 2, r
    )
    assert np.isnan(kernels.sample_entropy(np.array([1.0, 5.0, 9.0, 13.0]), 2, 0.1))


def test_fibrillation_is_found_and_its_end_too():
    rr = np.concatenate([sinus(400), fibrillation(400), sinus(400)])
    t = times(rr)
    said = offline.rhythm(t)
    assert not said[:360].any()
    assert said[450:750].all()
    assert not said[-360:].any()
    ((start, end, raised),) = offline.episodes(t, 30.0)
    assert abs(start - t[400]) < 30
    assert abs(end - t[800]) < 60
    assert start + 30 <= raised < t[400] + 75


@pytest.mark.parametrize("every", [2, 3, 4])
def test_premature_beats_in_a_pattern_are_not_fibrillation(every):
    rr = sinus(600)
    rr[::every] *= 0.65
    rr[1::every] += 0.35 * 850
    assert not offline.rhythm(times(rr)).any()


def test_a_strap_that_drops_beats_is_not_fibrillation_and_does_not_hide_it():
    rng = np.random.default_rng(4)
    for rr, irregular in ((sinus(800), False), (fibrillation(800), True)):
        t = times(rr)
        kept = t[np.sort(rng.choice(t.size, int(0.93 * t.size), replace=False))]
        assert offline.rhythm(kept).mean() == (
            pytest.approx(1, abs=0.1) if irregular else 0
        )


@pytest.mark.parametrize("cut", [200, 400, 470, 900])
def test_what_was_said_stays_said(cut):
    t = times(day(7))
    whole, part = offline.rhythm(t), offline.rhythm(t[:cut])
    assert (whole[: cut - 64] == part[: cut - 64]).all()
    raised = [e[2] for e in offline.episodes(t, 30.0) if e[2] <= t[cut - 1]]
    assert [e[2] for e in offline.episodes(t[:cut], 30.0)] == raised


def test_missed_and_extra_beats_are_mended_and_ectopic_ones_left():
    rr = sinus(300)
    spoiled = rr.copy()
    spoiled[50] += spoiled[51]
    spoiled = np.delete(spoiled, 51)
    spoiled = np.insert(spoiled, 150, 0.4 * spoiled[150])
    spoiled[151] *= 0.6
    spoiled[220] *= 0.6
    clean, flags = offline.repair(spoiled)
    assert np.flatnonzero(flags == gate.MISSED).tolist() == [50]
    assert np.flatnonzero(flags == gate.EXTRA).tolist() == [150, 151]
    assert flags[220] == gate.ECTOPIC
    assert clean.sum() == pytest.approx(spoiled.sum())
    assert clean.size == rr.size
    assert spoiled[220] in clean
    assert not offline.repair(rr)[1].any()  # control


def test_intervals_that_contradict_the_devices_own_rate_are_no_beats():
    rr, n = np.full(100, 500.0), 100
    fills, _ = offline.heard(np.cumsum(rr), rr, np.full(n, 66.0))
    assert (fills["flag"][-50:] == gate.ARTEFACT).all()
    honest, _ = offline.heard(np.cumsum(rr), rr, np.full(n, 120.0))
    assert not honest["flag"].any()


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 12, 70])
def test_the_shortest_records_are_judged(n):
    rr = sinus(n)
    assert offline.rhythm(times(rr)).shape == (n + 1,)
    clean, flags = offline.repair(rr)
    assert flags.shape == (n,)
    assert clean.tolist() == rr.tolist()
    assert offline.episodes(times(rr), 30.0) == []


GOLDEN = {
    "resp": "8:3 9:1 11:1 12:0 20:0 21:2 24:2 25:3",
    "spo2": "91:3 92:2 93:2 94:1 95:1 96:0",
    "sbp": "90:3 91:2 100:2 101:1 110:1 111:0 219:0 220:3 90.4:3",
    "hr": "40:3 41:1 50:1 51:0 90:0 91:1 110:1 111:2 130:2 131:3",
    "temp": "35.0:3 35.1:1 36.0:1 36.1:0 38.0:0 38.1:1 39.0:1 39.1:2 36.05:1",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_points_are_news2s(name):
    """RCP "NEWS2 Chart 1", each band's edges."""
    for pair in GOLDEN[name].split():
        value, points = map(float, pair.split(":"))
        (said,) = offline.verdicts(np.zeros(1), {name: np.array([value])})
        assert said["low"] == points, pair
        assert bool(said["red"]) == (points == 3)


def test_a_partial_score_is_a_bound():
    (said,) = offline.verdicts(np.zeros(1), {"hr": np.array([120.0])})
    assert (said["low"], said["high"]) == (2, 2 + 3 + 3 + 3 + 3)
    missing = {name for k, name in enumerate(SIGNS) if said["missing"] >> k & 1}
    assert missing == set(SIGNS) - {"hr"}


def test_what_is_too_old_is_missing():
    value = np.array([120.0] + [np.nan] * 12)
    said = offline.verdicts(np.arange(13.0), {"hr": value})
    assert said["low"].tolist() == [2.0] * 9 + [0.0] * 4


def charts(seed, n=60):
    rng = np.random.default_rng(seed)
    table = signs()
    value = table.mean + table.spread * np.cumsum(rng.normal(0, 0.5, (n, COUNT)), 0)
    value[rng.random(value.shape) < 0.3] = np.nan
    return value


def assess(value, cut=0):
    state, said = declines(1), np.zeros(len(value), VERDICT)
    for a, b in ((0, cut), (cut, len(value))):
        block = Hours(
            np.zeros(b - a, np.int64), np.arange(a, b, dtype=float), value[a:b].copy()
        )
        kernels.decline(state, signs(), Watchfulness(), block, said[a:b])
    return said


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_cutting_a_chart_into_blocks_changes_nothing(seed, cut):
    value = charts(seed)
    assert assess(value, cut).tobytes() == assess(value).tobytes()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_decline_equals_its_slow_twin(naive_heart, seed):
    value = charts(seed)
    said = assess(value)
    slow = naive_heart.decline(value.tolist(), Watchfulness())
    assert np.allclose(said["score"], slow, rtol=1e-9)
    assert np.ptp(slow) > 1


def test_worse_is_larger_and_the_trained_score_agrees():
    n = 48
    steady = {
        "hr": np.full(n, 80.0),
        "sbp": np.full(n, 125.0),
        "temp": np.full(n, 37.0),
    }
    ill = {name: x.copy() for name, x in steady.items()}
    ill["hr"][30:] += np.arange(18) * 3
    ill["temp"][30:] += 1.8
    ill["sbp"][30:] -= np.arange(18) * 2
    hours = np.arange(n, dtype=float)
    for trained in (False, True):
        a = offline.deterioration(hours, steady, trained)
        b = offline.deterioration(hours, ill, trained)
        assert (a[:30] == b[:30]).all()
        assert (b[36:] > a[36:]).all()


def test_a_changed_source_of_any_kernel_makes_the_cache_stale(tmp_path):
    from dsp.kernels.compiled import STAMP, stamp

    one, other = tmp_path / "a.py", tmp_path / "b.py"
    one.write_text("A = 1")
    other.write_text("B = 1")
    before = stamp(tmp_path)
    other.write_text("B = 2")
    assert stamp(tmp_path) != before
    assert kernels.beats._cache._cache_file._source_stamp == STAMP
