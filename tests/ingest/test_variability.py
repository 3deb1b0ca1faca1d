"""RMSSD and SDNN of windows: what the detectors' own functions give, or a gap."""

from math import isfinite, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import offline
from ingest.variability import CROWD, Interval, bounded, heard, variability, windows
from vitals import HeartRate, MalformedData, Metric, Reading, config, gate

STORE = config.Store()
WINDOW = STORE.hrv_window_s * 1000
NOON = 1_763_726_400_000


def sinus(n, seed=1):
    rng = np.random.default_rng(seed)
    k = np.arange(n)
    rr = 850 + 25 * np.sin(k / 4) + 30 * np.sin(k / 60) + rng.normal(0, 8, n)
    return np.rint(rr * 1.024) / 1.024


def ectopics(rr, places):
    """A premature beat, and the pause after it."""
    rr = rr.copy()
    for at in places:
        rr[at], rr[at + 1] = 0.6 * rr[at], rr[at + 1] + 0.4 * rr[at]
    return rr


def missed(rr, places):
    """Two beats heard as one."""
    rr = rr.copy()
    rr[list(places)] *= 2
    return rr


def extra(rr, places):
    """One beat heard as two."""
    for at in sorted(places, reverse=True):
        rr = np.concatenate([rr[:at], [0.4 * rr[at], 0.6 * rr[at]], rr[at + 1 :]])
    return rr


def intervals(rr):
    ends = np.cumsum(rr)
    return [Interval(round(t), x, 0.0, True) for t, x in zip(ends, rr, strict=True)]


def readings(beats, start=NOON, device="d-1", gateway="gw-1", **fields):
    """Three intervals in each record, as a strap notifies them."""
    ends = start + np.cumsum(beats)
    found = []
    for seq, place in enumerate(range(0, len(beats) - 2, 3), 1):
        some = tuple(float(x) for x in beats[place : place + 3])
        t = int(ends[place + 2])
        values = {"hr": 70.0, "rr": some, "gateway": gateway, "seq": seq} | fields
        found.append(Reading("p-1", device, HeartRate(t=t, **values)))
    return found


def values(found, settings=STORE):
    return {(s.metric, s.t): s.value for s in windows(heard(found), settings)}


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_the_definition_gives_of_the_mended_intervals(seed):
    """All but the first, of which it is not known where it began."""
    rr = missed(extra(sinus(350, seed), [40, 200]), [100, 300])
    mended, flags = offline.repair(rr)
    assert len(set(flags.tolist())) == 3
    expected, found = offline.hrv(mended[1:]), variability(intervals(rr))
    assert found.rmssd == pytest.approx(expected["rmssd"], rel=1e-9)
    assert found.sdnn == pytest.approx(expected["sdnn"], rel=1e-9)
    assert offline.hrv(rr)["rmssd"] > 3 * found.rmssd  # control


def test_ectopic_beats_hardly_change_it_and_without_the_gate_they_would():
    clean, rr = sinus(350), ectopics(sinus(350), range(20, 330, 20))
    truth, found = offline.hrv(clean), variability(intervals(rr))
    assert found.rmssd == pytest.approx(truth["rmssd"], rel=0.1)
    assert found.sdnn == pytest.approx(truth["sdnn"], rel=0.1)
    assert offline.hrv(rr)["rmssd"] > 3 * truth["rmssd"]  # control


def test_a_pause_whose_premature_beat_is_in_the_window_before_is_left_out():
    rr = sinus(350)
    whole = variability(intervals(np.concatenate([[1200.0], rr])))
    assert whole.rmssd == pytest.approx(offline.hrv(rr)["rmssd"], rel=0.05)


def test_each_window_has_both_at_its_start():
    rr = sinus(750)
    found = values(readings(rr))
    ends = NOON + np.cumsum(rr)
    assert sorted({t for _, t in found}) == [NOON, NOON + WINDOW, NOON + 2 * WINDOW]
    for start in (NOON, NOON + WINDOW):
        own = rr[(ends >= start) & (ends < start + WINDOW)]
        expected = offline.hrv(own[1:])
        assert found[Metric.RMSSD, start] == pytest.approx(expected["rmssd"], rel=1e-9)
        assert found[Metric.SDNN, start] == pytest.approx(expected["sdnn"], rel=1e-9)
    assert found[Metric.RMSSD, NOON + 2 * WINDOW] is None  # too little of it


