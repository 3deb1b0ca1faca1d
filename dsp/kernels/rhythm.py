"""Irregular rhythm: symbolic entropy of the mended intervals over two windows.

Zhou et al., PLoS ONE 10 (2015) e0136544, 10.1371/journal.pone.0136544: a word is three
rates in coarse steps, and words that hardly come back are fibrillation.  We deviate:
steps of 6/min instead of 5, 31 of them, by two quantisers half a step apart (a steady
rate on the edge of a step looks irregular to one, never to both); two windows instead
of one; intervals mended before; evidence in shares of what fibrillation at its most
regular gives for as many words; doubt for intervals that were not normal.
"""

import numpy as np

from dsp.arrays import One
from dsp.heart import BEHIND, CLEARED, DOUBTS, LONG, QUIET, RAISED, SHORT, Rhythm
from dsp.kernels.compiled import inner

STEP = 6.0  # /min
FASTEST = 31  # the last symbol: 186/min and beyond
NO_WORD = 0xFFFF
FEWEST = 8  # words before anything is said

N_LOG_N = np.array([0.0, *(n * np.log(n) for n in range(1, LONG + 1))])


@inner
def _count(row: One, word: int, start: int, stop: int) -> int:
    """Count a word in a stretch of a ring."""
    n = 0
    for j in range(start, stop):
        n += row[j] == word
    return n


@inner
def _recent(row: One, word: int, head: int, size: int, full: bool) -> int:
    """Count a word among the latest `size` words; the next goes to `head`."""
    if head >= size:
        return _count(row, word, head - size, head)
    n = _count(row, word, 0, head)
    return n + _count(row, word, LONG + head - size, LONG) if full else n


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
    symbol = min(int((rate + 0.5 * STEP * q) / STEP), FASTEST)
    word = ((s.latest[q] << 5) | symbol) & 0x7FFF
    s.latest[q] = word
    row, head, full = s.word[q], s.words % LONG, s.words >= LONG
    if s.words >= SHORT:
        old = row[(head - SHORT) % LONG]
        _drop(s, q, 1, _recent(row, old, head, SHORT, full))
    if full:
        _drop(s, q, 0, _count(row, row[head], 0, LONG))
        row[head] = NO_WORD
    _add(s, q, 0, _count(row, word, 0, LONG if full else head))
    _add(s, q, 1, _recent(row, word, head, SHORT - 1, full))
    row[head] = word


@inner
def listen(s: One, rr: float) -> None:
    """Take a mended interval."""
    rate = 60_000.0 / rr
    _spell(s, 0, rate)
    _spell(s, 1, rate)
    s.words += 1


@inner
def _entropy(s: One, window: int, size: int) -> float:
    """Give one window's evidence: 1 is fibrillation at its most regular."""
    n = min(s.words, size)
    if n < FEWEST:
        return 0.0
    log, total = N_LOG_N[n] / n, 0.0
    for q in range(2):
        total += s.kinds[q, window] * (log - s.weight[q, window] / n)
    share: float = total / (n * log) / (1.41 - 0.0026 * n)
    return share


@inner
def evidence(s: One, r: Rhythm, short: float, share: float) -> float:
    """Fuse both windows, less what youth and doubt cost."""
    young = 1.0 - min(s.words, LONG) / LONG
    both = 0.5 * (_entropy(s, 0, LONG) + short)
    sure: float = both / (1.0 + r.young * young) - young * r.doubt * share
    return sure


@inner
def label(s: One, r: Rhythm, place: int) -> None:
    """Label the beat of DELAY intervals ago, which now is in the middle."""
    place %= BEHIND
    past = evidence(s, r, s.trail[place], s.trail_doubt[place])
    s.trail[place] = _entropy(s, 1, SHORT)
    s.trail_doubt[place] = s.doubts / min(max(s.judged, 1), DOUBTS)
    s.label = int(past > (r.label * r.keep if s.label else r.label))


@inner
def watch(s: One, r: Rhythm, now: float, start: float) -> tuple[int, float]:
    """Follow the episode; give what this beat changes, and the evidence.

    Parameters
    ----------
    now : float
        Time of the latest beat, ms.
    start : float
        Time of the beat `r.back` intervals ago: an episode that shows now began then.
    """
    share = s.doubts / min(max(s.judged, 1), DOUBTS)
    now_is = evidence(s, r, _entropy(s, 1, SHORT), share)
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
    return change, now_is
