"""Live events as Server-Sent Events, written raw: far cheaper than a framework's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from portal.authorisation import Person, shared_with, visible, worked
from portal.events import Shared
from portal.house import BEARER, Caller, House, InHouse, token_of
from portal.routes.answers import fails, streams
from portal.witness import looked

router = APIRouter(prefix="/api/v1", tags=["live"])

PING_S = 15.0
HEADERS = {"X-Accel-Buffering": "no"}  # nginx would keep the events to itself
_TEXT = (
    "`record` (a RecordView), `batch` (subject, device, kind, from, to, n: read the"
    " records of that interval), `alert` (an AlertView), `reset` (events are missing:"
    " read anew)"
)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses=streams("text/event-stream", _TEXT) | fails(401),
)
async def events(
    request: Request,
    house: InHouse,
    caller: Caller,
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """Follow what happens to your patients; `Last-Event-ID` goes on where you were."""
    token = token_of(request, await BEARER(request))
    stream = _stream(house, token, caller, last_event_id)
    looked(caller, "read", visible(caller))
    looked(caller, "view", shared_with(caller))
    return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)


async def _stream(
    house: House, token: str, caller: Person, last_id: str
) -> AsyncIterator[bytes]:
    """Write events as they come and a comment when none do, until the token ends."""
    log = house.board.events
    checked = house.clock()
    with (
        log.follow(worked(caller), last_id, in_part(caller)) as follower,
        closing(Pulse(follower.woken, PING_S)) as pulse,
    ):
        # Who has seen no event yet can resume as well; not who will be told `reset`.
        here = f"id: {log.id(follower.number)}\n" if follower.number >= 0 else ""
        yield f"retry: 2000\n{here}: hello\n\n".encode()
        while not log.closed:
            await follower.woken.wait()
            quiet = pulse.beaten()
            if quiet or house.clock() - checked >= PING_S * 1000:
                person = await asyncio.to_thread(house.people.person_of, token)
                if person is None:
                    return
                log.change(follower, worked(person), in_part(person))
                checked = house.clock()
            if news := log.news(follower):
                yield news
            elif quiet:
                yield b": still here\n\n"


class Pulse:
    """Wakes a reader every so often: one timer for each, not one for each event."""

    def __init__(self, woken: asyncio.Event, seconds: float) -> None:
        self._woken, self._seconds = woken, seconds
        self._due = False
        self._wait()

    def beaten(self) -> bool:
        """Tell whether it has beaten since it was last asked."""
        due, self._due = self._due, False
        return due

    def close(self) -> None:
        """Beat no more."""
        self._timer.cancel()

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._beat)

    def _beat(self) -> None:
        self._due = True
        self._woken.set()
        self._wait()


def in_part(person: Person) -> Shared:
    """Give what they may see of those who share with them, and of themselves."""
    shared = {subject: person.granted[subject] for subject in shared_with(person)}
    return {**shared, **dict.fromkeys(visible(person) - worked(person))}
