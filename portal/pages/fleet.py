"""The page of the gateways: whether each is well, and each wearable heard."""

from fastapi import APIRouter, Request, Response

from portal.authorisation import visible
from portal.fleet import boxes
from portal.house import InHouse, check_house
from portal.pages.common import Reader, page, words

router = APIRouter()


@router.get("/fleet")
async def fleet(request: Request, house: InHouse, reader: Reader) -> Response:
    """Show how the gateways are."""
    check_house(reader, "fleet")
    streams = await house.streams()
    found = boxes(house.board, visible(reader), streams, words(request))
    return page(request, "fleet.html", reader, boxes=found)
