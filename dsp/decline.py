"""What is remembered of a patient's vital signs, and what decline is.

The arrays of `kernels.deterioration`.  One row is one patient; the signals are columns
in the order of SIGNS.  Times are float64 hours.
"""

from typing import NamedTuple

import numpy as np

from dsp.arrays import F8, I8, Records

SIGNS = ("hr", "spo2", "temp", "sbp", "map", "dbp", "resp")
COUNT = len(SIGNS)
BANDS = 6  # edges that a sign's bands have at most

DECLINE = np.dtype(
    [
        ("value", "f8", COUNT),  # latest
        ("at", "f8", COUNT),  # its time; -inf: never
        ("mean", "f8", COUNT),  # personal baseline
        ("var", "f8", COUNT),
        ("learned", "f8", COUNT),
        ("fast", "f8", COUNT),  # mean of the latest values
        ("cusum", "f8", COUNT),  # how far and how long it has been worse than usual
        ("score", "f8"),  # smoothed
        ("seen", "f8"),  # hours scored
        ("first", "f8"),  # time of the first
    ],
    align=True,
)
"""What is remembered of a patient; (R,), owned by the caller."""

VERDICT = np.dtype(
    [
        ("low", "f8"),  # points of the parameters that are known
        ("high", "f8"),  # and if each missing one were at its worst
        ("missing", "i8"),  # bits of SIGNS that are missing or too old
        ("red", "i1"),  # 1: one parameter has 3 points
        ("value", "f8", COUNT),  # latest; NaN: missing or too old
        ("fast", "f8", COUNT),  # mean of the latest; NaN: never measured
        ("points", "f8", COUNT),
        ("cusum", "f8", COUNT),
        ("usual", "f8", COUNT),
        ("age", "f8", COUNT),  # hours; inf: never
        ("hours", "f8"),  # since the first
        ("score", "f8"),  # smoothed sum of both; larger is worse
        ("raw", "f8"),  # before smoothing
    ],
    align=True,
)
"""What is said of a patient; (n,), owned by the caller."""


class Sign(NamedTuple):
    """One vital sign: its NEWS2 bands, and what is usual for people."""

    edges: tuple[float, ...]  # a value at or above the k-th edge is in band k + 1
    points: tuple[int, ...]  # one more than edges
    round_to: float  # before banding
    mean: float  # of adults in care, where the personal baseline starts (ours)
    spread: float
    worse: int  # 1: up, -1: down, 0: either way
    keep_h: float  # older is missing (ours)


NEWS2 = (
    Sign((41, 51, 91, 111, 131), (3, 1, 0, 1, 2, 3), 1, 84, 12, 1, 8),
    Sign((92, 94, 96), (3, 2, 1, 0), 1, 97, 2, -1, 8),
    Sign((35.1, 36.1, 38.1, 39.1), (3, 1, 0, 1, 2), 0.1, 37, 0.5, 0, 8),
    Sign((91, 101, 111, 220), (3, 2, 1, 0, 3), 1, 122, 16, -1, 8),
    Sign((), (0,), 1, 82, 12, -1, 8),
    Sign((), (0,), 1, 62, 10, -1, 8),
    Sign((9, 12, 21, 25), (3, 1, 0, 2, 3), 1, 18, 4, 1, 8),
)
"""NEWS2 (Royal College of Physicians, 2017), in the order of SIGNS.

Mean and diastolic pressure score nothing in NEWS2; their baselines count.
"""


class Signs(NamedTuple):
    """The table of signs as arrays."""

    edges: F8  # (COUNT, BANDS)
    points: F8  # (COUNT, BANDS + 1)
    most: F8  # (COUNT,) points at its worst
    scale: F8  # (COUNT,) 1 / round_to
    mean: F8
    spread: F8
    worse: F8
    keep: F8  # h


class Watchfulness(NamedTuple):
    """How decline is told from noise (ours, see docs/detectors.md)."""

    slack: float = 0.75  # deviations that a value may be worse without counting
    fade: float = 0.85  # share of a sum that the next value leaves
    clip_low: float = -3.0  # deviations
    clip_high: float = 4.0
    slow: float = 0.03  # least weight of a value in the baseline
    var: float = 0.05  # weight in its variance
    still: float = 3.0  # deviations beyond which the baseline learns nothing
    least: float = 0.5  # share of the people's spread that a personal one has at least
    weight: float = 0.8  # points that the logarithm of a sum is worth
    fresh: float = 0.7  # weight of this moment in the smoothed score
    young: float = 0.4  # share that the score of an unknown patient lacks ...
    known: float = 24.0  # ... and the hours in which most of it comes
    quick: float = 0.3  # weight of a value in the mean of the latest


class Hours(NamedTuple):
    """n moments, each patient's in order."""

    row: I8  # (n,)
    t: F8  # (n,) h
    value: F8  # (n, COUNT) NaN: not measured then


def signs() -> Signs:
    """Give the table of signs as arrays."""
    edges = np.full((COUNT, BANDS), np.inf)
    points = np.zeros((COUNT, BANDS + 1))
    for k, sign in enumerate(NEWS2):
        edges[k, : len(sign.edges)] = sign.edges
        points[k, : len(sign.points)] = sign.points
    return Signs(
        edges,
        points,
        points.max(axis=1),
        np.array([1 / s.round_to for s in NEWS2]),
        *(
            np.array([float(getattr(s, name)) for s in NEWS2])
            for name in ("mean", "spread", "worse", "keep_h")
        ),
    )


def declines(rows: int) -> Records:
    """Give the state of patients of whom nothing has been measured."""
    fresh = np.zeros(rows, DECLINE)
    fresh["value"] = fresh["fast"] = np.nan
    fresh["at"] = -np.inf
    fresh["first"] = np.nan
    return fresh
