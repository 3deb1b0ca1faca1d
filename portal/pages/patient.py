"""A patient's own page, and the page that their clinician opens."""

import asyncio
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from portal.ages import local, zone
from portal.authorisation import Person
from portal.cards import cards
from portal.figures import SPANS, Span, figures, numbers
from portal.house import House, InHouse, check
from portal.pages.common import Reader, page, words
from portal.routes.answers import Subject
from portal.texts import Texts
from vitals.codes import Kind

router = APIRouter()

CHARTS = (
    Kind.HEART_RATE,
    Kind.BLOOD_PRESSURE,
    Kind.BODY_TEMPERATURE,
    Kind.OXYGEN_SATURATION,
    Kind.GLUCOSE,
)
ALWAYS = CHARTS[:3]
PAST = 10  # closed alerts shown


@router.get("/patients/{subject}")
async def patient(
    request: Request,
    house: InHouse,
    reader: Reader,
    subject: Subject,
    span: Span = "1h",
) -> Response:
    """Show one patient to somebody who may see them."""
    check(reader, "read", subject)
    if reader.role == "patient":
        return await today(request, house, reader, span)
    values = await _values(house, subject, span, words(request))
    values["carers"] = await asyncio.to_thread(house.people.carers, [subject])
    return page(request, "patient.html", reader, **values)


async def today(request: Request, house: House, reader: Person, span: Span) -> Response:
    """Show a patient their own day."""
    subject = next(iter(reader.subjects))
    check(reader, "read", subject)
    say = words(request)
    values = await _values(house, subject, span, say)
    there = local(house.clock(), zone(values["place"]))
    return page(request, "today.html", reader, greeting=say(_greeting(there)), **values)


async def _values(house: House, subject: str, span: Span, say: Texts) -> dict[str, Any]:
    """Gather what both pages show."""
    plan = house.board.plan(subject)
    place = str(zone(plan.time_zone if plan else "UTC"))
    now = house.clock()
    past, _ = await asyncio.to_thread(house.alerts.alerts, "all", [subject], None, 50)
    found = await numbers(house, subject, say)
    kinds = [
        *ALWAYS,
        *(tile.shown.kind for tile in found if tile.shown.kind not in ALWAYS),
    ]
    closed = [alert for alert in past if alert.state == "normal"]
    return {
        "subject": subject,
        "tiles": found,
        "devices": house.board.devices(subject),
        "cards": cards(house.board.open_alerts([subject]), say, now, place),
        "past": cards(closed[:PAST], say, now, place),
        "figures": await figures(house, subject, kinds, span, say),
        "span": span,
        "spans": list(SPANS),
        "place": place,
    }


def _greeting(there: datetime) -> str:
    """Greet by the time of day."""
    part = "morning" if there.hour < 12 else "day" if there.hour < 18 else "evening"
    return f"hello.{part}"
