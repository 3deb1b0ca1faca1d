"""Plans as arrays: whose night a moment is, and in which session it lies.

A moment's mark comes from its own time and the patient's plan alone, so that neither a
block's cut nor our own clock has a say in it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dsp.arrays import EXERCISE, I8, NIGHT, PRESCRIBED, Block
from dsp.limits import COLUMN
from vitals.codes import Metric
from vitals.detection import Dsp
from vitals.model import Limit, Plan, Reading, Session

QUARTER = 900_000  # ms; clocks change on quarters of an hour
DAY = 24 * 60  # min
BITS = 42  # of a time in ms, until the year 2100
HEARTS = np.array([COLUMN[m.value] for m in (Metric.HEART_RATE, Metric.PULSE)])


class Term(NamedTuple):
    """One declared session, and whose it is."""

    subject: str
    session: Session


class Tables(NamedTuple):
    """What all plans say, by the number of a patient or the place of a session."""

    number: dict[str, int]
    zones: list[ZoneInfo]
    zone: I8  # (P,) place in `zones`
    night: I8  # (P, 2) from, to: minutes of the patient's day; equal: there is none
    terms: list[Term]
    key: I8  # (S,) ascending: patient's number and beginning, as `_key`
    owner: I8  # (S,)
    until: I8  # (S,) ms: end, and recovery
    limited: NDArray[np.bool_]  # (S,) its own upper limit replaces the ordinary one


class Calendar:
    """The nights and sessions of all patients."""

    def __init__(self, settings: Dsp) -> None:
        self._recovery = int(settings.session_recovery_s * 1000)
        self._keeps = settings.session_keeps_limits
        self._dark = any(map(_nightly, settings.limits.values()))
        self._plans: dict[str, Plan] = {}
        self._tables: Tables | None = None

    def plan(self, subject: str, plan: Plan | None) -> None:
        """Obey a plan from now on; None: the defaults again."""
        self._tables = None
        self._plans.pop(subject, None)
        if plan and (
            self._dark or plan.sessions or any(map(_nightly, plan.limits.values()))
        ):
            self._plans[subject] = plan

    def terms(self, now: int) -> list[Term]:
        """Give the sessions that are on at a moment, ms."""
        if not self._plans:
            return []
        tables = self.tables
        begin = tables.key & ((1 << BITS) - 1)
        end = tables.until[:-1] - self._recovery
        on = np.flatnonzero((begin <= now) & (now < end))
        return [tables.terms[place] for place in on.tolist()]

    def marked(
        self, readings: Sequence[Reading], block: Block, source: I8, column: I8
    ) -> tuple[Block, I8]:
        """Give a block with its marks, and each sample's place in the sessions or -1.

        `column` is each sample's place in `SIGNALS`.
        """
        place = np.full(block.t.size, -1)
        if not (self._plans or self._dark):
            return block, place
        tables = self.tables
        number, other = tables.number, 0 if self._dark else -1
        who = np.array([number.get(r.subject, other) for r in readings])[source]
        known = np.flatnonzero(who >= 0)
        if not known.size:
            return block, place
        who, t = who[known], block.t[known]
        place[known] = at = session_of(tables, who, t)
        bits = np.where(dark(tables, who, t), NIGHT, 0) | np.where(at >= 0, EXERCISE, 0)
        heart = np.isin(column[known], HEARTS) & (at >= 0)
        bits |= np.where(heart & tables.limited[at], PRESCRIBED, 0)
        quality = block.quality.copy()
        quality[known] |= bits
        return block._replace(quality=quality), place

    @property
    def tables(self) -> Tables:
        """All plans as arrays; made anew after a plan has changed."""
        if self._tables is None:
            self._tables = self._tabulate()
        return self._tables

    def _tabulate(self) -> Tables:
        plans = {"": Plan(), **self._plans}  # first: of those who have none
        number = {subject: n for n, subject in enumerate(plans)}
        names = dict.fromkeys(plan.time_zone for plan in plans.values())
        order = {name: n for n, name in enumerate(names)}
        night = [(p.night.begin, p.night.end) for p in plans.values()]
        terms = [Term(s, each) for s, plan in plans.items() for each in plan.sessions]
        terms.sort(key=lambda term: (number[term.subject], term.session.begin))
        owner = np.array([number[term.subject] for term in terms], np.int64)
        begin = np.array([term.session.begin for term in terms], np.int64)
        until = [term.session.end + self._recovery for term in terms]
        limited = [t.session.limit is not None and not self._keeps for t in terms]
        return Tables(
            number,
            [zone_of(name) for name in names],
            np.array([order[plan.time_zone] for plan in plans.values()], np.int64),
            np.array(night, np.int64),
            terms,
            _key(owner, begin),
            np.array([*owner, -1], np.int64),
            np.array([*until, 0], np.int64),
            np.array([*limited, False], np.bool_),
        )


def session_of(tables: Tables, who: I8, t: I8) -> I8:
    """Give the place of the session that a moment lies in, or in its recovery."""
    at = np.searchsorted(tables.key, _key(who, t), side="right") - 1
    inside = (tables.owner[at] == who) & (t < tables.until[at])
    return np.where(inside, at, -1)


def dark(tables: Tables, who: I8, t: I8) -> NDArray[np.bool_]:
    """Tell which moments lie in their patient's night."""
    minute, zone = np.zeros(t.size, np.int64), tables.zone[who]
    for z in np.unique(zone).tolist():
        there = zone == z
        minute[there] = minutes_of_day(t[there], tables.zones[z])
    begin, end = tables.night[who].T
    night: NDArray[np.bool_] = (minute - begin) % DAY < (end - begin) % DAY
    return night


def minutes_of_day(t: I8, zone: ZoneInfo) -> I8:
    """Give the minute of the local day of each moment, ms."""
    quarters, place = np.unique(t // QUARTER, return_inverse=True)
    ahead = np.array([_ahead(zone, q) for q in quarters.tolist()], np.int64)
    return (t + ahead[place]) // 60_000 % DAY


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone; what is none is UTC: it must not cost a patient the limits."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache(1 << 16)
def _ahead(zone: ZoneInfo, quarter: int) -> int:
    """Give the ms by which local time is ahead of UTC in a quarter of an hour."""
    moment = datetime.fromtimestamp(quarter * QUARTER / 1000, zone)
    return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)


def _key(who: I8, t: I8) -> I8:
    """Give numbers that sort by patient, then by time."""
    return (who << BITS) | t


def _nightly(limit: Limit) -> bool:
    return limit.night_low is not None or limit.night_high is not None
