"""python -m benchmarks.dsp_speed: the kernels beside river, numpy and NeuroKit.

Everybody takes turns, so that a busy machine is fair; figures are ns a beat or value.
The rivals live in an environment of their own (`.cache/rivals`), made when it is not
there; theirs is the time that they measure themselves.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.bench_rhythm import BEATS, PATIENTS, WholeBeat, intervals
from dsp import arrays, kernels, offline
from dsp.arrays import Block
from dsp.patients import default_rules, kernel_settings
from vitals.detection import Dsp

HOME = Path(__file__).parent.parent / ".cache" / "rivals"
NEEDS = "river==0.26.1", "neurokit2==0.2.13"
VALUES, FEW, SHORT = 100_000, 2000, 300


class Rival:
    """river, numpy and NeuroKit in an environment of their own."""

    def __init__(self, folder):
        python = HOME / "bin" / "python"
        if not python.exists():
            venv.create(HOME, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS], check=True)
        file = Path(folder) / "rr.npy"
        np.save(file, intervals(BEATS))
        command = [python, Path(__file__).with_name("rival.py"), file]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def ask(self, work):
        """Give the seconds that some work took, and what came out."""
        self.process.stdin.write(f"{work}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Calm:
    """Heart rates inside all bounds, patients in random order: nearly all there are."""

    def __init__(self, patients):
        rng = np.random.default_rng(1)
        laps = VALUES // patients
        who = np.concatenate([rng.permutation(patients) for _ in range(laps)])
        zeros, t = np.zeros(VALUES, np.int64), np.repeat(np.arange(laps), patients)
        rate = 70.0 + rng.integers(-3, 4, VALUES)
        self.lap, self.block = laps * 1000, Block(who, zeros, t * 1000, rate, zeros)
        self.rules, self.settings = default_rules({}, patients), kernel_settings(Dsp())
        self.state = arrays.state(*self.rules.shape)
        self.events = np.zeros(64, arrays.EVENT)

    def __call__(self):
        np.add(self.block.t, self.lap, out=self.block.t)
        cursor, held_to = np.zeros(1, np.int64), (self.rules, self.settings)
        while cursor[0] < VALUES:
            kernels.step(self.state, *held_to, self.block, self.events, cursor)


def variability():
    """HRV of 300 intervals by our kernel."""
    found = np.empty(4)
    kernels.variability(intervals(BEATS)[:SHORT], found)
    return found.tolist()


def sides(rival):
    """Give by name: work that gives its own seconds, and how many beats it takes."""
    rr, found = intervals(BEATS)[:SHORT], np.empty(4)
    works = {
        "beat_1": (WholeBeat(1), BEATS),
        f"beat_{PATIENTS}": (WholeBeat(PATIENTS), BEATS),
        "vital_1": (Calm(1), VALUES),
        f"vital_{PATIENTS}": (Calm(PATIENTS), VALUES),
        "hrv_300": (lambda: [kernels.variability(rr, found) for _ in range(100)], 100),
        "repair": (lambda: offline.repair(rr), SHORT),
    }
    ours = {name: (_timed(work), n) for name, (work, n) in works.items()}
    theirs = {
        "river": ("river", FEW),
        "numpy": ("numpy", FEW - 128),
        "neurokit_hrv_300": ("hrv", 1),
        "neurokit_repair": ("repair", SHORT),
    }
    return ours | {
        name: (lambda work=work: rival.ask(work)[0], n)
        for name, (work, n) in theirs.items()
    }


def _timed(work):
    def go():
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return go


def measure(rounds, folder):
    """Give ns of each, the best and the middle of all rounds, and the ratios."""
    rival = Rival(folder)
    assert np.allclose(rival.ask("hrv")[1], variability(), rtol=1e-9)
    everybody = sides(rival)
    for work, _ in everybody.values():
        work()  # once, until every window is full and everything is compiled
    took = {name: [] for name in everybody}
    for _ in range(rounds):
        for name, (work, n) in everybody.items():
            took[name].append(work() / n * 1e9)
    rival.close()
    ns = {n: {"best": min(t), "median": statistics.median(t)} for n, t in took.items()}
    pairs = {
        "numpy_by_beat": ("numpy", "beat_1"),
        "river_by_beat": ("river", "beat_1"),
        "river_by_vital": ("river", "vital_1"),
        "neurokit_by_hrv": ("neurokit_hrv_300", "hrv_300"),
        "neurokit_by_repair": ("neurokit_repair", "repair"),
    }
    ratio = {
        name: statistics.median(
            b / a for b, a in zip(took[rival], took[ours], strict=True)
        )
        for name, (rival, ours) in pairs.items()
    }
    return {
        "ns": {n: {k: round(v, 1) for k, v in f.items()} for n, f in ns.items()},
        "times_as_long": {name: round(value, 1) for name, value in ratio.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(chosen.rounds, folder)
    results.save("dsp_speed", figures)
    json.dump(figures, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
