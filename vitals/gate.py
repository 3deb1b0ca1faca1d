"""The gate: which RR intervals are no heart's, and what they are mended to.

An interval is judged by the median of AROUND intervals on either side, so AROUND
intervals late.  A premature beat stays where it is and only gets its flag; what was
missed is divided, what is extra is joined.

Plain Python, so that who has no compiler may use it; `dsp.kernels.repair` compiles the
same functions.  `s` is a `Watched`, or a row of `dsp.heart.HEART` with its fields.
"""

from math import inf, log
from typing import NamedTuple

AROUND = 5  # intervals on either side that one is judged by: the lag of the gate
SPAN = 2 * AROUND + 1
RAW = 16  # latest intervals as they came; a power of two, more than SPAN

NORMAL, ECTOPIC, MISSED, EXTRA, ARTEFACT = range(5)  # what an interval is

DEVIATION = 1.4826  # of a normal distribution, to its median absolute deviation
SMOOTH = 1 / 16  # weight of an interval in the ratio to the device's own rate
ABSURD = 1e6  # ms, /min: a product of more may be infinite, and stay so


class Gate(NamedTuple):
    """What is taken for a false or an ectopic beat."""

    short: float = 0.12  # of the median below it, an interval is premature ...
    spread: float = 3.0  # ... and below it by so many deviations
    long: float = 0.5  # of the median above it, a beat was missed
    whole: float = 0.2  # of the median by which two parts may miss a whole
    calm: float = 0.12  # of the median that the deviation may be where beats are mended
    enter: float = 0.85  # of the usual and the last, below which a run begins
    leave: float = 0.85  # of the usual, above which it ends
    fast: float = 600.0  # ms; no slower run is one: 100/min
    longest: int = 12  # beats; a longer run is another rate
    least: float = 200.0  # ms; what no heart does
    most: float = 3000.0
    contrary: float = 0.34  # log of the ratio to the device's own rate: it is a fill
    lost: float = 1500.0  # ms beyond the interval since the last beat: some were lost
    forget: float = 300_000.0  # ms without beats and the rhythm is learned anew


class Watched:
    """What the gate remembers of one heart."""

    def __init__(self) -> None:
        self.count = 0  # intervals taken
        self.judged = 0  # of them, how many have a flag
        self.raw = [0.0] * RAW  # ring of intervals as they came
        self.sorted = [0.0] * SPAN  # the intervals around the one being judged
        self.held = 0  # how many of them there are
        self.ratio = 0.0  # interval to what the device's own rate says, smoothed, log
        self.before = NORMAL  # flag of the interval before
        self.half = 0  # 1: the next interval is the other half of a beat
        self.usual = 0.0  # interval outside of runs
        self.trained = 0  # intervals in it
        self.run = 0  # length of the run of fast beats; 0: none
        self.base = 0.0  # the usual when it began


def contradict(s: Watched, x: float, rate: float) -> None:
    """Compare an interval with the rate that the device itself says."""
    if rate > 0.0:
        # The logarithm of 0 is an error in Python: a record may say any number.
        x, rate = min(max(x, 1.0), ABSURD), min(max(rate, 1.0), ABSURD)
        s.ratio += SMOOTH * (log(x * rate / 60_000.0) - s.ratio)
    else:
        s.ratio = 0.0


def arrive(s: Watched, x: float) -> None:
    """Take an interval as it came."""
    s.raw[s.count % RAW] = x
    if s.held == SPAN:
        _remove(s, s.raw[(s.count - SPAN) % RAW])
    _insert(s, x)
    s.count += 1


def leave(s: Watched) -> None:
    """Let the window of the last intervals shrink: nothing more will come."""
    if s.judged - AROUND > 0:
        _remove(s, s.raw[(s.judged - AROUND - 1) % RAW])


def judge(s: Watched, g: Gate) -> tuple[int, float]:
    """Judge the oldest interval without a flag; give it, and the median around, ms."""
    i = s.judged
    x, median = s.raw[i % RAW], s.sorted[s.held // 2]
    prior = s.raw[(i - 1) % RAW] if i > 0 else median
    flag = _kind(s, g, x, median, _deviation(s, median))
    flag = _run(s, g, x, prior, flag)
    s.before = flag
    s.judged += 1
    return flag, median


def pieces(x: float, median: float, least: float) -> int:
    """Give into how many beats, of `least` ms or more, missed ones are divided."""
    return max(1, round(x / max(median, least)))


def _insert(s: Watched, x: float) -> None:
    """Put an interval into the sorted window."""
    j = s.held
    while j > 0 and s.sorted[j - 1] > x:
        s.sorted[j] = s.sorted[j - 1]
        j -= 1
    s.sorted[j] = x
    s.held += 1


def _remove(s: Watched, x: float) -> None:
    """Take an interval out of the sorted window."""
    j = 0
    while s.sorted[j] != x:
        j += 1
    s.held -= 1
    while j < s.held:
        s.sorted[j] = s.sorted[j + 1]
        j += 1


def _deviation(s: Watched, median: float) -> float:
    """Give the median absolute deviation of the sorted window."""
    low = s.held // 2
    high, away = low, 0.0
    for _ in range(s.held // 2):
        below = median - s.sorted[low - 1] if low > 0 else inf
        above = s.sorted[high + 1] - median if high + 1 < s.held else inf
        if below <= above:
            away = below
            low -= 1
        else:
            away = above
            high += 1
    return away


def _kind(s: Watched, g: Gate, x: float, median: float, deviation: float) -> int:
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


def _run(s: Watched, g: Gate, x: float, prior: float, flag: int) -> int:
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


PARTS = (
    contradict,
    arrive,
    leave,
    judge,
    pieces,
    _insert,
    _remove,
    _deviation,
    _kind,
    _run,
)
"""All functions here: who compiles one of them has to compile them all."""
