"""The two steps of a hypertensive crisis: one reading asks, a second one or none tells.

heart.org, "When To Call 911 About High Blood Pressure": 180/120 or greater, wait at
least a minute, measure again.  A table of (phase, what came) by the cuff that asked:

    calm,    at crisis level            -> pending, ask to measure again
    pending, at crisis level, in time   -> crisis
    pending, below                      -> calm
    pending, nothing good for its wait  -> crisis
    crisis,  back inside by the margin  -> calm

The wait is short where the first reading is extreme.  A reading that cannot be relied
on changes none of it.  One of another cuff of the same person counts when it is at
crisis level too; from then on all of that cuff's do.  A lower one does not: no cuff
hides what another sees.
"""

from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from dsp.pressure import Pair, Pressure, Taken, below, higher, inside, reaches
from vitals.model import Instant

DETECTOR = "crisis"
PENDING, CRISIS = "blood_pressure_crisis_pending", "blood_pressure_crisis"


class Crisis(Struct, frozen=True):
    """A crisis that may be one, or is."""

    begin: Instant  # of the reading that asked
    worst: Pressure
    last: Instant  # of the latest good reading
    late: bool  # as the reading that asked was
    raised: bool = False
    alone: bool = False  # raised by one reading, for there was no second
    good: int = 1  # readings since it began
    seen: int = 1  # those that cannot be relied on too
    others: tuple[str, ...] = ()  # cuffs that have seen it as well


class Turn(NamedTuple):
    """What begins, grows or ends."""

    condition: str
    over: bool
    t: Instant
    state: Crisis  # as it then is, or was


class Steps(NamedTuple):
    """What the steps go by."""

    bounds: Pair
    again: int  # ms before a second reading counts
    wait: int  # ms without a second reading, and the first counts
    extreme: Pair  # at or above either it counts sooner
    soon: int  # ms


Said = tuple[Crisis | None, list[Turn]]


def counts(was: Crisis, device: str, taken: Taken, steps: Steps) -> bool:
    """Tell whether a measurement by another cuff of the same person counts."""
    if taken.t < was.last:
        return False
    high = taken.pressure is not None and reaches(taken.pressure, steps.bounds)
    return high or device in was.others


def joined(was: Crisis, device: str) -> Crisis:
    """Give it as another cuff has seen it as well."""
    return replace(was, others=tuple(dict.fromkeys((*was.others, device))))


def take(was: Crisis | None, taken: Taken, steps: Steps) -> Said:
    """Take one measurement; give the state after it, and what it turns."""
    was, turns = lapse(was, taken.t, steps)
    now, more = _reading(was, taken, steps)
    return now, turns + more


def lapse(was: Crisis | None, t: Instant, steps: Steps) -> Said:
    """Take that it is `t`: a first reading counts when it has stayed the only one."""
    if was is None or was.raised or t <= was.begin + patience(was, steps):
        return was, []
    due = Instant(was.begin + patience(was, steps))
    return _raised(was, due, alone=True)


def patience(was: Crisis, steps: Steps) -> int:
    """Give how long a second reading is waited for, ms."""
    extreme = reaches(was.worst, steps.extreme)
    return min(steps.soon, steps.wait) if extreme else steps.wait


def close(was: Crisis | None, t: Instant) -> list[Turn]:
    """End whatever is open: nobody is to watch it any more."""
    if was is None:
        return []
    return [
        Turn(CRISIS if was.raised else PENDING, True, Instant(max(t, was.begin)), was)
    ]


def _reading(was: Crisis | None, taken: Taken, steps: Steps) -> Said:
    found, t = taken.pressure, taken.t
    if found is None:
        return (None if was is None else replace(was, seen=was.seen + 1)), []
    high = reaches(found, steps.bounds)
    if was is None:
        return _asked(found, taken) if high else (None, [])
    now = replace(
        was, worst=higher(was.worst, found) if high else was.worst,
        last=t, good=was.good + 1, seen=was.seen + 1,
    )  # fmt: skip
    if was.raised:
        return _in_crisis(was, now, found, steps)
    if high and t - was.begin >= steps.again:
        return _raised(now, t, alone=False)
    if below(found, steps.bounds):
        return None, [Turn(PENDING, True, t, now)]
    return now, []


def _asked(found: Pressure, taken: Taken) -> Said:
    now = Crisis(taken.t, found, taken.t, taken.late)
    return now, [Turn(PENDING, False, taken.t, now)]


def _raised(was: Crisis, t: Instant, *, alone: bool) -> Said:
    """Begin the crisis before the question ends: something is open all the time."""
    now = replace(was, raised=True, alone=alone)
    return now, [Turn(CRISIS, False, t, now), Turn(PENDING, True, t, now)]


def _in_crisis(was: Crisis, now: Crisis, found: Pressure, steps: Steps) -> Said:
    if inside(found, steps.bounds):
        return None, [Turn(CRISIS, True, found.t, now)]
    grown = (now.worst.sys, now.worst.dia) != (was.worst.sys, was.worst.dia)
    return now, [Turn(CRISIS, False, found.t, now)] if grown else []
