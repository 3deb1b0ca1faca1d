"""python -m benchmarks.train_deterioration: learn `dsp/weights.json` anew.

From CinC 2019 set B (development half): an hour counts as decline from 12 h before
the onset of sepsis to 3 h after it; hours after that are left out.  The device signals
alone are used.  First the score is cross-validated, five-fold by patient, then the
weights are learned from all patients.
"""

import argparse
import json
from itertools import pairwise

import numpy as np

from benchmarks import recordings
from dsp import weights
from dsp.decline import SIGNS
from dsp.offline import verdicts

DEVICE = 6  # of SIGNS: all but respiration
BEFORE, AFTER, LOCK = 12, 3, 8  # h, as the alarms are scored
FOLDS, RIDGE, STEPS = 5, 30.0, 7


def patients():
    """Give (hours, values, onset or None) of every patient."""
    with np.load(recordings.folder() / "cinc2019b_vitals.npz") as data:
        raw, offset, sepsis = data["vitals_x50"], data["offset"], data["sepsis"]
    values = np.where(raw == -32768, np.nan, raw / 50.0)
    for a, b in pairwise(offset):
        label = sepsis[a:b].astype(bool)
        onset = int(label.argmax()) + 6 if label.any() else None
        yield values[a:b], onset


def table():
    """Give features, decline, whether an hour counts, patient, and onsets."""
    rows, truth, counts, who, onsets = [], [], [], [], []
    for k, (values, onset) in enumerate(patients()):
        hours = np.arange(len(values), dtype=float)
        columns = {name: values[:, j].copy() for j, name in enumerate(SIGNS[:DEVICE])}
        rows.append(weights.features(verdicts(hours, columns)))
        near = np.zeros(len(hours), bool)
        fair = np.ones(len(hours), bool)
        if onset is not None:
            near = (hours >= onset - BEFORE) & (hours <= onset + AFTER)
            fair = hours <= onset + AFTER
        truth.append(near)
        counts.append(fair)
        who.append(np.full(len(hours), k))
        onsets.append(-1 if onset is None else onset)
    return (*(np.concatenate(x) for x in (rows, truth, counts, who)), np.array(onsets))


def learn(x, y):
    """Give the ridge logistic weights, the bias last: Newton's method."""
    mean, scale = x.mean(0), x.std(0) + 1e-9
    a = np.hstack([(x - mean) / scale, np.ones((len(x), 1))])
    penalty = np.full(a.shape[1], RIDGE)
    penalty[-1] = 0
    b = np.zeros(a.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(a @ b, -30, 30)))
        slope = a.T @ (p - y) + penalty * b
        curve = (a * (p * (1 - p) + 1e-9)[:, None]).T @ a + np.diag(penalty)
        b -= np.linalg.solve(curve, slope)
    found = b[:-1] / scale
    return np.append(found, b[-1] - found @ mean)


def alarms(score, who, onsets, threshold):
    """Give sensitivity and false alarms per patient-day, as the scorer counts them."""
    false = hit = quiet = 0
    starts = np.searchsorted(who, np.arange(len(onsets) + 1))
    for k, onset in enumerate(onsets):
        mine = score[starts[k] : starts[k + 1]]
        stop = min(len(mine), onset + AFTER + 1) if onset >= 0 else len(mine)
        first = onset - BEFORE if onset >= 0 else stop
        quiet += max(0, min(first, stop))
        last, got = -LOCK, False
        for h in np.flatnonzero(mine[:stop] >= threshold):
            if h - last >= LOCK:
                last, got, false = h, got or h >= first, false + (h < first)
        hit += got
    return 100 * hit / max((onsets >= 0).sum(), 1), 24 * false / max(quiet, 1)


def curve(score, who, onsets):
    """Give sensitivity at 0.25, 0.5 and 1 false alarms per patient-day."""
    levels = np.quantile(score, np.linspace(0.8, 0.998, 80))
    points = sorted(alarms(score, who, onsets, level)[::-1] for level in levels)
    false, found = np.array(points).T
    found = np.maximum.accumulate(found)
    return {str(f): round(float(np.interp(f, false, found)), 1) for f in (0.25, 0.5, 1)}


def main():
    args = argparse.ArgumentParser(prog="python -m benchmarks.train_deterioration")
    args.add_argument("--write", action="store_true", help="replace dsp/weights.json")
    write = args.parse_args().write
    x, y, fair, who, onsets = table()
    fold = np.random.default_rng(5).integers(0, FOLDS, len(onsets))[who]
    score = np.zeros(len(y))
    for k in range(FOLDS):
        taught = fair & (fold != k)
        found = learn(x[taught], y[taught])
        score[fold == k] = x[fold == k] @ found[:-1] + found[-1]
    validated = curve(score, who, onsets)
    print("cross-validated by patient:", validated)
    if write:
        *lines, bias = learn(x[fair], y[fair]).tolist()
        said = {
            "learned_from": "PhysioNet/CinC Challenge 2019 v1.0.0, set B, development"
            " half (CC BY 4.0; Reyna et al., Crit Care Med 48 (2020) 210)",
            "by": "benchmarks/train_deterioration.py",
            "patients": len(onsets),
            "septic": int((onsets >= 0).sum()),
            "cross_validated_sensitivity_pct": validated,
            "bias": round(bias, 6),
            "weights": [round(w, 6) for w in lines],
        }
        weights.FILE.write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
