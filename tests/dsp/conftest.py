import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dsp import arrays, kernels
from dsp.arrays import Block, Rules

T0 = 1_700_000_000_000
WHAT = {1: "begin", 2: "change", 3: "end"}


def load_naive():
    path = Path(__file__).with_name("naive.py")
    spec = importlib.util.spec_from_file_location("dsp_naive", path)
    module = sys.modules["dsp_naive"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rules(patients=1, *, hold=3000, low=40.0, high=120.0, spread=2.0, memory=20.0):
    """Rules for one signal that warms up in 5 samples."""
    bound = np.tile([low, high], (patients, 1, 1)).astype(np.float64)
    return Rules(
        bound=bound,
        hold=np.full((patients, 1, 2), hold, np.int64),
        margin=np.array([3.0]),
        gap=np.array([4000], np.int64),
        spread=np.array([spread]),
        memory=memory,
        z=6.0,
        unusual_hold=2000,
        warm_span=4000,
        warm_count=5,
        bad=3,
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
    events, cursor, said = arrays.events(room), np.zeros(1, np.int64), []
    while cursor[0] < block.t.size:
        count = kernels.step(state, rules, block, events, cursor)
        said += [row(events, n) for n in range(count)]
    return said


def row(e, n):
    pairs = zip(e.recent_t[n].tolist(), e.recent[n].tolist(), strict=True)
    return (
        (
            int(e.sample[n]),
            int(e.side[n]),
            WHAT[int(e.what[n])],
            int(e.begin[n]),
            float(e.worst[n]),
            float(e.bound[n]),
            float(e.mean[n]),
            int(e.good[n]),
            int(e.seen[n]),
        ),
        tuple((t, x) for t, x in pairs if t != arrays.NEVER),
    )


@pytest.fixture(scope="session")
def naive():
    return load_naive()


@pytest.fixture(scope="session")
def lab():
    """What the tests of kernels share."""
    return SimpleNamespace(rules=rules, block=block, step=step, state=arrays.state)
