"""What is remembered of a heart, beat by beat, and what its rhythm is held to.

The arrays of `kernels.beats`, beside `arrays`: one row is the RR intervals of one
patient from one device.  Times are float64 ms (whole ms live, finer offline), intervals
float64 ms.
"""

from typing import NamedTuple

import numpy as np

from dsp.arrays import F8, I8, Records
from vitals.gate import AROUND, RAW, SPAN

LONG, SHORT = 112, 56  # words of the rhythm's two windows
LANES = 4  # words of 15 bits that lie side by side in 64
NO_WORD = 0x7FFF_7FFF_7FFF_7FFF  # in every lane
BEHIND = 28  # intervals by which the short window's middle trails the long one's
DELAY = 56  # intervals from an interval's judgement to its rhythm: LAG below 64 in all
LAG = AROUND + 1 + DELAY
DOUBTS = (
    64  # latest intervals of which it is known whether they were normal: a word's bits
)
TIMES = 48  # latest beats of which the time is known
NN = 128  # intervals of the rolling variability

QUIET, RAISED, CLEARED = range(3)  # what a beat changes in the alarm

HEART = np.dtype(
    [
        # the gate
        ("count", "i8"),  # intervals taken
        ("judged", "i8"),  # of them, how many have a flag
        ("last", "f8"),  # time of the latest beat
        ("raw", "f8", RAW),  # ring of intervals as they came
        ("when", "f8", TIMES),  # ring of their times
        ("sorted", "f8", SPAN),  # the intervals around the one being judged
        ("held", "i8"),  # how many of them there are
        ("ratio", "f8"),  # interval to what the device's own rate says, smoothed, log
        ("before", "i8"),  # flag of the interval before
        ("half", "i8"),  # 1: the next interval is the other half of a beat
        ("pair", "f8"),  # what a premature beat's pause counts as; 0: no such pause
        ("alone", "i8"),  # a bit for each place in `raw`, 1: beats before it were lost
        ("usual", "f8"),  # interval outside of runs
        ("trained", "i8"),  # intervals in it
        ("run", "i8"),  # length of the run of fast beats; 0: none
        ("base", "f8"),  # the usual when it began
        ("doubt", "u8"),  # a bit for each interval, the latest lowest: 1: not normal
        ("doubts", "i8"),  # ones in it
        # variability of the latest NN normal intervals: between two normal beats
        ("nn", "f8", (NN, 2)),  # ring of them, each with its difference to the one
        # before; NaN: it had no neighbour
        ("nns", "i8"),  # intervals taken
        ("neighbour", "f8"),  # the interval before, NaN: none to compare with
        ("zero", "f8"),  # what the sums are taken about
        ("sum", "f8"),
        ("square", "f8"),
        ("steps", "i8"),  # differences in the ring
        ("leap", "f8"),  # their squares' sum
        ("far", "i8"),  # of them, more than 50 ms
        # rhythm
        ("word", "u8", (2, LONG // LANES)),  # rings of words, by quantiser
        ("latest", "u8", 2),
        ("words", "i8"),  # taken
        ("kinds", "i8", (2, 2)),  # different words by quantiser and window
        ("weight", "f8", (2, 2)),  # sum of count log count over them
        (
            "trail",
            "f8",
            (BEHIND, 2),
        ),  # ring of the short window's evidence and of doubt
        ("label", "i1"),  # 1: the latest labelled beat was in fibrillation
        ("on", "i1"),  # 1: now irregular
        ("open", "i1"),  # 1: an episode that may still go on
        ("said", "i1"),  # 1: it was raised
        ("begin", "f8"),  # of it
        ("end", "f8"),  # its latest irregular beat
        ("raised", "f8"),
        ("seen", "f8"),  # ms of rhythm seen, and of it irregular
        ("burden", "f8"),
    ],
    align=True,
)
"""What is remembered of a heart; (R,), owned by the caller, updated by `beats`."""

BEAT = np.dtype(
    [
        ("judged", "i8"),  # number of the interval that has got its flag; -1: none has
        ("flag", "i1"),  # its flag
        ("usual", "f8"),  # the median around it, ms
        ("labelled", "i8"),  # number of the interval that has got its label; -1: none
        ("label", "i1"),  # 1: in fibrillation
        ("evidence", "f8"),  # of irregularity now: 1 is as in fibrillation
        ("change", "i1"),  # QUIET, RAISED or CLEARED
        ("begin", "f8"),  # of the episode, its latest irregular beat, when raised
        ("end", "f8"),
        ("raised", "f8"),
        ("quality", "f8"),  # share of the latest DOUBTS intervals that were normal
        ("rmssd", "f8"),  # ms, of the latest NN normal intervals; NaN: too few
        ("sdnn", "f8"),  # ms, n - 1
        ("pnn50", "f8"),  # share
        ("mean_hr", "f8"),  # /min
    ],
    align=True,
)
"""What `beats` says after each interval; (n,), owned by the caller."""


class Rhythm(NamedTuple):
    """What is taken for fibrillation."""

    label: float = 1.09  # evidence, of a beat seen from both sides
    keep: float = 0.8  # share of it that is enough to stay
    alarm: float = 1.25  # evidence, of the beats so far
    stay: float = 0.85  # share of it that is enough to stay
    young: float = 0.25  # share more evidence that a rhythm just met needs
    doubt: float = 0.3  # evidence that intervals cost which were not normal
    hold: float = 30_000.0  # ms before it counts
    bridge: float = 60_000.0  # ms without it that an episode survives
    back: int = 31  # intervals from the first evidence back to the beginning
    settled: int = 32  # words before a rhythm may end an episode


class Beats(NamedTuple):
    """n intervals, each row's in the order of its times."""

    row: I8  # (n,)
    t: F8  # (n,) ms, of the beat that ends the interval
    rr: F8  # (n,) ms
    rate: F8  # (n,) /min, what the device itself says; NaN: nothing


def hearts(rows: int) -> Records:
    """Give the state of hearts of which nothing has been heard."""
    fresh = np.zeros(rows, HEART)
    fresh["word"] = NO_WORD
    fresh["last"] = fresh["begin"] = fresh["end"] = -np.inf
    fresh["neighbour"] = fresh["raised"] = np.nan
    return fresh
