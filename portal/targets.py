"""The range in which a value is meant to be, over time: limits by day and by night."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from msgspec.structs import replace

from portal.ages import DAY
from portal.defaults import DEFAULTS
from portal.wall import local
from vitals.codes import Metric
from vitals.model import Instant, Limit, Plan
from vitals.schedule import zone

LONGEST = 8 * DAY  # on a longer axis, nights are too narrow to be drawn
Range = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """The limits of a while; None: no limit on that side."""

    begin: Instant
    end: Instant
    low: float | None  # in the metric's unit
    high: float | None


def in_force(plan: Plan, house: Mapping[str, Limit]) -> Plan:
    """Lay a patient's own limits over the house's, side by side."""
    limits = dict(plan.limits)
    for name, theirs in house.items():
        limits[name] = _over(limits.get(name, Limit()), theirs)
    return replace(plan, limits=limits)


def _over(own: Limit, house: Limit) -> Limit:
    night_low = house.night_low if own.low is None else None
    night_high = house.night_high if own.high is None else None
    return Limit(
        low=house.low if own.low is None else own.low,
        high=house.high if own.high is None else own.high,
        hold_s=own.hold_s,
        night_low=night_low if own.night_low is None else own.night_low,
        night_high=night_high if own.night_high is None else own.night_high,
    )


def by_day(plan: Plan, metric: Metric) -> Range:
    """Give the limits in force by day, the personal one before the house's."""
    limit, (low, high) = _limit(plan, metric), DEFAULTS.get(metric, (None, None))
    return (
        low if limit.low is None else limit.low,
        high if limit.high is None else limit.high,
    )


def by_night(plan: Plan, metric: Metric) -> Range:
    """Give the limits in force by night."""
    limit, (low, high) = _limit(plan, metric), by_day(plan, metric)
    return (
        low if limit.night_low is None else limit.night_low,
        high if limit.night_high is None else limit.night_high,
    )


def targets(
    plan: Plan, metric: Metric, start: Instant, stop: Instant
) -> tuple[Target, ...]:
    """Give the limits in force from start to stop, one after the other."""
    day, night = by_day(plan, metric), by_night(plan, metric)
    if day == night or stop - start > LONGEST:
        return _whole(day, start, stop)
    edges = [start, *_changes(plan, start, stop), stop]
    found: list[Target] = []
    for begin, end in pairwise(edges):
        asleep = is_night(plan, Instant((begin + end) // 2))
        found += _whole(night if asleep else day, begin, end)
    return tuple(found)


def is_night(plan: Plan, t: Instant) -> bool:
    """Tell whether it is the patient's night then.

    >>> is_night(Plan(), 0), is_night(Plan(), 12 * 3_600_000)
    (True, False)
    """
    there = local(t, zone(plan.time_zone))
    minute, night = there.hour * 60 + there.minute, plan.night
    if night.begin <= night.end:
        return night.begin <= minute < night.end
    return minute >= night.begin or minute < night.end


def _limit(plan: Plan, metric: Metric) -> Limit:
    return plan.limits.get(metric.value, Limit())


def _whole(limits: Range, begin: Instant, end: Instant) -> tuple[Target, ...]:
    if limits == (None, None) or begin >= end:
        return ()
    return (Target(begin, end, *limits),)


def _changes(plan: Plan, start: Instant, stop: Instant) -> Iterator[Instant]:
    """Give the moments between day and night, by the wall clock of the place."""
    there = zone(plan.time_zone)
    day = local(start, there).date() - timedelta(days=1)
    last = local(stop, there).date()
    while day <= last:
        for minute in sorted({plan.night.begin, plan.night.end}):
            t = _moment(datetime(day.year, day.month, day.day, tzinfo=there), minute)
            if start < t < stop:
                yield t
        day += timedelta(days=1)


def _moment(midnight: datetime, minute: int) -> Instant:
    there: tzinfo | None = midnight.tzinfo
    wall = midnight.replace(hour=minute // 60, minute=minute % 60, tzinfo=there)
    return Instant(int(wall.timestamp() * 1000))
