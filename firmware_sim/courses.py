"""What a day and its events do to a body: pure functions of the time.

A state is a row of `CHANGES`: what it adds to the resting values, or where it takes
them, and how it sets in and wears off.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache

from vitals.simulation import Course

HOUR_S = 3600.0
RAMP_S = 4.0  # how long a state takes to set in, and to wear off
FAINT = 0.01  # of a state; less is none

# The hour at which each is lowest, and half of what it swings in a day.
NADIR = {"hr": 4.0, "sys": 3.0, "dia": 3.0, "temp": 5.0}
SWING = {"hr": 5.0, "sys": 6.0, "dia": 4.0, "temp": 0.28}

SLOT_S = 600.0  # at most one bout of activity begins in each
BOUT_SHARE = 0.6  # of the slots that have one
BOUT_S = 60.0, 300.0
BOUT_RISE_S, BOUT_FALL_S = 15.0, 40.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a state makes of the resting values, once it has fully set in."""

    hr: float = 0.0  # added, /min
    sys: float = 0.0
    dia: float = 0.0
    temp: float = 0.0
    to_hr: float | None = None  # reached, whatever the resting value
    to_sys: float | None = None
    to_dia: float | None = None
    to_temp: float | None = None
    rise_s: float | None = None  # time constants; None: a smooth ramp
    fall_s: float | None = None


CHANGES = {
    # Half of the rise in 20 s; in the first minute of rest two thirds are gone.
    "exercise": Change(hr=65, sys=45, dia=5, temp=0.3, rise_s=30, fall_s=55),
    "activity": Change(hr=30, sys=14, dia=4, temp=0.1),
    "racing": Change(to_hr=150),
    "bradycardia": Change(to_hr=34),
    "fibrillation": Change(hr=22),
    "hypertension": Change(hr=8, to_sys=190, to_dia=118),
    "fever": Change(hr=18, to_temp=39.2),
}


def swing(what: str, hour: float) -> float:
    """Give what the time of day adds to a resting value, in its unit.

    >>> round(swing("hr", 4.0)), round(swing("hr", 16.0))
    (-5, 5)
    """
    return -SWING[what] * math.cos(math.tau * (hour - NADIR[what]) / 24)


def level(course: Course, seconds: float, seed: int = 0) -> float:
    """Give how far a state has set in, 0 to 1."""
    if course.state == "activity":
        return _within(course, seconds) and _bout(seed, seconds)
    change = CHANGES[course.state]
    if course.ramp_s is None and change.rise_s and change.fall_s:
        return _relaxed(course, seconds, change.rise_s, change.fall_s)
    return _ramp(course, seconds, course.ramp_s or RAMP_S)


def _within(course: Course, seconds: float) -> float:
    return float(course.at_s <= seconds < course.at_s + course.for_s)


def _ramp(course: Course, seconds: float, ramp_s: float) -> float:
    """Set in and wear off smoothly, over the same time."""
    rise = (seconds - course.at_s) / ramp_s
    fall = (course.at_s + course.for_s + ramp_s - seconds) / ramp_s
    found = max(0.0, min(1.0, rise, fall))
    return found * found * (3 - 2 * found)


def _relaxed(course: Course, seconds: float, rise_s: float, fall_s: float) -> float:
    """Rise towards the whole, fall towards nothing, each with its time constant."""
    since, after = seconds - course.at_s, seconds - course.at_s - course.for_s
    if since <= 0:
        return 0.0
    if after <= 0:
        return 1 - math.exp(-since / rise_s)
    left = (1 - math.exp(-course.for_s / rise_s)) * math.exp(-after / fall_s)
    return left if left > FAINT else 0.0


def _bout(seed: int, seconds: float) -> float:
    """Give how active a restless body is: stairs, dishes, a walk."""
    slot = int(seconds // SLOT_S)
    return max(_one_bout(*_drawn(seed, n), seconds) for n in (slot - 1, slot))


@lru_cache(4096)
def _drawn(seed: int, slot: int) -> tuple[float, float, float]:
    """Draw a slot's bout: when it begins, when it ends, how hard it is."""
    dice = random.Random(f"{seed}/{slot}")
    begin = (slot + dice.random()) * SLOT_S
    hardness = dice.uniform(0.25, 1.0) if dice.random() < BOUT_SHARE else 0.0
    return begin, begin + dice.uniform(*BOUT_S), hardness


def _one_bout(begin: float, end: float, hardness: float, seconds: float) -> float:
    if not begin < seconds or not hardness:
        return 0.0
    rise = 1 - math.exp(-(min(seconds, end) - begin) / BOUT_RISE_S)
    return hardness * rise * math.exp(-max(0.0, seconds - end) / BOUT_FALL_S)
