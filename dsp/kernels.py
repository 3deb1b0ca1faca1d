"""Compiled inner loops: arrays in, arrays out.  The only home of numba.

A kernel keeps nothing of its own: the caller owns every array, so a block of one sample
and a block of a million give the same answer to the bit.  `fastmath` stays off for that
reason.  Importing this module compiles the kernels, or loads them from numba's cache.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit, typeof

from dsp import arrays
from dsp.arrays import (
    BEGIN,
    CALM,
    CHANGE,
    CLEARING,
    END,
    HIGH,
    I8,
    LOW,
    NEVER,
    NOTHING,
    OFF_BODY,
    ON,
    PENDING,
    RECENT,
    SILENT,
    UNUSUALLY_HIGH,
    UNUSUALLY_LOW,
    Arrivals,
    At,
    Block,
    DeviceEvents,
    Devices,
    Events,
    Line,
    Patience,
    Rules,
    Sample,
    State,
)

CLEAR = 30_000  # ms; an episode ends after its hold back inside, at most this long
SAY_AGAIN = 60_000  # ms between two words on an episode that goes on
GROWN = 0.05  # share by which the worst must grow to be worth a word before that
CLIP = 3.0  # deviations by which one sample can move the baseline

F = TypeVar("F", bound=Callable[..., object])


def _inner(function: F) -> F:
    """Let a kernel call a function."""
    compiled: F = njit(function)
    return compiled


@_inner
def _say(e: Events, s: State, at: At, i: int, what: int, bound: float) -> None:
    """Write an event."""
    n = e.filled[0]
    e.sample[n] = i
    e.side[n] = at.side
    e.what[n] = what
    e.begin[n] = s.begin[at.p, at.k, at.side]
    e.worst[n] = s.worst[at.p, at.k, at.side]
    e.bound[n] = bound
    e.mean[n] = s.mean[at.p, at.k]
    e.good[n] = s.good[at.p, at.k, at.side]
    e.seen[n] = s.seen[at.p, at.k, at.side]
    for j in range(RECENT):
        place = (s.head[at.p, at.k] + j) % RECENT
        e.recent_t[n, j] = s.recent_t[at.p, at.k, place]
        e.recent[n, j] = s.recent[at.p, at.k, place]
    e.filled[0] = n + 1


@_inner
def _count(s: State, at: At, x: float, beyond: bool) -> None:
    """Take a good value into an episode's evidence."""
    p, k, side = at.p, at.k, at.side
    s.good[p, k, side] += 1
    s.seen[p, k, side] += 1
    worst = s.worst[p, k, side]
    if beyond and (x > worst if side % 2 else x < worst):
        s.worst[p, k, side] = x


@_inner
def _rise(s: State, at: At, now: Sample, line: Line, beyond: bool) -> int:
    """Take a good value while no episode is open."""
    p, k, side = at.p, at.k, at.side
    if not beyond:
        s.phase[p, k, side] = CALM
        return NOTHING
    if s.phase[p, k, side] == CALM or now.silence > line.gap:
        s.phase[p, k, side] = PENDING
        s.begin[p, k, side] = now.t
        s.worst[p, k, side] = now.x
        s.good[p, k, side] = 0
        s.seen[p, k, side] = 0
    _count(s, at, now.x, beyond)
    if now.t - s.begin[p, k, side] < line.hold:
        return NOTHING
    s.phase[p, k, side] = ON
    s.said[p, k, side] = s.worst[p, k, side]
    s.said_t[p, k, side] = now.t
    return BEGIN


@_inner
def _go_on(s: State, at: At, now: Sample, beyond: bool) -> int:
    """Take a good value that keeps an episode open."""
    p, k, side = at.p, at.k, at.side
    s.phase[p, k, side] = ON
    worst, said = s.worst[p, k, side], s.said[p, k, side]
    grown = worst != said and abs(worst - said) >= GROWN * abs(said)
    if not beyond or not (grown or now.t - s.said_t[p, k, side] >= SAY_AGAIN):
        return NOTHING
    s.said[p, k, side] = worst
    s.said_t[p, k, side] = now.t
    return CHANGE


@_inner
def _fall(s: State, at: At, now: Sample, line: Line) -> int:
    """Take a good value that is well inside while an episode is open."""
    p, k, side = at.p, at.k, at.side
    if s.phase[p, k, side] == ON or now.silence > line.gap:
        s.phase[p, k, side] = CLEARING
        s.inside[p, k, side] = now.t
    if now.t - s.inside[p, k, side] < min(line.hold, CLEAR):
        return NOTHING
    s.phase[p, k, side] = CALM
    return END


