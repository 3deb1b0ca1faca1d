"""What the routes are given, and how they learn who is asking."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from portal.audit import Entry, Repeats
from portal.authorisation import Deed, Person, decide, may, scope
from portal.board import Board
from portal.deeds import Deeds
from portal.fhir.export import Exports
from portal.fhir.subscribers import Subscribers
from portal.notes import Notes
from portal.oidc import Provider
from portal.people import People
from portal.problems import Problem
from portal.queue import Queue, network
from portal.sharing import Scope
from portal.trends import Trends
from portal.witness import keep, looked
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.errors import Unavailable
from vitals.metrics import Metrics
from vitals.model import Alert, Instant, Limit, Reading

if TYPE_CHECKING:
    from alerts.history import AlertHistory
    from ingest.completeness import Stream
    from ingest.store import History

log = logging.getLogger(__name__)

REHEARSAL_S = 120.0  # 30 days at 1 Hz and the detectors' start take half of that
COOKIE = "vitals_session"
BEARER = OAuth2PasswordBearer("/api/v1/token", auto_error=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the portal reads; all of it blocks and is called in a thread."""

    history: "History"
    alerts: "AlertHistory"
    people: People
    notes: Notes
    streams: "Callable[[], list[Stream]]" = list  # of numbers that gateways gave
    data: Path | None = None  # where exports may lie; None: there are none
    hooks: tuple[str, ...] = ()  # addresses that subscriptions may call
    deeds: Deeds | None = None  # None: links in messages lead nowhere
    limits: Mapping[str, Limit] = field(default_factory=dict)  # the house's, by metric
    channels: tuple[str, ...] = ()  # the configured ways to reach people


def _subscribers(sources: Sources) -> Subscribers | None:
    """Open the file of subscriptions, where the operator allows any."""
    if sources.data is None or not sources.hooks:
        return None
    return Subscribers(sources.data / "subscriptions.db")


class House:
    """Everything a route may use."""

    def __init__(
        self, bus: Bus, board: Board, sources: Sources, metrics: Metrics, clock: Clock
    ) -> None:
        self.bus, self.board, self.metrics, self.clock = bus, board, metrics, clock
        self.history, self.alerts = sources.history, sources.alerts
        self.trends = Trends(sources.history)
        self.people, self.notes = sources.people, sources.notes
        self.deeds, self._streams = sources.deeds, sources.streams
        self.exports = Exports(sources.data / "exports") if sources.data else None
        self.limits, self.channels = sources.limits, sources.channels
        self.hooks, self.subscribers = sources.hooks, _subscribers(sources)
        self.logins = Queue()
        self.rehearsal_s = REHEARSAL_S  # that the detectors get for an answer
        self.emergency = ""  # whom to call, in the operator's words; "": the usual
        self.provider: Provider | None = None  # where else one may log in
        self.admitting = asyncio.Lock()  # one new name after the other
        self.planning = asyncio.Lock()  # one change of a plan after the other
        self._seeded: set[str] = set()
        self._repeats = Repeats()

    def blind(self) -> str:
        """Say why open alerts may be missing here; "" when nothing speaks for it."""
        if not self.bus.online.is_set():
            return "bus"
        if not self.board.seeded:
            return "book"
        return "engine" if self.board.mute() else ""

    async def latest(self, subject: str) -> list[Reading]:
        """Give the newest readings; the first time, also from before we listened."""
        if subject not in self._seeded:
            self.board.seed(await asyncio.to_thread(self.history.latest, subject))
            self._seeded.add(subject)
        return self.board.latest(subject)

    async def alert(self, name: str) -> Alert | None:
        """Give an alert, open or past."""
        if found := self.board.alert(name):
            return found
        return await asyncio.to_thread(self.alerts.alert, name)

    async def streams(self) -> "list[Stream]":
        """Give what of each stream of records is there; nothing when nobody can say."""
        try:
            return await asyncio.to_thread(self._streams)
        except Unavailable as error:
            log.warning("cannot tell what is lost: %s", error)
            return []

    async def authenticate(self, name: str, password: str, host: str = "") -> Person:
        """Give who logs in from a client's address.

        Raises
        ------
        Problem
            429 while the name must wait there or too many do, 401 when name and
            password do not fit.
        """
        here = network(host)
        if pause := await asyncio.to_thread(self.people.pause_s, name, here):
            self.metrics.count("portal_login_refused_total")
            wait = f"{pause + 0.5:.0f}"
            detail = f"Too many attempts; try again in {wait} seconds."
            raise Problem(429, detail, {"Retry-After": wait})
        async with self.logins.place(here):
            who = self.people.authenticate
            person = await asyncio.to_thread(who, name, password, here)
        await asyncio.to_thread(self._note_log_in, name, person)
        if person is None:
            self.metrics.count("portal_login_failed_total")
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "The name or the password is wrong.", headers)
        return person

    def _note_log_in(self, name: str, person: Person | None) -> None:
        """Write into the audit log who came, or at whose name somebody guesses.

        A name that nobody has is not written: it may be a password in the wrong field.
        """
        known = person or self.people.accounts.find(name)
        who, role = (known.name, known.role) if known else ("?", "")
        deed = "log_in" if person else "log_in_failed"
        entry = Entry(Instant(self.clock()), who, role, deed, "", "")
        if fresh := self._repeats.fresh([entry], entry.t):
            keep(self.people.audit, fresh, self.metrics)


