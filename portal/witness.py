"""Who looked at what: it is in the audit log before the answer leaves.

`house.check` says what it allowed; nobody has to remember the log.  A log that cannot
be written must not keep a clinician from an alert: it is counted and said aloud.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.audit import Audit, Entry, Repeats
from portal.authorisation import Deed, Person
from vitals.clock import Clock
from vitals.metrics import Metrics

log = logging.getLogger(__name__)

Look = tuple[Person, Deed, str]
LOOKS: ContextVar[list[Look] | None] = ContextVar("looks", default=None)


def looked(person: Person, deed: Deed, subjects: Iterable[str]) -> None:
    """Note for this request what somebody was allowed."""
    looks = LOOKS.get()
    if looks is not None:
        looks += [(person, deed, subject) for subject in subjects]


class Witness:
    """ASGI middleware that writes what was noted when an answer begins."""

    def __init__(
        self, app: ASGIApp, audit: Audit, metrics: Metrics, clock: Clock
    ) -> None:
        self.app, self.audit, self.metrics, self.clock = app, audit, metrics, clock
        self.repeats = Repeats()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow one request."""
        looks: list[Look] = []

        async def sending(message: Message) -> None:
            begins = message["type"] == "http.response.start"
            if begins and looks and message["status"] < 400:
                await self._keep(scope, looks)
            await send(message)

        token = LOOKS.set(looks)
        try:
            await self.app(scope, receive, sending)
        finally:
            LOOKS.reset(token)

    async def _keep(self, scope: Scope, looks: list[Look]) -> None:
        """Write what was looked at for the first time in a while."""
        now, what = self.clock(), _what(scope)
        entries = [
            Entry(now, person.name, person.role, deed, subject, what)
            for person, deed, subject in dict.fromkeys(looks)
        ]
        if fresh := self.repeats.fresh(entries, now):
            await asyncio.to_thread(keep, self.audit, fresh, self.metrics)


def keep(audit: Audit, entries: Sequence[Entry], metrics: Metrics) -> None:
    """Write lines, or count and say that they are lost."""
    try:
        audit.append(*entries)
    except sqlite3.Error as error:
        metrics.count("portal_audit_lost_total", len(entries))
        log.error("the audit log cannot be written: %s", error)


def _what(scope: Scope) -> str:
    """Say what was asked for, without whose."""
    path = str(getattr(scope.get("route"), "path", scope["path"]))
    for name, value in scope.get("path_params", {}).items():
        if name not in ("subject", "id", "name", "code"):
            path = path.replace(f"{{{name}}}", str(value)[:40])
    return f"{scope['method']} {path}"
