"""The kernels, against their slow twin and against what they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import arrays, kernels

values = st.one_of(
    st.sampled_from([60.0, 62.0, 90.0, 118.0, 119.0, 120.0, 126.0, 150.0, 35.0, 43.0]),
    st.floats(20, 200),
    st.just(float("nan")),
)
gaps = st.sampled_from([0, 500, 1000, 1000, 1000, 1000, 3000, 5000, 60_000])
BY_NIGHT, RESTLESS = arrays.NIGHT, arrays.EXERCISE
STRIVING = arrays.EXERCISE | arrays.PRESCRIBED
marks = [0, 0, 0, 0, 1, 2, 4, BY_NIGHT, BY_NIGHT, RESTLESS, STRIVING, STRIVING | 1]
moments = st.tuples(gaps, values, st.sampled_from(marks))
signals = st.lists(moments, min_size=1, max_size=120)


def columns(moments):
    gaps, values, quality = zip(*moments, strict=True)
    return np.cumsum(gaps), list(values), list(quality)


def same(a, b):
    assert repr(a) == repr(b)  # to the bit, and NaN equals NaN


@given(signals, st.sampled_from([0, 2000, 3000]), st.sampled_from([2.0, np.nan]))
def test_the_kernel_equals_its_slow_twin(lab, naive, moments, hold, spread):
    t, x, q = columns(moments)
    rules = lab.rules(hold=hold, spread=spread)
    zeros = [0] * len(t)
    got = lab.step(lab.state(1, 1), rules, lab.block(zeros, t, x, q))
    same(got, naive.step({}, rules, zeros, zeros, t.tolist(), x, q))


def life(seed, n=400):
    """A life at rest, with stretches beyond every line, gaps and bad samples."""
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.choice([1000] * 30 + [9000], n))
    levels = rng.choice([60, 60, 60, 60, 90, 110, 130, 150, 47, 43, 30], n // 10)
    levels[:6] = 60, 60, 60, 60, *((80, 95) if seed % 2 else (60, 60))
    x = np.repeat(levels, 10) + np.round(rng.normal(0, 1, n), 1)
    x[40:46] -= (0, 0, 0, 0, 0, 0) if seed % 2 else (14, 14, 14, 18, 18, 18)
    turns = rng.choice([0] * 9 + [BY_NIGHT, RESTLESS, STRIVING], n // 20)
    return t, x, rng.choice([0] * 20 + [1], n) | np.repeat(turns, 20)


def live(lab, seed):
    t, x, q = life(seed)
    return lab.step(lab.state(1, 1), lab.rules(), lab.block([0] * t.size, t, x, q))


@given(st.integers(0, 2**32 - 1))
def test_the_twins_agree_on_whole_lives(lab, naive, seed):
    t, x, q = life(seed)
    zeros, rules = [0] * t.size, lab.rules()
    twin = naive.step({}, rules, zeros, zeros, t.tolist(), x.tolist(), q.tolist())
    same(live(lab, seed), twin)


def test_such_lives_cross_every_line(lab):  # or the twins would agree on nothing
    said = {e[1:3] for seed in range(50) for e, _ in live(lab, seed)}
    every = {(side, what) for side in range(4) for what in ("begin", "change", "end")}
    assert said == every


@given(signals, st.data())
def test_cutting_a_signal_into_blocks_changes_nothing(lab, moments, data):
    t, x, q = columns(moments)
    rules, whole, pieces = lab.rules(), lab.state(1, 1), lab.state(1, 1)
    expected = lab.step(whole, rules, lab.block([0] * len(t), t, x, q))
    cut = data.draw(st.integers(0, len(t)))
    got = []
    for at, to in ((0, cut), (cut, len(t))):
        part = lab.block([0] * (to - at), t[at:to], x[at:to], q[at:to])
        for event, recent in lab.step(pieces, rules, part, room=4):
            got.append(((event[0] + at, *event[1:]), recent))
    same(got, expected)
    assert whole.tobytes() == pieces.tobytes()


@given(signals)
def test_the_same_sample_twice_changes_nothing(lab, moments):
    t, x, _ = columns([m for m in moments if m[1] == m[1]] or [(0, 60.0, 0)])
    rules, zeros = lab.rules(), [0] * len(t)
    once = lab.step(lab.state(1, 1), rules, lab.block(zeros, t, x))
    block = lab.block(zeros * 2, np.repeat(t, 2), np.repeat(x, 2))
    twice = lab.step(lab.state(1, 1), rules, block)
    same([e[1:] for e, _ in twice], [e[1:] for e, _ in once])


@given(signals, st.sampled_from([0, 3000]))
def test_what_begins_ends_before_it_begins_again(lab, moments, hold):
    t, x, q = columns(moments)
    said = lab.step(
        lab.state(1, 1), lab.rules(hold=hold), lab.block([0] * len(t), t, x, q)
    )
    for side in range(4):
        turns = [e[2] for e, _ in said if e[1] == side and e[2] != "change"]
        assert turns == ["begin", "end"] * (len(turns) // 2) + ["begin"] * (
            len(turns) % 2
        )


@given(signals, st.data())
def test_c10_missing_data_neither_raises_nor_clears(lab, moments, data):
    t, x, q = columns(moments)
    n = len(t)
    holes = data.draw(st.lists(st.integers(0, n), max_size=5))
    at = sorted(holes)
    t2, x2 = np.insert(t, at, [t[min(h, n - 1)] for h in at]), np.insert(x, at, np.nan)
    q2 = np.insert(q, at, 0)
    rules = lab.rules()
    full = lab.step(lab.state(1, 1), rules, lab.block([0] * n, t, x, q))
    holed = lab.step(lab.state(1, 1), rules, lab.block([0] * len(t2), t2, x2, q2))
    # Only how many were seen, and where in the block, may differ.
    same([(e[1:8], r) for e, r in holed], [(e[1:8], r) for e, r in full])


def second_by_second(lab, values, quality=None, rules=None):
    n = len(values)
    t = np.arange(n) * 1000
    rules = rules or lab.rules()
    said = lab.step(lab.state(1, 1), rules, lab.block([0] * n, t, values, quality))
    return [(e[0], e[1], e[2]) for e, _ in said]


def test_c1_a_short_spike_is_not_sustained(lab):
    assert second_by_second(lab, [80, 150, 150, 150, 80]) == []


def test_c1_what_lasts_as_long_as_the_hold_is(lab):  # negative control of the spike
    assert second_by_second(lab, [80, 150, 150, 150, 150]) == [(4, 1, "begin")]


def test_an_episode_ends_only_well_inside_and_for_its_hold(lab):
    values = [150] * 4 + [119] * 9 + [117, 117, 119, 117, 117, 117, 117]
    assert second_by_second(lab, values) == [(3, 1, "begin"), (19, 1, "end")]


def test_c1_a_gap_restarts_the_hold(lab):
    def play(gap):
        t = [0, 1000, 2000 + gap, 3000 + gap]
        block = lab.block([0] * 4, t, [150.0] * 4)
        return [e[2] for e, _ in lab.step(lab.state(1, 1), lab.rules(), block)]

    assert play(20_000) == []
    assert play(1000) == ["begin"]


def test_c10_bad_quality_neither_raises_nor_clears(lab):
    assert second_by_second(lab, [150] * 9, [1] * 9) == []
    assert second_by_second(lab, [150] * 9, [4] * 9) == [(3, 1, "begin")]
    values, quality = [150] * 4 + [80] * 9, [0] * 4 + [1] * 9
    assert second_by_second(lab, values, quality) == [(3, 1, "begin")]


def test_a_limit_that_is_not_there_is_never_crossed(lab):
    rules = lab.rules(low=np.nan, high=np.nan, spread=np.nan)
    assert second_by_second(lab, [20, 300] * 20, rules=rules) == []


def test_the_baseline_tells_the_unusual_only_once_it_is_warm(lab):
    rules = lab.rules()
    assert second_by_second(lab, [60] * 4 + [90] * 3, rules=rules) == []
    said = second_by_second(lab, [60] * 20 + [90] * 4, rules=rules)
    assert said == [(22, 3, "begin")]


def test_the_unusual_gives_way_to_the_limit(lab):
    said = second_by_second(lab, [60] * 20 + [90] * 3 + [150] * 5)
    assert said == [(22, 3, "begin"), (26, 1, "begin"), (26, 3, "end")]


def test_the_baseline_does_not_learn_beyond_a_limit(lab):
    state = lab.state(1, 1)
    values = [60.0] * 20 + [150.0] * 50
    lab.step(state, lab.rules(), lab.block([0] * 70, np.arange(70) * 1000, values))
    assert state["mean"][0, 0] == 60.0
    assert state["learned"][0, 0] == 20


def ward_of(lab, patients, samples, seed=1):
    """Random walks of many patients, in random order between patients."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(patients), samples))
    t = np.empty(who.size, np.int64)
    order = np.argsort(who, kind="stable")
    t[order] = np.tile(np.arange(samples) * 1000, patients)
    walk = np.cumsum(rng.normal(0, 8, (patients, samples)), axis=1) + 100
    x = np.empty(who.size)
    x[order] = walk.ravel()
    return lab.block(who, t, x), order


