"""Blood pressure as agreed: what to do now, how, and what came of it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from portal.ages import date, local, zone
from portal.defaults import BETWEEN_S, REST_S
from portal.house import InHouse, check
from portal.pages.common import Reader, Words, page
from portal.pages.patient import place_of
from portal.pressure import course
from portal.routes.answers import Subject
from portal.texts import Texts
from vitals.phrases import number

router = APIRouter()


@router.get("/patients/{subject}/pressure")
async def pressure(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Show the schedule of blood pressure and a guided reading."""
    check(reader, "read", subject)
    found = await course(house, subject)
    where = place_of(house, subject)
    values: dict[str, Any] = {
        "subject": subject,
        "course": found,
        "place": where,
        "rest_s": REST_S,
        "between_s": BETWEEN_S,
        "unit": texts.units.measure("mm[Hg]").label,
        "pair": lambda mean: _pair(mean, texts),
        "day": lambda t: date(texts, local(t, zone(where))),
        "clock": lambda t: local(t, zone(where)).strftime("%H:%M"),
        "begun": found.next is not None and found.next.begin <= house.clock(),
    }
    return page(request, "pressure.html", reader, **values)


def _pair(mean: tuple[float, float] | None, texts: Texts) -> str:
    """Write systolic and diastolic pressure."""
    if mean is None:
        return ""
    shown = texts.units.measure("mm[Hg]")
    return "/".join(number(shown(value), shown.digits) for value in mean)
