"""Heart rate variability: rolling per beat, and by its definitions over whole arrays.

Task Force of the ESC and NASPE, Circulation 93 (1996) 1043, 10.1161/01.CIR.93.5.1043.
"""

import numpy as np

from dsp.arrays import F8, One
from dsp.heart import NN
from dsp.kernels.compiled import inner, kernel

FAR = 50.0  # ms; NN50


@inner
def lose(s: One) -> None:
    """Take that the next interval has no neighbour."""
    s.neighbour = np.nan


@inner
def _sum(s: One, x: float, leap: float, sign: int) -> None:
    """Count an interval and its difference in, or out."""
    from_zero = x - s.zero
    s.sum += sign * from_zero
    s.square += sign * from_zero * from_zero
    if not np.isnan(leap):
        s.steps += sign
        s.leap += sign * leap * leap
        s.far += sign * int(abs(leap) > FAR)


@inner
def _anew(s: One) -> None:
    """Sum the whole ring, once around it, so that rounding cannot pile up."""
    s.zero = s.nn[0, 0]
    s.sum = s.square = s.leap = 0.0
    s.steps = s.far = 0
    for j in range(NN):
        _sum(s, s.nn[j, 0], s.nn[j, 1], 1)


@inner
def feel(s: One, x: float) -> None:
    """Take a normal interval."""
    place, leap = s.nns % NN, x - s.neighbour
    if s.nns == 0:
        s.zero = x
    if s.nns >= NN:
        _sum(s, s.nn[place, 0], s.nn[place, 1], -1)
    s.nn[place, 0], s.nn[place, 1] = x, leap
    s.neighbour = x
    s.nns += 1
    if place == NN - 1:
        _anew(s)
    else:
        _sum(s, x, leap, 1)


@inner
def tell(s: One, out: One) -> None:
    """Say how variable the latest intervals are."""
    n = min(s.nns, NN)
    out.rmssd = np.sqrt(s.leap / s.steps) if s.steps > 0 else np.nan
    out.pnn50 = s.far / s.steps if s.steps > 0 else np.nan
    out.mean_hr = 60_000.0 / (s.zero + s.sum / n) if n > 0 else np.nan
    spread = s.square - s.sum * s.sum / n if n > 1 else np.nan
    out.sdnn = np.sqrt(max(spread, 0.0) / (n - 1)) if n > 1 else np.nan


@kernel(np.zeros(1), np.zeros(4))
def variability(rr: F8, out: F8) -> None:
    """Fill RMSSD, SDNN (ms), pNN50 (share) and mean rate (/min) of a whole array."""
    n, total, leaps, far = rr.size, 0.0, 0.0, 0
    for i in range(n):
        total += rr[i]
    mean, square = total / n, 0.0
    for i in range(n):
        square += (rr[i] - mean) ** 2
        if i > 0:
            leap = rr[i] - rr[i - 1]
            leaps += leap * leap
            far += abs(leap) > FAR
    out[0] = np.sqrt(leaps / (n - 1)) if n > 1 else np.nan
    out[1] = np.sqrt(square / (n - 1)) if n > 1 else np.nan
    out[2] = far / (n - 1) if n > 1 else np.nan
    out[3] = 60_000.0 / mean


@kernel(np.zeros(1), 2, 1.0)
def sample_entropy(x: F8, m: int, r: float) -> float:
    """Give the sample entropy of an array; NaN where no templates match.

    Richman and Moorman, Am J Physiol 278 (2000) H2039,
    10.1152/ajpheart.2000.278.6.H2039: Chebyshev distance at most `r`, self-matches left
    out, n - m templates of either length.
    """
    longer = shorter = 0
    for i in range(x.size - m):
        for j in range(i + 1, x.size - m):
            k = 0
            while k < m and abs(x[i + k] - x[j + k]) <= r:
                k += 1
            if k == m:
                shorter += 1
                longer += abs(x[i + m] - x[j + m]) <= r
    return -np.log(longer / shorter) if longer > 0 else np.nan


@kernel(np.zeros(1), np.zeros(1), 1.0, 1.0, np.zeros(1))
def lomb(t: F8, y: F8, first: float, step: float, power: F8) -> None:
    """Fill the Lomb-Scargle periodogram of an array on an even grid.

    Scargle, Astrophys J 263 (1982) 835, 10.1086/160554.  Sines and cosines go from one
    frequency to the next by the addition theorem, anew every 64th.

    Parameters
    ----------
    t : (n,) float64, s
    y : (n,) float64, without its mean
    first, step : float
        Of the grid, rad/s.
    power : (f,) float64, filled
        Unnormalised, in the square of the unit of `y`.
    """
    n = t.size
    c, s, dc, ds = np.empty(n), np.empty(n), np.cos(step * t), np.sin(step * t)
    for k in range(power.size):
        if k % 64 == 0:
            for i in range(n):
                angle = (first + k * step) * t[i]
                c[i], s[i] = np.cos(angle), np.sin(angle)
        yc = ys = cc = cs = 0.0
        for i in range(n):
            yc += y[i] * c[i]
            ys += y[i] * s[i]
            cc += c[i] * c[i]
            cs += c[i] * s[i]
        ss = n - cc
        tau = 0.5 * np.arctan2(2.0 * cs, cc - ss)
        ct, st = np.cos(tau), np.sin(tau)
        real, imaginary = ct * yc + st * ys, ct * ys - st * yc
        even = ct * ct * cc + 2.0 * ct * st * cs + st * st * ss
        odd = ct * ct * ss - 2.0 * ct * st * cs + st * st * cc
        power[k] = 0.5 * (real * real / even + imaginary * imaginary / odd)
        for i in range(n):
            c[i], s[i] = c[i] * dc[i] - s[i] * ds[i], s[i] * dc[i] + c[i] * ds[i]
