"""The portal as a stage: the board follows the bus, a web server shows it."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from portal.app import create_app
from portal.board import Board, follow
from portal.events import EventLog
from portal.fhir import hooks
from portal.house import House, Sources
from portal.oidc import Provider
from portal.plans import change_plan
from portal.renewal import renew
from portal.views import encode
from vitals import wire
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.config import Portal
from vitals.errors import Unavailable
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

GRACE_S = 2  # that open requests get at the end
RETAINED_S = 2.0  # in which a broker has told what it kept

Ready = Callable[[str], None]


async def run(
    bus: Bus,
    settings: Portal,
    sources: Sources,
    metrics: Metrics,
    clock: Clock,
    ready: Ready = lambda url: None,
) -> None:
    """Serve people until cancelled.

    Parameters
    ----------
    ready
        Called once with the address, such as "http://127.0.0.1:8000", as soon as pages
        are served there; with port 0 this is how to learn the port.

    Raises
    ------
    Unavailable
        The port is taken, or the host is not one of this machine's.
    """
    listener = listen(settings.host, settings.port)
    board = Board(EventLog(clock()), clock)
    house = House(bus, board, sources, metrics, clock)
    house.emergency = settings.emergency
    if settings.oidc.issuer:
        house.provider = Provider(settings.oidc, clock)
    server = _Server(create_app(house), listener, ready)
    with listener:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow(board, bus, metrics))
            renewing = tasks.create_task(renew(board, bus, sources.alerts))
            restoring = tasks.create_task(restore_plans(house))
            calling = tasks.create_task(
                hooks.run(house.subscribers, sources.people, bus, metrics, clock)
            )
            try:
                await server.run(board.events.close)
            finally:
                following.cancel()
                renewing.cancel()
                restoring.cancel()
                calling.cancel()
                if house.exports:
                    house.exports.close()
    if house.subscribers:
        house.subscribers.close()


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises
    ------
    Unavailable
        Somebody has it already, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unavailable(
            f"portal: cannot listen on {host} port {port}: {reason}; stop what uses it,"
            " or choose another portal.port (0 takes a free one)"
        ) from error


async def restore_plans(house: House) -> None:
    """Publish plans again that a broker has lost; our log of limits is the truth."""
    await house.bus.online.wait()
    await asyncio.sleep(RETAINED_S)
    for subject, plan in (await asyncio.to_thread(house.people.plans)).items():
        known = house.board.plan(subject)
        if known is None or known.t < plan.t:
            topic = wire.of(subject, "plan")
            await house.bus.publish(Message(topic, encode(plan), retain=True))
    await tell_teams(house)


async def tell_teams(house: House) -> None:
    """Bring teams up to date that were changed while we did not run (`vitals user`)."""
    plans = await asyncio.to_thread(house.people.plans)
    told = {subject: plan.team for subject, plan in plans.items() if plan.team}
    carers = await asyncio.to_thread(house.people.carers, told)
    for subject, team in told.items():
        if team != (now := tuple(carers[subject])):
            await change_plan(house, subject, "portal", "care team", team=now)


class _Server(uvicorn.Server):  # type: ignore[misc]
    """Uvicorn on a socket that is ours; signals belong to the front door."""

    def __init__(self, app: object, listener: socket.socket, ready: Ready) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=20,
        )
        super().__init__(config)
        self._listener, self._ready = listener, ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        host, port = self._listener.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("the portal is at %s", address)
        self._ready(address)

    async def run(self, farewell: Callable[[], None]) -> None:
        """Serve until cancelled; then let readers go, finish and close."""
        serving = asyncio.create_task(self.serve([self._listener]))
        try:
            await asyncio.shield(serving)
        finally:
            farewell()
            self.should_exit = True
            await asyncio.wait([serving])
