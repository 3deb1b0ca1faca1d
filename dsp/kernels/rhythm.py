"""Irregular rhythm: symbolic entropy of the mended intervals over two windows.

Zhou et al., PLoS ONE 10 (2015) e0136544, 10.1371/journal.pone.0136544: a word is three
rates in coarse steps, and words that hardly come back are fibrillation.  We deviate:
steps of 6/min instead of 5, 30 of them, by two quantisers half a step apart (a steady
rate on the edge of a step looks irregular to one, never to both); two windows instead
of one; intervals mended before; evidence in shares of what fibrillation at its most
regular gives for as many words; doubt for intervals that were not normal.
"""

import numpy as np
from numpy.typing import NDArray

from dsp.arrays import One
from dsp.heart import (
    BEHIND,
    CLEARED,
    DOUBTS,
    LANES,
    LONG,
    NO_WORD,
    QUIET,
    RAISED,
    SHORT,
    Rhythm,
)
from dsp.kernels.compiled import inner

STEP = 6.0  # /min
FASTEST = 30  # the last symbol: 180/min and beyond
FEWEST = 8  # words before anything is said

N_LOG_N = np.array([0.0, *(n * np.log(n) for n in range(1, LONG + 1))])
_N = np.arange(2.0, LONG + 1)
SURE = np.array([0.0, 0.0, *(1.0 / (_N * _N * np.log(_N) * (1.41 - 0.0026 * _N)))])
"""What a window of n words makes of its kinds times its entropy."""

Lanes = np.uint64  # four words side by side, or one of them

ONES = np.uint64(0x0001_0001_0001_0001)  # one in each lane
FILL = np.uint64(NO_WORD)
TOP = np.uint64(15)  # a lane's highest bit, which no word has


def _in_short() -> NDArray[np.uint64]:
    """Give for every head of the ring a one in each lane of the latest SHORT words."""
    lanes = np.zeros((LONG, LONG), np.uint16)
    for head in range(LONG):
        lanes[head, (head - 1 - np.arange(SHORT)) % LONG] = 1
    return lanes.view(np.uint64)


IN_SHORT = _in_short()


@inner
def _sum_lanes(lanes: Lanes) -> int:
    """Add the lanes up."""
    total: int = np.int64((lanes * ONES) >> np.uint64(48))  # type: ignore[assignment]
    return total


