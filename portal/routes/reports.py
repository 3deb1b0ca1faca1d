"""What our own alerts cost the people whom they call."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from alerts.burden import Burden, report
from ingest.store import measured_days
from portal.ages import DAY
from portal.authorisation import Person, visible
from portal.care_views import BurdenView, of_burden
from portal.house import Caller, House, InHouse, check_house
from portal.routes.answers import answer, fails, says
from portal.routes.examples import BURDEN
from portal.witness import looked
from vitals.model import HOUSE, Instant

router = APIRouter(prefix="/api/v1/reports", tags=["alerts"])

Days = Annotated[
    int, Query(description="So many days up to now.", ge=1, le=366, examples=[30])
]


@router.get("/alerts", responses=says(BurdenView, BURDEN) | fails(401, 404, 422))
async def alerts(house: InHouse, caller: Caller, days: Days = 30) -> Response:
    """Sum up the alerts of your patients: how many, how many false, how soon seen."""
    return answer(of_burden(await burden(house, caller, days)))


async def burden(house: House, person: Person, days: int) -> Burden:
    """Give what the alerts of somebody's patients cost."""
    check_house(person, "burden")
    subjects = sorted(visible(person) - {HOUSE})
    looked(person, "read", subjects)
    end = Instant(house.clock())
    begin = Instant(max(0, end - days * DAY))

    def read() -> Burden:
        measured = measured_days(house.history, subjects, begin, end)
        found = house.alerts.happenings(begin, end, subjects)
        return report(found, begin, end, measured)

    return await asyncio.to_thread(read)
