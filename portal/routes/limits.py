"""A patient's personal limits: what dsp watches, and who changed them and why."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from portal.defaults import DEFAULTS
from portal.house import Caller, House, InHouse, check
from portal.plans import change_plan, plan_of
from portal.problems import Invalid
from portal.routes.answers import Subject, answer, fails, says
from portal.routes.examples import LIMITS
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


class LimitsBody(BaseModel):
    """All personal limits of a patient, and why they change."""

    model_config = ConfigDict(extra="forbid", strict=True)
    limits: dict[str, LimitBody] = Field(max_length=32)
    why: str = Field(min_length=1, max_length=1000)


EXAMPLE = {
    "limits": {"heart_rate": {"low": 45, "high": 120, "hold_s": 60}},
    "why": "beta-blocker started",
}
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
    found = {name: _limit(name, limit) for name, limit in body.limits.items()}
    await change_plan(house, subject, caller.name, body.why, limits=found)
    return answer(await _view(house, subject))


async def _view(house: House, subject: str) -> LimitsView:
    """Show a patient's limits."""
    changes = await asyncio.to_thread(house.people.changes, subject)
    return of_plan(subject, await plan_of(house, subject), changes)


def _limit(name: str, body: LimitBody) -> Limit:
    """Check one limit against what the metric can be."""
    if name not in METRICS:
        raise Invalid(f"limits.{name[:40]}", f"one of {', '.join(METRICS)} is possible")
    metric = METRICS[name]
    for value in (body.low, body.high):
        if value is not None and not metric.plausible(value):
            span = f"{metric.low:g} to {metric.high:g} {metric.unit}"
            raise Invalid(f"limits.{name}", f"a limit lies within {span}")
    low, high = DEFAULTS[metric]
    low = low if body.low is None else body.low
    high = high if body.high is None else body.high
    if low is not None and high is not None and low >= high:
        detail = f"`low` must be below `high`; they would be {low:g} and {high:g}"
        raise Invalid(f"limits.{name}", detail)
    return Limit(body.low, body.high, body.hold_s)
