"""What the broker keeps of one patient, and how to have everybody forget it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from msgspec import Struct, field

from vitals import config, wire
from vitals.assignments import Assigned, Assignments
from vitals.bus import Bus, Inbox
from vitals.errors import MalformedData, Unavailable
from vitals.model import DeviceStatus, Erased, GatewayStatus, Instant, StageStatus
from vitals.mqtt import MqttBus
from vitals.wire import Message

BROKER_S = 3.0
ANSWER_S = 15.0  # for what is retained to come, or for a word to be taken
ALIVE_MS = 90_000  # a stage that works says so far more often


class Retained(Struct):
    """What a broker has told."""

    topics: list[str] = field(default_factory=list)  # the patient's own
    worn: list[str] = field(default_factory=list)  # wearables, as their gateway sees it
    queued: dict[str, int] = field(default_factory=dict)  # on gateways, of whomever
    stages: dict[str, Instant] = field(default_factory=dict)  # when they last said so

    def works(self, stage: str, now: Instant) -> bool:
        """Tell whether a stage works."""
        return abs(now - self.stages.get(stage, Instant(0))) < ALIVE_MS

    def take(self, subject: str, now: Instant, message: Message) -> None:
        """Learn from a retained message."""
        match wire.levels(message.topic):
            case ["gateway", name, "status"]:
                self.queued[name] = wire.read(GatewayStatus, message.payload).queued
            case ["gateway", _, "assignments"]:
                said = wire.read(Assignments, message.payload)
                self.worn += _checked_in(said, subject, now)
            case ["stage", name, "status"]:
                word = wire.read(StageStatus, message.payload)
                self.stages[name] = Instant(word.t if word.online else 0)
            case [_, _, device, *rest]:
                self.topics.append(message.topic)
                if rest == ["status"]:
                    status = wire.read(DeviceStatus, message.payload)
                    self.worn += [device] if status.connected else []
            case _:
                self.topics.append(message.topic)


async def ask(settings: config.Mqtt, subject: str, now: Instant) -> Retained:
    """Ask a broker what it keeps.

    Raises
    ------
    Unavailable
        It does not answer.
    """
    async with MqttBus(settings) as bus:
        await bus.ready(BROKER_S)
        return await told(bus, subject, now)


async def forget(
    settings: config.Mqtt, subject: str, by: str, now: Instant
) -> Retained:
    """Let the stages forget a patient, and then the broker; give what it had kept.

    Raises
    ------
    Unavailable
        It does not answer.
    """
    async with MqttBus(settings) as bus:
        await bus.ready(BROKER_S)
        found = await told(bus, subject, now)
        await say(bus, subject, found.topics, Erased(by=by, t=now))
    return found


async def say(bus: Bus, subject: str, topics: Iterable[str], word: Erased) -> None:
    """Say that somebody is erased, and empty what is retained of them.

    Raises
    ------
    Unavailable
        The broker does not take it.
    """
    erased = Message(wire.of(subject, "erased"), wire.encode(word))
    for message in (erased, *(Message(topic, b"", retain=True) for topic in topics)):
        async with _answered("take what is said of", subject):
            await bus.publish(message)


async def told(bus: Bus, subject: str, now: Instant) -> Retained:
    """Hear what is retained.

    The broker sends it before what is published later: a word of ours comes back behind
    it.  Where none comes back nothing is known.

    Raises
    ------
    Unavailable
        Ours does not come back.
    """
    of_all = wire.GATEWAY_STATUSES, wire.STAGE_STATUSES, wire.ASSIGNMENTS
    inbox, found = bus.subscribe(wire.of(subject, "#"), *of_all), Retained()
    ours = Message(wire.of(subject, "echo"), wire.encode({"echo": secrets.token_hex()}))
    async with _answered("tell what it keeps of", subject):
        await bus.publish(ours)
        async for message in _until(ours, inbox):
            if message.retain and message.payload:
                with suppress(MalformedData):
                    found.take(subject, now, message)
    bus.unsubscribe(inbox)
    return found


async def _until(last: Message, inbox: Inbox) -> AsyncIterator[Message]:
    """Give what arrives before a message."""
    while True:
        for delivery in await inbox.take():
            delivery.ack()
            if delivery.message == last:
                return
            yield delivery.message


@asynccontextmanager
async def _answered(what: str, subject: str) -> AsyncIterator[None]:
    """Give the broker time to do what it is asked in a block."""
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError as error:
        raise Unavailable(
            f"the broker does not {what} {subject} within {ANSWER_S:.0f} s: may"
            f" mqtt.username read and write {wire.EVERYTHING}?"
        ) from error


def _checked_in(said: Assignments, subject: str, now: Instant) -> list[str]:
    """Give the shared wearables that measure somebody now: the newest word counts."""
    newest: dict[str, Assigned] = {}
    for one in said.trail:
        if one.what == "check_in":
            newest.setdefault(one.device, one)
    lasting = (o for o in newest.values() if o.until is None or o.until > now)
    return [one.device for one in lasting if one.subject == subject]
