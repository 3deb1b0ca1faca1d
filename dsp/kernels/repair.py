"""The gate: which intervals are no heart's, and what they are mended to.

An interval is judged by the median of AROUND intervals on either side, so AROUND
intervals late.  A premature beat stays where it is and only gets its flag; what was
missed is divided, what is extra is joined.
"""

import numpy as np

from dsp.arrays import One
from dsp.heart import (
    AROUND,
    ARTEFACT,
    DOUBTS,
    ECTOPIC,
    EXTRA,
    MISSED,
    NORMAL,
    RAW,
    SPAN,
    Gate,
)
from dsp.kernels.compiled import inner

DEVIATION = 1.4826  # of a normal distribution, to its median absolute deviation
ONE, OLDEST = np.uint64(1), np.uint64(DOUBTS - 1)
SMOOTH = 1 / 16  # weight of an interval in the ratio to the device's own rate


@inner
def _insert(s: One, x: float) -> None:
    """Put an interval into the sorted window."""
    j = s.held
    while j > 0 and s.sorted[j - 1] > x:
        s.sorted[j] = s.sorted[j - 1]
        j -= 1
    s.sorted[j] = x
    s.held += 1


@inner
def _remove(s: One, x: float) -> None:
    """Take an interval out of the sorted window."""
    j = 0
    while s.sorted[j] != x:
        j += 1
    s.held -= 1
    while j < s.held:
        s.sorted[j] = s.sorted[j + 1]
        j += 1


@inner
def arrive(s: One, x: float) -> None:
    """Take an interval as it came."""
    s.raw[s.count % RAW] = x
    if s.held == SPAN:
        _remove(s, s.raw[(s.count - SPAN) % RAW])
    _insert(s, x)
    s.count += 1


@inner
def leave(s: One) -> None:
    """Let the window of the last intervals shrink: nothing more will come."""
    if s.judged - AROUND > 0:
        _remove(s, s.raw[(s.judged - AROUND - 1) % RAW])


@inner
def _deviation(s: One, median: float) -> float:
    """Give the median absolute deviation of the sorted window."""
    low = s.held // 2
    high, away = low, 0.0
    for _ in range(s.held // 2):
        below = median - s.sorted[low - 1] if low > 0 else np.inf
        above = s.sorted[high + 1] - median if high + 1 < s.held else np.inf
        if below <= above:
            away = below
            low -= 1
        else:
            away = above
            high += 1
    return away


@inner
def _kind(s: One, g: Gate, x: float, median: float, deviation: float) -> int:
    """Tell what an interval is by itself and its neighbours."""
    i = s.judged
    last = i + 1 >= s.count
    after = median if last else s.raw[(i + 1) % RAW]
    prior = s.raw[(i - 1) % RAW] if i > 0 else median
    calm = deviation < g.calm * median
    whole = g.whole * median
    if s.half:
        s.half = 0
        return EXTRA
    if x < g.least or x > g.most or abs(s.ratio) > g.contrary:
        return ARTEFACT
    if x > (1.0 + g.long) * median and s.before != ECTOPIC:
        return MISSED
    split = calm and not last and max(x, after) < 0.85 * median
    if split and abs(x + after - median) < whole:
        s.half = 1
        return EXTRA
    if median - x > max(g.short * median, g.spread * DEVIATION * deviation):
        return ECTOPIC
    slight = g.short * median
    early = x < prior - 0.6 * slight and after > x + 2.0 * slight
    if early and after > median + 0.5 * slight and i > 0 and not last:
        return ECTOPIC
    return NORMAL


@inner
def _run(s: One, g: Gate, x: float, prior: float, flag: int) -> int:
    """Follow runs of fast beats, which have no normal ones around them."""
    if s.run > 0:
        if x < g.leave * s.base and s.run < g.longest:
            s.run += 1
            return ECTOPIC if flag == NORMAL else flag
        s.run = 0
    elif s.trained >= 8 and x < g.enter * min(s.usual, prior) and x < g.fast:
        s.run = 1
        s.base = s.usual
        return ECTOPIC if flag == NORMAL else flag
    if flag == NORMAL:
        s.trained += 1
        s.usual += (x - s.usual) / min(s.trained, 16)
    return flag


@inner
def _note(s: One, flag: int) -> None:
    """Remember whether an interval was normal."""
    odd = np.uint64(flag != NORMAL)
    s.doubts += np.int64(odd) - np.int64(s.doubt >> OLDEST)
    s.doubt = (s.doubt << ONE) | odd


@inner
def _pause(s: One, g: Gate, x: float, median: float) -> bool:
    """Tell whether a premature beat and its pause make two usual intervals."""
    i = s.judged
    if i + 2 >= s.count:
        return False
    after, then = s.raw[(i + 1) % RAW], s.raw[(i + 2) % RAW]
    early, late = median - x, after - median
    pair = early > g.short * median and late > 2 / 3 * g.short * median
    return (
        pair
        and abs(late - early) < g.whole * median
        and abs(then - median) < g.short * median
    )


@inner
def judge(s: One, g: Gate) -> tuple[int, float, float]:
    """Judge the oldest interval without a flag.

    Returns
    -------
    flag : int
    median : float
        Of the intervals around it, ms.
    smooth : float
        What the rhythm is to count it as, ms: the median for a premature beat and its
        pause; 0: leave it out.
    """
    i = s.judged
    x, median = s.raw[i % RAW], s.sorted[s.held // 2]
    prior = s.raw[(i - 1) % RAW] if i > 0 else median
    second = s.half == 1
    flag = _kind(s, g, x, median, _deviation(s, median))
    flag = _run(s, g, x, prior, flag)
    smooth = x
    if flag == EXTRA:
        smooth = prior + x if second else 0.0
    elif flag == ARTEFACT:
        smooth = 0.0
    elif flag == MISSED:
        smooth = median
    elif s.pair > 0.0:
        smooth = s.pair
        s.pair = 0.0
    elif _pause(s, g, x, median):
        smooth = s.pair = median
    _note(s, flag)
    s.before = flag
    s.judged += 1
    return flag, median, smooth


@inner
def contradict(s: One, x: float, rate: float) -> None:
    """Compare an interval with the rate that the device itself says."""
    if rate > 0.0:
        s.ratio += SMOOTH * (np.log(max(x, 1.0) * rate / 60_000.0) - s.ratio)
    else:
        s.ratio = 0.0


@inner
def pieces(x: float, median: float, least: float) -> int:
    """Give into how many beats, of `least` ms or more, missed ones are divided."""
    return max(1, int(np.rint(x / max(median, least))))
