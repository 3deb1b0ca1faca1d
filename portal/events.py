"""The live event log: a ring, so that a reader who was away misses nothing.

An event's id is `{start of this process}-{number}`.  A reader who names an id that the
ring no longer holds is told so (`reset`), and reads the state afresh.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from portal.sharing import let_event
from vitals.model import Instant

REMEMBERED = 20_000


class Event(NamedTuple):
    """Something that happened to a subject, as a reader gets it."""

    number: int
    subject: str
    name: str  # "record", "batch" or "alert"
    data: bytes  # JSON on one line


class Follower:
    """Somebody reading the log: whom they may see and how far they are."""

    def __init__(
        self,
        subjects: frozenset[str],
        number: int,
        shared: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.subjects = subjects
        self.shared = shared or {}  # what they may see of whom else
        self.number = number
        self.woken = asyncio.Event()

    def cares(self, subject: str) -> bool:
        """Tell whether they may see anything of a subject."""
        return subject in self.subjects or subject in self.shared

    def seen(self, event: Event) -> Event | None:
        """Give what they may see of an event."""
        if event.subject in self.subjects:
            return event
        scope = self.shared.get(event.subject)
        data = let_event(event.name, event.data, scope) if scope else None
        return None if data is None else event._replace(data=data)


class EventLog:
    """The latest events, and who waits for the next."""

    def __init__(self, started: Instant, remembered: int = REMEMBERED) -> None:
        self._started = started
        self._ring: deque[Event] = deque(maxlen=remembered)
        self._number = 0
        self._followers: set[Follower] = set()
        self.closed = False

    def __len__(self) -> int:
        return len(self._followers)

    def append(self, subject: str, name: str, data: bytes) -> None:
        """Remember an event and wake those who may see it."""
        self._number += 1
        self._ring.append(Event(self._number, subject, name, data))
        for follower in self._followers:
            if follower.cares(subject):
                follower.woken.set()
            elif not follower.woken.is_set():  # has seen all that was theirs
                follower.number = self._number

    @contextmanager
    def follow(
        self,
        subjects: frozenset[str],
        last_id: str,
        shared: Mapping[str, frozenset[str]] | None = None,
    ) -> Iterator[Follower]:
        """Read on after `last_id`; "" starts now."""
        follower = Follower(subjects, self._after(last_id), shared)
        follower.woken.set()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def news(self, follower: Follower) -> bytes:
        """Give what the follower has not seen yet as an event stream's text."""
        follower.woken.clear()
        reset = follower.number < self._number - len(self._ring)
        fresh = self._since(follower)
        follower.number = self._number
        return (self._reset() if reset else b"") + b"".join(map(self._text, fresh))

    def close(self) -> None:
        """Let every reader go home."""
        self.closed = True
        for follower in self._followers:
            follower.woken.set()

    def id(self, number: int) -> str:
        """Give the id of an event."""
        return f"{self._started}-{number}"

    def _since(self, follower: Follower) -> list[Event]:
        """Give the events that a follower has not seen and may, oldest first."""
        fresh: list[Event] = []
        for event in reversed(self._ring):
            if event.number <= follower.number:
                break
            if seen := follower.seen(event):
                fresh.append(seen)
        return fresh[::-1]

    def _after(self, last_id: str) -> int:
        """Give the number to go on after; -1 when the id is not one of this ring."""
        if not last_id:
            return self._number
        started, _, number = last_id.partition("-")
        ours = started == str(self._started) and number.isascii() and number.isdigit()
        if not ours or len(number) > 18 or int(number) > self._number:
            return -1
        return int(number)

    def _reset(self) -> bytes:
        """Tell a reader that events are missing and the state must be read afresh."""
        first = self._ring[0].number - 1 if self._ring else self._number
        return f"event: reset\nid: {self.id(first)}\ndata: {{}}\n\n".encode()

    def _text(self, event: Event) -> bytes:
        """Write one event of a stream."""
        head = f"id: {self.id(event.number)}\nevent: {event.name}\ndata: "
        return head.encode() + event.data + b"\n\n"
