"""Follows a patient's schedule of blood pressure: which occasions are missed.

An occasion is missed when its window ends without its readings, by the time of a later
reading or by the clock; the next one that is done ends it.
"""

from datetime import tzinfo
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from vitals.model import Instant, Plan, Schedule
from vitals.schedule import Occasion, count, occasion, place, zone

DETECTOR, CONDITION = "schedule", "measurement_missed"
NEVER = Instant(1 << 62)


class Course(Struct, frozen=True):
    """How far one patient is in their schedule."""

    subject: str
    schedule: Schedule
    time_zone: str
    next: int  # occasion to be judged, from 0
    readings: tuple[int, ...]  # good ones on each occasion so far
    missed: int = 0  # in a row; 0: nothing is open
    begin: Instant = Instant(0)  # end of the first of them
    last: Instant | None = None  # latest good reading; None: there has been none

    @property
    def where(self) -> tzinfo:
        """The patient's time zone."""
        return zone(self.time_zone)

    @property
    def done(self) -> int:
        """The occasions that have all their readings."""
        return sum(n >= self.schedule.readings for n in self.readings)


class Turn(NamedTuple):
    """An occasion that is missed, or one that ends what was missed."""

    over: bool
    t: Instant
    occasion: Occasion | None  # None: the schedule is over
    state: Course  # as it then is, or was


Said = tuple[Course, list[Turn]]


def course(subject: str, plan: Plan) -> Course | None:
    """Give the start of what a plan asks for; what ended before it was said is past."""
    schedule = plan.schedule
    if schedule is None or DETECTOR in plan.off:
        return None
    where, n = zone(plan.time_zone), count(schedule)
    first = next((k for k in range(n) if occasion(schedule, where, k).end > plan.t), n)
    return Course(subject, schedule, plan.time_zone, first, (0,) * n)


def ends(was: Course) -> Instant:
    """Give when the occasion ends that is to be judged next."""
    if was.next >= count(was.schedule):
        return NEVER
    return _end(was, was.next)


def same(one: Course, other: Course) -> bool:
    """Tell whether two follow the same schedule."""
    return (one.schedule, one.time_zone) == (other.schedule, other.time_zone)


def lapse(was: Course, t: Instant) -> Said:
    """Take that it is `t`; give the occasions that are missed by then."""
    turns = []
    while ends(was) <= t:
        k = was.next
        was = replace(was, next=k + 1)
        if was.readings[k] < was.schedule.readings:
            own = occasion(was.schedule, was.where, k)
            begin = was.begin if was.missed else own.end
            was = replace(was, missed=was.missed + 1, begin=begin)
            turns.append(Turn(False, own.end, own, was))
    return was, turns


def take(was: Course, t: Instant) -> Said:
    """Take a good reading; the occasion that it completes ends what was missed."""
    was, turns = lapse(was, t)
    was = replace(was, last=t)
    k = place(was.schedule, was.where, t)
    if k is None:
        past = ends(was) == NEVER  # no occasion will come that could end it
        return _forgive(was, t, None, turns) if past else (was, turns)
    n = was.readings[k] + 1
    was = replace(was, readings=(*was.readings[:k], n, *was.readings[k + 1 :]))
    if n != was.schedule.readings:
        return was, turns
    return _forgive(was, t, occasion(was.schedule, was.where, k), turns)


def rewound(was: Course, first: int, t: Instant) -> Course:
    """Judge again what ends after `t`, from the first occasion of the plan on."""
    coming = (k for k in range(count(was.schedule)) if _end(was, k) > t)
    following = max(first, next(coming, count(was.schedule)))
    return replace(was, next=following, last=None)


def close(was: Course) -> list[Turn]:
    """End whatever is open: the plan asks for something else, or nothing."""
    return [Turn(True, was.begin, None, was)] if was.missed else []


def _forgive(was: Course, t: Instant, own: Occasion | None, turns: list[Turn]) -> Said:
    if not was.missed:
        return was, turns
    over = Turn(True, Instant(max(t, was.begin)), own, was)
    return replace(was, missed=0), [*turns, over]


def _end(was: Course, k: int) -> Instant:
    return occasion(was.schedule, was.where, k).end
