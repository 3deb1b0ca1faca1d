"""Language and units, as one browser wants them."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from portal.house import Visitor
from portal.pages.common import inside, page
from portal.pages.wishes import NAMES, Language, Wishes, keep, wishes
from portal.units import PRESSURES, TEMPERATURES, Pressure, Temperature

router = APIRouter()


@router.get("/settings")
async def form(
    request: Request,
    person: Visitor,
    next: Annotated[str, Query(max_length=500)] = "/",  # noqa: A002
) -> Response:
    """Show what can be chosen."""
    return page(
        request,
        "settings.html",
        person,
        next=inside(next),
        chosen=wishes(request),
        languages=NAMES,
        pressures=PRESSURES,
        temperatures=TEMPERATURES,
    )


@router.post("/settings")
async def choose(
    request: Request,
    language: Annotated[Language | None, Form()] = None,
    pressure: Annotated[Pressure | None, Form()] = None,
    temperature: Annotated[Temperature | None, Form()] = None,
    next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002
) -> Response:
    """Remember what was chosen; what is not named stays."""
    before = wishes(request)
    chosen = Wishes(
        language or before.language,
        pressure or before.pressure,
        temperature or before.temperature,
    )
    response = RedirectResponse(inside(next), 303)
    keep(response, request, chosen)
    return response
