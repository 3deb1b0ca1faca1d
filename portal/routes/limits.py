"""A patient's personal limits: what dsp watches, and who changed them and why."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from portal.care_views import Trial, of_comparison
from portal.defaults import DEFAULTS
from portal.house import Caller, House, InHouse, check
from portal.plans import change_plan, plan_of
from portal.problems import Invalid
from portal.rehearsal import DAYS, MOST_DAYS, rehearse
from portal.routes.answers import Subject, answer, fails, says
from portal.routes.examples import LIMITS, TRIED
from portal.views import LimitsView, of_plan
from vitals.model import Limit

METRICS = {metric.value: metric for metric in DEFAULTS}
router = APIRouter(prefix="/api/v1/patients", tags=["limits"])


class LimitBody(BaseModel):
    """One limit, in the metric's unit; beyond it for `hold_s`, it counts."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    low: float | None = None
    high: float | None = None
    hold_s: float = Field(60.0, ge=0, le=86_400)
    night_low: float | None = None  # by night; None: as by day
    night_high: float | None = None


class LimitsBody(BaseModel):
    """All personal limits of a patient, and why they change."""

    model_config = ConfigDict(extra="forbid", strict=True)
    limits: dict[str, LimitBody] = Field(max_length=32)
    why: str = Field(min_length=1, max_length=1000)


class TrialBody(BaseModel):
    """All personal limits as they would be, and on how many days to try them."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    limits: dict[str, LimitBody] = Field(max_length=32)
    days: float = Field(DAYS, gt=0, le=MOST_DAYS)


EXAMPLE = {
    "limits": {"heart_rate": {"low": 45, "high": 120, "hold_s": 60}},
    "why": "beta-blocker started",
}
TRIAL = {"limits": {"heart_rate": {"high": 120}}, "days": 30}
NewLimits = Annotated[LimitsBody, Body(examples=[EXAMPLE])]


@router.get(
    "/{subject}/limits", responses=says(LimitsView, LIMITS) | fails(401, 404, 422)
)
async def limits(house: InHouse, caller: Caller, subject: Subject) -> Response:
    """Show the limits in force and the latest changes: who, when, old, new, why."""
    check(caller, "read", subject)
    return answer(await _view(house, subject))


@router.put(
    "/{subject}/limits",
    responses=says(LimitsView, LIMITS) | fails(401, 403, 404, 413, 422),
)
async def set_limits(
    house: InHouse, caller: Caller, subject: Subject, body: NewLimits
) -> Response:
    """Replace all personal limits; a metric left out gets the system's default again.

    The change is kept for ever before it takes effect.
    """
    check(caller, "plan", subject)
    found = checked(body.limits)
    await change_plan(house, subject, caller.name, body.why, limits=found)
    return answer(await _view(house, subject))


@router.post(
    "/{subject}/limits/dry_run",
    responses=says(Trial, TRIED) | fails(401, 403, 404, 409, 413, 422, 503, 504),
)
async def dry_run(
    house: InHouse,
    caller: Caller,
    subject: Subject,
    body: Annotated[TrialBody, Body(examples=[TRIAL])],
) -> Response:
    """Try limits on the last days: the alerts as they are, and with these."""
    check(caller, "plan", subject)
    found = await rehearse(house, subject, checked(body.limits), body.days)
    return answer(of_comparison(found))


def checked(bodies: Mapping[str, LimitBody]) -> dict[str, Limit]:
    """Check limits against what their metrics can be."""
    return {name: _limit(name, limit) for name, limit in bodies.items()}


async def _view(house: House, subject: str) -> LimitsView:
    """Show a patient's limits."""
    changes = await asyncio.to_thread(house.people.changes, subject)
    return of_plan(subject, await plan_of(house, subject), changes)


def _limit(name: str, body: LimitBody) -> Limit:
    """Check one limit against what the metric can be."""
    if name not in METRICS:
        raise Invalid(f"limits.{name[:40]}", f"one of {', '.join(METRICS)} is possible")
    metric = METRICS[name]
    for value in (body.low, body.high, body.night_low, body.night_high):
        if value is not None and not metric.plausible(value):
            span = f"{metric.low:g} to {metric.high:g} {metric.unit}"
            raise Invalid(f"limits.{name}", f"a limit lies within {span}")
    default_low, default_high = DEFAULTS[metric]
    low = default_low if body.low is None else body.low
    high = default_high if body.high is None else body.high
    _in_order(name, low, high)
    night_low = low if body.night_low is None else body.night_low
    night_high = high if body.night_high is None else body.night_high
    _in_order(name, night_low, night_high)
    return Limit(body.low, body.high, body.hold_s, body.night_low, body.night_high)


def _in_order(name: str, low: float | None, high: float | None) -> None:
    """Refuse a range that holds nothing."""
    if low is not None and high is not None and low >= high:
        detail = f"`low` must be below `high`; they would be {low:g} and {high:g}"
        raise Invalid(f"limits.{name}", detail)
