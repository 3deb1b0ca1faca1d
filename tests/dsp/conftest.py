import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dsp import arrays, kernels
from dsp.arrays import EVENT, RULE, Block, Settings

WHAT = {1: "begin", 2: "change", 3: "end"}


def load_naive(name="naive"):
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"dsp_{name}", path)
    module = sys.modules[f"dsp_{name}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Rules:
    """Rules for one signal that warms up in 5 samples; what naive.step reads."""

    def __init__(self, patients=1, *, hold=3000, low=40.0, high=120.0, spread=2.0):
        self.table = np.zeros((patients, 1), RULE)
        self.table["bound"] = low, high
        self.table["night"] = low + 5, high - 10
        self.table["hold"] = hold
        self.table["margin"], self.table["gap"] = 3.0, 4000
        self.table["spread"] = spread
        self.settings = Settings(
            memory=20.0, z=6.0, unusual_hold=2000, warm_span=4000, warm_count=5, bad=3
        )


def block(patient, t, value, quality=None):
    n = len(t)
    return Block(
        patient=np.asarray(patient, np.int64),
        signal=np.zeros(n, np.int64),
        t=np.asarray(t, np.int64),
        value=np.asarray(value, np.float64),
        quality=np.zeros(n, np.int64) if quality is None else np.asarray(quality),
    )


def step(state, rules, block, room=64):
    """Run the kernel over a block; give its events as naive.step does."""
    events, cursor, said = np.zeros(room, EVENT), np.zeros(1, np.int64), []
    while cursor[0] < block.t.size:
        count = kernels.step(state, rules.table, rules.settings, block, events, cursor)
        said += [row(event) for event in events[:count].tolist()]
    return said


def row(event):
    sample, side, what, *rest, times, values = event
    pairs = zip(times.tolist(), values.tolist(), strict=True)
    recent = tuple((t, x) for t, x in pairs if t != arrays.NEVER)
    return (sample, side, WHAT[what], *rest), recent


@pytest.fixture(scope="session")
def naive():
    return load_naive()


@pytest.fixture(scope="session")
def naive_heart():
    return load_naive("naive_heart")


@pytest.fixture(scope="session")
def naive_pressure():
    return load_naive("naive_pressure")


@pytest.fixture(scope="session")
def lab():
    """What the tests of kernels share."""
    return SimpleNamespace(rules=Rules, block=block, step=step, state=arrays.state)
