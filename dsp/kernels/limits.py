"""Holds every value to its patient's limits and to the patient's own past."""

import numpy as np

from dsp import arrays
from dsp.arrays import (
    BEGIN,
    CALM,
    CHANGE,
    CLEARING,
    END,
    EVENT,
    EXERCISE,
    HIGH,
    I8,
    LOW,
    NEVER,
    NIGHT,
    NOTHING,
    ON,
    PENDING,
    PRESCRIBED,
    RECENT,
    REWIND,
    RULE,
    UNUSUALLY_HIGH,
    UNUSUALLY_LOW,
    Block,
    Line,
    One,
    Records,
    Sample,
    Settings,
)
from dsp.kernels.compiled import CLEAR, kernel
from dsp.kernels.compiled import inner as _inner

SAY_AGAIN = 60_000  # ms between two words on an episode that goes on
GROWN = 0.05  # share by which the worst must grow to be worth a word before that
CLIP = 3.0  # deviations by which one sample can move the baseline


@_inner
def _say(events: Records, n: int, s: One, now: Sample, side: int, what: int) -> int:
    """Write event `n` but for its bound; give the number of events there are now."""
    e = events[n]
    e.sample = now.i
    e.side = side
    e.what = what
    e.begin = s.begin[side]
    e.worst = s.worst[side]
    e.bound = np.nan
    e.mean = s.mean
    e.good = s.good[side]
    e.seen = s.seen[side]
    for j in range(RECENT):
        place = (s.head + j) % RECENT
        e.recent_t[j] = s.recent_t[place]
        e.recent[j] = s.recent[place]
    return n + 1


@_inner
def _count(s: One, side: int, x: float, beyond: bool) -> None:
    """Take a good value into an episode's evidence."""
    s.good[side] += 1
    s.seen[side] += 1
    if beyond and (x > s.worst[side] if side % 2 else x < s.worst[side]):
        s.worst[side] = x


@_inner
def _rise(s: One, side: int, now: Sample, line: Line, beyond: bool) -> int:
    """Take a good value while no episode is open."""
    if not beyond:
        s.phase[side] = CALM
        return NOTHING
    if s.phase[side] == CALM or now.silence > line.gap:
        s.phase[side] = PENDING
        s.begin[side] = now.t
        s.worst[side] = now.x
        s.good[side] = 0
        s.seen[side] = 0
    _count(s, side, now.x, beyond)
    if now.t - s.begin[side] < line.hold:
        return NOTHING
    s.phase[side] = ON
    s.said[side] = s.worst[side]
    s.said_t[side] = now.t
    return BEGIN


@_inner
def _go_on(s: One, side: int, now: Sample, beyond: bool) -> int:
    """Take a good value that keeps an episode open."""
    s.phase[side] = ON
    worst, said = s.worst[side], s.said[side]
    grown = worst != said and abs(worst - said) >= GROWN * abs(said)
    if not beyond or not (grown or now.t - s.said_t[side] >= SAY_AGAIN):
        return NOTHING
    s.said[side] = worst
    s.said_t[side] = now.t
    return CHANGE


@_inner
def _fall(s: One, side: int, now: Sample, line: Line) -> int:
    """Take a good value that is well inside while an episode is open."""
    if s.phase[side] == ON or now.silence > line.gap:
        s.phase[side] = CLEARING
        s.inside[side] = now.t
    if now.t - s.inside[side] < min(line.hold, CLEAR):
        return NOTHING
    s.phase[side] = CALM
    return END


@_inner
def _watch(s: One, side: int, now: Sample, line: Line, events: Records, n: int) -> int:
    """Take one good value into one side of a signal; give the number of events.

    CALM -> PENDING at the first value beyond; -> ON when values have stayed beyond for
    the hold; -> CLEARING at the first value inside by the margin; -> CALM when values
    have stayed so for min(hold, CLEAR).  A silence longer than the gap restarts PENDING
    and CLEARING: what was not seen counts neither for nor against.
    """
    excess = now.x - line.bound if side % 2 else line.bound - now.x
    beyond = excess >= 0.0  # never without a bound: it is NaN
    if s.phase[side] <= PENDING:
        what = _rise(s, side, now, line, beyond)
    else:
        _count(s, side, now.x, beyond)
        if excess > -line.margin:
            what = _go_on(s, side, now, beyond)
        else:
            what = _fall(s, side, now, line)
    if what != NOTHING:
        n = _say(events, n, s, now, side, what)
        events[n - 1].bound = line.bound
    return n


@_inner
def _learn(s: One, rule: One, settings: Settings, now: Sample) -> None:
    """Let the baseline take a value from inside the limits.

    Exponentially weighted mean and variance whose weight starts as 1/n, so that the
    first samples make a plain average; a sample moves it by at most CLIP deviations.
    """
    if s.learned == 0:
        s.mean = now.x
    elif now.silence <= rule.gap:
        s.span += now.silence
    weight = 1.0 / min(s.learned + 1.0, settings.memory)
    reach = CLIP * max(np.sqrt(s.var), rule.spread)
    delta = min(max(now.x - s.mean, -reach), reach)
    s.mean += weight * delta
    s.var = (1.0 - weight) * (s.var + weight * (delta * delta))
    s.learned += 1


@_inner
def _yield(s: One, now: Sample, events: Records, n: int) -> int:
    """Let a limit's open episode speak for the baseline too."""
    for side in range(UNUSUALLY_LOW, UNUSUALLY_HIGH + 1):
        if s.phase[side] >= ON:
            n = _say(events, n, s, now, side, END)
        s.phase[side] = CALM
    return n


