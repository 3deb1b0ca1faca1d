"""One's own account: the password, where one is logged in."""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from portal.administration import note
from portal.agents import plainly
from portal.authorisation import Person
from portal.house import COOKIE, House, InHouse, host_of
from portal.pages.common import Reader, page
from portal.pages.forms import Password, Text
from portal.pages.log_in import opened
from portal.pages.setup import same
from portal.problems import Problem
from vitals.errors import ConfigError

router = APIRouter()


@router.get("/account")
async def account(request: Request, house: InHouse, reader: Reader) -> Response:
    """Show one's account."""
    return await _show(request, house, reader, "")


@router.post("/account/password")
async def password(
    request: Request,
    house: InHouse,
    reader: Reader,
    old: Password = "",
    password: Password = "",
    again: Password = "",
) -> Response:
    """Change one's password; every other session ends."""
    try:
        await house.authenticate(reader.name, old, host_of(request))
        same(request, password, again)
        await asyncio.to_thread(house.people.passwd, reader.name, password)
    except Problem as problem:
        return await _show(request, house, reader, problem.detail)
    except ConfigError as error:
        return await _show(request, house, reader, str(error))
    await note(house, reader, "people", "", "own password")
    return await opened(request, house, reader.name, "/account")


@router.post("/account/sessions")
async def end(house: InHouse, reader: Reader, session: Text = "") -> Response:
    """End one of one's sessions."""
    await asyncio.to_thread(house.people.tokens.end, reader.name, session)
    return RedirectResponse("/account", 303)


async def _show(request: Request, house: House, reader: Person, wrong: str) -> Response:
    """Show the page, with what went wrong."""
    mine = request.cookies.get(COOKIE, "")
    tokens = house.people.tokens
    sessions = await asyncio.to_thread(tokens.sessions, reader.name, mine)
    shown = {"sessions": sessions, "wrong": wrong, "plainly": plainly}
    return page(request, "account.html", reader, 422 if wrong else 200, **shown)
