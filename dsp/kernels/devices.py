"""Which records are news, who is off the body and who has been silent."""

import numpy as np

from dsp import arrays
from dsp.arrays import (
    BEGIN,
    CALM,
    DEVICE_EVENT,
    END,
    NEVER,
    OFF_BODY,
    ON,
    PATIENCE,
    PENDING,
    SILENT,
    Arrivals,
    One,
    Records,
)
from dsp.kernels.compiled import CLEAR, kernel
from dsp.kernels.compiled import inner as _inner

AHEAD = 300_000  # ms that a record may lie after our time before it is doubted
FAR = 86_400_000  # ms; further ahead than our own clock can be wrong
EARLY = 3  # records in a row from as far as that: it is our clock after all


@_inner
def _tell(events: Records, n: int, i: int, said: tuple[int, int, int, int]) -> int:
    """Write event `n`: which, what, begin, t; give the number of events."""
    e = events[n]
    e.record = i
    e.which, e.what, e.begin, e.t = said
    return n + 1


@_inner
def _hear(s: One, patience: One, i: int, t: int, events: Records, n: int) -> int:
    """Take that a stream has spoken again."""
    gone, limit = t - s.last, patience.silence
    awaited = limit > 0 and s.last != NEVER and s.streak >= patience.streak
    if awaited and gone > limit and not s.silent:
        n = _tell(events, n, i, (SILENT, BEGIN, s.last, s.last + limit))
        s.silent = 1
    if s.silent:
        n = _tell(events, n, i, (SILENT, END, s.last, t))
        s.silent = 0
    s.streak = s.streak + 1 if gone <= limit else 0
    return n


@_inner
def _take_off(s: One, patience: One, i: int, t: int, events: Records, n: int) -> int:
    """Take a record that says that its device is off the body."""
    broken = t - s.last > max(3 * patience.off_body, CLEAR)
    if s.off == CALM or (s.off == PENDING and broken):
        s.off = PENDING
        s.off_begin = t
    if s.off == PENDING and t - s.off_begin >= patience.off_body:
        s.off = ON
        n = _tell(events, n, i, (OFF_BODY, BEGIN, s.off_begin, t))
    return n


@_inner
def _put_on(s: One, i: int, t: int, events: Records, n: int) -> int:
    """Take a record that does not say that its device is off the body."""
    if s.off == ON:
        n = _tell(events, n, i, (OFF_BODY, END, s.off_begin, t))
    s.off = CALM
    return n


@_inner
def _judge(s: One, t: int, latest: int, arrived: int) -> int:
    """Tell whether a record is fresh: 0 no, 1 yes, 2 in the place of newer ones.

    A time far in the future blinds a stream for as long; if we have taken one, the next
    record of a time that is possible takes its place.
    """
    if t > latest:
        return 0
    if t > arrived + FAR:
        s.early = min(s.early + 1, EARLY) if t > s.early_t else 1
        s.early_t = t
        if s.early < EARLY:
            return 0
    else:
        s.early = 0
        s.early_t = NEVER
    if t > s.last:
        return 1
    return 2 if t <= arrived + AHEAD < s.last else 0


@kernel(
    arrays.devices(1),
    np.zeros(1, PATIENCE),
    Arrivals(*(np.zeros(1, kind) for kind in ("i8", "i8", "i8", "i8", "i1", "i1"))),
    np.zeros(1, DEVICE_EVENT),
)
def attend(
    devices: Records, patience: Records, arrivals: Arrivals, events: Records
) -> int:
    """Take records' arrivals; give the number of events that this wrote.

    Says which records are fresh, and what went wrong with a device by the records' own
    times: a gap longer than its patience was a silence, whether or not anybody has
    noticed it meanwhile.  Our own time decides only about records from the future,
    which a replay may take where we did not: by then it is the past.

    Parameters
    ----------
    devices : (D,) DEVICE, updated in place
    patience : (D,) PATIENCE
    arrivals : Arrivals
        n records; `fresh` is filled.
    events : (3 n,) DEVICE_EVENT, filled from the front
    """
    n = 0
    for i in range(arrivals.t.size):
        t, row = arrivals.t[i], arrivals.stream[i]
        s, limit = devices[row], patience[row]
        arrivals.fresh[i] = _judge(s, t, arrivals.latest[i], arrivals.arrived[i])
        if arrivals.fresh[i] == 2 and s.off == PENDING:
            s.off = CALM
        if arrivals.fresh[i]:
            n = _hear(s, limit, i, t, events, n)
            if arrivals.off[i]:
                n = _take_off(s, limit, i, t, events, n)
            else:
                n = _put_on(s, i, t, events, n)
            s.last = t
    return n
