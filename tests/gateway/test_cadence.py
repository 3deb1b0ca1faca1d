"""Counting what the air has lost, by a stream's own rhythm."""

import random

import pytest

from gateway.cadence import Cadence


def count(times, end=None):
    cadence = Cadence()
    for time in times:
        cadence.heard(time)
    if end is not None:
        cadence.ended(end)
    return cadence.lost


def without(gone, n=100, every=1.0):
    return [every * k for k in range(n) if k not in gone]


def test_a5_a_stream_that_is_whole_has_lost_nothing():
    assert count(without(())) == 0
    assert count([]) == 0


@pytest.mark.parametrize("every", [0.25, 1.0, 10.0])
def test_a5_every_value_that_is_missing_is_counted(every):
    assert count(without({20, 33, 34, 35, 60}, every=every)) == 5


def test_a5_values_that_come_a_little_early_or_late_are_not_missing():
    dice = random.Random(1)
    wavering = [n + dice.uniform(-0.2, 0.2) for n in range(200)]
    assert count(wavering) == 0


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_a5_the_count_is_right_however_much_is_lost(share):
    dice = random.Random(2)
    gone = {n for n in range(20, 990) if dice.random() < share}
    assert count(without(gone, 1000)) == len(gone)


def test_a5_until_a_link_is_given_up_what_does_not_come_is_lost():
    assert count(without((), 50), end=49.5) == 0
    assert count(without((), 50), end=69.5) == 20


def test_a5_while_there_is_no_link_nobody_has_sent_anything():
    cadence = Cadence()
    for n in range(20):
        cadence.heard(n)
    cadence.ended(19.1)
    for n in range(20):
        cadence.heard(5000 + n)
    assert cadence.lost == 0


def test_a_stream_without_a_rhythm_yet_is_not_judged():
    assert count([0, 1, 2, 30, 31]) == 0
    assert count([0.0] * 20, end=5) == 0
