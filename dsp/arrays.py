"""The arrays that the kernels work on: what each holds, its shape, and who owns it.

Times are int64 milliseconds since 1970 UTC, values float64 in the metric's unit.  State
is a struct of arrays over (patient, signal), so that ten thousand patients are a few
arrays that can grow, be saved and be loaded.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

I1 = NDArray[np.int8]
I8 = NDArray[np.int64]
F8 = NDArray[np.float64]

NEVER = -(1 << 62)  # a time before all others
RECENT = 10  # latest good values that are kept as evidence

LOW, HIGH, UNUSUALLY_LOW, UNUSUALLY_HIGH = range(4)  # sides of a signal
CALM, PENDING, ON, CLEARING = range(4)  # phases of a side
NOTHING, BEGIN, CHANGE, END = range(4)  # what an event says
OFF_BODY, SILENT = range(2)  # what can be wrong with a device


class State(NamedTuple):
    """What is remembered of P patients' S signals with 4 sides; the ward owns it."""

    last: I8  # (P, S) time of the latest good value
    phase: I1  # (P, S, 4)
    begin: I8  # (P, S, 4) time of the episode's first value beyond
    inside: I8  # (P, S, 4) since when it is back inside, while CLEARING
    worst: F8  # (P, S, 4) most extreme value of the episode
    said: F8  # (P, S, 4) the worst when last spoken of
    said_t: I8  # (P, S, 4) when last spoken of
    good: I8  # (P, S, 4) good values in the episode
    seen: I8  # (P, S, 4) values in the episode, missing and bad ones too
    mean: F8  # (P, S) personal baseline
    var: F8  # (P, S) its variance
    learned: I8  # (P, S) samples in the baseline
    span: I8  # (P, S) ms of data in the baseline
    head: I8  # (P, S) where the next recent value goes
    recent_t: I8  # (P, S, RECENT) ring of the latest good values
    recent: F8  # (P, S, RECENT)


class Rules(NamedTuple):
    """What the samples are held to; owned by the ward, read only here."""

    bound: F8  # (P, S, 2) low, high; NaN: none
    hold: I8  # (P, S, 2) ms beyond before it counts
    margin: F8  # (S,) this far back inside before it may end
    gap: I8  # (S,) ms without good values that a hold survives, at least
    spread: F8  # (S,) least deviation of the baseline; NaN: no baseline
    memory: float  # samples the baseline remembers
    z: float  # deviations from the baseline that are unusual
    unusual_hold: int  # ms
    warm_span: int  # ms of data before the baseline is trusted
    warm_count: int  # samples before it is
    bad: int  # quality bits of values that do not count


class Block(NamedTuple):
    """n samples, each signal's in the order of its times."""

    patient: I8  # (n,) row of the state
    signal: I8  # (n,) column of the state
    t: I8  # (n,)
    value: F8  # (n,) NaN: missing
    quality: I8  # (n,) bits of vitals.codes.Flag


class Events(NamedTuple):
    """Room for E events, filled by `step` from the front."""

    sample: I8  # (E,) index into the block
    side: I8  # (E,)
    what: I8  # (E,) BEGIN, CHANGE or END
    begin: I8  # (E,)
    worst: F8  # (E,)
    bound: F8  # (E,) the limit that was in force
    mean: F8  # (E,) baseline; NaN before there is one
    good: I8  # (E,)
    seen: I8  # (E,)
    recent_t: I8  # (E, RECENT) latest good values, oldest first; NEVER: none
    recent: F8  # (E, RECENT)
    filled: I8  # (1,) how many there are


class Devices(NamedTuple):
    """What is remembered of D streams, a stream being one kind from one device."""

    last: I8  # (D,) time of the latest record
    off: I1  # (D,) CALM, PENDING or ON: off the body
    off_begin: I8  # (D,)
    silent: I1  # (D,) 1: said to be silent
    streak: I8  # (D,) records in a row that came in time


class Patience(NamedTuple):
    """What D streams are held to."""

    silence: I8  # (D,) ms without a record; 0: for ever
    streak: I8  # (D,) records in time before silence means anything
    off_body: int  # ms off the body before it counts


class Arrivals(NamedTuple):
    """n records in order of arrival."""

    stream: I8  # (n,) row of the devices
    t: I8  # (n,)
    latest: I8  # (n,) a record from after this time has a broken clock
    off: I1  # (n,) 1: flagged off the body
    fresh: I1  # (n,) filled: 1 if newer than all before it in its stream


