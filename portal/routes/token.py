"""Logging in and out for programs."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response

from portal.house import Caller, House, InHouse, host_of
from portal.people import TOKEN_S
from portal.problems import Invalid, Problem
from portal.routes.answers import answer, fails, says
from portal.routes.examples import TOKEN
from portal.tokens import Opened
from portal.views import Token

router = APIRouter(prefix="/api/v1", tags=["log in"])


class Credentials:
    """The OAuth2 password form."""

    def __init__(
        self,
        username: Annotated[
            str | None, Form(max_length=256, examples=["dr.chen"])
        ] = None,
        password: Annotated[str | None, Form(max_length=256, examples=["…"])] = None,
        grant_type: Annotated[
            Literal["password", "refresh_token"], Form()
        ] = "password",
        refresh_token: Annotated[str | None, Form(max_length=256)] = None,
    ) -> None:
        self.username, self.password = username, password
        self.grant_type, self.refresh_token = grant_type, refresh_token


@router.post("/token", responses=says(Token, TOKEN) | fails(401, 413, 422, 429))
async def log_in(
    request: Request, house: InHouse, form: Annotated[Credentials, Depends()]
) -> Response:
    """Get an access token for a name and a password, or for a refresh token (OAuth2).

    Send it as `Authorization: Bearer …`. It lasts ten minutes; the refresh token gives
    the next pair once, and ends everything if it is used again. After five failures a
    name must wait, longer each time, at the address that failed.
    """
    if form.grant_type == "refresh_token":
        opened = await _refreshed(house, form.refresh_token)
    else:
        name, password = form.username, form.password
        if name is None or password is None:
            raise Invalid("body", "`username` and `password` are needed")
        person = await house.authenticate(name, password, host_of(request))
        agent = request.headers.get("user-agent", "")
        opened = await asyncio.to_thread(house.people.tokens.open, person.name, agent)
    token = Token(
        access_token=opened.access,
        expires_in=int(TOKEN_S),
        refresh_token=opened.refresh,
    )
    return answer(token)


async def _refreshed(house: House, token: str | None) -> Opened:
    """Give the next pair of tokens."""
    if token is None:
        raise Invalid("body", "`refresh_token` is needed")
    opened = await asyncio.to_thread(house.people.tokens.refresh, token)
    if opened is None:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(401, "This refresh token is not valid (any more).", headers)
    return opened


@router.delete("/token", status_code=204, responses=fails(401))
async def log_out(request: Request, house: InHouse, caller: Caller) -> Response:
    """Revoke the bearer token that this request carries, and what refreshes it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        await asyncio.to_thread(house.people.revoke, token)
    return Response(status_code=204)
