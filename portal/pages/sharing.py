"""Sharing: what a patient shows their family, and who looked at what."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from portal import tiles
from portal.administration import note
from portal.authorisation import ALERTS, Person, scope, shared_with
from portal.cards import cards
from portal.grants import Grant
from portal.house import House, InHouse, Visitor, check
from portal.looks import looks
from portal.pages.common import Reader, clock_of, clock_there, page, words
from portal.pages.forms import Many, Password, Text, ends, hand_over
from portal.pages.log_in import opened
from portal.pages.setup import over, same
from portal.problems import Problem
from portal.sharing import let_through, shows
from portal.texts import Texts
from portal.witness import looked
from vitals.codes import Kind, Metric
from vitals.errors import ConfigError

router = APIRouter()

CHOICES = {
    Kind.HEART_RATE: (Metric.HEART_RATE,),
    Kind.BLOOD_PRESSURE: (
        Metric.SYSTOLIC,
        Metric.DIASTOLIC,
        Metric.MEAN_ARTERIAL_PRESSURE,
        Metric.PULSE,
    ),
    Kind.BODY_TEMPERATURE: (Metric.BODY_TEMPERATURE,),
    Kind.OXYGEN_SATURATION: (Metric.OXYGEN_SATURATION,),
    Kind.GLUCOSE: (Metric.GLUCOSE,),
}
"""What the form offers together; the API grants single metrics."""
DAYS = (7, 30, 90, 365)


@router.get("/sharing")
async def sharing(request: Request, house: InHouse, reader: Reader) -> Response:
    """Show who may see what, and who looked."""
    return await _show(request, house, reader, _own(reader), "")


@router.post("/sharing/invite")
async def invite(
    request: Request,
    house: InHouse,
    reader: Reader,
    label: Text = "",
    what: Many = [],  # noqa: B006
    days: Annotated[int, Form(ge=1, le=366)] = 30,
) -> Response:
    """Make an invitation and show its link."""
    subject = _own(reader)
    metrics = [m.value for kind, ms in CHOICES.items() if kind in what for m in ms]
    metrics += [ALERTS] if ALERTS in what else []
    say = words(request)
    name = " ".join(label.split())[:100] or say("role.family")
    try:
        grant, code = await asyncio.to_thread(
            house.people.grants.invite, subject, name, metrics, days
        )
    except ConfigError as error:
        return await _show(request, house, reader, subject, str(error))
    await note(house, reader, "share", subject, f"invite: {', '.join(grant.metrics)}")
    until = ends(house.clock(), "invitation")
    path = f"/invite/{code}"
    return hand_over(request, reader, say, "invitation", path, name, until)


@router.post("/sharing/{id}/stop")
async def stop(house: InHouse, reader: Reader, id: str) -> Response:  # noqa: A002
    """End a grant now."""
    subject = _own(reader)
    ended = await asyncio.to_thread(house.people.grants.revoke, subject, id)
    if ended is None:
        raise Problem(404, "There is no such grant.")
    await note(house, reader, "share", subject, f"stop with {ended.holder or 'nobody'}")
    return RedirectResponse("/sharing", 303)


@router.get("/invite/{code}")
async def invited(
    request: Request, house: InHouse, visitor: Visitor, code: str
) -> Response:
    """Show what is offered, and how to accept."""
    grant = await asyncio.to_thread(house.people.grants.invitation, code)
    if grant is None:
        return over(request)
    return _offer(request, house, visitor, code, grant)


@router.post("/invite/{code}")
async def accept(  # noqa: PLR0913
    request: Request,
    house: InHouse,
    visitor: Visitor,
    code: str,
    name: Text = "",
    password: Password = "",
    again: Password = "",
) -> Response:
    """Accept: as who is logged in, or with a new account for family."""
    grants, people = house.people.grants, house.people
    async with house.admitting:
        grant = await asyncio.to_thread(grants.invitation, code)
        if grant is None:
            return over(request)
        try:
            if visitor is None:
                same(request, password, again)
                add = people.add
                holder = await asyncio.to_thread(add, name.strip(), password, "family")
            else:
                holder = takes(visitor, grant, words(request))
        except ConfigError as error:
            return _offer(request, house, visitor, code, grant, str(error), name)
        await asyncio.to_thread(grants.accept, code, holder.name)
    await note(house, holder, "share", grant.subject, "accept the invitation")
    if visitor is None:
        return await opened(request, house, holder.name)
    return RedirectResponse("/", 303)


def takes(person: Person, grant: Grant, say: Texts) -> Person:
    """Give who accepts; refuse a role that cannot, and the patient themselves."""
    if person.role not in ("family", "patient") or grant.subject in person.subjects:
        raise ConfigError(say("invited.refused", name=person.name))
    return person


async def shared(request: Request, house: House, reader: Person) -> Response:
    """Show family what is shared with them."""
    say = words(request)
    found = [
        await _shared(house, reader, subject, say)
        for subject in sorted(shared_with(reader))
    ]
    return page(request, "shared.html", reader, found=found)


async def _shared(
    house: House, reader: Person, subject: str, say: Texts
) -> dict[str, Any]:
    """Gather what one patient shares."""
    seen, now = scope(reader, subject), house.clock()
    looked(reader, "view", [subject])
    readings = let_through(await house.latest(subject), seen)
    alerts = house.board.open_alerts([subject]) if shows(seen, ALERTS) else []
    wall = clock_there(house, subject, say)
    return {
        "subject": subject,
        "tiles": tiles.tiles(readings, say, now),
        "told": shows(seen, ALERTS),
        "place": wall.place,
        "cards": cards(alerts, wall, now),
    }


async def _show(
    request: Request, house: House, reader: Person, subject: str, wrong: str
) -> Response:
    """Show the page, with what went wrong."""
    people, say = house.people, words(request)
    wall = clock_of(request, reader)
    grants = await asyncio.to_thread(people.grants.of, subject)
    carers = await asyncio.to_thread(people.carers, [subject])
    lines = await asyncio.to_thread(people.audit.entries, subject, None, 200)
    return page(
        request,
        "sharing.html",
        reader,
        422 if wrong else 200,
        grants=[g for g in grants if g.revoked is None],
        carers=carers[subject],
        looks=looks([e for _, e in lines if e.who != reader.name], wall)[:50],
        choices=CHOICES,
        summary=lambda grant: _summary(grant, say),
        days=DAYS,
        wrong=wrong,
    )


def _offer(  # noqa: PLR0913
    request: Request,
    house: House,
    visitor: Person | None,
    code: str,
    grant: Grant,
    wrong: str = "",
    name: str = "",
) -> Response:
    """Show an invitation."""
    say = words(request)
    shown = {
        "code": code,
        "of": house.people.names.of(grant.subject) or say("invited.somebody"),
        "offered": _summary(grant, say),
        "until": grant.expires,
        "wrong": wrong,
        "name": name,
    }
    return page(request, "invite.html", visitor, 422 if wrong else 200, **shown)


def _summary(grant: Grant, say: Texts) -> list[str]:
    """Say what is shared: whole kinds by their name, else the metrics."""
    said: list[str] = []
    for kind, metrics in CHOICES.items():
        there = [m for m in metrics if m.value in grant.metrics]
        whole = len(there) == len(metrics)
        said += [say(kind)] if whole else [say(f"metric.{m.value}") for m in there]
    return said + ([say("sharing.alerts")] if ALERTS in grant.metrics else [])


def _own(reader: Person) -> str:
    """Give whose data the reader may share: their own."""
    if reader.role != "patient":
        raise Problem(404, "There is no such page.")
    subject = next(iter(reader.subjects))
    check(reader, "share", subject)
    return subject
