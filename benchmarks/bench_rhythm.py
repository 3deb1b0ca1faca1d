"""A heart's beats through the whole kernel, and its parts against what others do.

Rivals are numpy, scipy and a plain Python object a patient (river's EWMean, EWVar and
PageHinkley are such objects; where river is installed it is asked itself).  Answers are
compared where both give one.
"""

import importlib.util
from math import sqrt

import numpy as np
from scipy import signal

from benchmarks.duel import Duel
from dsp import heart, kernels, offline
from dsp.decline import (
    COUNT,
    NEWS2,
    VERDICT,
    Hours,
    Watchfulness,
    declines,
    signs,
)
from dsp.heart import BEAT, Beats, Rhythm
from dsp.hearts import gathered
from vitals.gate import Gate

BEATS, PATIENTS, WINDOW = 100_000, 10_000, 128


def intervals(n):
    """A heart in and out of fibrillation, in whole 1/1024 s."""
    rng = np.random.default_rng(1)
    calm = 850 + 25 * np.sin(np.arange(n) / 4) + rng.normal(0, 8, n)
    wild = np.clip(rng.gamma(14, 50, n), 350, 1400)
    return np.rint(np.where(np.arange(n) // 500 % 4 == 3, wild, calm) * 1.024) / 1.024


class WholeBeat:
    """Gate, variability, rhythm and episode of every beat."""

    def __init__(self, patients):
        rng = np.random.default_rng(2)
        self.rr = intervals(BEATS)
        laps = BEATS // patients
        order = [rng.permutation(patients) for _ in range(laps)]
        self.row = np.concatenate(order)
        self.t = np.repeat(np.arange(laps) * 850.0, patients)
        self.state, self.out = heart.hearts(patients), np.zeros(BEATS, BEAT)
        self.rate, self.lap = np.full(BEATS, np.nan), 850.0 * laps
        for _ in range(1 + 130 // laps):  # until every window is full
            self()

    def __call__(self):
        self.t += self.lap
        block = Beats(self.row, self.t, self.rr, self.rate)
        block, _ = gathered(block, len(self.state))
        kernels.beats(self.state, Gate(), Rhythm(), block, self.out)


class NumpyBeat:
    """RMSSD, SDNN and pNN50 of the latest WINDOW beats, anew at each beat."""

    def __init__(self):
        self.rr = intervals(2000)

    def __call__(self):
        for i in range(WINDOW, self.rr.size):
            window = self.rr[i - WINDOW : i]
            leaps = np.diff(window)
            np.sqrt(np.mean(leaps**2)), window.std(ddof=1), np.mean(abs(leaps) > 50)


class OurSameBeat:
    """The same beats through everything."""

    def __init__(self):
        self.rr = intervals(2000)

    def __call__(self):
        offline.heard(np.cumsum(self.rr), self.rr)


class Vitals:
    """One sign's value of PATIENTS patients in random order: baseline, sum, points."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.value = np.full((PATIENTS, COUNT), np.nan)
        self.value[:] = [s.mean for s in NEWS2]
        self.value += rng.normal(0, 1, self.value.shape)
        self.row, self.t = rng.permutation(PATIENTS), np.zeros(PATIENTS)
        self.state, self.out = declines(PATIENTS), np.zeros(PATIENTS, VERDICT)
        self.table = signs()

    def __call__(self):
        self.t += 1.0
        block = Hours(self.row, self.t, self.value)
        kernels.decline(self.state, self.table, Watchfulness(), block, self.out)


class Baseline:
    """A sign's baseline and sum, as one would write it without arrays."""

    __slots__ = ("mean", "n", "total", "var")

    def __init__(self, mean, spread):
        self.mean, self.var, self.total, self.n = mean, spread**2, 0.0, 0

    def take(self, x):
        spread = sqrt(self.var)
        away = x - self.mean
        z = min(max(away / spread, -3.0), 4.0)
        self.total = max(0.0, 0.85 * self.total + z - 0.75)
        self.n += 1
        if abs(away) < 3 * spread:
            self.mean += max(0.03, 1 / (self.n + 1)) * away
            self.var += 0.05 * (away * away - self.var)


class Objects:
    def __init__(self):
        ours = Vitals()
        self.rows, self.values = ours.row.tolist(), ours.value.tolist()
        self.people = [
            [Baseline(s.mean, s.spread) for s in NEWS2] for _ in range(PATIENTS)
        ]

    def __call__(self):
        for row, values in zip(self.rows, self.values, strict=True):
            for baseline, x in zip(self.people[row], values, strict=True):
                baseline.take(x)


class River:
    """Mean, variance and Page-Hinkley of as many values, by river."""

    def __init__(self):
        from river import drift, stats

        self.values = Vitals().value[:500].ravel().tolist()
        self.parts = stats.EWMean(0.03), stats.EWVar(0.05), drift.PageHinkley()

    def __call__(self):
        mean, var, page = self.parts
        for x in self.values:
            mean.update(x)
            var.update(x)
            page.update(x)


class OurFewVitals(Vitals):
    """As many values as `River` takes."""

    def __init__(self):
        super().__init__()
        self.row, self.t = self.row[:500], self.t[:500]
        self.value, self.out = self.value[:500], self.out[:500]


def spectra():
    rr = intervals(300)
    t, y = np.cumsum(rr) / 1000, rr - rr.mean()
    grid = 2 * np.pi * offline.GRID
    power = np.zeros(grid.size)

    def ours():
        kernels.lomb(t, y, grid[0], grid[1] - grid[0], power)
        return power

    return ours, lambda: signal.lombscargle(t, y, grid)


def textbook(rr):
    """RMSSD, SDNN, pNN50 and mean rate by numpy."""
    leaps = np.diff(rr)
    rmssd, sdnn = np.sqrt(np.mean(leaps**2)), rr.std(ddof=1)
    return rmssd, sdnn, np.mean(abs(leaps) > 50), 60_000 / rr.mean()


def whole():
    rr, found = intervals(300), np.empty(4)

    def ours():
        kernels.variability(rr, found)
        return found

    return ours, lambda: textbook(rr)


def near(a, b):
    return np.allclose(a, b, rtol=1e-9)


def duels():
    yield Duel(
        f"{BEATS} beats of 1 patient, against {PATIENTS} patients in random order",
        WholeBeat(1), WholeBeat(PATIENTS),
    )  # fmt: skip
    yield Duel(
        "2000 beats through the whole kernel, against numpy's HRV alone at each beat",
        OurSameBeat(), NumpyBeat(), lambda _a, _b: True,
    )  # fmt: skip
    yield Duel("HRV of 300 beats, against numpy", *whole(), near)
    yield Duel("Lomb-Scargle of 300 beats, against scipy", *spectra(), near)
    yield Duel(
        f"{PATIENTS} patients' {COUNT} vital signs, against Python objects",
        Vitals(), Objects(),
    )  # fmt: skip
    if importlib.util.find_spec("river"):
        claim = f"500 patients' {COUNT} vital signs, against river's mean, variance"
        yield Duel(f"{claim} and Page-Hinkley", OurFewVitals(), River())


DUELS = list(duels())