def test_ten_thousand_patients_at_once_equal_each_alone(lab):
    patients, samples = 10_000, 40
    block, order = ward_of(lab, patients, samples)
    rules, alone = lab.rules(patients), lab.rules(1)
    together = {}
    for event, recent in lab.step(lab.state(patients, 1), rules, block, room=4096):
        together.setdefault(int(block.patient[event[0]]), []).append(
            (event[1:], recent)
        )
    assert sum(map(len, together.values())) > 5000
    for p in range(0, patients, 97):
        mine = order[p * samples : (p + 1) * samples]
        own = lab.block([0] * samples, block.t[mine], block.value[mine])
        said = lab.step(lab.state(1, 1), alone, own)
        same([(e[1:], r) for e, r in said], together.get(p, []))


def test_patients_who_shared_a_row_would_not(lab):  # negative control
    patients, samples = 50, 40
    block, _order = ward_of(lab, patients, samples)
    shared = block._replace(patient=block.patient // 2)
    rules = lab.rules(patients)
    a = lab.step(lab.state(patients, 1), rules, block)
    b = lab.step(lab.state(patients, 1), rules, shared)
    assert repr([e[1:] for e, _ in a]) != repr([e[1:] for e, _ in b])


@pytest.mark.parametrize("room", [4, 5, 1000])
def test_little_room_for_events_loses_none(lab, room):
    block, _ = ward_of(lab, 50, 40)
    rules = lab.rules(50)
    wanted = lab.step(lab.state(50, 1), rules, block, room=100_000)
    same(lab.step(lab.state(50, 1), rules, block, room=room), wanted)


def attend(moments, cuts=()):
    """Give the device kernel's events for one stream: (time, which, what, begin, t)."""
    state = arrays.devices(1)
    held_to = np.array([(60_000, 0, 10_000)], arrays.PATIENCE)
    said, edges = [], [0, *cuts, len(moments)]
    for at, to in itertools.pairwise(edges):
        part = moments[at:to]
        n = len(part)
        t = np.array([m[0] for m in part], np.int64)
        off = np.array([m[1] for m in part], np.int8)
        came = arrays.Arrivals(
            np.zeros(n, np.int64), t, t, t, off, np.zeros(n, np.int8)
        )  # fmt: skip
        e = np.zeros(3 * n, arrays.DEVICE_EVENT)
        count = kernels.attend(state, held_to, came, e)
        said += [event[1:] for event in e[:count].tolist()]
    return said


device_moments = st.lists(
    st.tuples(
        st.sampled_from([0, 1000, 1000, 5000, 40_000, 60_000, 61_000]), st.booleans()
    ),
    min_size=1,
    max_size=60,
)


@given(device_moments, st.data())
def test_cutting_arrivals_into_blocks_changes_nothing(moments, data):
    t = np.cumsum([gap for gap, _ in moments]).tolist()
    came = list(zip(t, [off for _, off in moments], strict=True))
    cut = data.draw(st.integers(0, len(came)))
    said = attend(came)
    assert attend(came, [cut]) == said
    for which in range(2):
        turns = [what for w, what, _, _ in said if w == which]
        assert turns == [1, 3] * (len(turns) // 2) + [1] * (len(turns) % 2)


def test_a_gap_longer_than_its_patience_was_a_silence():
    assert attend([(1000, 0), (61_000, 0), (122_000, 0)]) == [
        (arrays.SILENT, arrays.BEGIN, 61_000, 121_000),
        (arrays.SILENT, arrays.END, 61_000, 122_000),
    ]


def test_off_the_body_counts_after_its_hold_and_ends_at_once():
    moments = [(1000 * s, int(2 <= s < 20)) for s in range(25)]
    assert attend(moments) == [
        (arrays.OFF_BODY, arrays.BEGIN, 2000, 12_000),
        (arrays.OFF_BODY, arrays.END, 2000, 20_000),
    ]
