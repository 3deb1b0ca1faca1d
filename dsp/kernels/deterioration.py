"""Decline: partial NEWS2 with bounds, and how far each sign is from the person's usual.

Personal baselines are exponentially weighted and learn nothing from outliers; a sum
(CUSUM; Page, Biometrika 41 (1954) 100, 10.1093/biomet/41.1-2.100) fades, so that an old
fright is forgotten.
"""

import numpy as np

from dsp.arrays import One, Records
from dsp.decline import COUNT, VERDICT, Hours, Signs, Watchfulness, declines, signs
from dsp.kernels.compiled import inner, kernel


@inner
def _points(signs: Signs, k: int, x: float) -> float:
    """Give a value's points."""
    rounded = np.rint(x * signs.scale[k])
    band = 0
    while rounded >= np.rint(signs.edges[k, band] * signs.scale[k]):
        band += 1
    found: float = signs.points[k, band]
    return found


@inner
def _worse(s: One, signs: Signs, w: Watchfulness, k: int, x: float) -> None:
    """Let a sign's sum and baseline take a value."""
    if s.learned[k] == 0.0:
        s.mean[k] = 0.5 * (signs.mean[k] + x)
        s.var[k] = signs.spread[k] ** 2
        s.fast[k] = x
    spread = max(np.sqrt(s.var[k]), w.least * signs.spread[k])
    away = x - s.mean[k]
    z = away / spread * signs.worse[k] if signs.worse[k] != 0.0 else abs(away) / spread
    z = min(max(z, w.clip_low), w.clip_high)
    s.cusum[k] = max(0.0, w.fade * s.cusum[k] + z - w.slack)
    s.learned[k] += 1.0
    s.fast[k] += w.quick * (x - s.fast[k])
    if abs(away) < w.still * spread:
        s.mean[k] += max(w.slow, 1.0 / (s.learned[k] + 1.0)) * away
        s.var[k] += w.var * (away * away - s.var[k])


@inner
def _assess(s: One, signs: Signs, w: Watchfulness, now: float, out: One) -> None:
    """Say how a patient is, from what is known and not too old."""
    out.low = out.high = 0.0
    out.missing, out.red = 0, 0
    sums = 0.0
    for k in range(COUNT):
        age = now - s.at[k]
        out.points[k], out.cusum[k] = 0.0, s.cusum[k]
        out.usual[k], out.age[k] = s.mean[k], age
        out.value[k], out.fast[k] = np.nan, s.fast[k]
        sums += np.log1p(s.cusum[k])
        if age > signs.keep[k]:
            out.missing |= 1 << k
            out.high += signs.most[k]
        else:
            points = _points(signs, k, s.value[k])
            out.points[k], out.value[k] = points, s.value[k]
            out.low += points
            out.high += points
            out.red |= int(points >= 3.0)
    if s.seen == 0.0:
        s.first = now
    out.hours = now - s.first
    young = 1.0 - w.young * np.exp(-out.hours / w.known)
    out.raw = (out.low + w.weight * sums) * young
    s.score = out.raw if s.seen == 0.0 else s.score + w.fresh * (out.raw - s.score)
    s.seen += 1.0
    out.score = s.score


@kernel(
    declines(1),
    signs(),
    Watchfulness(),
    Hours(np.zeros(1, np.int64), np.zeros(1), np.zeros((1, COUNT))),
    np.zeros(1, VERDICT),
)
def decline(
    state: Records, signs: Signs, w: Watchfulness, block: Hours, out: Records
) -> None:
    """Take a block of moments; say after each how the patient is.

    Parameters
    ----------
    state : (R,) DECLINE, updated in place
    signs : Signs
    w : Watchfulness
    block : Hours
        n moments, patients in any order.
    out : (n,) VERDICT, filled
    """
    for i in range(block.t.size):
        s, t = state[block.row[i]], block.t[i]
        for k in range(COUNT):
            x = block.value[i, k]
            if not np.isnan(x):
                _worse(s, signs, w, k, x)
                s.value[k], s.at[k] = x, t
        _assess(s, signs, w, t, out[i])
