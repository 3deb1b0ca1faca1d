"""Sharing: a patient invites family, ends it again, and reads who looked."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from portal.administration import note
from portal.grants import GRANTABLE, LONGEST_DAYS, Grant
from portal.house import Caller, InHouse, check
from portal.people_views import EntryList, EntryView, GrantList, GrantView
from portal.problems import Invalid, Problem
from portal.routes.answers import Cursor, Limit, Subject, answer, fails, says
from portal.routes.examples import ENTRY, GRANT, INVITATION
from portal.times import rfc3339
from portal.views import when
from vitals.errors import ConfigError

router = APIRouter(prefix="/api/v1", tags=["sharing"])

GrantId = Annotated[
    str, Path(description="The grant.", max_length=64, examples=["9f12ab04c3d7"])
]


class InvitationBody(BaseModel):
    """What somebody may see, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)
    label: str = Field(min_length=1, max_length=100, description="Who it is, for you.")
    metrics: list[str] = Field(
        min_length=1,
        max_length=len(GRANTABLE),
        json_schema_extra={"items": {"type": "string", "enum": list(GRANTABLE)}},
    )
    days: int = Field(30, ge=1, le=LONGEST_DAYS)


class CodeBody(BaseModel):
    """The code at the end of an invitation's link."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: str = Field(min_length=1, max_length=100)


EXAMPLE = {"label": "daughter", "metrics": ["heart_rate", "alerts"], "days": 30}
Invitation = Annotated[InvitationBody, Body(examples=[EXAMPLE])]
Code = Annotated[CodeBody, Body(examples=[{"code": "no-longer-valid"}])]


@router.get(
    "/patients/{subject}/grants",
    responses=says(GrantList, {"items": [GRANT], "next": None})
    | fails(401, 403, 404, 422),
)
async def grants(house: InHouse, caller: Caller, subject: Subject) -> Response:
    """List what the patient shares and has shared, the newest first."""
    check(caller, "share", subject)
    found = await asyncio.to_thread(house.people.grants.of, subject)
    return answer(GrantList([_view(grant) for grant in found]))


@router.post(
    "/patients/{subject}/grants",
    status_code=201,
    responses=says(GrantView, INVITATION, 201) | fails(401, 403, 404, 413, 422),
)
async def invite(
    house: InHouse, caller: Caller, subject: Subject, body: Invitation
) -> Response:
    """Make an invitation; `link` is a path of this portal that works once."""
    check(caller, "share", subject)
    label = " ".join(body.label.split())
    make = house.people.grants.invite
    try:
        grant, code = await asyncio.to_thread(
            make, subject, label, body.metrics, body.days
        )
    except ConfigError as error:
        raise Invalid("metrics", str(error)) from error
    await note(house, caller, "share", subject, f"invite: {', '.join(grant.metrics)}")
    return answer(replace(_view(grant), link=f"/invite/{code}"), 201)


@router.delete(
    "/patients/{subject}/grants/{grant}",
    status_code=204,
    responses=fails(401, 403, 404, 422),
)
async def revoke(
    house: InHouse, caller: Caller, subject: Subject, grant: GrantId
) -> Response:
    """End a grant, or an invitation that nobody has accepted, now."""
    check(caller, "share", subject)
    ended = await asyncio.to_thread(house.people.grants.revoke, subject, grant)
    if ended is None:
        raise Problem(404, "There is no such grant.")
    await note(house, caller, "share", subject, f"stop with {ended.holder or 'nobody'}")
    return Response(status_code=204)


@router.get(
    "/patients/{subject}/access",
    responses=says(EntryList, {"items": [ENTRY], "next": None})
    | fails(401, 403, 404, 422),
)
async def access(
    house: InHouse,
    caller: Caller,
    subject: Subject,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List who looked at the patient's data or changed it, the newest first."""
    check(caller, "share", subject)
    return answer(await lines(house, subject, cursor, limit))


@router.post(
    "/invitations",
    responses=says(GrantView, GRANT) | fails(401, 404, 413, 422),
)
async def accept(house: InHouse, caller: Caller, body: Code) -> Response:
    """Accept an invitation as yourself: family, or a patient."""
    async with house.admitting:
        offered = await asyncio.to_thread(house.people.grants.invitation, body.code)
        takes = caller.role in ("family", "patient")
        if offered is None or not takes or offered.subject in caller.subjects:
            raise Problem(404, "There is no such invitation for you.")
        grants = house.people.grants
        taken = await asyncio.to_thread(grants.accept, body.code, caller.name)
    await note(house, caller, "share", offered.subject, "accept the invitation")
    return answer(_view(taken or offered))


async def lines(
    house: InHouse, subject: str | None, cursor: str | None, limit: int
) -> EntryList:
    """Read a page of the audit log."""
    if cursor is not None and not (
        cursor.isascii() and cursor.isdigit() and len(cursor) < 18
    ):
        raise Invalid("cursor", "it is not one that we gave")
    before = None if cursor is None else int(cursor)
    found = await asyncio.to_thread(house.people.audit.entries, subject, before, limit)
    items = [
        EntryView(rfc3339(e.t), e.who, e.role, e.deed, e.subject, e.what)
        for _, e in found
    ]
    return EntryList(items, str(found[-1][0]) if len(found) == limit else None)


def _view(grant: Grant) -> GrantView:
    """Show a grant."""
    return GrantView(
        id=grant.id,
        subject=grant.subject,
        label=grant.label,
        holder=grant.holder,
        metrics=grant.metrics,
        began=rfc3339(grant.began),
        expires=rfc3339(grant.expires),
        revoked=when(grant.revoked),
    )
