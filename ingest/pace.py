"""When to write what has arrived: at once, or together with what comes next.

Each commit of the SQLite store writes some pages more than its rows need, whatever
their number, and an SD card wears with what is written.
"""

import asyncio
from collections.abc import Iterable

from msgspec import Struct

from vitals.bus import Delivery, Inbox
from vitals.clock import monotonic
from vitals.config import Store as Settings
from vitals.wire import Message

LOOK_S = 0.05  # how often the inbox is counted while it fills


class Pace(Struct):
    """At most one write in `seconds`, unless so many rows wait; the first at once."""

    seconds: float = 0.0
    rows: int = 1
    closing: bool = False  # told to stop: what is there is written, then no more
    _next: float = 0.0  # monotonic s, when the next write may be

    async def take(self, inbox: Inbox, limit: int) -> list[Delivery]:
        """Wait for something, then for as long as it should wait; see `Inbox.take`.

        When cancelled while something waits it gives that at once, as the last.
        """
        found = await inbox.take(limit)
        try:
            await self._fill(inbox, found, limit)
        except asyncio.CancelledError:
            self.closing = True
        if len(inbox) and len(found) < limit:
            found += await inbox.take(limit - len(found))
        self._next = monotonic() + self.seconds
        return found

    async def _fill(self, inbox: Inbox, found: list[Delivery], limit: int) -> None:
        """Collect until there is enough, or it is time."""
        if self.rows <= 1:
            return
        waiting = rows(delivery.message for delivery in found)
        while waiting < self.rows and len(found) < limit:
            if (left := self._next - monotonic()) <= 0:
                return
            await asyncio.sleep(min(left, LOOK_S))
            if len(inbox):
                more = await inbox.take(limit - len(found))
                waiting += rows(delivery.message for delivery in more)
                found += more


def pace(settings: Settings) -> Pace:
    """Give the pace of a store; InfluxDB gathers for itself."""
    if settings.kind == "influx":
        return Pace()
    return Pace(settings.commit_s, settings.commit_rows)


def rows(messages: Iterable[Message]) -> int:
    """Count the records in messages, without reading them.

    >>> rows([Message("t/batch", b'{"records":[{"t":1,"hr":1},{"t":2,"hr":1}]}')])
    2
    """
    return sum(max(1, message.payload.count(b'"t":')) for message in messages)
