"""Blood pressure in circumstances that the plan declares.

They are: before and in an exercise session, and in a standing test.  Without a
declaration nothing is concluded.

How hard the body works is told by the pulse that the cuff itself has counted: a fall
between two readings of which one has no pulse says nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dsp.pressure import Pair, Pressure, exceeds, reaches
from vitals.detection import Pressure as Rules
from vitals.model import Instant, Plan, Session, Standing

EXERCISE, ORTHOSTATIC = "exercise_pressure", "orthostatic"  # detectors

START = "exercise_start_pressure_high"
STOP = "exercise_pressure_high"
FALL = "exercise_hypotension"
STANDING = "orthostatic_hypotension"

DETECTOR = {
    START: EXERCISE,
    STOP: EXERCISE,
    FALL: EXERCISE,
    STANDING: ORTHOSTATIC,
}


class Sight(NamedTuple):
    """A condition that a reading shows."""

    condition: str
    limit: list[float]  # systolic, diastolic; of a fall: by how much
    before: Pressure | None = None  # the reading that it is compared with
    since: Instant = Instant(0)  # of the circumstance


def session(plan: Plan, t: Instant) -> Session | None:
    """Give the declared session that a time is in."""
    return next((s for s in plan.sessions if s.begin <= t < s.end), None)


def sights(
    plan: Plan, rules: Rules, earlier: Sequence[Pressure], now: Pressure
) -> list[Sight]:
    """Give what a reading shows; `earlier` are good ones of the same cuff, by time."""
    found = [
        _start(plan, rules, now),
        _stop(plan, rules, now),
        _fall(plan, rules, earlier, now),
        _standing(plan, rules, earlier, now),
    ]
    return [one for one in found if one is not None and watched(plan, one.condition)]


def watched(plan: Plan, condition: str) -> bool:
    """Tell whether the plan leaves a condition's detector on."""
    return DETECTOR[condition] not in plan.off


def _start(plan: Plan, rules: Rules, now: Pressure) -> Sight | None:
    """Tell of a pressure at rest that allows no session (medicalalgorithms.com)."""
    soon = rules.before_s * 1000
    near = [s for s in plan.sessions if s.begin - soon <= now.t < s.begin]
    if not near or session(plan, now.t) or not exceeds(now, rules.start):
        return None
    return Sight(START, list(rules.start), since=Instant(near[0].begin - int(soon)))


def _stop(plan: Plan, rules: Rules, now: Pressure) -> Sight | None:
    """Tell of a pressure that ends a session (Heart Fail Rev 2023, PMC10847087)."""
    own = session(plan, now.t)
    if own is None or not reaches(now, rules.stop):
        return None
    return Sight(STOP, list(rules.stop), since=Instant(own.begin))


def _fall(
    plan: Plan, rules: Rules, earlier: Sequence[Pressure], now: Pressure
) -> Sight | None:
    """Tell of a systolic pressure that falls while the workload rises (the same)."""
    own = session(plan, now.t)
    if own is None or now.sys is None or now.pulse is None:
        return None
    before = _highest(
        p
        for p in _within(earlier, own.begin, now.t)
        if p.pulse is not None and now.pulse - p.pulse >= rules.pulse_rise
    )
    if before is None or before.sys is None:
        return None
    if before.sys - now.sys <= rules.exercise_fall:
        return None
    return Sight(FALL, [rules.exercise_fall], before, Instant(own.begin))


def _standing(
    plan: Plan, rules: Rules, earlier: Sequence[Pressure], now: Pressure
) -> Sight | None:
    """Tell of a fall on standing up, from the last reading lying (20/10, consensus)."""
    own = _test(plan.standings, now.t)
    lying = _within(earlier, own.begin, own.stand)[-1:] if own else []
    if own is None or not lying or not _fallen(lying[0], now, rules.standing_fall):
        return None
    return Sight(STANDING, list(rules.standing_fall), lying[0], Instant(own.begin))


def _test(standings: Iterable[Standing], t: Instant) -> Standing | None:
    """Give the test in which the patient stands at a time."""
    return next((s for s in standings if s.stand <= t < s.end), None)


def _fallen(before: Pressure, now: Pressure, by: Pair) -> bool:
    """Tell whether either value has fallen so far."""
    pairs = (before.sys, now.sys), (before.dia, now.dia)
    return any(
        was is not None and found is not None and was - found >= fall
        for (was, found), fall in zip(pairs, by, strict=True)
    )


def _within(earlier: Sequence[Pressure], begin: int, end: int) -> list[Pressure]:
    return [p for p in earlier if begin <= p.t < end]


def _highest(found: Iterable[Pressure]) -> Pressure | None:
    """Give the one of the highest systolic pressure; of equals the earliest."""
    known = [p for p in found if p.sys is not None]
    return max(known, key=lambda p: p.sys or 0.0, default=None)
