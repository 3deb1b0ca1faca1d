"""Logging in and out for programs."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from portal.house import Caller, InHouse, host_of
from portal.people import TOKEN_S
from portal.routes.answers import answer, fails, says
from portal.routes.examples import TOKEN
from portal.views import Token

router = APIRouter(prefix="/api/v1", tags=["log in"])


class Credentials:
    """The OAuth2 password form."""

    def __init__(
        self,
        username: Annotated[str, Form(max_length=256, examples=["dr.chen"])],
        password: Annotated[str, Form(max_length=256, examples=["…"])],
        grant_type: Annotated[str, Form(pattern="^password$")] = "password",
    ) -> None:
        self.username, self.password = username, password
        self.grant_type = grant_type


@router.post("/token", responses=says(Token, TOKEN) | fails(401, 422, 429))
async def log_in(
    request: Request, house: InHouse, form: Annotated[Credentials, Depends()]
) -> Response:
    """Get an access token for a name and a password (OAuth2 password grant).

    Send it as `Authorization: Bearer …`. It lasts an hour and can be revoked. After
    five failures a name must wait, longer each time, at the address that failed.
    """
    name, password = form.username, form.password
    person = await house.authenticate(name, password, host_of(request))
    token = await asyncio.to_thread(house.people.issue_token, person.name)
    return answer(Token(access_token=token, expires_in=int(TOKEN_S)))


@router.delete("/token", status_code=204, responses=fails(401))
async def log_out(request: Request, house: InHouse, caller: Caller) -> Response:
    """Revoke the bearer token that this request carries."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        await asyncio.to_thread(house.people.revoke, token)
    return Response(status_code=204)
