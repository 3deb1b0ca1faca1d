"""How far the messages about an alert are: who was told by what, and what failed."""

import asyncio

from fastapi import APIRouter, Response
from msgspec import Struct

from alerts.history import Delivery
from portal.authorisation import CARERS
from portal.house import Caller, InHouse
from portal.routes.alerts import Id, find
from portal.routes.answers import answer, fails, says
from portal.times import rfc3339
from vitals.model import Instant

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

EXAMPLE = {
    "version": 1,
    "channel": "ward-mail",
    "to": "dr.chen",
    "why": "opened",
    "state": "pending",
    "attempts": 2,
    "error": "ward-mail: TimeoutError",
    "created": "2026-11-21T07:30:00.000Z",
    "tried": "2026-11-21T07:30:03.000Z",
    "due": "2026-11-21T07:30:08.000Z",
}


class DeliveryView(Struct, frozen=True, kw_only=True):
    """One message about an alert, on one channel to one recipient."""

    version: int  # of the alert
    channel: str
    to: str  # "": the whole house
    why: str
    state: str  # pending, delivered, passed (another channel told it), failed
    attempts: int  # that failed
    error: str  # why the last one did
    created: str
    tried: str | None
    due: str | None  # when it is tried next


class DeliveryList(Struct, frozen=True, kw_only=True):
    """All messages about an alert."""

    items: list[DeliveryView]
    next: str | None = None


@router.get(
    "/{id}/deliveries",
    responses=says(DeliveryList, {"items": [EXAMPLE], "next": None})
    | fails(401, 404, 422),
)
async def deliveries(house: InHouse, caller: Caller, id: Id) -> Response:  # noqa: A002
    """Show how far the messages about an alert are."""
    await find(house, caller, id, "read")
    found = await asyncio.to_thread(house.alerts.deliveries, id)
    # Neither a patient nor their family need know which of the staff is reached how.
    carer = caller.role in CARERS
    return answer(DeliveryList(items=[_view(one, carer) for one in found]))


def _view(found: Delivery, carer: bool) -> DeliveryView:
    """Show one message; to whom, only among those who care."""
    return DeliveryView(
        version=found.version,
        channel=found.channel if carer else "",
        to=found.to if carer else "",
        why=found.why,
        state=found.state,
        attempts=found.attempts,
        error=found.error if carer else "",
        created=rfc3339(found.created),
        tried=_when(found.tried),
        due=_when(found.due if found.state == "pending" else None),
    )


def _when(t: Instant | None) -> str | None:
    return None if t is None else rfc3339(t)