@_inner
def _compare(
    s: One, rule: One, settings: Settings, now: Sample, events: Records, n: int
) -> int:
    """Hold a value against the patient's own past, then let the past take it.

    While a limit is beyond, the baseline neither counts nor learns.
    """
    if s.phase[LOW] >= ON or s.phase[HIGH] >= ON:
        return _yield(s, now, events, n)
    if s.phase[LOW] == PENDING or s.phase[HIGH] == PENDING:
        return n
    if s.learned >= settings.warm_count and s.span >= settings.warm_span:
        far = settings.z * max(np.sqrt(s.var), rule.spread)
        for side in range(UNUSUALLY_LOW, UNUSUALLY_HIGH + 1):
            bound = s.mean + far if side % 2 else s.mean - far
            line = Line(bound, far / 2, settings.unusual_hold, rule.gap)
            n = _watch(s, side, now, line, events, n)
    _learn(s, rule, settings, now)
    return n


@_inner
def _remember(s: One, t: int, x: float) -> None:
    """Keep a good value as the latest."""
    s.last = t
    s.recent_t[s.head] = t
    s.recent[s.head] = x
    s.head = (s.head + 1) % RECENT


@_inner
def _pause(s: One, side: int) -> None:
    """Pass over a value to which a side does not apply: what is open stays so."""
    if s.phase[side] == PENDING:
        s.phase[side] = CALM
    elif s.phase[side] == CLEARING:
        s.phase[side] = ON


@_inner
def _take(
    s: One, rule: One, settings: Settings, now: Sample, events: Records, n: int
) -> int:
    """Take one good value, newer than its signal's latest."""
    _remember(s, now.t, now.x)
    for side in range(LOW, HIGH + 1):
        if side == HIGH and (now.marks & PRESCRIBED) != 0:
            _pause(s, side)
        else:
            asleep = (now.marks & NIGHT) != 0
            bound = rule.night[side] if asleep else rule.bound[side]
            line = Line(bound, rule.margin, rule.hold[side], rule.gap)
            n = _watch(s, side, now, line, events, n)
    if (now.marks & EXERCISE) != 0:
        _pause(s, UNUSUALLY_LOW)
        _pause(s, UNUSUALLY_HIGH)
    elif not np.isnan(rule.spread):
        n = _compare(s, rule, settings, now, events, n)
    return n


@_inner
def _uneventful(s: One, rule: One, settings: Settings, marks: int, x: float) -> bool:
    """Tell whether a value can begin, change and end nothing: nearly every one.

    No side is beyond its line, and the value is neither beyond nor, by the least
    deviation that the baseline can have, unusual or clipped.  NaN is not uneventful.
    """
    if (s.phase[0] | s.phase[1] | s.phase[2] | s.phase[3]) != CALM:
        return False
    bound = rule.night if (marks & NIGHT) != 0 else rule.bound
    if x <= bound[LOW] or x >= bound[HIGH]:
        return False
    near = min(settings.z, CLIP) * rule.spread
    return abs(x - s.mean) < near or (np.isnan(rule.spread) and x == x)


@_inner
def _glide(s: One, rule: One, settings: Settings, now: Sample) -> None:
    """Take an uneventful value: what `_take` does with it, and no more."""
    _remember(s, now.t, now.x)
    if not np.isnan(rule.spread):
        if now.silence <= rule.gap:
            s.span += now.silence
        learned = s.learned + 1.0
        # Of two divisions the usual one is by a constant.
        full = learned >= settings.memory
        weight = 1.0 / settings.memory if full else 1.0 / learned
        delta = now.x - s.mean
        s.mean += weight * delta
        s.var = (1.0 - weight) * (s.var + weight * (delta * delta))
        s.learned += 1


@kernel(
    arrays.state(1, 1),
    np.zeros((1, 1), RULE),
    Settings(1.0, 1.0, 1, 1, 1, 1),
    Block(*(np.zeros(1, kind) for kind in ("i8", "i8", "i8", "f8", "i8"))),
    np.zeros(1, EVENT),
    np.zeros(1, np.int64),
)
def step(
    state: Records, rules: Records, settings: Settings, block: Block,
    events: Records, cursor: I8,
) -> int:  # fmt: skip
    """Take a block of samples; give the number of events that this wrote.

    A missing or bad value is counted as seen and changes nothing else.  A value that is
    not newer than the signal's latest changes nothing at all, unless it is a rewind:
    then the latest is forgotten, and what is open or pending goes on from this value.

    Parameters
    ----------
    state : (R, C) STATE, updated in place
    rules : (R, C) RULE
    settings : Settings
    block : Block
        Samples, patients in any order.
    events : (E,) EVENT, filled from the front
        There may be up to 4 events per sample.
    cursor : (1,) int64, updated in place
        Index of the first sample to take; afterwards, of the first not taken.  It is
        short of the end only if fewer than 4 places for events are left: call again.
    """
    n, i = 0, cursor[0]
    while i < block.t.size and events.size - n >= 4:
        s = state[block.patient[i], block.signal[i]]
        rule = rules[block.patient[i], block.signal[i]]
        t, x = block.t[i], block.value[i]
        if (block.quality[i] & REWIND) != 0:
            s.last = NEVER
            for side in range(4):
                s.said_t[side] = NEVER
        silence, marks = t - s.last, block.quality[i]
        if np.isnan(x) or (marks & settings.bad) != 0:
            for side in range(4):
                s.seen[side] += 1  # starts at 0 when an episode does
        elif silence > 0:
            now = Sample(i, t, x, silence, marks)
            at_rest = (marks & EXERCISE) == 0
            if at_rest and _uneventful(s, rule, settings, marks, x):
                _glide(s, rule, settings, now)
            else:
                n = _take(s, rule, settings, now, events, n)
        i += 1
    cursor[0] = i
    return n
