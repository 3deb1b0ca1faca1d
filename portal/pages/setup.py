"""One-time links: the first administrator, and a password that its owner chooses."""

import asyncio

from fastapi import APIRouter, Request, Response

from portal import administration
from portal.house import House, InHouse
from portal.pages.common import page, words
from portal.pages.forms import Password, Text
from portal.pages.log_in import opened
from vitals.errors import ConfigError

router = APIRouter()


@router.get("/setup/{code}")
async def setup(request: Request, house: InHouse, code: str) -> Response:
    """Show the form of the first administrator."""
    if not await _first(house, code):
        return over(request)
    return page(request, "setup.html", None, wrong="", name="", about="")


@router.post("/setup/{code}")
async def make(
    request: Request,
    house: InHouse,
    code: str,
    name: Text = "",
    password: Password = "",
    again: Password = "",
) -> Response:
    """Make the first administrator, and log them in."""
    if not await _first(house, code):
        return over(request)
    try:
        same(request, password, again)
        person = await administration.first(house, code, name.strip(), password)
    except ConfigError as error:
        shown = {"wrong": str(error), "name": name, "about": ""}
        return page(request, "setup.html", None, 422, **shown)
    return await opened(request, house, person.name) if person else over(request)


@router.get("/password/{code}")
async def password(request: Request, house: InHouse, code: str) -> Response:
    """Show the form for a new password."""
    name = await asyncio.to_thread(house.people.links.peek, "password", code)
    if name is None:
        return over(request)
    return page(request, "setup.html", None, wrong="", name="", about=name)


@router.post("/password/{code}")
async def choose(
    request: Request,
    house: InHouse,
    code: str,
    password: Password = "",
    again: Password = "",
) -> Response:
    """Set the password, and log its owner in."""
    people = house.people
    async with house.admitting:
        name = await asyncio.to_thread(people.links.peek, "password", code)
        if name is None:
            return over(request)
        try:
            same(request, password, again)
            await asyncio.to_thread(people.passwd, name, password)
        except ConfigError as error:
            shown = {"wrong": str(error), "name": "", "about": name}
            return page(request, "setup.html", None, 422, **shown)
        await asyncio.to_thread(people.links.take, "password", code)
    if person := await asyncio.to_thread(people.accounts.find, name):
        await administration.note(house, person, "people", "", "password by link")
    return await opened(request, house, name)


def same(request: Request, password: str, again: str) -> None:
    """Refuse a password that was typed differently the second time."""
    if password != again:
        raise ConfigError(words(request)("password.differ"))


def over(request: Request) -> Response:
    """Say that a link works no more."""
    say = words(request)
    shown = {"title": say("link.over"), "detail": say("link.over.lead")}
    return page(request, "error.html", None, 404, **shown)


async def _first(house: House, code: str) -> bool:
    """Tell whether a code makes the first administrator."""
    people = house.people
    known = await asyncio.to_thread(people.links.peek, "setup", code)
    return known is not None and await asyncio.to_thread(people.unattended)
