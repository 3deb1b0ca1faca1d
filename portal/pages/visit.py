"""A report for a visit, made to be printed: trends, blood pressure, alerts, notes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from portal import seen
from portal.cards import cards
from portal.figures import SPANS, Span, figures
from portal.house import House, InHouse, check
from portal.pages.common import Reader, Words, clock_there, page
from portal.pages.patient import CHARTS
from portal.pressure import course
from portal.routes.answers import Subject
from portal.texts import Texts
from vitals.model import Alert, Instant
from vitals.phrases import number

router = APIRouter()

CHOICES: tuple[Span, ...] = ("7d", "30d", "1y")
POINTS = 120
PAGE, MOST = 200, 500  # alerts read at once, and in all
NOTES = 200


@router.get("/patients/{subject}/visit")
async def visit(
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    span: Span = "30d",
) -> Response:
    """Show a period of one patient's care on paper."""
    check(reader, "act", subject)
    stop = Instant(house.clock())
    start = Instant(max(0, stop - SPANS[span]))
    wall = clock_there(house, subject, texts)
    written, _ = await asyncio.to_thread(
        house.notes.of, subject, start, stop, None, NOTES
    )
    alerts, more = await asyncio.to_thread(_alerts, house, subject, start)
    measured = {reading.kind for reading in await house.latest(subject)}
    kinds = [kind for kind in CHARTS if kind in measured]
    found = await course(house, subject)
    values: dict[str, Any] = {
        "subject": subject,
        "span": span,
        "spans": CHOICES,
        "begin": start,
        "end": stop,
        "figures": await figures(house, subject, kinds, span, texts, POINTS),
        "course": found,
        "pair": lambda mean: _pair(mean, texts),
        "unit": texts.units.measure("mm[Hg]").label,
        "alerts": cards(alerts, wall, stop, await seen.times(house, alerts)),
        "more": more,
        "notes": written,
        "wall": wall,
    }
    return page(request, "visit.html", reader, **values)


def _alerts(house: House, subject: str, start: Instant) -> tuple[Sequence[Alert], bool]:
    """Give the alerts since `start`, the latest first; and whether there are more."""
    found: list[Alert] = []
    after: str | None = None
    while len(found) < MOST:
        page, after = house.alerts.alerts("all", [subject], after, PAGE)
        found += [alert for alert in page if alert.since >= start]
        if after is None or page[-1].since < start:
            return found[:MOST], len(found) > MOST
    return found[:MOST], True


def _pair(mean: tuple[float, float] | None, texts: Texts) -> str:
    """Write systolic and diastolic pressure."""
    shown = texts.units.measure("mm[Hg]")
    return "/".join(number(shown(value), shown.digits) for value in mean or ())
