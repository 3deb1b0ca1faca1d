"""The kernels of the live stage on whole arrays, for research and acceptance.

Times are seconds from the beginning of the record, intervals ms.  What is said of a
beat is what the live stage says of it, at the latest LAG intervals after it; the last
beats of an array are judged by what there is.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dsp import decline, heart, kernels
from dsp.arrays import F8, I1, One, Records
from dsp.decline import VERDICT, Hours, Watchfulness, signs
from dsp.heart import BEAT, CLEARED, RAISED, Beats, Rhythm
from dsp.kernels import beats, finish, lomb, variability
from dsp.weights import weigh, weights
from vitals.gate import AROUND, EXTRA, MISSED, Gate

ENDS = "begin", "end", "raised"
GRID_STEP = 0.36 / 255  # Hz
GRID = 0.04 + GRID_STEP * np.arange(256)
BANDS = GRID < 0.15, GRID >= 0.15
NAMES = "rmssd", "sdnn", "pnn50", "mean_hr"


def heard(
    times_ms: F8, rr_ms: F8, rate: F8 | None = None, rhythm: Rhythm | None = None
) -> tuple[Records, Records]:
    """Give what the live stage says after each interval, and what it would have.

    Returns
    -------
    said : (n,) BEAT
    rest : BEAT
        What is left to judge and to label at the end.
    """
    held_to = Gate(), rhythm or Rhythm()
    state, said = heart.hearts(1), np.zeros(rr_ms.size, BEAT)
    unknown = np.full(rr_ms.size, np.nan) if rate is None else rate
    row = np.zeros(rr_ms.size, np.int64)
    beats(state, *held_to, Beats(row, times_ms, rr_ms, unknown), said)
    rest = np.zeros(AROUND + heart.DELAY, BEAT)
    finish(state, *held_to, rest)
    return said, rest


def rhythm(beat_times_s: F8) -> NDArray[np.bool_]:
    """Tell of each beat whether it is in atrial fibrillation, (n,)."""
    times = np.ascontiguousarray(beat_times_s, np.float64) * 1000.0
    said = np.concatenate(heard(times[1:], np.diff(times)))
    labels = np.zeros(times.size, bool)
    told = said[said["labelled"] >= 0]
    labels[told["labelled"] + 1] = told["label"] == 1
    labels[:1] = labels[1:2]
    return labels


def episodes(beat_times_s: F8, hold_s: float) -> list[tuple[float, float, float]]:
    """Give the episodes of irregular rhythm as (start, end, raised), s."""
    times = np.ascontiguousarray(beat_times_s, np.float64) * 1000.0
    held_to = Rhythm(hold=hold_s * 1000.0)
    said, _ = heard(times[1:], np.diff(times), rhythm=held_to)
    changes = said[said["change"] != heart.QUIET]
    found = [_episode(e) for e in changes[changes["change"] == CLEARED]]
    if changes.size and changes[-1]["change"] == RAISED:
        found.append(_episode(said[-1]))
    return found


def _episode(e: One) -> tuple[float, float, float]:
    begin, end, raised = (float(e[name]) / 1000.0 for name in ENDS)
    return begin, end, raised


def repair(rr_ms: F8) -> tuple[F8, I1]:
    """Give the mended intervals, and a flag of `vitals.gate` for each as it came."""
    rr = np.ascontiguousarray(rr_ms, np.float64)
    said = np.concatenate(heard(np.cumsum(rr), rr))
    said = said[said["judged"] >= 0]
    return _mend(rr, said["flag"], said["usual"]), said["flag"].copy()


def _mend(rr: F8, flags: I1, usual: F8) -> F8:
    """Divide what hides missed beats, join what extra ones have split."""
    clean: list[float] = []
    half = False  # an extra beat's first part is waiting for its second
    for x, flag, median in zip(
        rr.tolist(), flags.tolist(), usual.tolist(), strict=True
    ):
        if flag == MISSED:
            n = max(1, round(x / max(median, Gate().least)))
            clean += [x / n] * n
        elif half:
            clean[-1] += x
        else:
            clean.append(x)
        half = flag == EXTRA and not half
    return np.array(clean)


def hrv(rr_ms: F8) -> dict[str, float]:
    """Give RMSSD and SDNN (ms), pNN50 (share) and mean rate (/min) of all intervals."""
    found = np.empty(len(NAMES))
    variability(np.ascontiguousarray(rr_ms, np.float64), found)
    return dict(zip(NAMES, found.tolist(), strict=True))


def spectrum(rr_ms: F8) -> dict[str, float]:
    """Give the power of low and high frequencies (ms²), and their ratio.

    Lomb-Scargle at the times of the beats, bands 0.04-0.15 and 0.15-0.4 Hz (Task Force
    1996), normalised to a one-sided density.
    """
    rr = np.ascontiguousarray(rr_ms, np.float64)
    t = np.cumsum(rr) / 1000.0
    power = np.zeros(GRID.size)
    lomb(t, rr - rr.mean(), 2 * np.pi * GRID[0], 2 * np.pi * GRID_STEP, power)
    density = 2.0 * power / rr.size * (t[-1] - t[0])
    low, high = (float(density[band].sum() * GRID_STEP) for band in BANDS)
    return {"lf": low, "hf": high, "lf_hf": low / high if high > 0 else np.nan}


def sample_entropy(rr_ms: F8, m: int = 2, share: float = 0.2) -> float:
    """Give the sample entropy with a tolerance of a share of the deviation."""
    rr = np.ascontiguousarray(rr_ms, np.float64)
    return kernels.sample_entropy(rr, m, share * float(rr.std(ddof=1)))


def deterioration(hours: F8, columns: Mapping[str, F8], trained: bool = False) -> F8:
    """Give how worried to be each hour, (n,); larger is worse."""
    said = verdicts(hours, columns)
    return weigh(said, weights()) if trained else said["score"].copy()


def verdicts(hours: F8, columns: Mapping[str, F8]) -> Records:
    """Give what the live stage says of one patient each hour, (n,) VERDICT."""
    n = np.size(hours)
    value = np.full((n, decline.COUNT), np.nan)
    for k, name in enumerate(decline.SIGNS):
        if name in columns:
            value[:, k] = columns[name]
    block = Hours(np.zeros(n, np.int64), np.asarray(hours, np.float64), value)
    out = np.zeros(n, VERDICT)
    kernels.decline(decline.declines(1), signs(), Watchfulness(), block, out)
    return out
