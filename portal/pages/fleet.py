"""The page of the gateways: whether each is well, and each wearable heard."""

from fastapi import APIRouter, Request, Response

from portal.authorisation import visible
from portal.fleet import boxes
from portal.house import InHouse, check_house
from portal.pages.common import Reader, Words, page

router = APIRouter()


@router.get("/fleet")
async def fleet(
    request: Request, house: InHouse, reader: Reader, texts: Words
) -> Response:
    """Show how the gateways are."""
    check_house(reader, "fleet")
    found = boxes(house.board, visible(reader), await house.streams(), texts)
    return page(request, "fleet.html", reader, boxes=found)
