"""Records off the bus into the store; then the promise, then the acknowledgement.

The order is what "never losing data" rests on: the store has every record, the ledger
says so, the gateway may be told and the broker may forget.  A crash between any two
steps makes somebody send again what is already there, which changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, ParamSpec, TypeVar

from ingest.dead import Letter, Numbered, malformed, numbered, refused
from ingest.ledger import Ledger, Promised
from ingest.pace import Pace
from ingest.ranges import runs
from ingest.store import Store, Written
from ingest.teller import Teller
from ingest.threads import finish
from vitals import GatewayStatus, MalformedData, Reading, Unavailable, wire
from vitals.bus import Bus, Delivery, Inbox, matches
from vitals.clock import Clock
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

DELIVERIES = 5000  # taken at once
CLOSE_S = 5.0  # for what waits when we are told to stop; it would come again
OCTETS = 1 << 20  # of payload written at once, or one message: about 8000 records
WAITS_S = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0)  # between attempts while the store is away

P = ParamSpec("P")
T = TypeVar("T")


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
    intake = Intake(store, ledger, metrics, clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(teller.run())
            tasks.create_task(_drain(statuses, Pace(), intake, teller))
            await _drain(records, pace or Pace(), intake, teller)
    finally:
        bus.unsubscribe(records)
        bus.unsubscribe(statuses)


async def _drain(inbox: Inbox, pace: Pace, intake: "Intake", teller: Teller) -> None:
    """Keep what arrives, until cancelled."""
    while not pace.closing:
        # What arrives while this is written is the next batch: one record when all is
        # well, thousands after an outage.
        deliveries = await pace.take(inbox, DELIVERIES)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S if pace.closing else None):
                for group in _groups(deliveries):
                    mail = await finish(Mail, [d.message for d in group])
                    kept = await intake.keep(mail)
                    teller.publish(kept.dead)
                    teller.tell(kept.promised)
                    teller.withdrew(kept.withdrawn)
                    teller.greet(mail.online)
                    for delivery in group:
                        delivery.ack()
    raise asyncio.CancelledError


class Mail:
    """What some messages say, sorted; nothing in them can stop the others."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.readings: list[Reading] = []
        self.letters: list[tuple[Message, Letter]] = []
        self.online: list[str] = []  # gateways that said so
        self.withdrawn: list[Reading] = []  # entered in error
        for message in messages:
            self._sort(message)

    def _sort(self, message: Message) -> None:
        try:
            if matches(wire.GATEWAY_STATUSES, message.topic):
                self._status(message)
            elif matches(wire.WITHDRAWALS, message.topic):
                self.withdrawn.append(wire.unpack_withdrawal(message))
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


class Kept(NamedTuple):
    """What became of some mail."""

    dead: list[Message]  # letters to publish
    promised: list[Numbered]  # durable, whatever was before
    withdrawn: list[Reading]  # as they were asked to be


class Intake:
    """Makes mail durable, however long that takes, and counts it."""

    def __init__(
        self, store: Store, ledger: Ledger, metrics: Metrics, clock: Clock
    ) -> None:
        self._store, self._ledger = store, ledger
        self._metrics, self._clock = metrics, clock

    async def keep(self, mail: Mail) -> Kept:
        """Return once everything is durable."""
        readings, away = self._ledger.sift(mail.readings)
        written = Written(0, 0)
        if readings:
            written = await self._insist(self._store.write, readings)
            self._count(readings, written)
        bad = [(wire.pack(r), refused(r, why)) for r, why in written.refused]
        letters = [*mail.letters, *bad]
        refusals = {reading for reading, _ in written.refused}
        kept = [r for r in readings if r not in refusals] if bad else readings
        gone = [*away, *mail.withdrawn]
        promised = await self._promise(kept, letters, gone)
        if gone:
            await self._insist(self._store.withdraw, gone)
            self._metrics.count("ingest_withdrawn_total", len(gone))
        letters += await self._dispute(promised.disputed)
        self._metrics.count("ingest_malformed_total", len(mail.letters))
        self._metrics.gauge("ingest_lost", self._ledger.tally()[0])
        dead = [wire.dead(m, letter.reason, self._clock()) for m, letter in letters]
        disputed = set(promised.disputed)
        done = [r for r in mail.withdrawn if disputed.isdisjoint(numbered([r]))]
        return Kept(dead, promised.granted, done)

    async def _promise(
        self,
        kept: Iterable[Reading],
        letters: Sequence[tuple[Message, Letter]],
        gone: Sequence[Reading],
    ) -> Promised:
        """Write into the ledger what is durable, dead or withdrawn."""
        durable, dead = list(numbered(kept)), [letter for _, letter in letters]
        if not (durable or dead or gone):
            return Promised([], [])
        keep, now = self._ledger.keep, self._clock()
        return await self._insist(keep, durable, dead, now, gone)

    async def _dispute(
        self, disputed: Sequence[Numbered]
    ) -> list[tuple[Message, Letter]]:
        """Note numbers that cannot be; give the letters that tell of them."""
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
                result = await finish(attempt, *args, **kwargs)
            except Unavailable as error:
                if not failed:
                    log.warning("cannot store, will keep trying: %s", error)
                self._metrics.count("ingest_unavailable_total")
                await asyncio.sleep(WAITS_S[min(failed, len(WAITS_S) - 1)])
                failed += 1
            else:
                if failed:
                    log.warning("can store again, after %d attempts", failed)
                return result

    def _count(self, readings: Sequence[Reading], written: Written) -> None:
        """Count what was written, before the ledger knows of it."""
        fresh, known = written.fresh, [r for r in readings if self._known(r)]
        if fresh is None:  # this store cannot tell; the ledger nearly can
            bad = {reading for reading, _ in written.refused}
            fresh = [r for r in readings if not self._known(r) and r not in bad]
        elif known:
            known_keys = set(known)
            reused = sum(reading in known_keys for reading in fresh)
            self._metrics.count("ingest_seq_reused_total", reused)
        repeated = len(readings) - len(fresh) - len(written.refused)
        self._metrics.count("ingest_batches_total")
        self._metrics.count("ingest_records_total", len(fresh))
        self._metrics.count("ingest_repeated_total", repeated)
        self._metrics.count("ingest_refused_total", len(written.refused))
        now = self._clock()
        received = (r.record.received for r in fresh)
        seconds = [(now - ms) / 1000 for ms in received if ms is not None]
        self._metrics.observe("ingest_stored_seconds", seconds)

    def _known(self, reading: Reading) -> bool:
        """Tell whether the ledger has a reading's number already."""
        gateway, seq = reading.record.gateway, reading.record.seq
        if gateway is None or seq is None:
            return False
        return self._ledger.knows(gateway, reading.device, seq)


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
