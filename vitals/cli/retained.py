"""What the broker keeps of one patient, and how to have everybody forget it."""

import asyncio
from contextlib import suppress

from msgspec import Struct, field

from vitals import config, wire
from vitals.assignments import Assigned, Assignments
from vitals.bus import Bus
from vitals.errors import MalformedData
from vitals.model import DeviceStatus, Erased, GatewayStatus, Instant, StageStatus
from vitals.mqtt import MqttBus
from vitals.wire import Message

BROKER_S = 3.0
TOLD_S = 1.0  # a retained word comes at once
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
    """Let the stages forget a patient, and then the broker; give what it had kept."""
    async with MqttBus(settings) as bus:
        await bus.ready(BROKER_S)
        found = await told(bus, subject, now)
        word = wire.encode(Erased(by=by, t=now))
        await bus.publish(Message(wire.of(subject, "erased"), word))
        for topic in found.topics:
            await bus.publish(Message(topic, b"", retain=True))
    return found


async def told(bus: Bus, subject: str, now: Instant) -> Retained:
    """Hear for a moment what is retained."""
    of_all = wire.GATEWAY_STATUSES, wire.STAGE_STATUSES, wire.ASSIGNMENTS
    inbox, found = bus.subscribe(wire.of(subject, "#"), *of_all), Retained()
    with suppress(TimeoutError):
        async with asyncio.timeout(TOLD_S):
            while True:
                for delivery in await inbox.take():
                    if delivery.message.retain and delivery.message.payload:
                        with suppress(MalformedData):
                            found.take(subject, now, delivery.message)
                    delivery.ack()
    bus.unsubscribe(inbox)
    return found


def _checked_in(said: Assignments, subject: str, now: Instant) -> list[str]:
    """Give the shared wearables that measure somebody now: the newest word counts."""
    newest: dict[str, Assigned] = {}
    for one in said.trail:
        if one.what == "check_in":
            newest.setdefault(one.device, one)
    lasting = (o for o in newest.values() if o.until is None or o.until > now)
    return [one.device for one in lasting if one.subject == subject]
