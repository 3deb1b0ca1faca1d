"""The page of what our alerts cost: how many, how many false, how soon seen."""

from fastapi import APIRouter, Request, Response

from portal.ages import lasting
from portal.cards import title
from portal.house import InHouse
from portal.pages.common import Reader, Words, page
from portal.routes.reports import Days, burden

router = APIRouter()

CHOICES = 7, 30, 90


@router.get("/reports/alerts")
async def alerts(
    request: Request, house: InHouse, reader: Reader, texts: Words, days: Days = 30
) -> Response:
    """Show the burden of the reader's patients' alerts."""
    found = await burden(house, reader, days)
    return page(
        request,
        "burden.html",
        reader,
        found=found,
        days=days,
        choices=CHOICES,
        title=lambda condition: title(condition, texts),
        lasting=lambda seconds: lasting(texts, seconds * 1000),
    )
