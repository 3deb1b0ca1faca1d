"""While the store is away, what a gateway keeps is left with it.

A numbered record lies on its gateway's disk until it is committed.  Were it to wait in
the broker as well, an outage would fill the broker, and live records would stand behind
all of it afterwards.  So it is let go there, unpromised, and the gateways are asked for
what they have once the store is back.

A number alone does not say that somebody keeps the record: it may be played back, from
long ago or from elsewhere.  So only the word of a gateway that is there counts, and for
what it has received from the time on that it names.  Whatever else comes has no other
copy: it waits, and then the broker does.
"""

import asyncio
from collections.abc import Mapping, Sequence

from ingest.ledger import Ledger
from ingest.numbers import numbers
from vitals import GatewayStatus, Instant, MalformedData, Reading, wire
from vitals.bus import Bus, Delivery
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.model import GatewayCommand
from vitals.wire import Message


class Relief:
    """Lets go of what others keep, and asks for it again."""

    def __init__(
        self, bus: Bus, ledger: Ledger, metrics: Metrics, clock: Clock
    ) -> None:
        self._bus, self._ledger = bus, ledger
        self._metrics, self._clock = metrics, clock
        self._keeps: dict[str, Instant] = {}  # by gateway, since when it keeps all
        self._asked: set[str] = set()  # gateways, when the store is back
        self._back = asyncio.Event()

    def hear(self, statuses: Mapping[str, GatewayStatus | None]) -> None:
        """Note what gateways say of themselves."""
        for gateway, status in statuses.items():
            if status and status.online and status.keeps is not None:
                self._keeps[gateway] = Instant(status.keeps)
            else:
                self._keeps.pop(gateway, None)

    def lighten(self, group: Sequence[Delivery]) -> list[Delivery]:
        """Let go of deliveries that gateways keep; give the others."""
        left = []
        for delivery in group:
            if found := self._keepers(delivery.message):
                self._asked |= found
                delivery.ack()
            else:
                left.append(delivery)
        self._metrics.count("ingest_left_total", len(group) - len(left))
        return left

    def recovered(self) -> None:
        """Hear that the store is back."""
        if self._asked:
            self._back.set()

    async def run(self) -> None:
        """Ask for what was let go, until cancelled."""
        while True:
            await self._back.wait()
            self._back.clear()
            asked, self._asked = self._asked, set()
            command = wire.encode(GatewayCommand(action="resend", t=self._clock()))
            topics = [wire.gateway_topic(gateway, "command") for gateway in asked]
            words = [Message(topic, command) for topic in topics]
            await asyncio.gather(*map(self._bus.publish, words))

    def _keepers(self, message: Message) -> set[str]:
        """Give the gateways that keep all of a message's records; none: nobody does."""
        try:
            readings = wire.unpack(message)
        except (MalformedData, RecursionError):
            return set()
        # What was withdrawn comes only by us out of the store, if it came into it.
        if not all(map(self._kept, readings)) or self._ledger.sift(readings)[1]:
            return set()
        return {gateway for gateway, _ in numbers(readings)}

    def _kept(self, reading: Reading) -> bool:
        record = reading.record
        if record.gateway is None or record.seq is None or record.received is None:
            return False
        since = self._keeps.get(record.gateway)
        return since is not None and record.received >= since
