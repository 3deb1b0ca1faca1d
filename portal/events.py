"""The live event log: a ring, so that a reader who was away misses nothing.

An event's id is `{start of this process}-{number}`.  A reader who names an id that the
ring no longer holds is told so (`reset`), and reads the state afresh.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from portal.sharing import Scope, let_event
from vitals.model import Instant

REMEMBERED = 20_000
Shared = Mapping[str, Scope]
"""What somebody who does not work the alerts of a subject may see of them."""

# All with the same rights read the same bytes.
_let_event = lru_cache(maxsize=256)(let_event)


class Event(NamedTuple):
    """Something that happened to a subject, as a reader gets it."""

    number: int
    subject: str
    name: str  # "record", "batch" or "alert"
    head: bytes  # of its text: all before the data
    data: bytes  # JSON on one line


class Follower:
    """Somebody reading the log: whom they may see and how far they are."""

    def __init__(
        self, subjects: frozenset[str], number: int, shared: Shared | None = None
    ) -> None:
        self.subjects = subjects
        self.shared = shared or {}  # what they may see of whom in part
        self.number = number  # all until this is seen, or not theirs
        self.waiting = True  # whether anything after it may be theirs
        self.woken = asyncio.Event()

    def seen(self, event: Event) -> Event | None:
        """Give what they may see of an event."""
        if event.subject in self.subjects:
            return event
        if event.subject not in self.shared:
            return None
        data = _let_event(event.name, event.data, self.shared[event.subject])
        return None if data is None else event._replace(data=data)


class EventLog:
    """The latest events, and who waits for the next."""

    def __init__(self, started: Instant, remembered: int = REMEMBERED) -> None:
        self._started = started
        self._ring: deque[Event] = deque(maxlen=remembered)
        self._number = 0
        self._followers: set[Follower] = set()
        self._of: defaultdict[str, set[Follower]] = defaultdict(set)  # by subject
        self.closed = False

    def __len__(self) -> int:
        return len(self._followers)

    def append(self, subject: str, name: str, data: bytes) -> None:
        """Remember an event and wake those who may see it."""
        self._number += 1
        head = f"id: {self.id(self._number)}\nevent: {name}\ndata: ".encode()
        self._ring.append(Event(self._number, subject, name, head, data))
        for follower in self._of.get(subject, ()):
            if not follower.waiting:  # has seen all that was theirs
                follower.number, follower.waiting = self._number - 1, True
            follower.woken.set()

    def forget(self, subject: str) -> None:
        """Empty what is remembered of a subject; the numbers stay, and are nobody's."""
        for place, event in enumerate(self._ring):
            if event.subject == subject:
                self._ring[place] = event._replace(subject="", data=b"")
        _let_event.cache_clear()

    @contextmanager
    def follow(
        self,
        subjects: frozenset[str],
        last_id: str,
        shared: Shared | None = None,
    ) -> Iterator[Follower]:
        """Read on after `last_id`; "" starts now."""
        follower = Follower(subjects, self._after(last_id), shared)
        follower.woken.set()
        self._followers.add(follower)
        self._enter(follower)
        try:
            yield follower
        finally:
            self._leave(follower)
            self._followers.discard(follower)

    def change(
        self, follower: Follower, subjects: frozenset[str], shared: Shared
    ) -> None:
        """Let a follower see others from now on."""
        if (follower.subjects, follower.shared) == (subjects, shared):
            return
        if not follower.waiting:
            follower.number = self._number
        self._leave(follower)
        follower.subjects, follower.shared = subjects, shared
        self._enter(follower)

    def news(self, follower: Follower) -> bytes:
        """Give what the follower has not seen yet as an event stream's text."""
        missed = follower.waiting and follower.number < self._number - len(self._ring)
        text = b"".join(e.head + e.data + b"\n\n" for e in self.take(follower))
        return self._reset() + text if missed else text

    def take(self, follower: Follower) -> list[Event]:
        """Give the events that a follower has not seen and may, oldest first."""
        follower.woken.clear()
        fresh = self._since(follower) if follower.waiting else []
        follower.number, follower.waiting = self._number, False
        return fresh

    def close(self) -> None:
        """Let every reader go home."""
        self.closed = True
        for follower in self._followers:
            follower.woken.set()

    def id(self, number: int) -> str:
        """Give the id of an event."""
        return f"{self._started}-{number}"

    def _enter(self, follower: Follower) -> None:
        """Wake a follower from now on for those they may see."""
        for subject in follower.subjects.union(follower.shared):
            self._of[subject].add(follower)

    def _leave(self, follower: Follower) -> None:
        """Wake a follower for nobody."""
        for subject in follower.subjects.union(follower.shared):
            self._of[subject].discard(follower)
            if not self._of[subject]:
                del self._of[subject]

    def _since(self, follower: Follower) -> list[Event]:
        """Go back to what a follower has seen; give what they may see, oldest first."""
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
