"""The gate of `vitals.gate`, compiled, and what the rhythm is to count intervals as."""

import numpy as np

from dsp.arrays import One
from dsp.heart import DOUBTS
from dsp.kernels.compiled import callable_in_kernels, inner
from vitals import gate
from vitals.gate import ARTEFACT, EXTRA, MISSED, NORMAL, RAW, Gate

ONE, OLDEST = np.uint64(1), np.uint64(DOUBTS - 1)

for _part in gate.PARTS:
    callable_in_kernels(_part)


@inner
def _note(s: One, flag: int) -> None:
    """Remember whether an interval was normal."""
    odd = np.uint64(flag != NORMAL)
    s.doubts += np.int64(odd) - np.int64(s.doubt >> OLDEST)
    s.doubt = (s.doubt << ONE) | odd


@inner
def _pause(s: One, g: Gate, i: int, x: float, median: float) -> bool:
    """Tell whether premature beat `i` and its pause make two usual intervals."""
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
    x, second = s.raw[i % RAW], s.half == 1
    flag, median = gate.judge(s, g)
    prior = s.raw[(i - 1) % RAW] if i > 0 else median
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
    elif _pause(s, g, i, x, median):
        smooth = s.pair = median
    _note(s, flag)
    return flag, median, smooth
