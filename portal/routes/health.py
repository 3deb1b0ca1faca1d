"""Whether we live, whether we are ready, and what we counted."""

import asyncio

from fastapi import APIRouter, Request, Response

from portal.house import InHouse, Visitor
from portal.problems import Problem
from portal.routes.answers import answer, fails, says, streams
from portal.routes.examples import HEALTH
from portal.views import Health

router = APIRouter(tags=["health"])

PATIENCE_S = 2.0
LOOPBACK = {"127.0.0.1", "::1"}


@router.get("/healthz", responses=says(Health, {"status": "alive", "checks": {}}))
async def healthz() -> Response:
    """Tell that the process answers."""
    return answer(Health("alive", {}))


@router.get("/readyz", responses=says(Health, HEALTH) | says(Health, HEALTH, 503))
async def readyz(house: InHouse) -> Response:
    """Tell whether the broker is there, the store answers and the engines are heard."""
    broker = "ok" if house.bus.online.is_set() else "away"
    checks = {"broker": broker, "store": await _store(house)}
    checks["engines"] = "silent" if house.board.mute() else "ok"
    ready = set(checks.values()) == {"ok"}
    return answer(
        Health("ready" if ready else "not ready", checks), 200 if ready else 503
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses=streams("text/plain", "Prometheus text") | fails(401),
)
async def metrics(request: Request, house: InHouse, visitor: Visitor) -> Response:
    """Print what we counted; for this machine, or an administrator's token."""
    here = request.client is not None and request.client.host in LOOPBACK
    if not (here or (visitor and visitor.role == "admin")):
        raise Problem(401, "Ask from this machine or as an administrator.")
    house.metrics.gauge("portal_event_readers", len(house.board.events))
    return Response(house.metrics.text(), media_type="text/plain; version=0.0.4")


async def _store(house: InHouse) -> str:
    """Ask the store for something cheap."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.to_thread(house.history.latest, "readyz")
    except TimeoutError:
        return "slow"
    except Exception:  # whatever a store can raise means the same here
        return "away"
    return "ok"
