"""Blood pressure by a schedule: what was measured when, and what comes next."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from portal.ages import DAY
from portal.house import House
from vitals.codes import UNRELIABLE, Kind
from vitals.model import BloodPressure, Instant, Plan, Reading, Schedule
from vitals.schedule import (
    Adherence,
    Measured,
    Occasion,
    adherence,
    count,
    occasion,
    place,
    zone,
)

PAGE = 1000
UNPLANNED = 7  # days shown of somebody without a schedule

State = Literal["done", "some", "missed", "now", "later"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One occasion in the table."""

    occasion: Occasion
    state: State
    readings: tuple[Measured, ...]
    mean: tuple[float, float] | None  # systolic, diastolic, mmHg

    @property
    def n(self) -> int:
        """How many readings count."""
        return len(self.readings)


@dataclass(frozen=True, slots=True)
class Course:
    """A schedule and what came of it."""

    schedule: Schedule
    planned: bool  # False: the last days of somebody without a schedule
    adherence: Adherence
    days: tuple[tuple[Cell, Cell], ...]  # morning, evening
    next: Occasion | None  # that is under way or to come
    left: int  # readings that the occasion under way still wants
    means: tuple[tuple[float, float] | None, tuple[float, float] | None]
    outside: tuple[Measured, ...]  # the agreed hours, newest first: they count nowhere

    @property
    def blank(self) -> bool:
        """Whether there is nothing to show: no schedule and no reading."""
        taken = any(cell.n for day in self.days for cell in day)
        return not (self.planned or taken or self.outside)


async def course(house: House, subject: str) -> Course:
    """Read a patient's schedule and readings."""
    now, plan = house.clock(), house.board.plan(subject) or Plan()
    wanted = plan.schedule or _unplanned(now)
    where = zone(plan.time_zone)
    first = occasion(wanted, where, 0).begin
    last = occasion(wanted, where, count(wanted) - 1).end
    stop = Instant(max(first + 1, min(last, now + 1)))
    readings = await asyncio.to_thread(_readings, house, subject, first, stop)
    return follow(wanted, plan, [m for m in map(measured, readings) if m], now)


def follow(
    schedule: Schedule, plan: Plan, readings: Sequence[Measured], now: Instant
) -> Course:
    """Say how far a schedule has come."""
    where = zone(plan.time_zone)
    taken = _taken(schedule, plan, readings)
    outside = sorted(taken.pop(None, []), reverse=True)
    cells = [
        _cell(schedule, occasion(schedule, where, k), taken[k], now)
        for k in range(count(schedule))
    ]
    open_cells = [cell for cell in cells if cell.occasion.end > now]
    coming = next((c for c in open_cells if c.n < schedule.readings), None)
    under_way = coming is not None and coming.occasion.begin <= now
    return Course(
        schedule,
        plan.schedule is not None,
        adherence(schedule, where, readings, now),
        tuple(zip(cells[::2], cells[1::2], strict=True)),
        coming.occasion if coming else None,
        schedule.readings - coming.n if coming and under_way else 0,
        (_over(cells[2::2]), _over(cells[3::2])),
        tuple(outside),
    )


def measured(reading: Reading) -> Measured | None:
    """Give a reading that can be relied on; None: it cannot."""
    record = reading.record
    if not isinstance(record, BloodPressure) or UNRELIABLE.intersection(record.q):
        return None
    if record.sys is None or record.dia is None:
        return None
    return Measured(Instant(record.t), record.sys, record.dia)


def _unplanned(now: Instant) -> Schedule:
    """Give the last days as if they had been planned."""
    begin = Instant(max(0, now - (UNPLANNED - 1) * DAY))
    return Schedule(begin=begin, days=UNPLANNED)


def _readings(
    house: House, subject: str, start: Instant, stop: Instant
) -> list[Reading]:
    """Read everything in an interval."""
    found: list[Reading] = []
    after: str | None = None
    while True:
        page, after = house.history.records(
            subject, Kind.BLOOD_PRESSURE, start, stop, after, PAGE
        )
        found += page
        if after is None:
            return found


def _taken(
    schedule: Schedule, plan: Plan, readings: Sequence[Measured]
) -> defaultdict[int | None, list[Measured]]:
    """Give the readings of each occasion; None: of no occasion."""
    where, found = zone(plan.time_zone), defaultdict[int | None, list[Measured]](list)
    for reading in readings:
        found[place(schedule, where, reading.t)].append(reading)
    return found


def _cell(
    schedule: Schedule, when: Occasion, readings: Sequence[Measured], now: Instant
) -> Cell:
    """Say what became of an occasion."""
    state = _state(schedule, when, len(readings), now)
    return Cell(when, state, tuple(readings), _mean(readings))


def _state(schedule: Schedule, when: Occasion, n: int, now: Instant) -> State:
    if n >= schedule.readings:
        return "done"
    if when.end <= now:
        return "some" if n else "missed"
    return "now" if when.begin <= now else "later"


def _over(cells: Sequence[Cell]) -> tuple[float, float] | None:
    """Give the mean of all readings of some occasions."""
    return _mean([reading for cell in cells for reading in cell.readings])


def _mean(readings: Sequence[Measured]) -> tuple[float, float] | None:
    if not readings:
        return None
    n = len(readings)
    return sum(r.sys for r in readings) / n, sum(r.dia for r in readings) / n
