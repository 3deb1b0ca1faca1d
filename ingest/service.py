"""Records off the bus into the store; then the promise, then the acknowledgement.

The order is what "never losing data" rests on: the store has every record, the ledger
says so, the gateway may be told and the broker may forget.  A crash between any two
steps makes somebody send again what is already there, which changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import ParamSpec, TypeVar

from ingest.dead import Letter, Numbered, malformed, numbered, refused
from ingest.ledger import Ledger
from ingest.notices import Notices
from ingest.pace import Pace
from ingest.ranges import Range, runs
from ingest.relief import Relief
from ingest.store import Store, Written
from vitals import Committed, GatewayStatus, MalformedData, Reading, Unavailable, wire
from vitals.bus import Bus, Delivery, Inbox
from vitals.clock import Clock, monotonic
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

DELIVERIES = 5000  # taken at once
CLOSE_S = 5.0  # for what waits when we are told to stop; it would come again
OCTETS = 1 << 20  # of payload written at once, or one message: about 8000 records
WAITS_S = (0.2, 0.4, 0.8, 1.6, 2.0)  # between attempts while the store is away
AHEAD = 3  # groups that are read, written or promised at a time
LOOK_S = 0.5  # between looks at a store that is away
AWAY_S = 3.0  # then it is not coming back at once
RANGES = 1000  # in one `committed` message

P = ParamSpec("P")
T = TypeVar("T")
Belt = asyncio.Queue[tuple[list[Delivery], asyncio.Task[tuple["Mail", Written]]]]


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


async def _drain(inbox: Inbox, pace: Pace, intake: "Intake", teller: "Teller") -> None:
    """Keep what arrives, until cancelled.

    While one group is written the next is read: the database never waits for us.
    """
    belt: Belt = asyncio.Queue()
    room = asyncio.Semaphore(AHEAD)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_promise(belt, room, intake, teller))
        while not pace.closing:
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


async def _enter(
    room: asyncio.Semaphore, group: list[Delivery], intake: "Intake"
) -> list[Delivery]:
    """Wait for room; give what is left of the group then, see `ingest.relief`."""
    while group:
        try:
            async with asyncio.timeout(LOOK_S):
                await room.acquire()
                return group
        except TimeoutError:
            if intake.away:
                group = intake.relief.lighten(group)
    return group


async def _promise(
    belt: Belt, room: asyncio.Semaphore, intake: "Intake", teller: "Teller"
) -> None:
    """Promise and acknowledge what has been stored, in the order in which it came."""
    while True:
        group, storing = await belt.get()
        mail, written = await storing
        await intake.promise(mail, written)
        teller.tell(mail.numbers)
        teller.greet(mail.online)
        for delivery in group:
            delivery.ack()
        room.release()
        belt.task_done()


class Mail:
    """What some messages say, sorted; nothing in them can stop the others."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.readings: list[Reading] = []
        self.letters: list[tuple[Message, Letter]] = []
        self.online: list[str] = []  # gateways that said so
        for message in messages:
            self._sort(message)
        self.durable = [*numbered(self.readings)]  # once they are stored

    @property
    def numbers(self) -> list[Numbered]:
        """What gateways wait to see committed."""
        claims = [claim for _, letter in self.letters for claim in letter.claims]
        return self.durable + claims

    def _sort(self, message: Message) -> None:
        try:
            if message.topic.endswith("/status"):
                self._status(message)
            else:
                self.readings += wire.unpack(message)
        # RecursionError: brackets, thousands deep.
        except (MalformedData, RecursionError) as error:
            self._salvage(message)
            self.letters.append((message, malformed(message, str(error))))

    def _status(self, message: Message) -> None:
        """Note a gateway that is there; an empty payload takes one off the broker."""
        if message.payload and wire.read(GatewayStatus, message.payload).online:
            self.online.append(wire.levels(message.topic)[1])

    def _salvage(self, message: Message) -> None:
        """Take the good records out of a bad batch."""
        if message.topic.endswith("/batch") and len(message.payload) <= wire.LARGEST:
            try:
                self.readings += wire.salvage(message)[0]
            except (MalformedData, RecursionError):
                return