class DeviceEvents(NamedTuple):
    """Room for 3 n events, filled by `attend` from the front."""

    record: I8  # (3 n,) index into the arrivals
    which: I8  # (3 n,) OFF_BODY or SILENT
    what: I8  # (3 n,) BEGIN or END
    begin: I8  # (3 n,)
    t: I8  # (3 n,)
    filled: I8  # (1,) how many there are


class At(NamedTuple):
    """One side of one signal of one patient: where in the state."""

    p: int
    k: int
    side: int


class Sample(NamedTuple):
    """One good value, as the kernels hand it to each other."""

    i: int  # index into the block
    t: int
    x: float
    silence: int  # ms since the good value before it


class Line(NamedTuple):
    """What a value must stay beyond, how far inside it must come back, and how long."""

    bound: float  # NaN: nothing is beyond it
    margin: float
    hold: int  # ms
    gap: int  # ms; a longer silence restarts the clock


def state(patients: int, signals: int) -> State:
    """Give the state of patients of whom nothing has been seen."""
    flat, deep = (patients, signals), (patients, signals, 4)
    ring = (patients, signals, RECENT)

    def times(shape: tuple[int, ...]) -> I8:
        return np.full(shape, NEVER, np.int64)

    return State(
        last=times(flat),
        phase=np.zeros(deep, np.int8),
        begin=times(deep),
        inside=times(deep),
        worst=np.zeros(deep),
        said=np.zeros(deep),
        said_t=times(deep),
        good=np.zeros(deep, np.int64),
        seen=np.zeros(deep, np.int64),
        mean=np.full(flat, np.nan),
        var=np.zeros(flat),
        learned=np.zeros(flat, np.int64),
        span=np.zeros(flat, np.int64),
        head=np.zeros(flat, np.int64),
        recent_t=times(ring),
        recent=np.zeros(ring),
    )


def events(room: int) -> Events:
    """Give room for events."""
    return Events(
        sample=np.zeros(room, np.int64),
        side=np.zeros(room, np.int64),
        what=np.zeros(room, np.int64),
        begin=np.zeros(room, np.int64),
        worst=np.zeros(room),
        bound=np.zeros(room),
        mean=np.zeros(room),
        good=np.zeros(room, np.int64),
        seen=np.zeros(room, np.int64),
        recent_t=np.zeros((room, RECENT), np.int64),
        recent=np.zeros((room, RECENT)),
        filled=np.zeros(1, np.int64),
    )


def devices(streams: int) -> Devices:
    """Give the state of streams of which nothing has been seen."""
    return Devices(
        last=np.full(streams, NEVER, np.int64),
        off=np.zeros(streams, np.int8),
        off_begin=np.full(streams, NEVER, np.int64),
        silent=np.zeros(streams, np.int8),
        streak=np.zeros(streams, np.int64),
    )


def device_events(room: int) -> DeviceEvents:
    """Give room for the events of a third as many records."""
    return DeviceEvents(
        record=np.zeros(room, np.int64),
        which=np.zeros(room, np.int64),
        what=np.zeros(room, np.int64),
        begin=np.zeros(room, np.int64),
        t=np.zeros(room, np.int64),
        filled=np.zeros(1, np.int64),
    )


A = TypeVar("A", State, Devices)


def grown(struct: A, fresh: A) -> A:
    """Give arrays that are `struct`'s rows and then `fresh`'s."""
    fields: Any = struct._fields
    whole = (np.append(getattr(struct, f), getattr(fresh, f), axis=0) for f in fields)
    return type(struct)(*whole)


def pack(struct: A, name: str, rows: int) -> dict[str, NDArray[Any]]:
    """Copy the first rows of a struct of arrays, by `name.field`."""
    return {f"{name}.{f}": getattr(struct, f)[:rows].copy() for f in struct._fields}


def unpack(fresh: A, name: str, saved: Mapping[str, NDArray[Any]]) -> A:
    """Give what `pack` gave, in the shape of `fresh`.

    Raises
    ------
    KeyError, ValueError
        A field is missing, or of another shape or type.
    """
    found = {f: np.ascontiguousarray(saved[f"{name}.{f}"]) for f in fresh._fields}
    for field, array in found.items():
        want = getattr(fresh, field)
        if array.shape != want.shape or array.dtype != want.dtype:
            raise ValueError(f"{name}.{field} is {array.dtype}{array.shape}")
    return type(fresh)(**found)