@_inner
def _watch(s: State, e: Events, at: At, now: Sample, line: Line) -> None:
    """Take one good value into one side of a signal.

    CALM -> PENDING at the first value beyond; -> ON when values have stayed beyond for
    the hold; -> CLEARING at the first value inside by the margin; -> CALM when values
    have stayed so for min(hold, CLEAR).  A silence longer than the gap restarts PENDING
    and CLEARING: what was not seen counts neither for nor against.
    """
    excess = now.x - line.bound if at.side % 2 else line.bound - now.x
    beyond = excess >= 0.0  # never without a bound: it is NaN
    if s.phase[at.p, at.k, at.side] <= PENDING:
        what = _rise(s, at, now, line, beyond)
    else:
        _count(s, at, now.x, beyond)
        if excess > -line.margin:
            what = _go_on(s, at, now, beyond)
        else:
            what = _fall(s, at, now, line)
    if what != NOTHING:
        _say(e, s, at, now.i, what, line.bound)


@_inner
def _learn(s: State, r: Rules, p: int, k: int, now: Sample) -> None:
    """Let the baseline take a value from inside the limits.

    Exponentially weighted mean and variance whose weight starts as 1/n, so that the
    first samples make a plain average; a sample moves it by at most CLIP deviations.
    """
    n = s.learned[p, k]
    if n == 0:
        s.mean[p, k] = now.x
    elif now.silence <= max(3 * r.unusual_hold, r.gap[k]):
        s.span[p, k] += now.silence
    weight = 1.0 / min(n + 1.0, r.memory)
    reach = CLIP * max(np.sqrt(s.var[p, k]), r.spread[k])
    delta = min(max(now.x - s.mean[p, k], -reach), reach)
    s.mean[p, k] += weight * delta
    s.var[p, k] = (1.0 - weight) * (s.var[p, k] + weight * (delta * delta))
    s.learned[p, k] = n + 1


@_inner
def _yield(s: State, e: Events, p: int, k: int, i: int) -> None:
    """Let a limit's open episode speak for the baseline too."""
    for side in range(UNUSUALLY_LOW, UNUSUALLY_HIGH + 1):
        was = s.phase[p, k, side]
        s.phase[p, k, side] = CALM
        if was >= ON:
            _say(e, s, At(p, k, side), i, END, np.nan)


@_inner
def _compare(s: State, r: Rules, e: Events, p: int, k: int, now: Sample) -> None:
    """Hold a value against the patient's own past, then let the past take it.

    While a limit is beyond, the baseline neither counts nor learns.
    """
    if s.phase[p, k, LOW] >= ON or s.phase[p, k, HIGH] >= ON:
        _yield(s, e, p, k, now.i)
        return
    if s.phase[p, k, LOW] == PENDING or s.phase[p, k, HIGH] == PENDING:
        return
    if s.learned[p, k] >= r.warm_count and s.span[p, k] >= r.warm_span:
        far = r.z * max(np.sqrt(s.var[p, k]), r.spread[k])
        gap = max(3 * r.unusual_hold, r.gap[k])
        mean = s.mean[p, k]
        for side in range(UNUSUALLY_LOW, UNUSUALLY_HIGH + 1):
            bound = mean + far if side % 2 else mean - far
            line = Line(bound, far / 2, r.unusual_hold, gap)
            _watch(s, e, At(p, k, side), now, line)
    _learn(s, r, p, k, now)


@_inner
def _take(s: State, r: Rules, e: Events, p: int, k: int, now: Sample) -> None:
    """Take one good value, newer than its signal's latest."""
    s.last[p, k] = now.t
    place = s.head[p, k]
    s.recent_t[p, k, place] = now.t
    s.recent[p, k, place] = now.x
    s.head[p, k] = (place + 1) % RECENT
    for side in range(LOW, HIGH + 1):
        hold = r.hold[p, k, side]
        gap = max(3 * hold, r.gap[k])
        line = Line(r.bound[p, k, side], r.margin[k], hold, gap)
        _watch(s, e, At(p, k, side), now, line)
    if not np.isnan(r.spread[k]):
        _compare(s, r, e, p, k, now)


