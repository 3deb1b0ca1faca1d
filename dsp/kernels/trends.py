"""Where signals are going: a line through the latest means, and how sure it is.

Least squares over at most POINTS means.  What is expected at the horizon bears the band
of a single new value (Draper & Smith, Applied Regression Analysis, section 1.4), which
grows with the distance, and with whatever does not lie on a line: an outlier widens it.
"""

import numpy as np

from dsp.arrays import (
    BEGIN,
    END,
    HIGH,
    LOW,
    NEVER,
    NIGHT,
    NOTHING,
    REWIND,
    RULE,
    Block,
    One,
    Records,
)
from dsp.kernels.compiled import inner, kernel
from dsp.trend import COURSE, FALLING, GOES_ON, LATELY, POINTS, TREND, TURN


@inner
def _slope(s: One, n: int) -> tuple[float, float, float, float]:
    """Give slope, mean time, mean value and squares of times of the latest `n` means.

    Times count from the newest.
    """
    now = s.t[(s.count - 1) % POINTS]
    sx = sy = 0.0
    for k in range(s.count - n, s.count):
        sx += s.t[k % POINTS] - now
        sy += s.x[k % POINTS]
    mx, my = sx / n, sy / n
    sxx = sxy = 0.0
    for k in range(s.count - n, s.count):
        dx = s.t[k % POINTS] - now - mx
        sxx += dx * dx
        sxy += dx * (s.x[k % POINTS] - my)
    return sxy / sxx, mx, my, sxx


@inner
def _fit(s: One, n: int, out: One, noise: float) -> None:
    """Lay a line through the latest `n` means."""
    now = s.t[(s.count - 1) % POINTS]
    slope, mx, my, sxx = _slope(s, n)
    rest = 0.0
    for k in range(s.count - n, s.count):
        away = s.x[k % POINTS] - my - slope * (s.t[k % POINTS] - now - mx)
        rest += away * away
    out.level, out.slope = my - slope * mx, slope
    out.lately = _slope(s, LATELY)[0]
    out.spread = max(np.sqrt(rest / (n - 2)), noise)
    out.middle, out.sxx, out.points = mx, sxx, n


@inner
def _turn(s: One, side: int, says: bool, stays: bool, t: int, confirm: int) -> int:
    """Take a judgement of one side: whether it says so, and whether it may stay."""
    s.run[side] = s.run[side] + 1 if says else 0
    if s.on[side] == 0 and s.run[side] >= confirm:
        s.on[side], s.begin[side] = 1, t
        return BEGIN
    if s.on[side] == 1 and not stays:
        s.on[side] = 0
        return END
    return NOTHING


@inner
def _leaves(s: One, sign: float, bounds: Records) -> bool:
    """Tell whether a signal is on its way out: past the middle between its bounds.

    A fever that falls is on its way home until then.  A side without a bound has no
    middle, NaN, and whatever comes is on its way out.
    """
    middle = 0.5 * (bounds[LOW] + bounds[HIGH])
    for k in range(s.count - LATELY, s.count):
        if sign * (s.x[k % POINTS] - middle) < 0.0:
            return False
    return True


@inner
def _ahead(s: One, c: One, side: int, bounds: Records, t: int, e: One) -> int:
    """Judge whether a side's bound will be reached; `e` holds the line."""
    h, bound = float(c.horizon), bounds[side]
    sign = 1.0 if side == HIGH else -1.0
    apart = h - e.middle
    band = c.z * e.spread * np.sqrt(1.0 + 1.0 / e.points + apart * apart / e.sxx)
    expected = e.level + e.slope * h
    e.value, e.bound = expected, bound
    # Who is there already is the limit's; NaN, no bound, is never reached.
    short = sign * (bound - s.x[(s.count - 1) % POINTS]) > 0.0
    goes_on = sign * (e.lately - GOES_ON * e.slope) >= 0.0
    far = sign * (expected - bound) - band >= 0.0
    says = short and goes_on and far and _leaves(s, sign, bounds)
    stays = short and sign * (expected - bound) >= 0.0
    return _turn(s, side, says, stays, t, c.confirm)


