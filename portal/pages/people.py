"""The administrator's pages: people, patients, care teams, the audit log."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from portal import administration, messages, worklist
from portal.administration import Patient
from portal.audit import Head
from portal.authorisation import CARERS, ROLES, Person
from portal.cards import cards
from portal.house import House, InHouse, check, check_house
from portal.pages.common import Reader, clock_of, page, words
from portal.pages.forms import Many, Text, ends, hand_over
from portal.pages.wishes import NAMES
from portal.plans import plan_of
from portal.problems import Problem
from portal.routes.answers import Subject
from portal.zones import offered
from vitals.errors import ConfigError

router = APIRouter(prefix="/admin")

OFFERED = tuple(role for role in ROLES if role != "clinician")
PAGE = 100


async def administrator(reader: Reader) -> Person:
    """Give the administrator who looks; for all others there is no such page."""
    check_house(reader, "people")
    return reader


Admin = Annotated[Person, Depends(administrator)]


async def everybody(request: Request, house: House, reader: Person) -> Response:
    """Show who may log in."""
    people, say = await asyncio.to_thread(house.people.list), words(request)
    found = worklist.open_alerts(house.board, reader)
    return page(
        request,
        "people.html",
        reader,
        people=people,
        cards=cards(found, clock_of(request, reader), house.clock()),
        messages=await messages.said(house, found, say),
    )


@router.get("/person")
async def new(request: Request, house: InHouse, admin: Admin) -> Response:
    """Show the form of a new person."""
    return await _new(request, house, admin, "", "", "nurse")


@router.post("/person")
async def add(  # noqa: PLR0913
    request: Request,
    house: InHouse,
    admin: Admin,
    name: Text = "",
    role: Text = "",
    subject: Text = "",
    patients: Many = [],  # noqa: B006
) -> Response:
    """Make an account and show the link that opens it."""
    name = name.strip()
    try:
        code = await administration.admit(
            house, admin, name, role, subject or None, patients
        )
    except ConfigError as error:
        return await _new(request, house, admin, str(error), name, role)
    return _give(request, house, admin, code, name)


@router.get("/people/{name}")
async def person(request: Request, house: InHouse, admin: Admin, name: str) -> Response:
    """Show one person."""
    return await _person(request, house, admin, name, "")


@router.post("/people/{name}/{deed}")
async def change(  # noqa: PLR0913
    request: Request,
    house: InHouse,
    admin: Admin,
    name: str,
    deed: str,
    role: Text = "",
    subject: Text = "",
    patients: Many = [],  # noqa: B006
) -> Response:
    """Change one person."""
    try:
        if deed == "role":
            await administration.change_role(house, admin, name, role, subject or None)
        elif deed == "patients":
            await administration.care_for(house, admin, name, patients)
        elif deed == "sessions":
            await administration.end_sessions(house, admin, name)
        elif deed == "remove":
            await administration.remove(house, admin, name)
            return RedirectResponse("/", 303)
        elif deed == "reset" and await _known(house, name):
            code = await administration.reset(house, admin, name)
            return _give(request, house, admin, code, name)
        else:
            raise Problem(404, "There is no such page.")
    except ConfigError as error:
        return await _person(request, house, admin, name, str(error))
    return RedirectResponse(f"/admin/people/{name}", 303)


@router.get("/patients")
async def patients(request: Request, house: InHouse, admin: Admin) -> Response:
    """Show the patients by name, with who cares for them."""
    subjects = await _subjects(house)
    teams = await asyncio.to_thread(house.people.carers, subjects)
    return page(request, "patients.html", admin, subjects=subjects, teams=teams)


@router.get("/patient")
async def new_patient(request: Request, house: InHouse, admin: Admin) -> Response:
    """Show the form of a new patient."""
    first = (await _zones(house))[0]
    blank = Patient(name="", time_zone=first, language="en", team=())
    return await _patient(request, house, admin, "", blank, "")


class Record:
    """What the form of a patient says."""

    def __init__(
        self,
        name: Text = "",
        time_zone: Text = "UTC",
        language: Annotated[str, Form(pattern="^(en|zh)$")] = "en",
        team: Many = [],  # noqa: B006
        login: Text = "",
    ) -> None:
        self.login = login.strip()
        self.said = Patient(
            name=" ".join(name.split()),
            time_zone=time_zone,
            language=language,
            team=tuple(team),
        )


@router.post("/patient")
async def add_patient(
    request: Request, house: InHouse, admin: Admin, form: Annotated[Record, Depends()]
) -> Response:
    """Make a patient; show the link for their own log-in, if there is one."""
    try:
        subject = await administration.new_patient(house, admin, form.said, form.login)
    except ConfigError as error:
        return await _patient(request, house, admin, "", form.said, str(error))
    if not form.login:
        return RedirectResponse(f"/admin/patients/{subject}", 303)
    code = await administration.reset(house, admin, form.login)
    return _give(request, house, admin, code, form.said.name)


@router.get("/patients/{subject}")
async def patient(
    request: Request, house: InHouse, admin: Admin, subject: Subject
) -> Response:
    """Show what is kept of a patient; no vital signs."""
    await _here(house, admin, subject)
    plan = await plan_of(house, subject)
    carers = await asyncio.to_thread(house.people.carers, [subject])
    known = Patient(
        name=house.people.names.of(subject),
        time_zone=plan.time_zone,
        language=plan.language,
        team=tuple(carers[subject]),
    )
    return await _patient(request, house, admin, subject, known, "")


@router.post("/patients/{subject}")
async def keep(
    request: Request,
    house: InHouse,
    admin: Admin,
    subject: Subject,
    form: Annotated[Record, Depends()],
) -> Response:
    """Keep what is said of a patient."""
    await _here(house, admin, subject)
    try:
        await administration.change_patient(house, admin, subject, form.said)
    except ConfigError as error:
        return await _patient(request, house, admin, subject, form.said, str(error))
    return RedirectResponse("/admin/patients", 303)


@router.get("/audit")
async def audit(
    request: Request,
    house: InHouse,
    admin: Admin,
    before: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
    check: bool = False,
) -> Response:
    """Show who saw or changed what, the newest first."""
    log = house.people.audit
    lines = await asyncio.to_thread(log.entries, None, before, PAGE)
    head: Head = await asyncio.to_thread(log.head)
    broken = await asyncio.to_thread(log.broken) if check else None
    return page(
        request,
        "audit.html",
        admin,
        lines=lines,
        head=head,
        broken=broken,
        checked=check,
        more=lines[-1][0] if len(lines) == PAGE else None,
    )


async def _new(
    request: Request, house: House, admin: Person, wrong: str, name: str, role: str
) -> Response:
    shown = {"wrong": wrong, "name": name, "role": role, "roles": OFFERED}
    subjects = await _subjects(house)
    status = 422 if wrong else 200
    return page(request, "person_new.html", admin, status, subjects=subjects, **shown)


async def _person(
    request: Request, house: House, admin: Person, name: str, wrong: str
) -> Response:
    found = await asyncio.to_thread(house.people.accounts.find, name)
    if found is None:
        raise Problem(404, "There is no such person.")
    roles = OFFERED if found.role in OFFERED else (*OFFERED, found.role)
    shown = {"found": found, "roles": roles, "carers": CARERS, "wrong": wrong}
    subjects = await _subjects(house)
    status = 422 if wrong else 200
    return page(request, "person.html", admin, status, subjects=subjects, **shown)


async def _patient(
    request: Request,
    house: House,
    admin: Person,
    subject: str,
    said: Patient,
    wrong: str,
) -> Response:
    people = await asyncio.to_thread(house.people.list)
    carers = [one for one in people if one.role in CARERS]
    zones = await _zones(house)
    shown = {"subject": subject, "said": said, "carers": carers, "zones": zones}
    status = 422 if wrong else 200
    return page(
        request, "record.html", admin, status, wrong=wrong, spoken=NAMES, **shown
    )


async def _zones(house: House) -> list[str]:
    """Give the time zones to choose from, those of our patients first."""
    plans = await asyncio.to_thread(house.people.plans)
    return offered(plan.time_zone for plan in plans.values())


async def _here(house: House, admin: Person, subject: str) -> None:
    """Refuse a patient whom nobody knows."""
    if subject not in await asyncio.to_thread(house.people.subjects):
        raise Problem(404, "There is no such patient.")
    check(admin, "keep", subject)


async def _subjects(house: House) -> list[str]:
    """Give the patients by name; those without one last."""
    names = await asyncio.to_thread(house.people.names.all)
    known = await asyncio.to_thread(house.people.subjects)
    return sorted(known, key=lambda s: (s not in names, names.get(s, ""), s))


async def _known(house: House, name: str) -> bool:
    return await asyncio.to_thread(house.people.accounts.find, name) is not None


def _give(
    request: Request, house: House, admin: Person, code: str, name: str
) -> Response:
    """Show the link of an account."""
    until = ends(house.clock(), "password")
    path = f"/password/{code}"
    return hand_over(request, admin, words(request), "password", path, name, until)
