"""Where one is logged in, and how to end it from here."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from portal.house import BEARER, Caller, InHouse, token_of
from portal.people_views import SessionList, SessionView
from portal.problems import Problem
from portal.routes.answers import answer, fails, says
from portal.routes.examples import SESSION
from portal.times import rfc3339

router = APIRouter(prefix="/api/v1/sessions", tags=["log in"])

SessionId = Annotated[
    str, Path(description="The session.", max_length=64, examples=["5f0c2ab91c7e44d0"])
]


@router.get(
    "", responses=says(SessionList, {"items": [SESSION], "next": None}) | fails(401)
)
async def sessions(request: Request, house: InHouse, caller: Caller) -> Response:
    """List what is open for you: one session for each log-in."""
    token = token_of(request, await BEARER(request))
    found = await asyncio.to_thread(house.people.tokens.sessions, caller.name, token)
    items = [
        SessionView(
            id=one.id,
            began=rfc3339(one.began),
            expires=rfc3339(one.expires),
            agent=one.agent,
            current=one.current,
        )
        for one in found
    ]
    return answer(SessionList(items))


@router.delete("/{session}", status_code=204, responses=fails(401, 404, 422))
async def end(house: InHouse, caller: Caller, session: SessionId) -> Response:
    """End one of your sessions now, with all its tokens."""
    if not await asyncio.to_thread(house.people.tokens.end, caller.name, session):
        raise Problem(404, "There is no such session.")
    return Response(status_code=204)
