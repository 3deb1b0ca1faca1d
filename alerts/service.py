"""Anomalies and decisions in; alerts on the bus and to people out.

The order is: judged by the desk, in one transaction on the disk, told and published,
acknowledged to the bus.  A kill anywhere repeats something at most.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from alerts.cases import Change
from alerts.channels.opening import open_all
from alerts.database import Database
from alerts.desk import Desk
from alerts.links import Links
from alerts.outbox import Outbox, Sender, insist
from alerts.past import REMEMBER_MS
from alerts.register import Register
from vitals import config, links, wire
from vitals.bus import Bus, Delivery, Inbox
from vitals.clock import Clock
from vitals.errors import MalformedData
from vitals.metrics import Metrics
from vitals.model import Alert, AlertCommand, Anomaly, Instant, StageStatus
from vitals.wire import Message

LOG = logging.getLogger(__name__)

TICK_S = 1.0
ALIVE_S = 30.0  # between two words that somebody is at the desk
S = TypeVar("S", Anomaly, AlertCommand)
_ID = re.compile(r"[a-z0-9_-]{1,128}")


async def run(
    bus: Bus,
    settings: config.Alerts,
    data: Path,
    metrics: Metrics,
    clock: Clock,
    public_url: str = "",
) -> None:
    """Turn anomalies into alerts, and tell them, until cancelled.

    Parameters
    ----------
    data
        The folder of `alerts.db`.
    public_url
        By which people reach the portal; "": messages carry no links.

    Raises
    ------
    ConfigError
        A channel's URL or secret cannot be used.
    """
    key = await asyncio.to_thread(links.key, data)
    addresses = Links(key, public_url, settings.link_hours)
    channels = await asyncio.to_thread(open_all, settings, addresses, clock)
    database = await asyncio.to_thread(Database, data)
    try:
        register = Register(database, {c.name: c.hears for c in channels})
        outbox = Outbox(database, {c.name: c.next for c in settings.channels if c.next})
        own: list[Anomaly] = []
        senders = [Sender(c, outbox, metrics, clock, own.append) for c in channels]
        office = Office(bus, register, senders, metrics, clock, own)
        await office.run(settings)
    finally:
        for channel in channels:
            channel.close()
        await asyncio.shield(asyncio.to_thread(database.close))


class Office:
    """The desk, its book, and everybody who carries something away from it."""

    def __init__(
        self,
        bus: Bus,
        register: Register,
        senders: Sequence[Sender],
        metrics: Metrics,
        clock: Clock,
        own: list[Anomaly] | None = None,
    ) -> None:
        self._bus, self._register, self._senders = bus, register, senders
        self._metrics, self._clock = metrics, clock
        # What this process has itself to report: it must not need the broker for that.
        self._own = [] if own is None else own
        self._desk = Desk({})
        # The broker may be away for hours: publishing must not hold up the telling.
        self._outgoing: asyncio.Queue[tuple[list[Message], list[str], list[Delivery]]]
        self._outgoing = asyncio.Queue()

    async def run(self, settings: config.Alerts) -> None:
        """Lay the desk out as it was, then work until cancelled."""
        since = Instant(self._clock() - REMEMBER_MS)
        kept = await insist(self._metrics, self._register.restore, since)
        self._desk = Desk(settings.priorities, kept)
        gone = await insist(self._metrics, self._register.unclosed)
        self._count([])
        self._send([*self._desk.open(), *gone], [], [])
        # Never unsubscribed: the broker keeps for us what comes until we are back.
        inbox = self._bus.subscribe(wire.ANOMALIES, wire.ALERT_COMMANDS)
        async with asyncio.TaskGroup() as tasks:
            for sender in self._senders:
                tasks.create_task(sender.run())
            tasks.create_task(self._publish())
            tasks.create_task(self._say_alive())
            tasks.create_task(self._work(inbox))

    async def _work(self, inbox: Inbox) -> None:
        """Judge what arrives, write it down, pass it on."""
        while True:
            deliveries = await _take(inbox)
            changes, refused = self._judge(deliveries, self._clock())
            if changes:
                commit = self._register.commit
                await insist(self._metrics, commit, changes, self._clock())
            for sender in self._senders if changes else ():
                sender.hurry.set()
            self._count(changes)
            if changes or deliveries:
                latest = {change.alert.id: change for change in changes}
                told = [c.alert for c in latest.values() if c.why != "late"]
                self._send(told, refused, deliveries)

    def _judge(
        self, deliveries: Sequence[Delivery], now: Instant
    ) -> tuple[list[Change], list[Message]]:
        """Ask the desk; what nobody can read is kept with the reason."""
        changes, refused = self._desk.tick(now), []
        while self._own:
            changes += self._desk.observe(self._own.pop(0), now)
        for delivery in deliveries:
            try:
                changes += self._decide(delivery.message, now)
            except MalformedData as error:
                self._metrics.count("alerts_malformed_total")
                LOG.warning("refused: %s", str(error)[:200])
                refused.append(wire.dead(delivery.message, str(error), now))
        return changes, refused

    def _decide(self, message: Message, now: Instant) -> list[Change]:
        """Bring one message before the desk."""
        if message.topic.endswith("/command"):
            alert_id, command = read_command(message)
            alert = self._desk.find(alert_id)
            if alert and alert.subject != wire.levels(message.topic)[1]:
                raise MalformedData("the alert belongs to another subject")
            return self._desk.command(alert_id, command, now)
        return self._desk.observe(read_anomaly(message), now)

    def _count(self, changes: Sequence[Change]) -> None:
        """Say how busy the desk is."""
        opened = sum(change.why == "opened" for change in changes)
        self._metrics.count("alerts_opened_total", opened)
        self._metrics.gauge("alerts_open", len(self._desk))

    def _send(
        self, alerts: Sequence[Alert], refused: list[Message], done: list[Delivery]
    ) -> None:
        """Queue what the bus must know, and what may be acknowledged after it."""
        messages = [message for alert in alerts for message in announce(alert)]
        closed = [alert.id for alert in alerts if alert.state == "normal"]
        self._outgoing.put_nowait(([*messages, *refused], closed, done))

    async def _say_alive(self) -> None:
        """Say that we work, for whoever must know when nobody alerts them."""
        while True:
            noun = StageStatus(online=True, t=self._clock())
            topic = wire.stage_topic("alerts")
            await self._bus.publish(Message(topic, wire.encode(noun), retain=True))
            await asyncio.sleep(ALIVE_S)

    async def _publish(self) -> None:
        """Publish what is queued, in order, and acknowledge what it came from."""
        while True:
            messages, closed, done = await self._outgoing.get()
            for message in messages:
                await self._bus.publish(message)
            if closed:
                await insist(self._metrics, self._register.closed, closed)
            for delivery in done:
                delivery.ack()


def announce(alert: Alert) -> list[Message]:
    """Give the messages that say how an alert is: retained while it is open."""
    topic, payload = wire.of(alert.subject, "alert", alert.id), wire.encode(alert)
    if alert.state != "normal":
        return [Message(topic, payload, retain=True)]
    return [Message(topic, payload), Message(topic, b"", retain=True)]


def read_anomaly(message: Message) -> Anomaly:
    """Take an anomaly off its message.

    Raises
    ------
    MalformedData
        It is none, or its topic is somebody else's.
    """
    anomaly = _read(Anomaly, message)
    if not _ID.fullmatch(anomaly.id):
        raise MalformedData("an anomaly's id must match [a-z0-9_-]{1,128}")
    if message.topic != wire.of(anomaly.subject, "anomaly"):
        raise MalformedData("the anomaly is not about the subject of its topic")
    return anomaly


def read_command(message: Message) -> tuple[str, AlertCommand]:
    """Take an alert's id and a decision about it off a message.

    Raises
    ------
    MalformedData
        It is none, or lacks what it needs.
    """
    command = _read(AlertCommand, message)
    if command.action == "handover" and not command.to:
        raise MalformedData("a handover must say to whom")
    return wire.levels(message.topic)[3], command


def _read(noun: type[S], message: Message) -> S:
    """Take a noun off a message of a size that we read."""
    if len(message.payload) > wire.LARGEST:
        size = len(message.payload)
        raise MalformedData(f"{size} octets, at most {wire.LARGEST} allowed")
    return wire.read(noun, message.payload)


async def _take(inbox: Inbox) -> list[Delivery]:
    """Give what has arrived; nothing, when the desk should look at the clock."""
    try:
        async with asyncio.timeout(TICK_S):
            return await inbox.take()
    except TimeoutError:
        return []
