"""Records off the bus into the store; then the promise, then the acknowledgement.

The order is what "never losing data" rests on: the store has every record, the ledger
says so, the gateway may be told and the broker may forget.  A crash between any two
steps makes somebody send again what is already there, which changes nothing.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

from ingest.dead import FIRST_OCTETS
from ingest.intake import Intake, Mail
from ingest.ledger import Ledger
from ingest.pace import Pace
from ingest.store import Store, Written
from ingest.teller import Teller
from vitals import wire
from vitals.bus import Bus, Delivery, Inbox, acknowledge
from vitals.clock import Clock
from vitals.metrics import Metrics

DELIVERIES = 5000  # taken at once
CLOSE_S = 5.0  # for what waits when we are told to stop; it would come again
OCTETS = 1 << 20  # of payload written at once, or one message: about 8000 records
AHEAD = 3  # groups that are read, written or promised at a time
WORTH = 1 << 17  # octets that are worth a write of their own beside another
GLANCE_S = 0.01  # between looks whether so much has come
LOOK_S = 0.5  # between looks at a store that is away

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
    records = bus.subscribe(*wire.READINGS, *wire.BATCHES, wire.WITHDRAWALS)
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


async def _drain(inbox: Inbox, pace: Pace, intake: Intake, teller: Teller) -> None:
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
            deliveries = await pace.take(inbox, DELIVERIES)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S if pace.closing else None):
                    for group in _groups(deliveries):
                        if left := await _enter(room, group, intake):
                            messages = [delivery.message for delivery in left]
                            storing = tasks.create_task(intake.store(messages))
                            belt.put_nowait((left, storing))
                    if pace.closing:
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


async def _enter(room: Room, group: list[Delivery], intake: Intake) -> list[Delivery]:
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


async def _promise(belt: Belt, room: Room, intake: Intake, teller: Teller) -> None:
    """Promise and acknowledge what has been stored, in the order in which it came."""
    while True:
        group, storing = await belt.get()
        mail, written = await storing
        promised = await intake.promise(mail, written)
        teller.tell(promised.numbers)
        teller.withdrew(promised.withdrawn)
        teller.greet(mail.online)
        intake.relief.hear(mail.gateways)
        acknowledge(group)
        room.leave()
        belt.task_done()


def _groups(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Cut deliveries into groups that one write can take."""
    group: list[Delivery] = []
    octets = 0
    for delivery in deliveries:
        size = len(delivery.message.payload)
        if size > wire.LARGEST:  # refused unread, and that much is kept
            size = FIRST_OCTETS
        if group and octets + size > OCTETS:
            yield group
            group, octets = [], 0
        octets += size
        group.append(delivery)
    yield group
