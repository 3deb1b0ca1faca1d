"""The alerts, and what a clinician decides about them."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Response
from msgspec.structs import asdict
from pydantic import BaseModel, ConfigDict, Field

from portal.authorisation import (
    ALERTS,
    ALLOWED,
    Person,
    alerted,
    decide,
    scope,
    shared_with,
)
from portal.house import Caller, House, InHouse, check, check_view
from portal.problems import Invalid, Problem
from portal.routes.answers import Cursor, Limit, answer, fails, says
from portal.routes.examples import ALERT
from portal.sharing import nameless
from portal.views import AlertList, AlertView, encode, of_alert
from portal.witness import looked
from vitals import wire
from vitals.errors import MalformedData
from vitals.model import HOUSE, Alert, AlertCommand
from vitals.wire import Message

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

Action = Literal["acknowledge", "snooze", "handover", "false_alarm"]
PATIENCE_S = 2.0  # that the alert engine gets to take a command

Id = Annotated[str, Path(description="The alert.", max_length=200, examples=["a-7f3c"])]
Comment = Annotated[str, Field(max_length=1000, description="For the colleagues.")]


class AcknowledgeBody(BaseModel):
    """Somebody has seen it and takes care."""

    model_config = ConfigDict(extra="forbid", strict=True)
    comment: Comment = ""


class SnoozeBody(AcknowledgeBody):
    """Quiet for a while; it always ends, and a rise in severity breaks it."""

    minutes: int = Field(ge=1, le=24 * 60)


class HandoverBody(AcknowledgeBody):
    """A colleague takes it."""

    to: str = Field(min_length=1, max_length=64)


@router.get(
    "",
    responses=says(AlertList, {"items": [ALERT], "next": None})
    | fails(401, 404, 422, 503),
)
async def alerts(
    house: InHouse,
    caller: Caller,
    state: Annotated[
        Literal["open", "all"], Query(description="Past ones too?")
    ] = "open",
    subject: Annotated[
        str | None,
        Query(description="Only this patient's.", max_length=64, examples=["p-1"]),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the alerts of the patients whom you may see."""
    shared = (s for s in shared_with(caller) if ALERTS in caller.granted[s])
    subjects = sorted({*alerted(caller), *shared})
    if subject is not None:
        check_view(caller, subject, ALERTS)
        subjects = [subject]
    try:
        found, more = await asyncio.to_thread(
            house.alerts.alerts, state, subjects, cursor, limit
        )
    except (MalformedData, ValueError) as error:
        raise Invalid("cursor", "it is not one that we gave") from error
    told = {alert.subject for alert in found}
    looked(caller, "read", told & alerted(caller))
    looked(caller, "view", told - alerted(caller))
    return answer(AlertList([shown(caller, alert) for alert in found], more))


_DONE = (
    says(AlertView, ALERT)
    | {202: {"description": "Accepted; the alert engine has not answered yet"}}
    | fails(401, 403, 404, 409, 413, 422)
)


@router.get("/{id}", responses=says(AlertView, ALERT) | fails(401, 404, 422))
async def alert(house: InHouse, caller: Caller, id: Id) -> Response:  # noqa: A002
    """Show one alert, open or past."""
    return answer(shown(caller, await find(house, caller, id, "read")))


@router.post("/{id}/acknowledge", responses=_DONE)
async def acknowledge(
    house: InHouse,
    caller: Caller,
    id: Id,  # noqa: A002
    body: Annotated[
        AcknowledgeBody | None, Body(examples=[{"comment": "calling"}])
    ] = None,
) -> Response:
    """Say that you have seen it and take care of it."""
    said = body or AcknowledgeBody()
    return await _act(house, caller, id, "acknowledge", comment=said.comment)


@router.post("/{id}/snooze", responses=_DONE)
async def snooze(
    house: InHouse,
    caller: Caller,
    id: Id,  # noqa: A002
    body: Annotated[SnoozeBody, Body(examples=[{"minutes": 15, "comment": "resting"}])],
) -> Response:
    """Make it quiet for some minutes."""
    return await _act(
        house, caller, id, "snooze", minutes=body.minutes, comment=body.comment
    )


@router.post("/{id}/handover", responses=_DONE)
async def handover(
    house: InHouse,
    caller: Caller,
    id: Id,  # noqa: A002
    body: Annotated[
        HandoverBody, Body(examples=[{"to": "dr.chen", "comment": "night"}])
    ],
) -> Response:
    """Hand it to a colleague who cares for this patient."""
    to = await colleague(house, await find(house, caller, id, "act"), body.to)
    return await _act(house, caller, id, "handover", to=to, comment=body.comment)


@router.post("/{id}/false_alarm", responses=_DONE)
async def false_alarm(
    house: InHouse,
    caller: Caller,
    id: Id,  # noqa: A002
    body: Annotated[
        AcknowledgeBody | None, Body(examples=[{"comment": "loose"}])
    ] = None,
) -> Response:
    """Say that there was nothing."""
    said = body or AcknowledgeBody()
    return await _act(house, caller, id, "false_alarm", comment=said.comment)


def shown(caller: Person, alert: Alert) -> AlertView:
    """Show an alert; who of the staff it calls and has, to those who work it alone."""
    view = of_alert(alert)
    if decide(caller, "act", alert.subject) == ALLOWED:
        return view
    return AlertView(**nameless(asdict(view)))


async def find(
    house: House, caller: Person, name: str, deed: Literal["read", "act"]
) -> Alert:
    """Give an alert that the caller may do this with; others do not exist."""
    found = await house.alert(name)
    if found is None:
        raise Problem(404, "There is no such alert.")
    if found.subject == HOUSE and deed == "read":
        deed = "act"  # of the house there is nothing else to read
    seen = scope(caller, found.subject)
    if deed == "read" and seen is not None and ALERTS in seen:
        check(caller, "view", found.subject, "alert")
    else:
        check(caller, deed, found.subject, "alert")
    return found


async def colleague(house: House, alert: Alert, to: str) -> str:
    """Give to whom an alert goes: somebody who can see it, or nobody would."""
    carers = await asyncio.to_thread(house.people.carers, [alert.subject])
    if to not in carers[alert.subject]:
        raise Invalid("to", "choose a clinician who cares for this patient")
    return to


async def command(house: House, alert: Alert, command: AlertCommand) -> Alert | None:
    """Tell the alert engine; give the alert afterwards, None without an answer yet."""
    if alert.state == "normal":
        raise Problem(409, "This alert is over.")
    before = house.board.alert(alert.id)
    topic = wire.of(alert.subject, "alert", alert.id, "command")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await house.bus.publish(Message(topic, encode(command)))
            after = await house.board.changed(alert.id, before)
    except TimeoutError:
        return None
    return after or await asyncio.to_thread(house.alerts.alert, alert.id) or alert


async def _act(
    house: House,
    caller: Person,
    name: str,
    action: Action,
    **fields: Any,  # noqa: ANN401
) -> Response:
    """Carry out a decision."""
    found = await find(house, caller, name, "act")
    word = AlertCommand(action=action, by=caller.name, t=house.clock(), **fields)
    after = await command(house, found, word)
    return answer(of_alert(after or found), 200 if after else 202)
