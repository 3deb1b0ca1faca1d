"""The trained score of decline: a logistic sum of bent lines, one weight each.

`weights.json` beside this file holds the weights and says what they were learned from;
`benchmarks/train_deterioration.py` makes it.  Every feature is a number that `decline`
says already, so that a score can be taken apart again.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dsp.arrays import F8, Records
from dsp.decline import signs

FILE = Path(__file__).with_name("weights.json")
KNOTS = -2.0, -1.0, 0.0, 1.0, 2.0  # of people's spreads, where a line may bend
REACH = 4.0  # spreads beyond a knot that make no difference
HOURS = 6.0, 24.0, 72.0  # since the first measurement, where it may bend
SHOCK = 0.5, 0.7, 0.9  # of heart rate to systolic pressure


@cache
def weights(path: Path = FILE) -> F8:
    """Read the weights: of `features`, and the bias."""
    found: dict[str, Any] = json.loads(path.read_text())
    return np.array([*found["weights"], found["bias"]])


def features(said: Records) -> F8:
    """Give what is weighed of each verdict, (n, features)."""
    table = signs()
    latest = (said["value"] - table.mean) / table.spread
    lately = (said["fast"] - table.mean) / table.spread
    moved = (said["fast"] - said["usual"]) / table.spread
    bends = [_bend(x, knot) for x in (latest, lately, moved) for knot in KNOTS]
    sums = np.log1p(said["cusum"])
    hours = said["hours"][:, None]
    ages = [np.minimum(hours, h) / h for h in HOURS]
    shock = np.nan_to_num(said["value"][:, 0] / said["value"][:, 3])[:, None]
    shocks = [np.clip(shock - knot, 0, 1) for knot in SHOCK]
    whole = np.stack([said[name] for name in ("low", "raw", "score")], axis=1)
    return np.hstack([*bends, sums, np.log1p(hours), *ages, *shocks, whole])


def weigh(said: Records, weights: F8) -> F8:
    """Give the trained score of each verdict, log odds, (n,)."""
    scores: F8 = features(said) @ weights[:-1] + weights[-1]
    return scores


def _bend(x: F8, knot: float) -> F8:
    bent: F8 = np.clip(np.nan_to_num(x) - knot, 0.0, REACH)
    return bent
