"""Ten thousand patients at 1 Hz in random order: arrays in a kernel, against objects.

Both hold every sample to a low and a high limit with hold, margin and gap, and to a
personal baseline, and keep the latest ten values; both must say the same.  Divide our
time by SAMPLES for the cost of one.
"""

from collections import deque
from math import isnan, sqrt

import numpy as np

from benchmarks.duel import Duel
from dsp import arrays, kernels
from dsp.arrays import Block
from dsp.patients import default_rules, kernel_settings
from vitals.detection import Dsp

PATIENTS, SECONDS = 10_000, 10
SAMPLES = PATIENTS * SECONDS
HEART_RATE = 0  # its column
CALM, PENDING, ON, CLEARING = range(4)


class Side:
    __slots__ = ("begin", "good", "inside", "phase", "said", "said_t", "up", "worst")

    def __init__(self, up):
        self.up, self.phase = up, CALM

    def take(self, t, x, bound, margin, hold, gap, silence):  # noqa: PLR0913
        excess = x - bound if self.up else bound - x
        if self.phase <= PENDING:
            if not excess >= 0:
                self.phase = CALM
                return None
            if self.phase == CALM or silence > gap:
                self.phase, self.begin, self.worst, self.good = PENDING, t, x, 0
            self.count(x, excess)
            if t - self.begin < hold:
                return None
            self.phase, self.said, self.said_t = ON, self.worst, t
            return "begin"
        self.count(x, excess)
        if excess > -margin:
            self.phase = ON
            grown = abs(self.worst - self.said) >= 0.05 * abs(self.said)
            if excess < 0 or not (grown or t - self.said_t >= 60_000):
                return None
            self.said, self.said_t = self.worst, t
            return "change"
        if self.phase == ON or silence > gap:
            self.phase, self.inside = CLEARING, t
        if t - self.inside < min(hold, 30_000):
            return None
        self.phase = CALM
        return "end"

    def count(self, x, excess):
        self.good += 1
        if excess >= 0 and (x > self.worst if self.up else x < self.worst):
            self.worst = x


class Patient:
    """One signal of one patient, as one would write it without arrays."""

    def __init__(self, rules):
        self.sides = [Side(False), Side(True), Side(False), Side(True)]
        self.recent = deque(maxlen=10)
        self.last, self.mean, self.var, self.learned, self.span = (
            -(1 << 62),
            0.0,
            0,
            0,
            0,
        )
        bound, _night, hold, self.margin, gap, self.spread = rules
        self.bound, self.hold = list(bound), int(hold[0])
        self.gap = max(3 * self.hold, gap)
        self.memory, self.z = 3600.0, 6.0  # as Dsp() has them

    def take(self, t, x):
        silence = t - self.last
        if isnan(x) or silence <= 0:
            return
        self.last = t
        self.recent.append((t, x))
        for n in (0, 1):
            what = self.sides[n].take(
                t, x, self.bound[n], self.margin, self.hold, self.gap, silence
            )
            if what:
                yield n, what
        phases = self.sides[0].phase, self.sides[1].phase
        if max(phases) >= ON:
            for n in (2, 3):
                if self.sides[n].phase >= ON:
                    yield n, "end"
                self.sides[n].phase = CALM
        elif max(phases) == CALM:
            yield from self.compare(t, x, silence)

    def compare(self, t, x, silence):
        deviation = max(sqrt(self.var), self.spread)
        if self.learned >= 60 and self.span >= 600_000:
            far = self.z * deviation
            for n, bound in ((2, self.mean - far), (3, self.mean + far)):
                side = self.sides[n]
                if what := side.take(t, x, bound, far / 2, 30_000, 90_000, silence):
                    yield n, what
        if self.learned == 0:
            self.mean = x
        elif silence <= 90_000:
            self.span += silence
        self.learned += 1
        weight = 1.0 / min(self.learned, self.memory)
        delta = min(max(x - self.mean, -3.0 * deviation), 3.0 * deviation)
        self.mean += weight * delta
        self.var = (1.0 - weight) * (self.var + weight * (delta * delta))


def ten_seconds():
    """Every patient once a second, in another order each second; 1 in 50 races."""
    rng = np.random.default_rng(1)
    who = np.concatenate([rng.permutation(PATIENTS) for _ in range(SECONDS)])
    rate = np.where(who % 50 == 0, 150.0, 70.0) + rng.integers(-3, 4, SAMPLES)
    zeros = np.zeros(SAMPLES, np.int64)
    return Block(
        who, zeros, np.repeat(np.arange(SECONDS) * 1000, PATIENTS), rate, zeros
    )


class Kernel:
    def __init__(self):
        self.rules, self.settings = default_rules({}, PATIENTS), kernel_settings(Dsp())
        self.block, self.state = ten_seconds(), arrays.state(*self.rules.shape)
        self.events = np.zeros(4096, arrays.EVENT)

    def __call__(self):
        np.add(self.block.t, SECONDS * 1000, out=self.block.t)
        cursor, count = np.zeros(1, np.int64), 0
        held_to = self.rules, self.settings
        while cursor[0] < SAMPLES:
            count += kernels.step(self.state, *held_to, self.block, self.events, cursor)
        return count


class Objects:
    def __init__(self):
        rules = default_rules({}, 1)[0, HEART_RATE].tolist()
        self.patients = [Patient(rules) for _ in range(PATIENTS)]
        block = ten_seconds()
        self.who, self.rate = block.patient.tolist(), block.value.tolist()
        self.t, self.shift = block.t.tolist(), 0

    def __call__(self):
        self.shift += SECONDS * 1000
        shift, patients, count = self.shift, self.patients, 0
        for who, t, rate in zip(self.who, self.t, self.rate, strict=True):
            for _ in patients[who].take(t + shift, rate):
                count += 1
        return count


def duels():
    ours, rival = Kernel(), Objects()
    minute = [(ours(), rival()) for _ in range(8)]  # until the racing hearts are told
    assert all(a == b for a, b in minute), minute
    assert sum(a for a, _ in minute) >= PATIENTS // 50, minute
    claim = f"{SAMPLES} samples of {PATIENTS} patients, against Python objects"
    return [Duel(claim, ours, rival)]


DUELS = duels()
