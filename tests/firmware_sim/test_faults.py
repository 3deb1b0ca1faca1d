from itertools import islice
from math import inf

import pytest

from firmware_sim.faults import KINDS, Faults, amount, parse
from vitals.errors import ConfigError
from vitals.simulation import SimFault


def fault(kind, **what):
    return SimFault(kind=kind, **what)


def test_a_fault_lasts_from_its_beginning_to_before_its_end():
    faults = Faults([fault("mute", at_s=10, for_s=5)])
    times = (9.9, 10, 14.9, 15)
    assert [faults.active("mute", now=t) for t in times] == [False, True, True, False]


def test_a_fault_without_an_end_lasts_for_ever():
    assert Faults([fault("mute")]).active("mute", now=1e9)


def test_a_fault_that_comes_again_keeps_its_beat():
    faults = Faults([fault("drop", at_s=10, for_s=5, every_s=100)])
    assert [t for t in range(300) if faults.active("drop", now=t)] == [
        *range(10, 15),
        *range(110, 115),
        *range(210, 215),
    ]
    begins = [begin for begin, _, _ in islice(faults.windows("drop"), 3)]
    assert begins == [10, 110, 210]


def test_windows_of_several_kinds_are_in_order_and_those_that_touch_are_one():
    faults = Faults(
        [
            fault("radio_gone", at_s=50, for_s=10),
            fault("drop", at_s=10, for_s=20),
            fault("drop", at_s=25, for_s=20),
        ]
    )
    found = [(begin, end) for begin, end, _ in faults.windows("drop", "radio_gone")]
    assert found == [(10, 45), (50, 60)]
    assert [f[:2] for f in Faults([fault("drop", at_s=3)]).windows("drop")] == [
        (3, inf)
    ]


def test_the_dice_strike_their_share_and_the_same_ones_each_time():
    def struck():
        faults = Faults([fault("lost", probability=0.2)], seed=3)
        return [bool(faults.strikes("lost", t)) for t in range(2000)]

    assert 0.17 < sum(struck()) / 2000 < 0.23
    assert struck() == struck()


def test_clocks_are_off_begin_anew_or_jump():
    def shown(kind, now=100, **what):
        return Faults([fault(kind, at_s=50, **what)]).clock(now, 1_700_000_000_000)

    assert shown("clock_off", now=49) == 1_700_000_000_000
    assert shown("clock_off", amount=-60) == 1_699_999_940_000
    assert shown("clock_reset") == 946_684_800_000 + 50_000
    assert 0 < abs(shown("clock_jump", amount=10) - 1_700_000_000_000) <= 10_000


def test_a_battery_runs_down_and_takes_the_radio_with_it_until_it_is_charged():
    faults = Faults([fault("battery", at_s=100, for_s=1000, amount=500)])
    levels = [faults.level(t, 80) for t in (99, 100, 600, 1090, 1100, 1599, 1600)]
    assert levels == [80, 80, 40, 1, 0, 0, 80]
    assert [t for t in (99, 1099, 1100, 1599, 1600) if not faults.reaches(t)] == [
        1100,
        1599,
    ]
    assert [f[:2] for f in faults.unreachable()] == [(1100, 1600)]


def test_a_dead_battery_stands_among_the_other_reasons_for_no_radio():
    faults = Faults(
        [
            fault("battery", at_s=0, for_s=100, amount=100),
            fault("drop", at_s=50, for_s=10),
            fault("drop", at_s=150, for_s=10),
            fault("drop", at_s=195, for_s=10),
            fault("drop", at_s=250, for_s=10),
        ]
    )
    assert [f[:2] for f in faults.unreachable()] == [(50, 60), (100, 205), (250, 260)]


@pytest.mark.parametrize(
    ("word", "device", "wanted"),
    [
        ("strap-1:silent@30+10", "strap-1", fault("silent", at_s=30, for_s=10)),
        ("all:lost*0.05", "all", fault("lost", probability=0.05)),
        ("x:drop@5+2/60", "x", fault("drop", at_s=5, for_s=2, every_s=60)),
        ("x:clock_off=-90", "x", fault("clock_off", amount=-90)),
        ("x:mute", "x", fault("mute")),
    ],
)
def test_a_fault_on_the_command_line(word, device, wanted):
    assert parse(word) == (device, wanted)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("mute", "write strap-1:silent@30"),
        ("strap-1:asleep", "no such kind; there are drop, "),
        ("strap-1:lost*2", "strap-1:lost.*<= 1"),
        ("strap-1:drop+0", "strap-1:drop"),
        ("strap-1:drop@1.2.3", "1.2.3"),
    ],
)
def test_a_bad_fault_on_the_command_line_is_one_clear_line(word, says):
    with pytest.raises(ConfigError, match=says):
        parse(word)


def test_every_kind_of_the_configuration_is_explained():
    assert set(SimFault.__annotations__["kind"].__args__) == set(KINDS)


def test_an_amount_is_the_faults_own_or_its_kinds():
    assert amount(fault("late")) == 3
    assert amount(fault("late", amount=7)) == 7
