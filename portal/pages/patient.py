"""A patient's own pages, and the same as their clinician opens them."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from portal import messages, seen
from portal.ages import DAY
from portal.authorisation import Person
from portal.cards import cards
from portal.figures import SPANS, Span, figures, numbers
from portal.house import House, InHouse, check
from portal.pages.common import Reader, Words, clock_there, page
from portal.routes.answers import Subject
from portal.texts import Texts
from portal.times import rfc3339
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
TREND_SPANS: tuple[Span, ...] = ("24h", "7d", "30d", "1y")
TREND_POINTS = 120  # of each chart at first; the script fetches more when it is wide
Look = tuple[Span, Texts]


@router.get("/patients/{subject}")
async def patient(
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    span: Span = "1h",
) -> Response:
    """Show one patient to somebody who may see them."""
    check(reader, "read", subject)
    if reader.role == "patient":
        return await today(request, house, reader, (span, texts))
    values = await _values(house, subject, (span, texts), variability=True)
    values["carers"] = await asyncio.to_thread(house.people.carers, [subject])
    known = house.board.open_alerts([subject])
    values["messages"] = await messages.said(house, known, texts)
    return page(request, "patient.html", reader, **values)


@router.get("/patients/{subject}/trends")
async def trends(  # noqa: PLR0913
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    span: Span = "24h",
    only: Kind | None = None,
) -> Response:
    """Show all charts under one cursor, or one of them."""
    check(reader, "read", subject)
    now = house.clock()
    measured = {reading.kind for reading in await house.latest(subject)}
    kinds = [kind for kind in CHARTS if kind in ALWAYS or kind in measured]
    chosen = [only] if only in kinds else kinds
    drawn = await figures(
        house, subject, chosen, span, texts, TREND_POINTS, variability=True
    )
    there = {"from": rfc3339(max(0, now - SPANS[span])), "to": rfc3339(now)}
    return page(
        request,
        "trends.html",
        reader,
        subject=subject,
        figures=drawn,
        kinds=kinds,
        only=only if only in kinds else None,
        span=span,
        spans=TREND_SPANS,
        wall=clock_there(house, subject, texts),
        between=urlencode(there),
    )


async def today(request: Request, house: House, reader: Person, look: Look) -> Response:
    """Show a patient their own day."""
    subject = next(iter(reader.subjects))
    check(reader, "read", subject)
    values = await _values(house, subject, look)
    greeting = _greeting(values["wall"].at(house.clock()).hour, look[1])
    yesterday = house.clock() - DAY
    lately = [c for c in values["past"] if c.seen_by and c.alert.t > yesterday]
    return page(
        request, "today.html", reader, greeting=greeting, lately=lately, **values
    )


async def _values(
    house: House, subject: str, look: Look, variability: bool = False
) -> dict[str, Any]:
    """Gather what both pages show."""
    span, texts = look
    wall, now = clock_there(house, subject, texts), house.clock()
    past, _ = await asyncio.to_thread(house.alerts.alerts, "all", [subject], None, 50)
    found = await numbers(house, subject, texts)
    kinds = [
        *ALWAYS,
        *(tile.shown.kind for tile in found if tile.shown.kind not in ALWAYS),
    ]
    known = house.board.open_alerts([subject])
    closed = [alert for alert in past if alert.state == "normal"][:PAST]
    told = wall, now, await seen.times(house, [*known, *closed])
    return {
        "subject": subject,
        "tiles": found,
        "devices": house.board.devices(subject),
        "cards": cards(known, *told),
        "past": cards(closed, *told),
        "figures": await figures(
            house, subject, kinds, span, texts, variability=variability
        ),
        "span": span,
        "spans": list(SPANS)[:-1],
        "wall": wall,
    }


def _greeting(hour: int, texts: Texts) -> str:
    """Greet by the time of day."""
    part = "morning" if hour < 12 else "day" if hour < 18 else "evening"
    return texts(f"hello.{part}")