@inner
def _count(
    row: One, word: Lanes, oldest: Lanes, leaving: Lanes, head: int
) -> tuple[int, int, int, int]:
    """Count words in the ring, in one pass; `head` is the next place.

    Counted are the lanes that differ: a lane's top bit is set by adding to whatever is
    not zero.

    Returns
    -------
    many, few : int
        Times of `word` in the ring, and among the latest SHORT.
    old : int
        Times of `oldest` in the ring.
    gone : int
        Times of `leaving` among the latest SHORT.
    """
    new, last, short = word * ONES, oldest * ONES, leaving * ONES
    others, lately, kept, stay = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for j in range(LONG // LANES):
        four, mask = row[j], IN_SHORT[head, j]
        differs = (((four ^ new) + FILL) >> TOP) & ONES
        others += differs
        lately += differs & mask
        kept += (((four ^ last) + FILL) >> TOP) & ONES
        stay += (((four ^ short) + FILL) >> TOP) & mask
    many, few = LONG - _sum_lanes(others), SHORT - _sum_lanes(lately)
    return many, few, LONG - _sum_lanes(kept), SHORT - _sum_lanes(stay)


@inner
def _put(row: One, place: int, word: Lanes) -> None:
    """Put a word into its lane."""
    shift = np.uint64(16 * (place % LANES))
    j = place // LANES
    row[j] = (row[j] & ~(np.uint64(0x7FFF) << shift)) | (word << shift)


@inner
def _get(row: One, place: int) -> Lanes:
    """Give the word of a lane."""
    shift = np.uint64(16 * (place % LANES))
    word: Lanes = (row[place // LANES] >> shift) & np.uint64(0x7FFF)
    return word


@inner
def _drop(s: One, q: int, window: int, n: int) -> None:
    """Take a word that came `n` times out of a window."""
    s.weight[q, window] += N_LOG_N[n - 1] - N_LOG_N[n]
    s.kinds[q, window] -= int(n == 1)


@inner
def _add(s: One, q: int, window: int, n: int) -> None:
    """Put a word that had come `n` times into a window."""
    s.weight[q, window] += N_LOG_N[n + 1] - N_LOG_N[n]
    s.kinds[q, window] += int(n == 0)


@inner
def _spell(s: One, q: int, rate: float) -> None:
    """Take a rate into one quantiser's words."""
    symbol = np.uint64(min(int((rate + 0.5 * STEP * q) / STEP), FASTEST))
    word = ((s.latest[q] << np.uint64(5)) | symbol) & np.uint64(0x7FFF)
    s.latest[q] = word
    row, head = s.word[q], s.words % LONG
    oldest, leaving = _get(row, head), _get(row, (head + LONG - SHORT) % LONG)
    many, few, old, gone = _count(row, word, oldest, leaving, head)
    if s.words >= SHORT:
        _drop(s, q, 1, gone)
        few -= int(leaving == word)
    if s.words >= LONG:
        _drop(s, q, 0, old)
        many -= int(oldest == word)
    _add(s, q, 0, many)
    _add(s, q, 1, few)
    _put(row, head, word)


@inner
def listen(s: One, rr: float) -> None:
    """Take a mended interval."""
    rate = 60_000.0 / rr
    _spell(s, 0, rate)
    _spell(s, 1, rate)
    s.words += 1


@inner
def entropy(s: One, window: int, size: int) -> float:
    """Give one window's evidence: 1 is fibrillation at its most regular."""
    n = min(s.words, size)
    if n < FEWEST:
        return 0.0
    total = s.kinds[0, window] * (N_LOG_N[n] - s.weight[0, window])
    total += s.kinds[1, window] * (N_LOG_N[n] - s.weight[1, window])
    share: float = total * SURE[n]
    return share


@inner
def evidence(s: One, r: Rhythm, long: float, short: float, share: float) -> float:
    """Fuse both windows, less what youth and doubt cost."""
    young = 1.0 - min(s.words, LONG) / LONG
    sure = 0.5 * (long + short) / (1.0 + r.young * young)
    less: float = sure - young * r.doubt * share
    return less


@inner
def label(s: One, r: Rhythm, place: int, now: tuple[float, float, float]) -> None:
    """Label the beat of DELAY intervals ago, which now is in the middle.

    `now` is both windows' evidence and the share of doubt.
    """
    place %= BEHIND
    past = evidence(s, r, now[0], s.trail[place, 0], s.trail[place, 1])
    s.trail[place, 0], s.trail[place, 1] = now[1], now[2]
    s.label = int(past > (r.label * r.keep if s.label else r.label))


@inner
def weigh(s: One) -> tuple[float, float, float]:
    """Give both windows' evidence and the share of doubt."""
    share = s.doubts / min(max(s.judged, 1), DOUBTS)
    return entropy(s, 0, LONG), entropy(s, 1, SHORT), share


@inner
def watch(s: One, r: Rhythm, now_is: float, now: float, start: float) -> int:
    """Follow the episode; give what this beat changes.

    Parameters
    ----------
    now_is : float
        The evidence now.
    now : float
        Time of the latest beat, ms.
    start : float
        Time of the beat `r.back` intervals ago: an episode that shows now began then.
    """
    if s.on:
        s.on = int(now_is > r.alarm * r.stay or s.words < r.settled)
    else:
        s.on = int(now_is > r.alarm)
    change = QUIET
    if s.open and now - s.end > r.bridge:
        change = CLEARED if s.said else QUIET
        s.open = s.said = 0
    if s.on and change != CLEARED:  # one word at a time
        if not s.open:
            s.open = 1
            s.begin = start if start > s.end else np.nextafter(s.end, np.inf)
        s.end = now
        if not s.said and now - s.begin >= r.hold:
            s.said = 1
            s.raised = now
            change = RAISED
    return change
