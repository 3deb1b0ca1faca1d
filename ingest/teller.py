"""Tells gateways what is durable and whose it is, and what is withdrawn."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingest.ledger import Ledger
from ingest.numbers import Numbers, numbers
from ingest.ranges import Range, runs
from vitals import Committed, Reading, wire
from vitals.bus import Bus
from vitals.model import Withdrawn
from vitals.wire import Message

RANGES = 1000  # in one `committed` message

News = dict[str, set[int]]
"""Numbers of one device just made durable, by whose records bear them."""

Whose = dict[str, list[Range]]
"""Durable ranges, by whose records they are."""


class Word(NamedTuple):
    """What a gateway is to hear of one device."""

    device: str
    ranges: list[Range]  # that are durable
    subjects: Whose | None  # and whose; None: an older ledger's


class Teller:
    """Tells gateways what is durable, beside the writing.

    What waits while the broker is slow is merged: a gateway hears the newest state of
    the ledger, not every step towards it.
    """

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self._bus, self._ledger = bus, ledger
        self._touched: dict[str, dict[str, News]] = {}
        self._greeted: set[str] = set()
        self._withdrawn: dict[str, dict[str, set[int]]] = {}
        self._news = asyncio.Event()

    def tell(self, durable: Numbers) -> None:
        """Let gateways know about these numbers."""
        for (gateway, device), touched in durable.items():
            news = self._touched.setdefault(gateway, {}).setdefault(device, {})
            for subject, seqs in touched.items():
                news.setdefault(subject, set()).update(seqs)
        if self._touched:
            self._news.set()

    def withdrew(self, readings: Iterable[Reading]) -> None:
        """Let gateways know that these are taken away."""
        for (gateway, device), touched in numbers(readings).items():
            devices = self._withdrawn.setdefault(gateway, {})
            devices.setdefault(device, set()).update(*touched.values())
        if self._withdrawn:
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
        withdrawn, self._withdrawn = self._withdrawn, {}
        found: list[Message] = []
        for gateway in greeted:
            ranges = self._ledger.ranges(gateway)
            devices = touched.pop(gateway, {})
            words = [
                self._word(gateway, device, every, devices.get(device, {}))
                for device, every in ranges.items()
            ]
            found += committed(gateway, words)
        for gateway, devices in touched.items():
            found += committed(gateway, self._news_of(gateway, devices))
        for gateway, gone in withdrawn.items():
            noun = Withdrawn({device: runs(seqs) for device, seqs in gone.items()})
            topic = wire.gateway_topic(gateway, "withdrawn")
            found.append(Message(topic, wire.encode(noun)))
        return found

    def _news_of(self, gateway: str, devices: dict[str, News]) -> Iterator[Word]:
        for device, touched in devices.items():
            seqs = set().union(*touched.values())
            ranges = self._ledger.holding(gateway, device, seqs)
            yield self._word(gateway, device, ranges, touched)

    def _word(
        self, gateway: str, device: str, ranges: list[Range], touched: News
    ) -> Word:
        """Say whose numbers are: all are one person's, or each is its own record's."""
        wearers = self._ledger.wearers(gateway, device)
        if not len(wearers):
            return Word(device, ranges, None)
        if wearers.sole is not None:
            return Word(device, ranges, {wearers.sole: ranges})
        return Word(device, ranges, {s: runs(seqs) for s, seqs in touched.items()})


def committed(gateway: str, words: Iterable[Word]) -> Iterator[Message]:
    """Give the messages that tell a gateway its durable ranges, each not too long."""
    topic, told = wire.gateway_topic(gateway, "committed"), False
    noun, room = Committed({}, {}), RANGES
    for device, part, subjects in _pieces(words):
        size = (
            max(len(part), *map(len, subjects.values()), 0) if subjects else len(part)
        )
        if size > room:
            yield Message(topic, wire.encode(noun))
            noun, room, told = Committed({}, {}), RANGES, True
        if part:
            noun.devices[device] = part
        if subjects is not None:
            noun.subjects.setdefault(device, {}).update(subjects)
        room -= size
    if (
        noun.devices or noun.subjects or not told
    ):  # a gateway waits for a word, if only this one
        yield Message(topic, wire.encode(noun))


def _pieces(words: Iterable[Word]) -> Iterator[tuple[str, list[Range], Whose | None]]:
    """Cut words into pieces that fit a message; each says whose its ranges are."""
    for device, ranges, subjects in words:
        sole = subjects is not None and list(subjects.values()) == [ranges]
        for part in _parts(ranges):
            whose = dict.fromkeys(subjects, part) if subjects and sole else {}
            yield device, part, None if subjects is None else whose
        for subject, found in () if sole or not subjects else subjects.items():
            for part in _parts(found):
                yield device, [], {subject: part}


def _parts(ranges: list[Range]) -> Iterator[list[Range]]:
    for place in range(0, len(ranges), RANGES):
        yield ranges[place : place + RANGES]
