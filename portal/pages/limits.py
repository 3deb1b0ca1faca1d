"""Limits of one patient: tried on the past, saved with a reason, and their log."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from portal.authorisation import Person, decide
from portal.cards import title
from portal.defaults import DEFAULTS
from portal.figures import DASH
from portal.house import House, InHouse, check
from portal.pages.common import Reader, Words, clock_there, page
from portal.plans import change_plan, plan_of
from portal.problems import Problem
from portal.rehearsal import DAYS, MOST_DAYS, rehearse
from portal.routes.answers import Subject
from portal.routes.limits import METRICS, LimitBody, checked
from portal.texts import Texts
from portal.units import LABELS
from vitals.comparison import Comparison
from vitals.model import Limit, Plan

router = APIRouter()

FIELDS = "low", "high", "night_low", "night_high", "hold_s"
LONGEST = 1000  # characters of a reason
Said = Mapping[str, str]  # the form's fields, "heart_rate.high" and so on


@router.get("/patients/{subject}/limits")
async def limits(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Show the limits in force, a form to change them, and who changed them and why."""
    check(reader, "act", subject)
    plan = await plan_of(house, subject)
    return await _shown(request, house, reader, (texts, subject), _said(plan))


@router.post("/patients/{subject}/limits")
async def change(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Try the limits of the form on the past, or save them."""
    check(reader, "plan", subject)
    form = await request.form()
    said = {k: v for k, v in form.items() if isinstance(v, str)}
    here = texts, subject
    try:
        found = _read(form, texts)
        if said.get("deed") == "save":
            why = said.get("why", "").strip()[:LONGEST]
            if not why:
                raise Problem(422, texts("limits.why.missing"))
            await change_plan(house, subject, reader.name, why, limits=found)
            return RedirectResponse(f"/patients/{subject}/limits", 303)
        tried = await rehearse(house, subject, found, _days(said))
    except Problem as problem:
        status, why = problem.status_code, problem.detail
        return await _shown(request, house, reader, here, said, None, why, status)
    return await _shown(request, house, reader, here, said, tried=tried)


async def _shown(  # noqa: PLR0913
    request: Request,
    house: House,
    reader: Person,
    here: tuple[Texts, str],
    said: Said,
    tried: Comparison | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    """Show the form as somebody left it, and what came of trying it."""
    texts, subject = here
    changes = await asyncio.to_thread(house.people.changes, subject)
    plan = await plan_of(house, subject)
    values: dict[str, Any] = {
        "subject": subject,
        "said": said,
        "metrics": [(m, LABELS.get(m.unit, m.unit), DEFAULTS[m]) for m in DEFAULTS],
        "tried": tried,
        "conditions": _conditions(tried, texts) if tried else [],
        "wrong": wrong,
        "may": decide(reader, "plan", subject) == "allowed",
        "days": said.get("days", f"{DAYS:g}"),
        "night": plan.night,
        "wall": clock_there(house, subject, texts),
        "log": [
            (c, differences(c.old, c.new))
            for c in changes
            if c.old.limits != c.new.limits
        ],
        "longest": LONGEST,
        "most_days": f"{MOST_DAYS:g}",
    }
    return page(request, "limits.html", reader, status, **values)


def differences(old: Plan, new: Plan) -> list[tuple[str, str, str]]:
    """Give what of the limits changed: metric, and in words before and after."""
    names = dict.fromkeys((*old.limits, *new.limits))
    return [
        (name, _words(old.limits.get(name)), _words(new.limits.get(name)))
        for name in names
        if old.limits.get(name) != new.limits.get(name)
    ]


def _words(limit: Limit | None) -> str:
    """Write one limit, with what holds by night behind a moon; "" for the default.

    >>> _words(Limit(45, 120, 60, night_low=40)).replace(DASH, "to"), _words(None)
    ('45 to 120, 60 s; ☾ 40 to …', '')
    """
    if limit is None:
        return ""
    day = f"{_range(limit.low, limit.high)}, {limit.hold_s:g} s"
    if limit.night_low is None and limit.night_high is None:
        return day
    return f"{day}; ☾ {_range(limit.night_low, limit.night_high)}"


def _range(low: float | None, high: float | None) -> str:
    low_text, high_text = ("…" if s is None else f"{s:g}" for s in (low, high))
    return f"{low_text} {DASH} {high_text}"


def _conditions(found: Comparison, texts: Texts) -> list[tuple[str, int, int]]:
    """Give how often each condition came, before and after."""
    names = dict.fromkeys((*found.now.by_condition, *found.new.by_condition))
    both = found.now.by_condition, found.new.by_condition
    return [(title(n, texts), both[0].get(n, 0), both[1].get(n, 0)) for n in names]


def _said(plan: Plan) -> dict[str, str]:
    """Fill the form with a plan's limits."""
    return {
        f"{name}.{field}": f"{value:g}"
        for name, limit in plan.limits.items()
        for field in FIELDS
        if (value := getattr(limit, field)) is not None
    }


def _read(form: FormData, texts: Texts) -> dict[str, Limit]:
    """Read the form; a metric of which nothing is said has its default.

    Raises
    ------
    Problem
        422: something in it is no number, or no limit.
    """
    found = {}
    for name in METRICS:
        sides = {f: _number(form, name, f, texts) for f in FIELDS}
        given = {f: value for f, value in sides.items() if value is not None}
        if given.keys() - {"hold_s"}:
            found[name] = _body(name, given, texts)
    return checked(found)


def _body(name: str, given: dict[str, float], texts: Texts) -> LimitBody:
    hold_s = given.get("hold_s", 60.0)
    if not 0 <= hold_s <= 86_400:
        raise Problem(422, texts("limits.hold.wrong", what=texts(f"metric.{name}")))
    return LimitBody(**given)


def _number(form: FormData, name: str, field: str, texts: Texts) -> float | None:
    """Read one field; a comma is a point, and nothing is nothing."""
    text = str(form.get(f"{name}.{field}", "")).strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        what = texts(f"metric.{name}")
        raise Problem(422, texts("limits.number.wrong", what=what)) from error
    if value != value or abs(value) > 1e6:
        raise Problem(422, texts("limits.number.wrong", what=texts(f"metric.{name}")))
    return value


def _days(said: Said) -> float:
    """Read on how many days to try."""
    text = said.get("days", "")
    good = text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MOST_DAYS
    return float(text) if good else DAYS