class Intake:
    """Makes mail durable, however long that takes, and counts it."""

    def __init__(
        self, bus: Bus, store: Store, ledger: Ledger, metrics: Metrics, clock: Clock
    ) -> None:
        self._store, self._ledger = store, ledger
        self.notices = Notices(bus)
        self.relief = Relief(bus, metrics, clock)
        self._metrics, self._clock = metrics, clock
        self._failed = 0  # attempts since the last that succeeded
        self._since = 0.0  # when the first of them was, monotonic s

    @property
    def away(self) -> bool:
        """Tell whether the store is away and likely to stay so for a while."""
        return bool(self._failed) and monotonic() - self._since > AWAY_S

    async def store(self, messages: Sequence[Message]) -> tuple[Mail, Written]:
        """Return once the records are stored."""
        mail = await _finish(Mail, messages)
        if not mail.readings:
            return mail, Written(0, 0)
        began = monotonic()
        written = await self._insist(self._store.write, mail.readings)
        self._metrics.observe("ingest_write_seconds", [monotonic() - began])
        self._metrics.gauge("ingest_batch_records", len(mail.readings))
        return mail, written

    async def promise(self, mail: Mail, written: Written) -> None:
        """Return once the ledger says so."""
        if mail.readings:
            self._count(mail, written)
        bad = [(wire.pack(r), refused(r, why)) for r, why in written.refused]
        letters = [*mail.letters, *bad]
        durable = mail.durable
        if bad:
            refusals = {reading for reading, _ in written.refused}
            durable = [*numbered(r for r in mail.readings if r not in refusals)]
        letters += await self._note(durable, letters)
        self._metrics.count("ingest_malformed_total", len(mail.letters))
        self._metrics.count("ingest_dead_total", len(letters))
        lost, given = self._ledger.tally()
        self._metrics.gauge("ingest_lost", lost)
        self._metrics.gauge("ingest_given", given)
        self.notices.add(
            wire.dead(message, letter.reason, self._clock())
            for message, letter in letters
        )

    async def _note(
        self, durable: Sequence[Numbered], letters: Sequence[tuple[Message, Letter]]
    ) -> list[tuple[Message, Letter]]:
        """Write durable numbers and letters into the ledger; give notes on disputes."""
        dead = [letter for _, letter in letters]
        if not (durable or dead):
            return []
        disputed = await self._insist(self._ledger.keep, durable, dead, self._clock())
        if not disputed:
            return []
        self._metrics.count("ingest_disputed_total", len(disputed))
        notes = _notes(disputed)
        dead = [letter for _, letter in notes]
        await self._insist(self._ledger.keep, (), dead, self._clock())
        return notes

    async def _insist(
        self, attempt: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call something blocking until it succeeds; one line per outage."""
        failed = 0
        while True:
            try:
                result = await _finish(attempt, *args, **kwargs)
            except Unavailable as error:
                self._outage(error)
                await asyncio.sleep(WAITS_S[min(failed, len(WAITS_S) - 1)])
                failed += 1
            else:
                self._recovery()
                return result

    def _outage(self, error: Unavailable) -> None:
        """Note a failed attempt; several calls may be at it."""
        if not self._failed:
            self._since = monotonic()
            log.warning("cannot store, will keep trying: %s", error)
        self._failed += 1
        self._metrics.count("ingest_unavailable_total")

    def _recovery(self) -> None:
        if self._failed:
            log.warning("can store again, after %d attempts", self._failed)
            self.relief.recovered()
        self._failed = 0

    def _count(self, mail: Mail, written: Written) -> None:
        """Count what was written, before the ledger knows of it."""
        readings, fresh, refused = mail.readings, written.fresh, len(written.refused)
        known = self._ledger.known(mail.durable)
        if fresh is None:  # this store cannot tell; the ledger nearly can
            bad = {reading for reading, _ in written.refused}
            fresh = [r for r in readings if r not in bad] if bad else readings
            if known:
                fresh = [r for r in fresh if known.isdisjoint(numbered([r]))]
        elif known:
            reused = sum(claim in known for claim in numbered(fresh))
            self._metrics.count("ingest_seq_reused_total", reused)
        self._metrics.count("ingest_batches_total")
        self._metrics.count("ingest_records_total", len(fresh))
        repeated = len(readings) - len(fresh) - refused
        self._metrics.count("ingest_repeated_total", repeated)
        self._metrics.count("ingest_refused_total", refused)
        now = self._clock()
        received = [r.record.received for r in fresh]
        seconds = [(now - ms) / 1000 for ms in received if ms is not None]
        self._metrics.observe("ingest_stored_seconds", seconds)
        self._metrics.gauge("ingest_lag_seconds", max(seconds, default=0))


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


def _notes(disputed: Iterable[Numbered]) -> list[tuple[Message, Letter]]:
    """Give the dead letters that tell of disputed numbers: one per stream and subject.

    The records themselves are in the store, unless they were malformed.
    """
    found: dict[tuple[str, str, str], list[int]] = {}
    for gateway, device, seq, subject in disputed:
        found.setdefault((gateway, device, subject), []).append(seq)
    notes = []
    for (gateway, device, subject), seqs in found.items():
        said = {"gateway": gateway, "device": device, "seqs": runs(seqs)}
        message = Message(wire.of(subject, device), wire.encode(said))
        reason = "not committed: these numbers are another subject's"
        notes.append((message, Letter(message.topic, message.payload, reason)))
    return notes


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


async def _finish(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work in a thread; when cancelled, let it finish before we leave."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
