"""Anomalies and decisions in; alerts on the bus and to people out.

The order is: judged by the desk, in one transaction on the disk, told and published,
acknowledged to the bus.  A kill anywhere repeats something at most.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from alerts import arrival, equipment, health, ledger, removed, roster, waits
from alerts.cases import Case, Change
from alerts.channels import Channel
from alerts.channels.opening import open_all
from alerts.database import Database
from alerts.desk import Desk
from alerts.equipment import Equipment
from alerts.facts import Facts
from alerts.intake import Intake, News
from alerts.ledger import Entry
from alerts.links import Links
from alerts.muting import Muting
from alerts.outbox import Outbox, Sender, insist
from alerts.post import Post
from alerts.register import Register
from alerts.seen import remembered_ms
from alerts.timeline import Timeline
from alerts.trials import Trial
from vitals import config, links, wire
from vitals.bus import Bus, Delivery, Inbox
from vitals.clock import Clock
from vitals.errors import ConfigError, MalformedData
from vitals.heartbeat import beat
from vitals.metrics import Metrics
from vitals.model import Alert, Anomaly, Instant
from vitals.wire import Message

LOG = logging.getLogger(__name__)

TICK_S = 1.0
TOPICS = (
    wire.ANOMALIES,
    wire.ALERT_COMMANDS,
    wire.PLANS,
    wire.ERASURES,
    *equipment.TOPICS,
)


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
    clock = Timeline.of(clock)
    key = await asyncio.to_thread(links.key, data)
    addresses = Links(key, public_url, settings.link_hours)
    channels = await asyncio.to_thread(open_all, settings, addresses, clock)
    database = await asyncio.to_thread(Database, data)
    try:
        post = _post(settings, channels)
        register = Register(database, post)
        outbox = Outbox(database, {c.name: c.next for c in settings.channels if c.next})
        own = await insist(metrics, removed.settle, database, post, metrics, clock())
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
        clock: Timeline,
        own: list[Anomaly] | None = None,
    ) -> None:
        self._bus, self._register, self._senders = bus, register, senders
        self._metrics, self._clock = metrics, clock
        self._testable = {sender.name for sender in senders if sender.testable}
        # What this process has itself to report: it must not need the broker for that.
        self._own = [] if own is None else own
        self._intake: Intake
        # The broker may be away for hours: publishing must not hold up the telling.
        self._outgoing: asyncio.Queue[tuple[list[Message], list[str], list[Delivery]]]
        self._outgoing = asyncio.Queue()

    async def run(self, settings: config.Alerts) -> None:
        """Lay the desk out as it was, then work until cancelled."""
        memory = remembered_ms(roster.of(settings).expire_ms)
        since = Instant(self._clock() - memory)
        await insist(self._metrics, self._register.in_time, self._clock())
        kept = await insist(self._metrics, self._register.restore, since)
        kept = [waits.in_time(case, self._clock()) for case in kept]
        await insist(self._metrics, self._register.follow, settings, self._clock())
        entries = await insist(self._metrics, self._register.ledger)
        self._head = await insist(self._metrics, self._register.head)
        self._desk, self._intake = lay_out(settings, kept, entries)
        gone = await insist(self._metrics, self._register.unclosed)
        self._count([])
        self._send([*self._desk.open(), *gone], [], [])
        # Never unsubscribed: the broker keeps for us what comes until we are back.
        inbox = self._bus.subscribe(*TOPICS)
        start = self._clock()  # before our first heartbeat, whose echo is awaited
        failing = [
            (sender, health.known(kept, sender.name)) for sender in self._senders
        ]
        del kept  # as long as we work; thousands are closed
        async with asyncio.TaskGroup() as tasks:
            for sender, known in failing:
                tasks.create_task(sender.run(known))
            tasks.create_task(self._publish())
            tasks.create_task(self._beat())
            tasks.create_task(self._work(inbox, start, settings.settle_s))

    async def _beat(self) -> None:
        """Say that we work, once we have subscribed: arrival waits for its echo."""
        await self._bus.online.wait()
        await beat(self._bus, "alerts", self._clock, head=lambda: self._head)

    async def _work(self, inbox: Inbox, start: Instant, patience_s: float) -> None:
        """Judge what arrives, once what was retained is there."""
        first = await arrival.gathered(inbox, start, patience_s)
        cut = await self._compare(arrival.noted([one.message for one in first]))
        await self._turn(first)
        if cut:  # after its alert: a kill in between leaves that
            await insist(self._metrics, self._register.commit, [cut], cut.t)
            self._head = await insist(self._metrics, self._register.head)
        while True:
            await self._turn(await _take(inbox))

    async def _turn(self, deliveries: list[Delivery]) -> None:
        """Judge what has arrived, write it down, pass it on."""
        moved = await self._follow_the_clock()
        news, refused = self._judge(deliveries, self._clock())
        news = moved + news
        if news:
            commit = self._register.commit
            await insist(self._metrics, commit, news, self._clock())
        if any(isinstance(one, Entry) for one in news):
            self._head = await insist(self._metrics, self._register.head)
        changes = [one for one in news if isinstance(one, Change)]
        for sender in self._senders if news else ():
            sender.hurry.set()
        self._count(changes)
        if changes or deliveries:
            latest = {change.alert.id: change for change in changes}
            told = [c.alert for c in latest.values() if c.why != "late"]
            self._send(told, refused, deliveries)

    async def _compare(self, noted: str) -> Entry | None:
        """See whether the ledger still has the head that was noted elsewhere."""
        if not noted or not await insist(self._metrics, self._register.lacks, noted):
            return None
        LOG.error("rows are gone from the ledger of alerts.db: it had %s", noted)
        anomaly, entry = ledger.cut(noted, self._clock())
        self._own.append(anomaly)
        return entry

    async def _follow_the_clock(self) -> list[News]:
        """Let all that waits step with the clock, if it has stepped."""
        async with self._clock.steady:
            if not (by := self._clock.step()):
                return []
            LOG.warning("the clock has stepped by %s s: waits go on", by / 1000)
            self._metrics.count("alerts_clock_steps_total")
            for sender in self._senders:
                sender.shift(by)
            await insist(self._metrics, self._register.shift, by)
        return self._intake.shift(by, self._clock())

    def _judge(
        self, deliveries: Sequence[Delivery], now: Instant
    ) -> tuple[list[News], list[Message]]:
        """Ask the desk; what nobody can read is kept with the reason."""
        refused: list[Message] = []
        plans, others = arrival.parted([one.message for one in deliveries])
        news = self._read(plans, refused, now)
        news += self._intake.tick(now)
        while self._own:
            news += self._desk.observe(self._own.pop(0), now)
        return news + self._read(others, refused, now), refused

    def _read(
        self, messages: Sequence[Message], refused: list[Message], now: Instant
    ) -> list[News]:
        """Bring messages before the desk; `refused` is given what nobody can read."""
        news: list[News] = []
        for message in messages:
            try:
                news += self._known(self._intake.take(message, now))
            except MalformedData as error:
                self._metrics.count("alerts_malformed_total")
                LOG.warning("refused: %s", str(error)[:200])
                refused.append(wire.dead(message, str(error), now))
        return news

    def _known(self, news: list[News]) -> list[News]:
        """Give the news; a channel that cannot be tested is none."""
        for one in news:
            if isinstance(one, Trial) and one.channel not in self._testable:
                raise MalformedData(f"no channel that can be tested: {one.channel}")
        return news

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


def lay_out(
    settings: config.Alerts, kept: Sequence[Case], entries: Sequence[Entry]
) -> tuple[Desk, Intake]:
    """Lay the desk out as it was, with everybody who brings something to it."""
    facts = Facts(kept)
    machines = Equipment(settings, facts)
    muting = Muting(machines.unreachable, ledger.out_of_service(entries))
    teams: dict[str, tuple[str, ...]] = {}  # the plans on the bus fill it
    staff = replace(roster.of(settings), reliefs=ledger.reliefs(entries), teams=teams)
    desk = Desk(settings.priorities, kept, staff, muting)
    return desk, Intake(desk, staff, machines, facts, muting, teams)


def announce(alert: Alert) -> list[Message]:
    """Give the messages that say how an alert is: retained while it is open."""
    topic, payload = wire.of(alert.subject, "alert", alert.id), wire.encode(alert)
    if alert.state != "normal":
        return [Message(topic, payload, retain=True)]
    return [Message(topic, payload), Message(topic, b"", retain=True)]


async def _take(inbox: Inbox) -> list[Delivery]:
    """Give what has arrived; nothing, when the desk should look at the clock."""
    try:
        async with asyncio.timeout(TICK_S):
            return await inbox.take()
    except TimeoutError:
        return []


def _post(settings: config.Alerts, channels: Sequence[Channel]) -> Post:
    """Address what is told by the configured people and their channels."""
    hears = {channel.name: channel.hears for channel in channels}
    own = {person.name: person.channels for person in settings.people}
    for name, ways in own.items():
        if unknown := sorted(set(ways) - hears.keys()):
            raise ConfigError(
                f"alerts.people: {name} has no such channel: {unknown[0]}"
            )
    about = {c.name: c.subject for c in settings.channels if c.subject}
    family = {person.name for person in settings.people if person.role == "family"}
    return Post(hears, own, about, family)