def _step(s: State, r: Rules, b: Block, e: Events, cursor: I8) -> int:
    """Take a block of samples; give the number of events that this wrote.

    A missing or bad value is counted as seen and changes nothing else.  A value that is
    not newer than the signal's latest changes nothing at all.

    Parameters
    ----------
    s : State
        Updated in place.
    r : Rules
        Limits and settings.
    b : Block
        Samples, patients in any order.
    e : Events
        Filled from the front.  There may be up to 4 events per sample.
    cursor : (1,) int64, updated in place
        Index of the first sample to take; afterwards, of the first not taken.  It is
        short of the end only if fewer than 4 places for events are left: call again.
    """
    e.filled[0] = 0
    i = cursor[0]
    while i < b.t.size and e.sample.size - e.filled[0] >= 4:
        p, k, t, x = b.patient[i], b.signal[i], b.t[i], b.value[i]
        silence = t - s.last[p, k]
        if np.isnan(x) or (b.quality[i] & r.bad) != 0:
            for side in range(4):
                s.seen[p, k, side] += 1  # starts at 0 when an episode does
        elif silence > 0:
            _take(s, r, e, p, k, Sample(i, t, x, silence))
        i += 1
    cursor[0] = i
    return int(e.filled[0])


@_inner
def _tell(e: DeviceEvents, i: int, which: int, what: int, begin: int, t: int) -> None:
    """Write an event."""
    n = e.filled[0]
    e.record[n] = i
    e.which[n] = which
    e.what[n] = what
    e.begin[n] = begin
    e.t[n] = t
    e.filled[0] = n + 1


@_inner
def _hear(s: Devices, r: Patience, e: DeviceEvents, i: int, d: int, t: int) -> None:
    """Take that a stream has spoken again."""
    last, gone, limit = s.last[d], t - s.last[d], r.silence[d]
    awaited = limit > 0 and last != NEVER and s.streak[d] >= r.streak[d]
    if awaited and gone > limit and not s.silent[d]:
        _tell(e, i, SILENT, BEGIN, last, last + limit)
        s.silent[d] = 1
    if s.silent[d]:
        _tell(e, i, SILENT, END, last, t)
        s.silent[d] = 0
    s.streak[d] = s.streak[d] + 1 if gone <= limit else 0


@_inner
def _take_off(s: Devices, r: Patience, e: DeviceEvents, i: int, d: int, t: int) -> None:
    """Take a record that says that its device is off the body."""
    broken = t - s.last[d] > max(3 * r.off_body, CLEAR)
    if s.off[d] == CALM or (s.off[d] == PENDING and broken):
        s.off[d] = PENDING
        s.off_begin[d] = t
    if s.off[d] == PENDING and t - s.off_begin[d] >= r.off_body:
        s.off[d] = ON
        _tell(e, i, OFF_BODY, BEGIN, s.off_begin[d], t)


@_inner
def _put_on(s: Devices, e: DeviceEvents, i: int, d: int, t: int) -> None:
    """Take a record that does not say that its device is off the body."""
    if s.off[d] == ON:
        _tell(e, i, OFF_BODY, END, s.off_begin[d], t)
    s.off[d] = CALM


def _attend(s: Devices, r: Patience, a: Arrivals, e: DeviceEvents) -> int:
    """Take records' arrivals; give the number of events that this wrote.

    Says which records are fresh, and what went wrong with a device by the records' own
    times: a gap longer than its patience was a silence, whether or not anybody has
    noticed it meanwhile.

    Parameters
    ----------
    s : Devices
        Updated in place.
    r : Patience
        Settings per stream.
    a : Arrivals
        Records; `fresh` is filled.
    e : DeviceEvents
        Filled from the front: room for 3 events per record.
    """
    e.filled[0] = 0
    for i in range(a.t.size):
        d, t = a.stream[i], a.t[i]
        a.fresh[i] = 1 if s.last[d] < t and t <= a.latest[i] else 0
        if a.fresh[i]:
            _hear(s, r, e, i, d, t)
            if a.off[i]:
                _take_off(s, r, e, i, d, t)
            else:
                _put_on(s, e, i, d, t)
            s.last[d] = t
    return int(e.filled[0])


_WHOLE, _REAL, _BYTE = np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int8)
_BOUND, _HOLD = np.zeros((1, 1, 2)), np.zeros((1, 1, 2), np.int64)
_STEP = (
    arrays.state(1, 1),
    Rules(_BOUND, _HOLD, _REAL, _WHOLE, _REAL, 1.0, 1.0, 1, 1, 1, 1),
    Block(_WHOLE, _WHOLE, _WHOLE, _REAL, _WHOLE),
    arrays.events(1),
    _WHOLE,
)
_ATTEND = (
    arrays.devices(1),
    Patience(_WHOLE, _WHOLE, 1),
    Arrivals(_WHOLE, _WHOLE, _WHOLE, _BYTE, _BYTE),
    arrays.device_events(1),
)

step: Callable[[State, Rules, Block, Events, I8], int] = njit(
    tuple(typeof(example) for example in _STEP), cache=True
)(_step)
attend: Callable[[Devices, Patience, Arrivals, DeviceEvents], int] = njit(
    tuple(typeof(example) for example in _ATTEND), cache=True
)(_attend)
