"""Logging in and out of the pages."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from portal.house import COOKIE, House, InHouse, host_of
from portal.pages.common import inside, page
from portal.people import SESSION_S
from portal.problems import Problem

router = APIRouter()

Text = Annotated[str, Form(max_length=500)]


@router.get("/login")
async def form(
    request: Request,
    next: Annotated[str, Query()] = "/",  # noqa: A002
) -> Response:
    """Show the form."""
    return page(request, "login.html", None, next=inside(next), wrong="", name="")


@router.post("/login")
async def log_in(
    request: Request,
    house: InHouse,
    name: Text = "",
    password: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    """Open a session in a cookie that no script can read."""
    try:
        person = await house.authenticate(name, password, host_of(request))
    except Problem as problem:
        shown = {"next": inside(next), "wrong": problem.detail, "name": name}
        answer = page(request, "login.html", None, problem.status_code, **shown)
        answer.headers.update(problem.headers or {})
        return answer
    return await opened(request, house, person.name, next)


async def opened(
    request: Request, house: House, name: str, where: str = "/"
) -> Response:
    """Open a session for somebody who has proved who they are, and go on."""
    agent = request.headers.get("user-agent", "")
    issue = house.people.issue_token
    token = await asyncio.to_thread(issue, name, SESSION_S, agent)
    response = RedirectResponse(inside(where), 303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_S),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout")
async def log_out(request: Request, house: InHouse) -> Response:
    """End the session."""
    await asyncio.to_thread(house.people.revoke, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
