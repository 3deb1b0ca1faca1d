"""The arrays that the kernels work on: what each holds, its shape, and who owns it.

Times are int64 milliseconds since 1970 UTC, values float64 in the metric's unit.

What is remembered is one array over (rows, columns) with named fields; a row of the
ward is one signal of one patient from one device, and it has one column.  So ten
thousand patients grow, are saved and are loaded in one go, `state["mean"]` is an array
like any other, and what a sample needs lies side by side.  Handing a tuple of one array
per field from kernel to kernel cost 2,400 ns a sample, for counting references.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

I1 = NDArray[np.int8]
I8 = NDArray[np.int64]
F8 = NDArray[np.float64]
Records = NDArray[np.void]  # of one of the dtypes below
One = Any  # one of those records: numpy has no type that knows its fields

NEVER = -(1 << 62)  # a time before all others
REWIND = 1 << 62  # bit of a sample's quality: what was newer was of a broken clock
NIGHT = 1 << 61  # it is the patient's night
EXERCISE = 1 << 60  # a declared session, or its recovery: not at rest
PRESCRIBED = 1 << 59  # whose own upper limit replaces the ordinary one
RECENT = 10  # latest good values that are kept as evidence

LOW, HIGH, UNUSUALLY_LOW, UNUSUALLY_HIGH = range(4)  # sides of a signal
CALM, PENDING, ON, CLEARING = range(4)  # phases of a side
NOTHING, BEGIN, CHANGE, END = range(4)  # what an event says
OFF_BODY, SILENT = range(2)  # what can be wrong with a device

STATE = np.dtype(
    [
        ("last", "i8"),  # time of the latest good value
        ("mean", "f8"),  # personal baseline
        ("var", "f8"),  # its variance
        ("learned", "i8"),  # samples in the baseline
        ("span", "i8"),  # ms of data in the baseline
        ("head", "i8"),  # where the next recent value goes
        ("phase", "i1", 4),  # of each side
        ("begin", "i8", 4),  # time of the episode's first value beyond
        ("inside", "i8", 4),  # since when it is back inside, while CLEARING
        ("worst", "f8", 4),  # most extreme value of the episode
        ("said", "f8", 4),  # the worst when last spoken of
        ("said_t", "i8", 4),  # when last spoken of
        ("good", "i8", 4),  # good values in the episode
        ("seen", "i8", 4),  # values in the episode, missing and bad ones too
        ("recent_t", "i8", RECENT),  # ring of the latest good values
        ("recent", "f8", RECENT),
    ],
    align=True,
)
"""What is remembered of a signal; (R, C), owned by the ward, updated by `step`."""

RULE = np.dtype(
    [
        ("bound", "f8", 2),  # low, high; NaN: none
        ("night", "f8", 2),  # the same, of the patient's night
        ("hold", "i8", 2),  # ms beyond before it counts
        ("margin", "f8"),  # this far back inside before it may end
        ("gap", "i8"),  # ms without good values that a hold survives
        ("spread", "f8"),  # least deviation of the baseline; NaN: no baseline
    ],
    align=True,
)
"""What a signal is held to; (R, C), owned by the ward."""

EVENT = np.dtype(
    [
        ("sample", "i8"),  # index into the block
        ("side", "i8"),
        ("what", "i8"),  # BEGIN, CHANGE or END
        ("begin", "i8"),
        ("worst", "f8"),
        ("bound", "f8"),  # the limit that was in force
        ("mean", "f8"),  # baseline; NaN before there is one
        ("good", "i8"),
        ("seen", "i8"),
        ("recent_t", "i8", RECENT),  # latest good values, oldest first; NEVER: none
        ("recent", "f8", RECENT),
    ],
    align=True,
)
"""What `step` has to say; (E,), owned by the caller, filled from the front."""

DEVICE = np.dtype(
    [
        ("last", "i8"),  # time of the latest record
        ("streak", "i8"),  # records in a row that came in time
        ("off_begin", "i8"),
        ("off", "i1"),  # CALM, PENDING or ON: off the body
        ("silent", "i1"),  # 1: said to be silent
        ("early", "i1"),  # records in a row from far in the future
        ("early_t", "i8"),  # time of the latest of them
    ],
    align=True,
)
"""What is remembered of a stream, one kind from one device; (D,), owned by the ward."""

PATIENCE = np.dtype(
    [
        ("silence", "i8"),  # ms without a record; 0: for ever
        ("streak", "i8"),  # records in time before silence means anything
        ("off_body", "i8"),  # ms off the body before it counts
    ],
    align=True,
)
"""What a stream is held to; (D,), owned by the ward."""

DEVICE_EVENT = np.dtype(
    [
        ("record", "i8"),  # index into the arrivals
        ("which", "i8"),  # OFF_BODY or SILENT
        ("what", "i8"),  # BEGIN or END
        ("begin", "i8"),
        ("t", "i8"),
    ],
    align=True,
)
"""What `attend` has to say; (3 n,) for n records, owned by the caller."""


class Settings(NamedTuple):
    """What all signals are held to."""

    memory: float  # samples the baseline remembers
    z: float  # deviations from the baseline that are unusual
    unusual_hold: int  # ms
    warm_span: int  # ms of data before the baseline is trusted
    warm_count: int  # samples before it is
    bad: int  # quality bits of values that do not count


class Block(NamedTuple):
    """n samples, each signal's in the order of its times but for rewinds."""

    patient: I8  # (n,) row of the state; whoever has several devices has several
    signal: I8  # (n,) column of the state
    t: I8  # (n,)
    value: F8  # (n,) NaN: missing
    quality: I8  # (n,) bits of vitals.codes.Flag, and REWIND to PRESCRIBED


class Arrivals(NamedTuple):
    """n records in order of arrival."""

    stream: I8  # (n,) row of the devices
    t: I8  # (n,)
    latest: I8  # (n,) a record from after this time has a broken clock
    arrived: I8  # (n,) our own clock's time, which may be broken too
    off: I1  # (n,) 1: flagged off the body
    fresh: I1  # (n,) filled: 1: newer than all before it in its stream; 2: see `attend`


class Sample(NamedTuple):
    """One good value, as the kernels hand it to each other."""

    i: int  # index into the block
    t: int
    x: float
    silence: int  # ms since the good value before it
    marks: int  # bits of its quality


class Line(NamedTuple):
    """What a value must stay beyond, how far inside it must come back, and how long."""

    bound: float  # NaN: nothing is beyond it
    margin: float
    hold: int  # ms
    gap: int  # ms; a longer silence restarts the clock


def state(rows: int, columns: int) -> Records:
    """Give the state of signals of which nothing has been seen."""
    fresh = np.zeros((rows, columns), STATE)
    fresh["mean"] = np.nan
    for times in ("last", "begin", "inside", "said_t", "recent_t"):
        fresh[times] = NEVER
    return fresh


def devices(streams: int) -> Records:
    """Give the state of streams of which nothing has been seen."""
    fresh = np.zeros(streams, DEVICE)
    fresh["last"] = fresh["off_begin"] = fresh["early_t"] = NEVER
    return fresh


def roomier(old: Records, fresh: Records) -> Records:
    """Give `fresh`, which has more rows, with the rows of `old` at its front."""
    fresh[: len(old)] = old
    return fresh
