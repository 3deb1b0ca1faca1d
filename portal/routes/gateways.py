"""How the gateways are, and the wearables that they read."""

from fastapi import APIRouter, Response

from portal.authorisation import visible
from portal.house import Caller, InHouse, check_house
from portal.routes.answers import Cursor, Limit, answer, fails, says
from portal.routes.examples import GATEWAYS
from portal.views import GatewayList, of_gateway

router = APIRouter(prefix="/api/v1/gateways", tags=["gateways"])


@router.get("", responses=says(GatewayList, GATEWAYS) | fails(401, 404, 422))
async def gateways(
    house: InHouse, caller: Caller, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the gateways by name, each with those wearables that you may see."""
    check_house(caller, "fleet")
    board, subjects = house.board, visible(caller)
    found = [g for g in sorted(board.gateways) if cursor is None or g > cursor]
    streams = await house.streams()
    items = [
        of_gateway(name, board.gateways[name], board.worn(name, subjects), streams)
        for name in found[:limit]
    ]
    return answer(GatewayList(items, found[limit - 1] if len(found) > limit else None))
