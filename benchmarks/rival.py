"""python rival.py FILE: what river and NeuroKit take for their share of the same work.

Runs in an environment of its own that has them (`dsp_speed` makes it).  FILE holds the
intervals.  A line names the work; the answer is the seconds it took and its result.
"""

import json
import sys
import time
import warnings

import neurokit2
import numpy as np
from river import drift, stats

FEW = 2000  # values that river takes, intervals that numpy takes


def river(rr):
    """Mean, variance and Page-Hinkley of each value."""
    mean, var, page = stats.EWMean(0.03), stats.EWVar(0.05), drift.PageHinkley()
    for x in rr[:FEW].tolist():
        mean.update(x)
        var.update(x)
        page.update(x)


def rolling(rr):
    """RMSSD, SDNN and pNN50 of the latest 128 intervals, by numpy, at each beat."""
    for i in range(128, FEW):
        window = rr[i - 128 : i]
        leaps = np.diff(window)
        np.sqrt(np.mean(leaps**2)), window.std(ddof=1), np.mean(abs(leaps) > 50)


def hrv(rr):
    """Give NeuroKit's HRV of 300 intervals: RMSSD, SDNN, pNN50 (share), mean rate."""
    peaks = np.concatenate([[0.0], np.cumsum(rr[:300])])
    found = neurokit2.hrv_time(peaks, sampling_rate=1000).iloc[0]
    share, rate = found.HRV_pNN50 / 100, 60_000 / found.HRV_MeanNN
    return [found.HRV_RMSSD, found.HRV_SDNN, share, rate]


def repair(rr):
    """Correct 300 intervals."""
    peaks = np.round(np.cumsum(rr[:300])).astype(int)
    neurokit2.signal_fixpeaks(peaks, sampling_rate=1000, method="Kubios")


def main():
    warnings.simplefilter("ignore")
    rr = np.load(sys.argv[1])
    works = {"river": river, "numpy": rolling, "hrv": hrv, "repair": repair}
    for line in sys.stdin:
        begun = time.perf_counter()
        found = works[line.strip()](rr)
        took = time.perf_counter() - begun
        print(json.dumps([took, found]), flush=True)


if __name__ == "__main__":
    main()
