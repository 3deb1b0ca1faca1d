"""What is remembered of an exercise session.

The arrays of `kernels.sessions`, beside `arrays`.  Times are int64 ms, values /min.
"""

from typing import NamedTuple

import numpy as np

from dsp.arrays import F8, I8, NEVER, Records
from vitals.model import Session

AFTER = 60_000  # ms after its end at which the heart should have come down
AROUND = 10_000  # ms on either side that are averaged for it
KNOWN = AFTER + AROUND  # ms after its end; then the session is judged
APART = 10_000  # ms between two values; what lies further apart is time not seen

LOG = np.dtype(
    [
        ("begin", "i8"),
        ("end", "i8"),
        ("low", "f8"),  # of the zone; NaN: none
        ("high", "f8"),
        ("last", "i8"),  # time of the latest good value; NEVER: none
        ("below", "i8"),  # ms in each zone
        ("inside", "i8"),
        ("above", "i8"),
        ("peak", "f8"),  # NaN: none yet
        ("sum", "f8"),  # of the values around AFTER
        ("n", "i8"),
        ("good", "i8"),  # values in the session
        ("seen", "i8"),  # missing and bad ones too
    ],
    align=True,
)
"""What one device has seen of a session; (R,), owned by the watch."""

CONTACT = np.dtype(
    [
        ("begin", "i8"),
        ("end", "i8"),
        ("last", "i8"),  # latest good value of any device, or the beginning
        ("since", "i8"),  # from when the signal was lost
        ("lost", "i1"),
    ],
    align=True,
)
"""Whether a patient's heart is heard in a session; (C,), owned by the watch."""


class Heard(NamedTuple):
    """n heart rates, each row's in the order of their times."""

    row: I8  # (n,)
    t: I8  # (n,)
    value: F8  # (n,) NaN: missing or bad


def log_of(session: Session) -> Records:
    """Give the log of a session of which nothing has been seen, (1,)."""
    log = np.zeros(1, LOG)
    log["begin"], log["end"], log["last"] = session.begin, session.end, NEVER
    log["peak"] = np.nan
    log["low"] = np.nan if session.low is None else session.low
    log["high"] = np.nan if session.high is None else session.high
    return log


def contact_of(session: Session) -> Records:
    """Give the contact of a session that has just begun, (1,)."""
    contact = np.zeros(1, CONTACT)
    contact["begin"] = contact["last"] = session.begin
    contact["end"] = session.end
    return contact
