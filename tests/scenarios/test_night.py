"""A night of faults through the real radio and the whole gateway, in jumping time."""

import copy
from collections import Counter
from itertools import pairwise

import pytest
from msgspec.structs import replace

from benchmarks import night
from firmware_sim import faults
from tests import warp
from vitals import Kind
from vitals.model import KINDS

RATE = Kind.HEART_RATE
PEACE = {
    "stream_lost_by_gateway": 0,
    "stream_invented": 0,
    "streams_in_order": 9,
    "streams_with_their_gaps": 9,
    "readings_lost": 0,
    "readings_doubled": 0,
}
NOBODY_IS_LEFT = {"attendant_failures": 0, "never_back": 0}


@pytest.mark.slow
def test_a5_a13_in_a_night_of_faults_nothing_is_lost_but_on_the_air():
    found = night.figures(hours=1 / 4)
    assert (PEACE | NOBODY_IS_LEFT).items() <= found.items(), found
    assert found["stream_lost_on_air"] > 50
    assert found["stream_gaps"] == found["stream_gaps_shown"] > 50
    assert found["readings_retried"] > 5
    assert found["recovery_p99_s"] <= 5, found


@pytest.mark.soak
def test_a5_a13_ten_hours_of_faults():
    found = night.figures(hours=10)
    assert (PEACE | NOBODY_IS_LEFT).items() <= found.items(), found
    assert found["recovery_p99_s"] <= 5, found


def test_the_night_has_every_fault():
    wearables = night.night(10).sim.wearables
    counted = Counter(fault.kind for w in wearables for fault in w.faults)
    assert set(counted) == set(faults.KINDS)
    assert min(counted.values()) >= 3


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Five minutes of a night."""
    scenario = night.night(1 / 12, seed=4)
    folder = tmp_path_factory.mktemp("night")
    lived = warp.run(night.live(scenario, folder))
    return scenario, lived.store, lived.lines


def judged(short, spoil):
    scenario, store, lines = short
    spoilt = copy.deepcopy(store.records)
    spoil(spoilt)
    store = copy.copy(store)
    store.records = spoilt
    return night.compare(scenario, store, lines)


def renumbered(records):
    return dict(enumerate(records, 1))


@pytest.mark.slow
def test_five_minutes_of_a_night_are_whole(short):
    assert PEACE.items() <= judged(short, lambda records: None).items()


@pytest.mark.slow
def test_a_lost_beat_would_be_noticed(short):
    def spoil(records):
        beats = list(records["strap-1"].values())
        del beats[len(beats) // 2]
        records["strap-1"] = renumbered(beats)

    assert judged(short, spoil)["stream_lost_by_gateway"] == 1


@pytest.mark.slow
def test_a_beat_out_of_order_would_be_noticed(short):
    def spoil(records):
        beats = list(records["strap-1"].values())
        beats[10], beats[11] = beats[11], beats[10]
        records["strap-1"] = renumbered(beats)

    assert judged(short, spoil)["streams_in_order"] == 8


@pytest.mark.slow
def test_a_gap_that_was_closed_would_be_noticed(short):
    def spoil(records):
        beats = {n: r for n, r in records["strap-1"].items() if KINDS[type(r)] == RATE}
        pairs = pairwise(beats.items())
        last, beat = next(a for a, b in pairs if b[1].t - a[1].t > night.GAP_MS)
        records["strap-1"][last] = replace(beat, t=beat.t + 800)

    found = judged(short, spoil)
    assert found["streams_with_their_gaps"] == 8
    assert found["stream_lost_by_gateway"] == 0  # its values are all there


@pytest.mark.slow
def test_a_reading_lost_or_doubled_would_be_noticed(short):
    def lose(records):
        records["cuff-17"] = renumbered(list(records["cuff-17"].values())[:-1])

    def double(records):
        readings = list(records["cuff-17"].values())
        records["cuff-17"] = renumbered([*readings, readings[-1]])

    assert judged(short, lose)["readings_lost"] == 1
    assert judged(short, double)["readings_doubled"] == 1


@pytest.mark.slow
def test_a_missing_number_would_be_noticed(short):
    def spoil(records):
        del records["strap-1"][5]

    with pytest.raises(AssertionError, match="a number is missing"):
        judged(short, spoil)
