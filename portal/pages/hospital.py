"""Logging in at the hospital's own provider, and coming back."""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from portal.administration import note
from portal.house import House, InHouse
from portal.oidc import Identity, Provider
from portal.pages.common import inside, page, words
from portal.pages.log_in import opened
from portal.problems import Problem
from vitals.errors import ConfigError, MalformedData

log = logging.getLogger(__name__)
router = APIRouter(prefix="/oidc")

COOKIE = "vitals_trip"  # ties the answer to the browser that asked


@router.get("/start")
async def start(
    request: Request,
    house: InHouse,
    next: Annotated[str, Query()] = "/",  # noqa: A002
) -> Response:
    """Send the browser to the provider."""
    provider = _provider(house)
    state, address = await asyncio.to_thread(
        provider.leave, _back(request), inside(next)
    )
    response = RedirectResponse(address, 303)
    response.set_cookie(
        COOKIE,
        state,
        max_age=600,
        path="/oidc",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("/back")
async def back(
    request: Request,
    house: InHouse,
    code: Annotated[str, Query(max_length=4000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Let in whom the provider knows and the configuration gives a role."""
    provider = _provider(house)
    try:
        if not code or not state or request.cookies.get(COOKIE) != state:
            raise MalformedData("this browser has not left for the provider")
        who, where = await asyncio.to_thread(
            provider.arrive, state, code, _back(request)
        )
        await _admit(house, who)
    except (MalformedData, ConfigError) as error:
        log.warning("nobody let in by the provider: %s", error)
        house.metrics.count("portal_login_failed_total")
        say = words(request)
        shown = {"title": say("oidc.refused"), "detail": say("oidc.refused.lead")}
        return page(request, "error.html", None, 403, **shown)
    response = await opened(request, house, who.name, where)
    response.delete_cookie(COOKIE, path="/oidc")
    return response


async def _admit(house: House, who: Identity) -> None:
    """Make the account at the first visit, and give it the role of today."""
    accounts = house.people.accounts
    async with house.admitting:
        await asyncio.to_thread(accounts.vouch, who.issuer, who.sub, who.name, who.role)
    if person := await asyncio.to_thread(accounts.find, who.name):
        await note(house, person, "people", "", "logged in by the provider")


def _provider(house: House) -> Provider:
    if house.provider is None:
        raise Problem(404, "There is no such page.")
    return house.provider


def _back(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/oidc/back"