def test_a_window_in_which_too_little_is_normal_has_no_value():
    half = readings(sinus(360))[::2]
    assert set(values(half).values()) == {None}
    lenient = config.Store(hrv_share=0.3)
    assert values(half, lenient)[Metric.SDNN, NOON] > 0
    ectopic = readings(ectopics(sinus(360), range(10, 340, 4)))
    assert set(values(ectopic).values()) == {None}
    assert values(readings(sinus(360)))[Metric.SDNN, NOON] > 0  # control


def test_records_that_are_not_to_be_trusted_count_for_nothing():
    found = readings(sinus(360))
    loose = readings(sinus(360) + 300, q=("off_body",))
    mixed = [*found[:30], *loose[30:40], *found[40:]]
    told = values(mixed)[Metric.SDNN, NOON]
    assert told == pytest.approx(values(found)[Metric.SDNN, NOON], rel=0.1)
    assert set(values(loose).values()) == {None}


def test_differences_are_not_taken_over_beats_that_were_lost():
    low, high = np.full(120, 800.0), np.full(120, 880.0)
    there = readings(low) + readings(high, start=NOON + 110_000)
    lenient = config.Store(hrv_share=0.5)
    assert values(there, lenient)[Metric.RMSSD, NOON] == 0
    joined = readings(np.concatenate([low, high]))
    assert values(joined, lenient)[Metric.RMSSD, NOON] > 0  # control


def test_order_and_a_second_strap_that_hears_less_change_nothing():
    rr = sinus(360)
    found = readings(rr)
    worse = readings(rr[:200] + 5, device="d-2") + readings(rr[:90], gateway="gw-2")
    assert values([*worse, *reversed(found)]) == values(found)


def test_who_gives_no_intervals_has_no_windows():
    assert values(readings(sinus(360), rr=())) == {}


absurd = st.sampled_from([5e-324, 1e-9, 0.0, -5.0, 3000.0, 1e4, 1e300, -1e308, 1e308])


@given(
    st.lists(
        st.tuples(absurd | st.none(), st.lists(absurd | st.just(800.0))), min_size=1
    )
)
def test_whatever_numbers_a_record_has_a_window_has_a_value_or_none(told):
    found = [
        Reading("p-1", "d-1", HeartRate(t=NOON + n, seq=n + 1, hr=hr, rr=tuple(rr)))
        for n, (hr, rr) in enumerate(told)
    ]
    for (metric, _), value in values(found, config.Store(hrv_share=1e-9)).items():
        assert value is None or metric.plausible(value)


def test_the_square_of_an_absurd_joined_beat_is_none():
    """Two parts of a beat that lasts 1e308 ms: only joined ones are that long."""
    usual = [1e308] * 5
    rr = [*usual, 3000.0, 0.83e308, *usual, 3000.0, 0.81e308, *usual]
    with pytest.raises(OverflowError):  # control: so Python's own power says
        _ = rr[6] ** 2
    found = variability(Interval(NOON, x, 0.0, True) for x in rr)
    assert not Metric.SDNN.plausible(found.sdnn)


@pytest.mark.parametrize(("x", "rate"), [(800.0, 5e-324), (1e308, 1e308), (0.0, 1e-9)])
def test_the_ratio_to_the_devices_rate_is_always_a_number(x, rate):
    s = gate.Watched()
    for _ in range(3):
        gate.contradict(s, x, rate)
        assert isfinite(s.ratio)


@given(st.floats(1, 1e4), st.floats(1, 1e4))
def test_the_ratio_of_real_numbers_is_what_it_was(x, rate):
    s = gate.Watched()
    gate.contradict(s, x, rate)
    assert s.ratio == gate.SMOOTH * log(x * rate / 60_000.0)


def test_more_than_hearts_have_is_read_no_further():
    huge = [Reading("p-1", "d-1", HeartRate(t=NOON, hr=70, rr=(1.0,) * CROWD * 4))] * 9
    left = iter(huge)
    with pytest.raises(MalformedData, match="more intervals than a heart has"):
        list(bounded(left, 10))
    assert len(list(left)) == 6
    bare = [Reading("p-1", "d-1", HeartRate(t=NOON, hr=70))] * (CROWD * 10 + 1)
    with pytest.raises(MalformedData):
        list(bounded(bare, 10))


def test_what_four_straps_hear_of_the_fastest_heart_is_read_whole():
    beats = readings(np.full(1320, 60_000 / 220), rr=(273.0,)) * 3  # one in a record
    found = [r for name in "abcd" for r in beats for _ in name]
    assert list(bounded(found, WINDOW // 1000)) == found
