"""What is agreed with one patient beside limits: pressure, exercise, devices, zone."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from portal.ages import HOUR, MINUTE
from portal.authorisation import Person, decide
from portal.house import House, InHouse, check
from portal.pages.common import Reader, Words, page
from portal.plans import change_plan, plan_of
from portal.problems import Problem
from portal.routes.answers import Subject
from portal.texts import Texts
from portal.wall import Wall, read
from portal.zones import ZONES, offered
from vitals.codes import Kind
from vitals.model import Instant, Plan, Schedule, Session
from vitals.schedule import zone

router = APIRouter()

LONGEST_SESSION_MS = 6 * HOUR
SESSIONS = 50  # kept in a plan
Short = Annotated[str, Form(max_length=64)]


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the forms says; "" is nothing."""

    why: str
    time_zone: str = ""
    begin: str = ""
    days: str = ""
    readings: str = ""
    minutes: str = ""
    low: str = ""
    high: str = ""
    kind: str = ""
    session: str = ""


@router.get("/patients/{subject}/plan")
async def plan(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Show what is agreed with a patient and forms to change it."""
    check(reader, "act", subject)
    return await _shown(request, house, reader, (texts, subject), "", 200)


@router.post("/patients/{subject}/plan/{part}")
async def change(  # noqa: PLR0913
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    part: str,
    why: Annotated[str, Form(max_length=1000)] = "",
    time_zone: Short = "",
    begin: Short = "",
    days: Short = "",
    readings: Short = "",
    minutes: Short = "",
    low: Short = "",
    high: Short = "",
    kind: Short = "",
    session: Short = "",
) -> Response:
    """Change one part of a plan, with a reason that is kept."""
    check(reader, "plan", subject)
    if part not in PARTS:
        raise Problem(404, "There is no such page.")
    said = Said(
        why.strip(), time_zone, begin, days, readings, minutes, low, high, kind, session
    )
    old = await plan_of(house, subject)
    try:
        if not said.why:
            raise ValueError("limits.why.missing")
        fields = PARTS[part](old, said)
    except ValueError as error:  # msgspec's too
        text = texts.get(str(error), texts("plan.wrong"))
        return await _shown(request, house, reader, (texts, subject), text, 422)
    await change_plan(house, subject, reader.name, said.why, **fields)
    return RedirectResponse(f"/patients/{subject}/plan", 303)


def place(_: Plan, said: Said) -> dict[str, Any]:
    """Take another time zone."""
    if said.time_zone not in ZONES:
        raise ValueError("plan.zone.wrong")
    return {"time_zone": said.time_zone}


def pressure(old: Plan, said: Said) -> dict[str, Any]:
    """Take another schedule of blood pressure; without a day there is none."""
    if not said.begin:
        return {"schedule": None}
    begin = _moment(f"{said.begin[:10]}T00:00", old)
    count, each = int(said.days or 7), int(said.readings or 2)
    return {"schedule": _sound(Schedule(begin=begin, days=count, readings=each))}


def exercise(old: Plan, said: Said) -> dict[str, Any]:
    """Add a session of exercise."""
    begin = _moment(said.begin, old)
    end = Instant(begin + int(said.minutes or 30) * MINUTE)
    if not 0 < end - begin <= LONGEST_SESSION_MS or len(old.sessions) >= SESSIONS:
        raise ValueError("plan.session.wrong")
    low, high = (float(text) if text else None for text in (said.low, said.high))
    if low is not None and high is not None and low >= high:
        raise ValueError("plan.session.wrong")
    name = f"s-{secrets.token_hex(4)}"
    new = _sound(Session(id=name, begin=begin, end=end, low=low, high=high))
    return {"sessions": tuple(sorted((*old.sessions, new), key=lambda s: s.begin))}


def exercise_off(old: Plan, said: Said) -> dict[str, Any]:
    """Take a session of exercise out."""
    return {"sessions": tuple(s for s in old.sessions if s.id != said.session)}


def devices(old: Plan, said: Said) -> dict[str, Any]:
    """Expect a kind of reading every so many minutes; nothing: no more."""
    kind = str(Kind(said.kind))
    others = {name: every for name, every in old.expects.items() if name != kind}
    if not said.minutes:
        return {"expects": others}
    every = float(said.minutes) * 60
    if not 0 < every <= 1e7:
        raise ValueError("plan.wrong")
    return {"expects": {**others, kind: every}}


PARTS = {
    "zone": place,
    "pressure": pressure,
    "exercise": exercise,
    "exercise_off": exercise_off,
    "devices": devices,
}


def _moment(text: str, plan: Plan) -> Instant:
    """Read what a browser's field for a local time says, on the patient's clock."""
    t = read(text, plan.time_zone)
    if t < 0:
        raise ValueError("plan.wrong")
    return t


def _sound(noun: Schedule | Session) -> Schedule | Session:
    """Check a noun as whoever obeys it will read it."""
    return msgspec.convert(msgspec.to_builtins(noun), type(noun))


async def _shown(
    request: Request,
    house: House,
    reader: Person,
    here: tuple[Texts, str],
    wrong: str,
    status: int,
) -> Response:
    """Show the page."""
    texts, subject = here
    found = await plan_of(house, subject)
    wall = Wall(texts, str(zone(found.time_zone)))
    day = found.schedule and wall.at(found.schedule.begin).date()
    values: dict[str, Any] = {
        "subject": subject,
        "plan": found,
        "day": day.isoformat() if day else "",
        "kinds": [kind for kind in Kind if kind is not Kind.BATTERY],
        "zones": offered([found.time_zone]),
        "wrong": wrong,
        "may": decide(reader, "plan", subject) == "allowed",
        "wall": wall,
    }
    return page(request, "plan.html", reader, status, **values)
