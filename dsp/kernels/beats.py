"""The whole beat: gate, variability and rhythm of each interval in one pass."""

import numpy as np

from dsp.arrays import I8, One, Records
from dsp.heart import BEAT, DELAY, NO_WORD, TIMES, Beats, Rhythm, hearts
from dsp.kernels import hrv, rhythm
from dsp.kernels.compiled import inner, kernel
from dsp.kernels.repair import judge
from vitals.gate import (
    AROUND,
    ARTEFACT,
    ECTOPIC,
    EXTRA,
    MISSED,
    NORMAL,
    RAW,
    Gate,
    arrive,
    contradict,
    leave,
    pieces,
)

_feel, _lose, _tell = hrv.feel, hrv.lose, hrv.tell
_listen, _label, _watch = rhythm.listen, rhythm.label, rhythm.watch
_weigh, _evidence = rhythm.weigh, rhythm.evidence


@inner
def _vary(s: One, g: Gate, flag: int, before: int, median: float) -> None:
    """Let the variability take a judged interval: mended, or left out.

    A normal interval lies between two normal beats (Task Force 1996): the pause behind
    a premature beat, flagged `before` it, is left out, and what lost beats are before.
    """
    i = s.judged - 1
    x, alone = s.raw[i % RAW], (s.alone >> (i % RAW)) & 1
    if alone:
        _lose(s)
    if flag == EXTRA:
        if s.half == 0 and i > 0:
            _feel(s, s.raw[(i - 1) % RAW] + x)
    elif alone or before in (ECTOPIC, ARTEFACT):
        _lose(s)
    elif flag == NORMAL:
        _feel(s, x)
    elif flag == MISSED:
        n = pieces(x, median, g.least)
        for _ in range(n):
            _feel(s, x / n)
    else:
        _lose(s)


@inner
def _settle(s: One, g: Gate, r: Rhythm, now: float, out: One) -> None:
    """Judge one interval and say what is known of the heart now."""
    before = s.before
    flag, median, smooth = judge(s, g)
    _vary(s, g, flag, before, median)
    if smooth > 0.0 and flag != ARTEFACT:
        _listen(s, smooth)
    i = s.judged - 1
    now_is = _weigh(s)
    _label(s, r, i, now_is)
    out.judged, out.flag, out.usual = i, flag, median
    out.labelled, out.label = i - DELAY, s.label
    start = s.when[max(i - r.back, 0, s.count - TIMES) % TIMES]
    out.evidence = _evidence(s, r, *now_is)
    out.change = _watch(s, r, out.evidence, now, start)
    out.begin, out.end, out.raised = s.begin, s.end, s.raised
    out.quality = 1.0 - now_is[2]
    _tell(s, out)


@inner
def _break(s: One, g: Gate, t: float, rr: float) -> None:
    """Take that beats were lost before this one, if they were."""
    gap = t - s.last
    if gap < -g.lost:  # what was newer was of a broken clock
        s.begin, s.end = min(s.begin, t), min(s.end, t)
    bit = 1 << (s.count % RAW)
    s.alone = s.alone | bit if gap > rr + g.lost else s.alone & ~bit
    if gap > g.forget:
        s.when[:] = t - rr  # no episode began before we listened
        s.words = 0
        s.word[:] = np.uint64(NO_WORD)
        s.weight[:] = 0.0
        s.kinds[:] = 0


@kernel(
    hearts(1),
    Gate(),
    Rhythm(),
    Beats(np.zeros(1, np.int64), np.zeros(1), np.zeros(1), np.zeros(1)),
    np.zeros(1, BEAT),
)
def beats(state: Records, g: Gate, r: Rhythm, block: Beats, out: Records) -> None:
    """Take a block of intervals; say after each what is known.

    An interval is judged when AROUND more have come and labelled DELAY after that; an
    alarm is raised and cleared with the interval that arrives.

    Parameters
    ----------
    state : (R,) HEART, updated in place
    g : Gate
    r : Rhythm
    block : Beats
        n intervals, hearts in any order.
    out : (n,) BEAT, filled
    """
    for i in range(block.t.size):
        s, o = state[block.row[i]], out[i]
        t, rr = block.t[i], block.rr[i]
        _break(s, g, t, rr)
        s.when[s.count % TIMES] = t
        contradict(s, rr, block.rate[i])
        arrive(s, rr)
        s.last = t
        if s.count > AROUND:
            _settle(s, g, r, t, o)
        else:
            o.judged = o.labelled = -1
            o.flag = o.label = o.change = 0
            o.usual = o.evidence = o.quality = np.nan
            _tell(s, o)


@kernel(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
def arrange(row: I8, place: I8, order: I8) -> None:
    """Find the order in which each row's intervals lie side by side.

    Parameters
    ----------
    row : (n,) int64
    place : (R + 1,) int64, zeros; of no further use
    order : (n,) int64, filled
    """
    for i in range(row.size):
        place[row[i] + 1] += 1
    for r in range(1, place.size):
        place[r] += place[r - 1]
    for i in range(row.size):
        order[place[row[i]]] = i
        place[row[i]] += 1


@kernel(hearts(1), Gate(), Rhythm(), np.zeros(1, BEAT))
def finish(state: Records, g: Gate, r: Rhythm, out: Records) -> None:
    """Judge and label what is left of one heart's intervals: nothing more will come.

    Parameters
    ----------
    state : (1,) HEART, updated in place: it is of no further use
    g : Gate
    r : Rhythm
    out : (AROUND + DELAY,) BEAT, filled
        First the intervals left to judge, then those left to label.
    """
    s, n = state[0], 0
    while s.judged < s.count:
        leave(s)
        _settle(s, g, r, s.last, out[n])
        n += 1
    for k in range(DELAY):
        _label(s, r, s.judged + k, _weigh(s))
        out[n].labelled, out[n].label = s.judged + k - DELAY, s.label
        out[n].judged = -1
        n += 1
    for k in range(n, out.size):
        out[k].judged = out[k].labelled = -1
