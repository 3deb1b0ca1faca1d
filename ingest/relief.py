"""While the store is away, what a gateway keeps is left with it.

A numbered record lies on its gateway's disk until it is committed.  Were it to wait in
the broker as well, an outage would fill the broker, and live records would stand behind
all of it afterwards.  So it is let go there, unpromised, and the gateways are asked for
what they have once the store is back.  A record without a number, and what nobody
understands, has no other copy: it waits, and then the broker does.
"""

import asyncio
from collections.abc import Sequence

from vitals import MalformedData, wire
from vitals.bus import Bus, Delivery
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.model import GatewayCommand
from vitals.wire import Message


class Relief:
    """Lets go of what others keep, and asks for it again."""

    def __init__(self, bus: Bus, metrics: Metrics, clock: Clock) -> None:
        self._bus, self._metrics, self._clock = bus, metrics, clock
        self._keepers: set[str] = set()
        self._back = asyncio.Event()

    def lighten(self, group: Sequence[Delivery]) -> list[Delivery]:
        """Let go of deliveries that gateways keep; give the others."""
        left = []
        for delivery in group:
            if found := keepers(delivery.message):
                self._keepers |= found
                delivery.ack()
            else:
                left.append(delivery)
        self._metrics.count("ingest_left_total", len(group) - len(left))
        return left

    def recovered(self) -> None:
        """Hear that the store is back."""
        if self._keepers:
            self._back.set()

    async def run(self) -> None:
        """Ask for what was let go, until cancelled."""
        while True:
            await self._back.wait()
            self._back.clear()
            asked, self._keepers = self._keepers, set()
            command = wire.encode(GatewayCommand(action="resend", t=self._clock()))
            topics = [wire.gateway_topic(gateway, "command") for gateway in asked]
            words = [Message(topic, command) for topic in topics]
            await asyncio.gather(*map(self._bus.publish, words))


def keepers(message: Message) -> set[str]:
    """Give the gateways that keep all of a message's records; none: nobody does."""
    try:
        records = [reading.record for reading in wire.unpack(message)]
    except (MalformedData, RecursionError):
        return set()
    if any(record.gateway is None or record.seq is None for record in records):
        return set()
    return {record.gateway for record in records if record.gateway is not None}
