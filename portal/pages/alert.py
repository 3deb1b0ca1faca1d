"""One alert: evidence, the raw beats behind it, what to do, and all that happened."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from alerts.history import AlertEvent, Delivery
from portal import rhythm, seen
from portal.ages import MINUTE
from portal.authorisation import ALLOWED, decide
from portal.cards import card
from portal.figures import spark
from portal.house import House, InHouse
from portal.messages import line
from portal.pages.common import Reader, Words, clock_of, clock_there, page
from portal.routes.alerts import Id, find
from portal.texts import Texts
from vitals.codes import Kind
from vitals.model import HOUSE, Alert, Instant

router = APIRouter()

IRREGULAR = "irregular_rhythm"
BEFORE_MS, AFTER_MS = MINUTE, 2 * MINUTE  # of raw beats around an alert's beginning
RECORDS = 500  # more than three minutes of them
SNOOZES = 15, 30, 60, 240  # minutes


@router.get("/alerts/{id}")
async def alert(
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    id: Id,  # noqa: A002
) -> Response:
    """Show one alert, open or past, to those who work it; others go to the patient."""
    found = await find(house, reader, id, "read")
    if decide(reader, "act", found.subject) != ALLOWED:
        return RedirectResponse(f"/patients/{found.subject}", 303)
    events, told, carers = await asyncio.gather(
        asyncio.to_thread(house.alerts.events, id),
        asyncio.to_thread(house.alerts.deliveries, id),
        asyncio.to_thread(house.people.carers, [found.subject]),
    )
    ours = found.subject == HOUSE
    wall = (
        clock_of(request, reader) if ours else clock_there(house, found.subject, texts)
    )
    when = await seen.times(house, [found])
    values: dict[str, Any] = {
        "card": card(found, wall, house.clock(), when.get(found.id)),
        "carers": carers[found.subject],
        "spark": await spark(house, found) if found.state != "normal" else "",
        "strip": await _strip(house, found, texts),
        "events": [_event(one, texts) for one in events if one.what],
        "told": [_told(one, texts) for one in told],
        "summary": line(told, texts),
        "snoozes": SNOOZES,
        "wall": wall,
        "over": found.state == "normal",
    }
    return page(request, "alert.html", reader, **values)


async def _strip(house: House, alert: Alert, texts: Texts) -> str:
    """Draw the raw beats around the beginning of an irregular rhythm."""
    if alert.condition != IRREGULAR:
        return ""
    start = Instant(max(0, alert.since - BEFORE_MS))
    stop = Instant(alert.since + AFTER_MS)
    span = start, stop, None, RECORDS
    read = house.history.records
    found, _ = await asyncio.to_thread(read, alert.subject, Kind.HEART_RATE, *span)
    at = Instant(alert.since)
    return rhythm.strip(rhythm.beats(found), start, stop, at, texts)


def _event(one: AlertEvent, texts: Texts) -> tuple[Instant, str, str, str]:
    """Write one thing that happened: when, what, by whom, and what they said."""
    what = texts.get(f"event.{one.what}", one.what.replace("_", " "))
    return one.t, what, one.by, one.comment


def _told(one: Delivery, texts: Texts) -> tuple[Instant, str, str, str]:
    """Write one message: when, by what, to whom, and what became of it."""
    state = texts(f"messages.{one.state}", n="").strip()
    after = f"{state}: {one.error}" if one.error else state
    return one.tried or one.created, one.channel, one.to or texts("call.house"), after
