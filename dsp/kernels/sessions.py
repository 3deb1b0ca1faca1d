"""Exercise sessions: time in each zone, peak, recovery, and whether they are heard."""

import numpy as np

from dsp.arrays import BEGIN, DEVICE_EVENT, END, NEVER, SILENT, One, Records
from dsp.kernels.compiled import inner, kernel
from dsp.session import AFTER, APART, AROUND, CONTACT, LOG, Heard

NOTHING_HEARD = Heard(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))


@inner
def _spend(s: One, t: int, x: float) -> None:
    """Add the time since the value before to the zone of this one."""
    spent = t - s.last if s.last != NEVER and t - s.last <= APART else 0
    if x < s.low:
        s.below += spent
    elif x > s.high:
        s.above += spent
    else:
        s.inside += spent
    if not s.peak >= x:
        s.peak = x
    s.good += 1


@kernel(np.zeros(1, LOG), NOTHING_HEARD)
def exercise(logs: Records, block: Heard) -> None:
    """Take heart rates into their sessions' logs.

    Parameters
    ----------
    logs : (R,) LOG, updated in place
    block : Heard
        n values; a row is one device in one session.
    """
    for i in range(block.t.size):
        s, t, x = logs[block.row[i]], block.t[i], block.value[i]
        if t < s.begin or t <= s.last:
            continue
        if t < s.end:
            s.seen += 1
        if np.isnan(x):
            continue
        if t < s.end:
            _spend(s, t, x)
        elif abs(t - s.end - AFTER) <= AROUND:
            s.sum += x
            s.n += 1
        s.last = t


@inner
def _tell(events: Records, n: int, said: tuple[int, int, int, int]) -> int:
    """Write event `n`: record, what, begin, t; give the number of events."""
    e = events[n]
    e.which = SILENT
    e.record, e.what, e.begin, e.t = said
    return n + 1


@kernel(np.zeros(1, CONTACT), NOTHING_HEARD, 1, np.zeros(1, DEVICE_EVENT))
def contact(contacts: Records, block: Heard, patience: int, events: Records) -> int:
    """Take heart rates of any device; give the number of events that this wrote.

    A stretch of a session without a good value that is longer than the patience was a
    loss of the signal, whether or not anybody has noticed it meanwhile.

    Parameters
    ----------
    contacts : (C,) CONTACT, updated in place
    block : Heard
        n values; a row is one patient in one session.
    patience : int
        ms
    events : (2 n,) DEVICE_EVENT, filled from the front
    """
    n = 0
    for i in range(block.t.size):
        s, t = contacts[block.row[i]], block.t[i]
        if np.isnan(block.value[i]) or t <= s.last:
            continue
        until = min(t, s.end)
        if s.lost == 0 and until - s.last > patience:
            n = _tell(events, n, (i, BEGIN, s.last, s.last + patience))
            s.lost, s.since = 1, s.last
        if s.lost:
            n = _tell(events, n, (i, END, s.since, until))
            s.lost = 0
        s.last = t
    return n
