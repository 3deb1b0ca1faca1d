"""Blood pressure as agreed: what to do now, how, and what came of it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from portal.defaults import BETWEEN_S, REST_S
from portal.house import InHouse, check
from portal.pages.common import Reader, Words, clock_there, page
from portal.pressure import course
from portal.routes.answers import Subject
from portal.texts import Texts
from vitals.codes import Kind
from vitals.model import Schedule
from vitals.phrases import number

router = APIRouter()

SHOWN = 10  # readings outside the agreed hours


@router.get("/patients/{subject}/pressure")
async def pressure(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Show the schedule of blood pressure and a guided reading."""
    check(reader, "read", subject)
    found = await course(house, subject)
    latest = await house.latest(subject)
    cuff = any(reading.kind is Kind.BLOOD_PRESSURE for reading in latest)
    values: dict[str, Any] = {
        "subject": subject,
        "course": found,
        "guided": cuff or not found.blank,
        "hours": _hours(found.schedule),
        "outside": found.outside[:SHOWN],
        "wall": clock_there(house, subject, texts),
        "rest_s": REST_S,
        "between_s": BETWEEN_S,
        "unit": texts.units.measure("mm[Hg]").label,
        "pair": lambda mean: _pair(mean, texts),
        "begun": found.next is not None and found.next.begin <= house.clock(),
    }
    return page(request, "pressure.html", reader, **values)


def _pair(mean: tuple[float, float] | None, texts: Texts) -> str:
    """Write systolic and diastolic pressure."""
    if mean is None:
        return ""
    shown = texts.units.measure("mm[Hg]")
    return "/".join(number(shown(value), shown.digits) for value in mean)


def _hours(schedule: Schedule) -> dict[str, str]:
    """Write the hours in which to measure.

    >>> _hours(Schedule(begin=0))
    {'rise': '05:00', 'noon': '11:00', 'dusk': '17:00', 'night': '23:59'}
    """
    minutes = (*schedule.morning, *schedule.evening)
    written = (f"{minute // 60:02}:{minute % 60:02}" for minute in minutes)
    return dict(zip(("rise", "noon", "dusk", "night"), written, strict=True))
