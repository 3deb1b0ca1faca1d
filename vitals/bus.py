"""How the stages meet: one publishes a message, another takes it from its inbox.

A stage never imports a sibling.  The front door gives it a bus; `vitals.wire` says what
the messages mean.  `vitals.mqtt` is the bus between processes and machines, `MemoryBus`
the bus of tests; both pass one contract suite.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from msgspec import Struct

from vitals.wire import Message

OVERHEAD = 512  # octets that a message costs beside its payload


class HasMessage(Protocol):
    """What brings a message."""

    @property
    def message(self) -> Message:
        """The message."""


class Delivery(Struct, frozen=True, gc=False):
    """A message in an inbox; call `ack` once it is safe to forget, in order."""

    message: Message
    acknowledge: Callable[[Sequence[int]], None]
    mid: int = 0  # what `acknowledge` knows it by

    def ack(self) -> None:
        """Let the bus forget it."""
        self.acknowledge([self.mid])


def acknowledge(deliveries: Iterable[Delivery]) -> None:
    """Let the bus forget many, in their order."""
    for forget, several in groupby(deliveries, attrgetter("acknowledge")):
        forget([one.mid for one in several])


class Inbox:
    """What has arrived for one subscription, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self.octets = 0  # that wait, about

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Add deliveries; only a bus does, on the event loop."""
        added = list(deliveries)
        self._waiting.extend(added)
        self.octets += octets(added)
        self._arrived.set()

    async def take(self, limit: int = 1000) -> list[Delivery]:
        """Wait for at least one delivery; give all that have arrived, up to `limit`."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        count = min(limit, len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(count)]
        self.octets -= octets(taken)
        return taken


class Bus(Protocol):
    """At-least-once publish/subscribe with retained messages."""

    @property
    def online(self) -> asyncio.Event:
        """Set while messages can leave."""

    async def publish(self, message: Message) -> None:
        """Return once the broker has accepted the message; wait while it is away."""

    def subscribe(self, *filters: str) -> Inbox:
        """Open an inbox for MQTT topic filters; retained messages come first."""

    def unsubscribe(self, inbox: Inbox) -> None:
        """Close an inbox."""


class MemoryBus:
    """A bus inside one process: at most once, nothing survives."""

    def __init__(self) -> None:
        self._inboxes: dict[int, tuple[Inbox, tuple[str, ...]]] = {}
        self._retained: dict[str, Message] = {}
        self.online = asyncio.Event()
        self.online.set()

    async def publish(self, message: Message) -> None:
        """Put the message into every inbox that wants it."""
        if message.retain:
            self._retained.pop(message.topic, None)
            if message.payload:
                self._retained[message.topic] = message
        for inbox, filters in list(self._inboxes.values()):
            if any(matches(wanted, message.topic) for wanted in filters):
                inbox.put([Delivery(message, _nothing)])
        await asyncio.sleep(0)

    def subscribe(self, *filters: str) -> Inbox:
        """Open an inbox for everything under the filters, retained messages first."""
        inbox = Inbox()
        self._inboxes[id(inbox)] = inbox, filters
        wanted = (m for m in self._retained.values())
        inbox.put(
            Delivery(message, _nothing)
            for message in wanted
            if any(matches(f, message.topic) for f in filters)
        )
        return inbox

    def unsubscribe(self, inbox: Inbox) -> None:
        """Close an inbox."""
        self._inboxes.pop(id(inbox), None)


def matches(wanted: str, topic: str) -> bool:
    """Tell whether a topic lies under an MQTT topic filter.

    >>> matches("vitals/v1/+/+/anomaly", "vitals/v1/34/p-7/anomaly")
    True
    >>> matches("vitals/v1/#", "vitals/v2/dead")
    False
    """
    want, have = wanted.split("/"), topic.split("/")
    for place, level in enumerate(want):
        if level == "#":
            return True
        if place >= len(have) or level not in ("+", have[place]):
            return False
    return len(want) == len(have)


def octets(several: Iterable[HasMessage]) -> int:
    """Give what messages that have arrived take up, about."""
    sizes = [len(one.message.payload) for one in several]
    return sum(sizes) + OVERHEAD * len(sizes)


def _nothing(_mids: Sequence[int]) -> None:
    """Acknowledge to nobody."""
