"""Records off the bus into the store; then the promise, then the acknowledgement.

The order is what "never losing data" rests on: the store has every record, the ledger
says so, the gateway may be told and the broker may forget.  A crash between any two
steps makes somebody send again what is already there, which changes nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ingest.dead import Numbered
from ingest.intake import Intake, Mail
from ingest.ledger import Ledger
from ingest.pace import Pace
from ingest.ranges import Range
from ingest.store import Store, Written
from vitals import Committed, wire
from vitals.bus import Bus, Delivery, Inbox
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.wire import Message

DELIVERIES = 5000  # taken at once
CLOSE_S = 5.0  # for what waits when we are told to stop; it would come again
OCTETS = 1 << 20  # of payload written at once, or one message: about 8000 records
AHEAD = 3  # groups that are read, written or promised at a time
WORTH = 1 << 17  # octets that are worth a write of their own beside another
GLANCE_S = 0.01  # between looks whether so much has come
LOOK_S = 0.5  # between looks at a store that is away
RANGES = 1000  # in one `committed` message

Belt = asyncio.Queue[tuple[list[Delivery], asyncio.Task[tuple[Mail, Written]]]]


async def run(
    bus: Bus,
    store: Store,
    ledger: Ledger,
    metrics: Metrics,
    clock: Clock,
    pace: Pace | None = None,
) -> None:
    """Store every record, until cancelled; `store` and `ledger` stay the caller's."""
    # A gateway that comes back waits for a word: its status shares no inbox with
    # records, which may wait for each other.
    records = bus.subscribe(*wire.READINGS, *wire.BATCHES)
    statuses = bus.subscribe(wire.GATEWAY_STATUSES)
    teller = Teller(bus, ledger)
    intake = Intake(bus, store, ledger, metrics, clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(teller.run())
            tasks.create_task(intake.notices.run())
            tasks.create_task(intake.relief.run())
            tasks.create_task(_drain(statuses, Pace(), intake, teller))
            await _drain(records, pace or Pace(), intake, teller)
    finally:
        bus.unsubscribe(records)
        bus.unsubscribe(statuses)


async def _drain(inbox: Inbox, pace: Pace, intake: Intake, teller: "Teller") -> None:
    """Keep what arrives, until cancelled.

    While one group is written the next is read: the database never waits for us.
    """
    belt: Belt = asyncio.Queue()
    room = Room()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_promise(belt, room, intake, teller))
        while not pace.closing:
            while room.busy and inbox.octets < WORTH and not intake.away:
                await room.change()
            # What arrives while others are written is the next group: one record when
            # all is well, thousands after an outage.
            for group in _groups(await pace.take(inbox, DELIVERIES)):
                if left := await _enter(room, group, intake):
                    messages = [delivery.message for delivery in left]
                    storing = tasks.create_task(intake.store(messages))
                    belt.put_nowait((left, storing))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await belt.join()
        raise asyncio.CancelledError


class Room:
    """For so many groups at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AHEAD)
        self._left = asyncio.Event()
        self.busy = 0

    async def enter(self) -> None:
        """Wait for a place."""
        await self._free.acquire()
        self.busy += 1

    def leave(self) -> None:
        """Give a place back."""
        self.busy -= 1
        self._free.release()
        self._left.set()

    async def change(self) -> None:
        """Wait until somebody leaves, but not long."""
        self._left.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GLANCE_S):
                await self._left.wait()


async def _enter(room: "Room", group: list[Delivery], intake: Intake) -> list[Delivery]:
    """Wait for room; give what is left of the group then, see `ingest.relief`."""
    while group:
        try:
            async with asyncio.timeout(LOOK_S):
                await room.enter()
                return group
        except TimeoutError:
            if intake.away:
                group = intake.relief.lighten(group)
    return group


async def _promise(belt: Belt, room: "Room", intake: Intake, teller: "Teller") -> None:
    """Promise and acknowledge what has been stored, in the order in which it came."""
    while True:
        group, storing = await belt.get()
        mail, written = await storing
        await intake.promise(mail, written)
        teller.tell(mail.numbers)
        teller.greet(mail.online)
        for delivery in group:
            delivery.ack()
        room.leave()
        belt.task_done()


class Teller:
    """Tells gateways what is durable, beside the writing.

    What waits while the broker is slow is merged: a gateway hears the newest state of
    the ledger, not every step towards it.
    """

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self._bus, self._ledger = bus, ledger
        self._touched: dict[str, dict[str, set[int]]] = {}
        self._greeted: set[str] = set()
        self._news = asyncio.Event()

    def tell(self, numbered: Iterable[Numbered]) -> None:
        """Let gateways know about these numbers."""
        for gateway, device, seq, _ in numbered:
            devices = self._touched.setdefault(gateway, {})
            devices.setdefault(device, set()).add(seq)
            self._news.set()

    def greet(self, gateways: Iterable[str]) -> None:
        """Let gateways that have just come know about everything of theirs."""
        self._greeted.update(gateways)
        if self._greeted:
            self._news.set()

    async def run(self) -> None:
        """Publish news, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            # All at once, not one round trip each.  Two rounds never overlap, so that
            # a gateway hears its news in order.
            await asyncio.gather(*map(self._bus.publish, self._messages()))

    def _messages(self) -> list[Message]:
        """Take what there is to say."""
        touched, self._touched = self._touched, {}
        greeted, self._greeted = self._greeted, set()
        found: list[Message] = []
        for gateway in greeted:
            touched.pop(gateway, None)
            found += committed(gateway, self._ledger.ranges(gateway))
        for gateway, devices in touched.items():
            durable = {
                device: self._ledger.holding(gateway, device, seqs)
                for device, seqs in devices.items()
            }
            found += committed(gateway, durable)
        return found


def committed(gateway: str, durable: dict[str, list[Range]]) -> Iterator[Message]:
    """Give the messages that tell a gateway its durable ranges, each not too long."""
    topic = wire.gateway_topic(gateway, "committed")
    devices: dict[str, list[Range]] = {}
    room = RANGES
    for device, ranges in durable.items():
        for place in range(0, len(ranges), RANGES):
            part = ranges[place : place + RANGES]
            if len(part) > room:
                yield Message(topic, wire.encode(Committed(devices)))
                devices, room = {}, RANGES
            devices[device] = part
            room -= len(part)
    if devices or not durable:  # a gateway waits for a word, if only this one
        yield Message(topic, wire.encode(Committed(devices)))


def _groups(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Cut deliveries into groups that one write can take."""
    group: list[Delivery] = []
    octets = 0
    for delivery in deliveries:
        octets += len(delivery.message.payload)
        if group and octets > OCTETS:
            yield group
            group, octets = [], len(delivery.message.payload)
        group.append(delivery)
    yield group
