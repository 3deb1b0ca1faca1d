"""The notice of a low battery: when it begins, when it ends, and what it survives."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.ward import Ward
from vitals.detection import Dsp
from vitals.model import Battery, Reading
from vitals.wire import encode

T0 = 1_700_000_000_000
HOUR = 3_600_000


def battery(hour, level, device="strap-1", **fields):
    t = T0 + hour * HOUR
    return Reading("p-1", device, Battery(t=t, received=t, level=level, **fields))


def play(ward, *levels, device="strap-1", since=0):
    """Hear a level an hour; give what is said of it."""
    said = []
    for hour, level in enumerate(levels, since):
        reading = battery(hour, level, device)
        said += ward.observe([reading], reading.record.t)
    return said


def words(said):
    return [(a.condition.removeprefix("device_battery_"), a.over) for a in said]


BEGUN, OVER = ("low", False), ("low", True)
DIRE, RELIEVED = ("critical", False), ("critical", True)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((100, 60, 21), []),
        ((60, 20), [BEGUN]),
        ((20, 20, 20), [BEGUN]),
        ((20, 21, 20, 24, 19, 11), [BEGUN]),  # to and fro, and further down
        ((20, 25), [BEGUN, OVER]),
        ((20, 11, 10), [BEGUN, OVER, DIRE]),
        ((5, 14, 10), [DIRE]),
        ((5, 15), [DIRE, RELIEVED, BEGUN]),
        ((5, 24), [DIRE, RELIEVED, BEGUN]),
        ((5, 100), [DIRE, RELIEVED]),
        ((0, None, 100), [DIRE, RELIEVED]),
        ((20, None), [BEGUN]),
    ],
)
def test_a15_a_low_battery_is_told_until_it_is_charged(levels, said):
    assert words(play(Ward(Dsp()), *levels)) == said


def test_a15_the_levels_are_the_configurations():
    mine = Dsp(battery_low=50, battery_critical=30, battery_margin=1)
    assert words(play(Ward(mine), 51, 50, 51, 30)) == [BEGUN, OVER, DIRE]
    assert play(Ward(Dsp(battery_low=0, battery_critical=0)), 100, 1) == []


def test_a15_a_margin_that_no_battery_reaches_ends_when_it_is_full():
    mine = Dsp(battery_low=98, battery_margin=50)
    assert words(play(Ward(mine), 98, 99, 100)) == [BEGUN, OVER]


def test_a15_it_is_a_technical_anomaly_with_its_evidence():
    [said] = play(Ward(Dsp()), 18)
    assert (said.kind, said.detector, said.value, said.unit) == (
        "technical",
        "battery",
        18,
        "%",
    )
    assert said.evidence["device"] == "strap-1"
    assert said.evidence["limit"] == 20
    assert said.evidence["text"] == (
        "The battery of strap-1 is at 18 %, at or below 20 %."
    )
    assert msgspec.json.decode(encode(said), type=type(said)) == said


def test_a15_one_id_from_begin_to_end_and_another_the_next_time():
    said = play(Ward(Dsp()), 20, 15, 80, 20)
    first, end, second = said
    assert first.id == end.id != second.id
    assert (first.value, end.value) == (20, 15)  # the worst


def test_a15_each_wearable_has_a_battery_of_its_own():
    ward = Ward(Dsp())
    assert words(play(ward, 15)) == [BEGUN]
    assert words(play(ward, 15, device="cuff-1")) == [BEGUN]
    assert words(play(ward, 100, since=1)) == [OVER]


def test_a15_what_came_late_is_marked_and_what_is_old_is_no_news():
    ward = Ward(Dsp())
    old = battery(1, 15, q=("late",))
    [said] = ward.observe([old], T0 + 9 * HOUR)
    assert said.late
    assert ward.observe([battery(0, 100), old], T0 + 9 * HOUR) == []


levels = st.lists(st.integers(0, 100) | st.none(), max_size=30)


@given(levels, st.data())
@settings(max_examples=50, deadline=None)
def test_a15_neither_blocks_nor_a_restart_change_what_is_said(levels, data):
    whole = play(Ward(Dsp()), *levels)
    readings = [battery(hour, level) for hour, level in enumerate(levels)]
    assert Ward(Dsp()).observe(readings, T0 + 40 * HOUR) == whole
    cut = data.draw(st.integers(0, len(levels)))
    ward = Ward(Dsp())
    said = play(ward, *levels[:cut])
    again = Ward.load(Dsp(), ward.save())
    assert said + play(again, *levels[cut:], since=cut) == whole


def test_forgetting_in_mid_episode_would_change_something():  # negative control
    said = play(Ward(Dsp()), 15) + play(Ward(Dsp()), 100, since=1)
    assert words(said) != words(play(Ward(Dsp()), 15, 100))
