"""Makes messages durable: read, stored, promised.

What fails is tried until it succeeds; what nobody understands goes to the dead letters
with the reason, and stops nobody.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, ParamSpec, TypeVar

from ingest.dead import Letter, malformed, refused
from ingest.ledger import Ledger, Promised
from ingest.notices import Notices
from ingest.numbers import Numbered, Numbers, numbered, numbers, parted
from ingest.ranges import runs
from ingest.relief import Relief
from ingest.store import Store, Written
from ingest.threads import finish
from ingest.wearers import JUMP
from vitals import GatewayStatus, MalformedData, Reading, Unavailable, wire
from vitals.bus import Bus
from vitals.clock import Clock, monotonic
from vitals.metrics import Metrics
from vitals.wire import Message

log = logging.getLogger(__name__)

AWAY_S = 3.0  # then the store is not coming back at once
WAITS_S = (0.2, 0.4, 0.8, 1.6, 2.0)  # between attempts meanwhile

P = ParamSpec("P")
T = TypeVar("T")


class Mail:
    """What some messages say, sorted; nothing in them can stop the others."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.readings: list[Reading] = []
        self.letters: list[tuple[Message, Letter]] = []
        self.gateways: dict[str, GatewayStatus | None] = {}  # None: taken off
        self.withdrawn: list[Reading] = []  # entered in error
        self.gone: list[Reading] = []  # come though they were withdrawn before
        for message in messages:
            self._sort(message)
        self.durable = numbers(self.readings)  # once they are stored

    @property
    def online(self) -> list[str]:
        """Give the gateways that have said that they are there."""
        return [name for name, word in self.gateways.items() if word and word.online]

    def sift(self, ledger: Ledger) -> None:
        """Set aside what has been withdrawn."""
        self.readings, gone = ledger.sift(self.readings)
        if gone:
            self.gone += gone
            self.durable = numbers(self.readings)

    def _sort(self, message: Message) -> None:
        try:
            if not message.topic.endswith(("/status", "/withdraw")):
                self.readings += wire.unpack(message)
            elif message.topic.endswith("/status"):
                self._status(message)
            else:
                self.withdrawn.append(wire.unpack_withdrawal(message))
        # RecursionError: brackets, thousands deep.
        except (MalformedData, RecursionError) as error:
            self._salvage(message)
            self.letters.append((message, malformed(message, str(error))))

    def _status(self, message: Message) -> None:
        """Note a gateway's word; an empty payload takes it off the broker."""
        wire.refuse_large(message)
        empty = not message.payload
        status = None if empty else wire.read(GatewayStatus, message.payload)
        self.gateways[wire.levels(message.topic)[1]] = status

    def _salvage(self, message: Message) -> None:
        """Take the good records out of a bad batch."""
        if message.topic.endswith("/batch") and len(message.payload) <= wire.LARGEST:
            try:
                self.readings += wire.salvage(message)[0]
            except (MalformedData, RecursionError):
                return


class Done(NamedTuple):
    """What has become of some mail."""

    numbers: Numbers  # durable, whatever was before
    withdrawn: list[Reading]  # as they were asked to be


