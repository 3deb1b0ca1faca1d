"""The first page, and what a clinician decides on it."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from portal import messages, seen, worklist
from portal.authorisation import Person, visible
from portal.cards import cards
from portal.figures import Span, numbers, spark
from portal.house import House, InHouse
from portal.pages.common import Reader, Words, clock_of, inside, page
from portal.pages.patient import today
from portal.pages.people import everybody
from portal.pages.sharing import shared
from portal.routes.alerts import Action, Id, colleague, command, find
from portal.wall import Wall
from portal.witness import looked
from vitals.model import HOUSE, AlertCommand

router = APIRouter()

SPARKS = 20  # cards with a drawing; all cards are shown


class Decision(BaseModel):
    """What the card's form says."""

    comment: str = Field("", max_length=1000)
    minutes: int | None = Field(None, ge=1, le=24 * 60)
    to: str = Field("", max_length=64)
    next: str = Field("/", max_length=500)


@router.get("/")
async def first(
    request: Request, house: InHouse, reader: Reader, texts: Words, span: Span = "1h"
) -> Response:
    """Show everybody what they came for."""
    if reader.role == "patient":
        return await today(request, house, reader, (span, texts))
    if reader.role == "family":
        return await shared(request, house, reader)
    if reader.role == "admin":
        return await everybody(request, house, reader)
    wall = clock_of(request, reader)
    shown = await _worklist(house, reader, wall)
    return page(request, "worklist.html", reader, **shown)


@router.post("/alerts/{id}/{action}")
async def decide(
    house: InHouse,
    reader: Reader,
    id: Id,  # noqa: A002
    action: Action,
    said: Annotated[Decision, Form()],
) -> Response:
    """Carry out a decision and go back to where it was made."""
    alert = await find(house, reader, id, "act")
    if alert.state != "normal":  # else somebody was faster, which is fine here
        word = AlertCommand(
            action=action,
            by=reader.name,
            t=house.clock(),
            comment=said.comment.strip(),
            minutes=said.minutes if action == "snooze" else None,
            to=await colleague(house, alert, said.to) if action == "handover" else None,
        )
        await command(house, alert, word)
    return RedirectResponse(inside(said.next), 303)


async def _worklist(house: House, reader: Person, wall: Wall) -> dict[str, Any]:
    """Gather open alerts, the most urgent first, and everybody's newest values."""
    subjects = sorted(visible(reader) - {HOUSE})
    looked(reader, "read", subjects)
    open_alerts = worklist.open_alerts(house.board, reader)
    sparks = await asyncio.gather(*(spark(house, a) for a in open_alerts[:SPARKS]))
    drawn = dict(zip((a.id for a in open_alerts), sparks, strict=False))
    over = await seen.lately(house, reader)
    told = wall, house.clock(), await seen.times(house, [*open_alerts, *over])
    shown = cards(open_alerts, *told)
    troubled = {alert.subject: alert.priority for alert in reversed(open_alerts)}
    tiles = await asyncio.gather(*(numbers(house, s, wall.texts) for s in subjects))
    return {
        "carers": await asyncio.to_thread(house.people.carers, troubled),
        "unseen": [card for card in shown if card.unseen],
        "seen": [card for card in shown if not card.unseen],
        "over": cards(over, *told),
        "sparks": drawn,
        "messages": await messages.said(house, open_alerts, wall.texts),
        "patients": list(zip(subjects, tiles, strict=True)),
        "troubled": troubled,
        "silent": [n for n in sorted(house.board.gateways) if not house.board.heard(n)],
    }
