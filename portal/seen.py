"""When people saw their alerts, and which of those are over by now."""

import asyncio
from collections.abc import Iterable

from portal.ages import HOUR
from portal.authorisation import Person, worked
from portal.house import House
from portal.worklist import concerns
from vitals.model import Alert, Instant

LATELY_MS = 12 * HOUR
MOST = 50  # of the closed alerts that are looked through
SHOWN = 10


async def times(house: House, alerts: Iterable[Alert]) -> dict[str, Instant]:
    """Give when each of these was acknowledged, by its id."""
    ids = [alert.id for alert in alerts if alert.acknowledged_by]
    return await asyncio.to_thread(house.alerts.seen, ids) if ids else {}


async def lately(house: House, person: Person) -> list[Alert]:
    """Give alerts that somebody saw and that are over, the last first."""
    since = Instant(max(0, house.clock() - LATELY_MS))
    closed = house.alerts.closed
    found = await asyncio.to_thread(closed, worked(person), since, MOST)
    theirs = (
        a for a in found if a.acknowledged_by and concerns(house.board, a, person)
    )
    return list(theirs)[:SHOWN]