class Intake:
    """Makes mail durable, however long that takes, and counts it."""

    def __init__(
        self, bus: Bus, store: Store, ledger: Ledger, metrics: Metrics, clock: Clock
    ) -> None:
        self._store, self._ledger = store, ledger
        self.notices = Notices(bus)
        self.relief = Relief(bus, ledger, metrics, clock)
        self._metrics, self._clock = metrics, clock
        self._failed = 0  # attempts since the last that succeeded
        self._since = 0.0  # when the first of them was, monotonic s
        self._tally()

    @property
    def away(self) -> bool:
        """Tell whether the store is away and likely to stay so for a while."""
        return bool(self._failed) and monotonic() - self._since > AWAY_S

    async def store(self, messages: Sequence[Message]) -> tuple[Mail, Written]:
        """Return once the records are stored."""
        mail = await finish(Mail, messages)
        mail.sift(self._ledger)
        if not mail.readings:
            return mail, Written(0, 0)
        began = monotonic()
        written = await self._insist(self._store.write, mail.readings)
        self._metrics.observe("ingest_write_seconds", [monotonic() - began])
        self._metrics.gauge("ingest_batch_records", len(mail.readings))
        return mail, written

    async def promise(self, mail: Mail, written: Written) -> Done:
        """Return once the ledger says so."""
        if mail.readings:
            self._count(mail, written)
        mail.sift(self._ledger)  # again: what was withdrawn while this was written
        bad = [(wire.pack(r), refused(r, why)) for r, why in written.refused]
        letters = [*mail.letters, *bad]
        durable = mail.durable
        if bad:
            refusals = {reading for reading, _ in written.refused}
            durable = numbers(r for r in mail.readings if r not in refusals)
        promised = await self._note(durable, letters, [*mail.gone, *mail.withdrawn])
        letters += await self._dispute(promised.disputed)
        self._tell(mail, letters)
        disputed = set(promised.disputed)
        done = [r for r in mail.withdrawn if numbered(r) not in disputed]
        return Done(promised.granted, done)

    async def _note(
        self,
        durable: Numbers,
        letters: Sequence[tuple[Message, Letter]],
        gone: Sequence[Reading],
    ) -> Promised:
        """Write into the ledger what is durable, dead or withdrawn; take that away."""
        dead = [letter for _, letter in letters]
        if not (durable or dead or gone):
            return Promised({}, [])
        keep, now = self._ledger.keep, self._clock()
        promised = await self._insist(keep, durable, dead, now, gone)
        if gone:
            await self._insist(self._store.withdraw, gone)
            self._metrics.count("ingest_withdrawn_total", len(gone))
        return promised

    async def _dispute(
        self, disputed: Sequence[Numbered]
    ) -> list[tuple[Message, Letter]]:
        """Note numbers that cannot be; give the letters that tell of them."""
        if not disputed:
            return []
        self._metrics.count("ingest_disputed_total", len(disputed))
        notes = _notes(disputed)
        dead = [letter for _, letter in notes]
        await self._insist(self._ledger.keep, {}, dead, self._clock())
        return notes

    def _tell(self, mail: Mail, letters: Sequence[tuple[Message, Letter]]) -> None:
        """Count, and send the dead letters on their way, as long as they are kept."""
        self._metrics.count("ingest_malformed_total", len(mail.letters))
        self._metrics.count("ingest_dead_total", len(letters))
        self._tally()
        self.notices.add([letter for _, letter in letters], self._clock())

    def _tally(self) -> None:
        """Say lost so many of so many."""
        lost, given = self._ledger.tally()
        self._metrics.gauge("ingest_lost", lost)
        self._metrics.gauge("ingest_given", given)

    async def _insist(
        self, attempt: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call something blocking until it succeeds; one line per outage."""
        failed = 0
        while True:
            try:
                result = await finish(attempt, *args, **kwargs)
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
                fresh = [r for r in fresh if numbered(r) not in known]
        elif known:
            reused = sum(numbered(reading) in known for reading in fresh)
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


def _notes(disputed: Iterable[Numbered]) -> list[tuple[Message, Letter]]:
    """Give the dead letters that tell of disputed numbers: one per stream and subject.

    The records themselves are in the store, unless they were malformed.
    """
    notes = []
    for (gateway, device), touched in parted(disputed).items():
        for subject, seqs in touched.items():
            said = {"gateway": gateway, "device": device, "seqs": runs(seqs)}
            message = Message(wire.of(subject, device), wire.encode(said))
            reason = (
                "not committed: of somebody new to this device, and more than"
                f" {JUMP:,} beyond the last number that is durable"
            )
            notes.append((message, Letter(message.topic, message.payload, reason)))
    return notes