@inner
def _pace(s: One, c: One, side: int, n: int, t: int, e: One) -> int:
    """Judge whether a signal has changed fast."""
    sign = -1.0 if side == FALLING else 1.0
    newest = (s.count - 1) % POINTS
    most = 0.0
    for k in range(s.count - n, s.count - 1):
        if s.t[newest] - s.t[k % POINTS] <= c.within:
            most = max(most, sign * (s.x[newest] - s.x[k % POINTS]))
    e.value, e.bound = sign * most, sign * c.by
    return _turn(s, side, most >= c.by, most >= 0.5 * c.by, t, 1)


@inner
def _write(s: One, n: int, i: int, side: int, what: int, e: One) -> None:
    """Complete an event."""
    e.sample, e.side, e.what, e.begin = i, side, what, s.begin[side]
    e.good = e.seen = 0
    for j in range(POINTS):
        k = s.count - n + j
        e.t[j] = s.t[k % POINTS] if j < n else NEVER
        e.x[j] = s.x[k % POINTS] if j < n else 0.0
        if j < n:
            e.good += s.good[k % POINTS]
            e.seen += s.all[k % POINTS]


@inner
def _judge(
    s: One, c: One, bound: Records, now: tuple[int, int], events: Records, m: int
) -> int:
    """Say what a new mean begins and ends; give the number of events.

    `now` is a sample's index and time.
    """
    i, t = now
    n = min(s.count, POINTS)
    if n >= c.least and c.horizon > 0:
        _fit(s, n, events[m], c.noise)
        for side in range(LOW, HIGH + 1):
            what = _ahead(s, c, side, bound, t, events[m])
            if what != NOTHING:
                _write(s, n, i, side, what, events[m])
                m += 1
                _fit(s, n, events[m], c.noise)
    if n >= 2 and not np.isnan(c.by):
        for side in range(FALLING, FALLING + 2):
            what = _pace(s, c, side, n, t, events[m])
            if what != NOTHING:
                _write(s, n, i, side, what, events[m])
                m += 1
    return m


@inner
def _push(s: One) -> None:
    """Take the mean of a stretch that is over."""
    k = s.count % POINTS
    s.t[k] = s.start + s.lag // s.n
    s.x[k] = s.sum / s.n
    s.good[k], s.all[k] = s.n, max(s.seen, s.n)
    s.count += 1
    s.n = s.seen = s.lag = 0
    s.sum = 0.0


@inner
def _forget(s: One) -> None:
    """Forget what came before; what is open waits for as many means again."""
    s.count = s.n = s.seen = s.lag = 0
    s.sum = 0.0
    s.run[:] = 0


@kernel(
    np.zeros(1, TREND),
    np.zeros(1, COURSE),
    np.zeros((1, 1), RULE),
    Block(*(np.zeros(1, kind) for kind in ("i8", "i8", "i8", "f8", "i8"))),
    1,
    np.zeros(1, TURN),
)
def trends(
    state: Records, held: Records, rules: Records, block: Block, bad: int,
    events: Records,
) -> int:  # fmt: skip
    """Take a block of samples; give the number of events that this wrote.

    A stretch is judged with the first good value after it.

    Parameters
    ----------
    state : (R,) TREND, updated in place
    held : (C,) COURSE
    rules : (R, 1) RULE
        Whose bounds are looked ahead to.
    block : Block
        n samples at rest, patients in any order; `signal` is the place in `held`.
    bad : int
        Quality bits of values that do not count.
    events : (4 n + 1,) TURN, filled from the front
    """
    m = 0
    for i in range(block.t.size):
        s, c = state[block.patient[i]], held[block.signal[i]]
        t, x, marks = block.t[i], block.value[i], block.quality[i]
        if np.isnan(x) or (marks & bad) != 0:
            s.seen += 1
            continue
        if (marks & REWIND) != 0:
            s.last = NEVER
            _forget(s)
        if t <= s.last:
            continue
        if t - s.last > c.gap:
            _forget(s)
        start = t - t % c.width if c.width > 0 else t
        rule = rules[block.patient[i], 0]
        bound = rule.night if (marks & NIGHT) != 0 else rule.bound
        if s.n > 0 and start != s.start:
            _push(s)
            m = _judge(s, c, bound, (i, t), events, m)
        s.start, s.last = start, t
        s.sum += x
        s.lag += t - start
        s.n += 1
        s.seen += 1
        if c.width == 0:
            _push(s)
            m = _judge(s, c, bound, (i, t), events, m)
    return m
