"""Who is attended: the one list that may change while the gateway runs.

A new list is compared with the old one: who is in both, whole, is not touched.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from vitals import VitalsError, config
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

Wearables = Sequence[config.Wearable]


class Attending(Protocol):
    """Looks after one wearable until cancelled, and then lets it go."""

    @property
    def device(self) -> config.Wearable:
        """Whom it looks after."""

    async def run(self) -> None:
        """Look after it, for ever."""


A = TypeVar("A", bound=Attending)


class Roll(Struct, frozen=True):
    """Where the list comes from, and the word that it should be read again."""

    read: Callable[[], Wearables]  # may block; raises VitalsError
    asked: asyncio.Event


class Change(Struct, frozen=True):
    """What a new list changes."""

    added: list[config.Wearable]
    removed: list[config.Wearable]


def compare(old: Iterable[config.Wearable], new: Iterable[config.Wearable]) -> Change:
    """Compare two lists; with another address or subject it is another wearable."""
    before, after = list(old), list(new)
    return Change(
        added=[wearable for wearable in after if wearable not in before],
        removed=[wearable for wearable in before if wearable not in after],
    )


class Roster(Generic[A]):
    """The attendants at work, each in a task of its own.

    Attributes
    ----------
    attendants
        Those at work; the list is always the same one.
    """

    def __init__(
        self,
        hire: Callable[[config.Wearable], A],
        farewell: Callable[[A], Awaitable[None]],
    ) -> None:
        """Note how to make an attendant, and what follows once one has let go."""
        self._hire, self._farewell = hire, farewell
        self.attendants: list[A] = []
        self._work: dict[int, asyncio.Task[None]] = {}  # by the attendant's id

    def apply(self, wearables: Wearables, group: asyncio.TaskGroup) -> Change:
        """Attend to these wearables and to no others, from now on."""
        asked = compare([a.device for a in self.attendants], wearables)
        leaving = [a for a in self.attendants if a.device in asked.removed]
        ends = [self._dismiss(attendant, group) for attendant in leaving]
        for wearable in asked.added:
            attendant = self._hire(wearable)
            self.attendants.append(attendant)
            work = group.create_task(_follow(ends, attendant))
            self._work[id(attendant)] = work
        return asked

    def _dismiss(self, attendant: A, group: asyncio.TaskGroup) -> "asyncio.Task[None]":
        """End an attendant's work; give the task that is ending."""
        self.attendants.remove(attendant)
        work = self._work.pop(id(attendant))
        work.cancel()
        group.create_task(self._part(attendant, work))
        return work

    async def _part(self, attendant: A, work: "asyncio.Task[None]") -> None:
        await asyncio.wait([work])
        await self._farewell(attendant)


async def _follow(
    before: Collection["asyncio.Task[None]"], attendant: Attending
) -> None:
    """Begin once those before have let go: it may be the same wearable."""
    if before:
        await asyncio.wait(before)
    await attendant.run()


class Reloader:
    """Reads the list again when asked; a list that is wrong changes nothing."""

    def __init__(
        self, roll: Roll, apply: Callable[[Wearables], Change], metrics: Metrics
    ) -> None:
        """Take where the list comes from, and who is to have it."""
        self._roll, self._apply, self._metrics = roll, apply, metrics

    async def run(self) -> None:
        """Reload whenever that is asked, for ever."""
        while True:
            await self._roll.asked.wait()
            self._roll.asked.clear()
            await self.reload()

    async def ask(self, _: Message) -> None:
        """Take the command `reload`."""
        self._roll.asked.set()

    async def reload(self) -> None:
        """Read the list and attend to it."""
        try:
            wearables = await asyncio.to_thread(self._roll.read)
        except VitalsError as error:
            log.error("the wearables stay as they were: %s", error)
            self._metrics.count("gateway_reloads_refused_total")
            return
        changed = self._apply(wearables)
        self._metrics.count("gateway_reloads_total")
        for what, whom in ("attends", changed.added), ("lets go", changed.removed):
            if whom:
                log.info("reload: %s %s", what, ", ".join(w.device for w in whom))