def host_of(request: Request) -> str:
    """Give the address of the client, "" when it has none."""
    return request.client.host if request.client else ""


# `async`, though it waits for nothing: FastAPI sends a plain function to a thread.
async def in_house(request: Request) -> House:
    """Give the house to a route."""
    return house(request)


def house(request: Request) -> House:
    """Give the house that the application was built around."""
    found: House = request.app.state.house
    return found


async def visitor(
    request: Request, bearer: Annotated[str | None, Depends(BEARER)]
) -> Person | None:
    """Give who asks, by bearer token or by the pages' cookie; None: nobody known."""
    token = token_of(request, bearer)
    if not token:
        return None
    return await asyncio.to_thread(house(request).people.person_of, token)


def token_of(request: Request, bearer: str | None) -> str:
    """Give the token of a request; one that bears any leaves its cookie aside."""
    return request.cookies.get(COOKIE, "") if bearer is None else bearer


async def caller(person: Annotated[Person | None, Depends(visitor)]) -> Person:
    """Give who asks, and refuse strangers."""
    if person is None:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(401, "Log in first: POST /api/v1/token.", headers)
    return person


def check(person: Person, deed: Deed, subject: str, what: str = "patient") -> None:
    """Refuse what the person may not do, as `authorisation.decide` says."""
    verdict = decide(person, deed, subject)
    if verdict == "hidden":
        raise Problem(404, f"There is no such {what}.")
    if verdict == "forbidden":
        raise Problem(403, f"A {person.role} may not do this.")
    looked(person, deed, [subject])


def check_view(person: Person, subject: str, *parts: str) -> Scope:
    """Give what the person may see of a patient: all of it, or what is shared.

    Refuses who may see nothing of them, or not one of `parts`.
    """
    seen = scope(person, subject)
    if seen is not None and (not seen or not seen.issuperset(parts)):
        raise Problem(404, "There is no such patient.")
    check(person, "view" if seen is not None else "read", subject)
    return seen


def check_house(person: Person, deed: Deed) -> None:
    """Refuse who may not do what is about no patient."""
    if not may(person, deed):
        raise Problem(404, "There is no such page.")


InHouse = Annotated[House, Depends(in_house)]
Visitor = Annotated[Person | None, Depends(visitor)]
Caller = Annotated[Person, Depends(caller)]
