"""What is true right now, from the bus: readings, open alerts, devices, plans."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from portal import views
from portal.events import EventLog
from portal.times import rfc3339, writable
from vitals import clock as clocks
from vitals import wire
from vitals.assignments import Assignments
from vitals.bus import Bus
from vitals.clock import Clock
from vitals.codes import Kind
from vitals.errors import MalformedData
from vitals.metrics import Metrics
from vitals.model import (
    Alert,
    Answer,
    DeviceStatus,
    Erased,
    GatewayStatus,
    Instant,
    Plan,
    Reading,
    StageStatus,
)
from vitals.wire import Message

log = logging.getLogger(__name__)

TOPICS = (
    *wire.READINGS,
    *wire.BATCHES,
    wire.ALERTS,
    wire.PLANS,
    wire.ERASURES,
    wire.DEVICE_STATUSES,
    wire.GATEWAY_STATUSES,
    wire.STAGE_STATUSES,
    wire.WITHDRAWALS,
    wire.ASSIGNMENTS,
    wire.ANSWERS,
    wire.REHEARSALS,
)
WHEN = "until", "next_at"  # of an escalation
URGENCY = {"high": 0, "medium": 1, "low": 2}
MUTE_MS = 90_000  # after which an engine or a gateway that said nothing does not work
AHEAD_MS = 60_000  # a reading from later than this has a broken clock


class Board:
    """The latest word on everything; a pure state machine over messages."""

    def __init__(self, events: EventLog, clock: Clock = clocks.now) -> None:
        self.events = events
        self.seeded = False  # whether we know all open alerts
        self._clock = clock
        self._meanwhile: dict[str, Alert | None] | None = None  # while a book is read
        self.gateways: dict[str, GatewayStatus] = {}
        self.assignments: dict[str, Assignments] = {}  # by gateway
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._came: dict[str, Instant] = {}  # their latest words, by our own clock
        self._stages: dict[str, StageStatus] = {}
        self._latest: dict[str, dict[tuple[str, Kind], Reading]] = {}
        self._devices: dict[str, dict[str, DeviceStatus]] = {}
        self._alerts: dict[str, Alert] = {}
        self._plans: dict[str, Plan] = {}
        self._changed: dict[str, asyncio.Event] = {}

    # -- reading -------------------------------------------------------------------

    def latest(self, subject: str) -> list[Reading]:
        """Give the newest reading of each device and kind, newest first."""
        found = self._latest.get(subject, {}).values()
        return sorted(found, key=lambda reading: -reading.record.t)

    def mute(self) -> list[str]:
        """Give the engines that should be heard and are not: alerts, and any known."""
        now = self._clock()
        silent = StageStatus(online=False, t=0)
        known = {"alerts": silent, **self._stages}
        return [n for n, s in known.items() if not s.online or now - s.t > MUTE_MS]

    def devices(self, subject: str) -> dict[str, DeviceStatus]:
        """Give the state of a patient's wearables."""
        return dict(sorted(self._devices.get(subject, {}).items()))

    def worn(
        self, gateway: str, subjects: Iterable[str]
    ) -> list[tuple[str, str, DeviceStatus]]:
        """Give the wearables of a gateway: whose, which and how."""
        return [
            (subject, device, status)
            for subject in sorted(subjects)
            for device, status in self.devices(subject).items()
            if status.gateway == gateway
        ]

    def heard(self, gateway: str) -> bool:
        """Tell whether a gateway is online and has reported lately."""
        online = self.gateways[gateway].online
        return online and self._clock() - self._came[gateway] <= MUTE_MS

    def open_alerts(self, subjects: Iterable[str]) -> list[Alert]:
        """Give open alerts: unseen first, then by urgency, then the oldest."""
        wanted = frozenset(subjects)
        found = (a for a in self._alerts.values() if a.subject in wanted)
        return sorted(found, key=rank)

    def alert(self, name: str) -> Alert | None:
        """Give an open alert."""
        return self._alerts.get(name)

    def plan(self, subject: str) -> Plan | None:
        """Give the retained plan of a patient."""
        return self._plans.get(subject)

    def zones(self) -> list[str]:
        """Give the time zone of every plan."""
        return [plan.time_zone for plan in self._plans.values()]

    async def changed(self, name: str, before: Alert | None) -> Alert | None:
        """Wait until people's part of an alert differs; None: it is closed."""
        while _decision(self._alerts.get(name)) == _decision(before):
            await self._changed.setdefault(name, asyncio.Event()).wait()
        return self._alerts.get(name)

    @contextmanager
    def asking(self, name: str) -> Iterator[asyncio.Future[Answer]]:
        """Give what becomes the answer to the command or question with this id."""
        self._asked[name] = asyncio.get_running_loop().create_future()
        try:
            yield self._asked[name]
        finally:
            self._asked.pop(name).cancel()

    # -- writing -------------------------------------------------------------------

    def seed(self, readings: Iterable[Reading]) -> None:
        """Learn what the store knew before we were listening."""
        for reading in readings:
            self._note(reading)

    def begin_renewal(self) -> None:
        """Note what the bus says from now on: the book that is read may be older."""
        self._meanwhile = {}

    def renew(self, alerts: Iterable[Alert] | None) -> None:
        """Replace all open alerts by those of the book, and by what was said since.

        None: the book is blank, and what the bus has said stays.
        """
        said, self._meanwhile, self.seeded = self._meanwhile or {}, None, True
        if alerts is None:
            return
        latest = {alert.id: _bounded(alert) for alert in alerts} | said
        known = {name: alert for name, alert in latest.items() if alert}
        for name, alert in list(self._alerts.items()):
            if name not in known:
                self._close(alert)
        for name, alert in known.items():
            if self._alerts.get(name) != alert:
                self._open(alert)

    def plan_known(self, subject: str, plan: Plan) -> None:
        """Learn a plan before its echo comes back from the bus."""
        self._plans[subject] = plan

    def take(self, message: Message) -> None:
        """Learn from one message.

        Raises
        ------
        MalformedData
            It is not what its topic promises.
        """
        levels = wire.levels(message.topic)
        if levels[0] == "gateway" and levels[2] == "withdraw":
            self._forget(wire.unpack_withdrawal(message))
        elif levels[0] == "gateway" and levels[2] == "assignments":
            self._take_assignments(levels[1], message.payload)
        elif levels[0] in ("gateway", "stage") and levels[2] == "answer":
            self._take_answer(wire.read(Answer, message.payload))
        elif levels[0] == "gateway":
            self._take_gateway(levels[1], message.payload)
        elif levels[0] == "stage":
            self._stages[levels[1]] = wire.read(StageStatus, message.payload)
        elif levels[2] == "alert":
            self._take_alert(levels[1], levels[3], message.payload)
        elif levels[2] == "plan":
            self._take_plan(levels[1], message.payload)
        elif levels[2] == "erased":
            self._erase(levels[1], message)
        elif levels[3] == "status":
            self._take_device(levels[1], levels[2], message.payload)
        else:
            self._take_readings(message)

    def _forget(self, wrong: Reading) -> None:
        """Show a reading that was entered in error no longer."""
        known = self._latest.get(wrong.subject, {})
        if known.get((wrong.device, wrong.kind)) == wrong:
            del known[wrong.device, wrong.kind]

    def _erase(self, subject: str, message: Message) -> None:
        """Forget a patient."""
        wire.read(Erased, message.payload)
        if message.retain:  # nobody of ours retains it: it would come again for ever
            return
        for alert in self.open_alerts([subject]):
            self._close(alert)
        for known in (self._latest, self._devices, self._plans):
            known.pop(subject, None)
        self.events.forget(subject)

    def _take_readings(self, message: Message) -> None:
        """Keep the newest; tell of a live record, or of a whole batch in one event."""
        readings = wire.unpack(message)
        self.seed(readings)
        if message.topic.endswith("/batch"):
            if readings:
                self._tell(readings[0].subject, "batch", _span(readings))
            return
        for reading in readings:
            self._tell(reading.subject, "record", views.of_reading(reading))

    def _take_alert(self, subject: str, name: str, payload: bytes) -> None:
        """Keep an open alert; an empty payload closes it."""
        if payload:
            alert = wire.read(Alert, payload)
            if (alert.subject, alert.id) != (subject, name):
                raise MalformedData(f"alert {name} of {subject} says it is another's")
            alert = _bounded(alert)
            self._heard(name, None if alert.state == "normal" else alert)
            self._open(alert)
        elif (known := self._alerts.get(name)) and known.subject == subject:
            self._heard(name, None)
            self._close(known)

    def _heard(self, name: str, alert: Alert | None) -> None:
        """Note what the bus says while a book is read."""
        if self._meanwhile is not None:
            self._meanwhile[name] = alert

    def _open(self, alert: Alert) -> None:
        """Keep an alert, unless it says itself that it is over."""
        if alert.state == "normal":
            self._alerts.pop(alert.id, None)
        else:
            self._alerts[alert.id] = alert
        self._tell(alert.subject, "alert", views.of_alert(alert))
        self._wake(alert.id)

    def _close(self, alert: Alert) -> None:
        """Forget an alert that is over."""
        self._alerts.pop(alert.id, None)
        self._tell(alert.subject, "alert", {"id": alert.id, "state": "normal"})
        self._wake(alert.id)

    def _wake(self, name: str) -> None:
        """Wake whoever waits for a decision on an alert."""
        if waiting := self._changed.pop(name, None):
            waiting.set()

    def _take_plan(self, subject: str, payload: bytes) -> None:
        """Keep a plan; an empty payload forgets it."""
        if payload:
            self._plans[subject] = wire.read(Plan, payload)
        else:
            self._plans.pop(subject, None)

    def _take_gateway(self, name: str, payload: bytes) -> None:
        """Keep a gateway's state; an empty payload forgets it."""
        if not payload:
            self.gateways.pop(name, None)
            return
        status, known = wire.read(GatewayStatus, payload), self.gateways.get(name)
        if known and not status.online:  # a last will is as old as its connection
            status = replace(status, t=max(known.t, status.t))
        self.gateways[name], self._came[name] = status, self._clock()

    def _take_assignments(self, name: str, payload: bytes) -> None:
        """Keep a gateway's word on whose readings are whose."""
        if payload:
            self.assignments[name] = wire.read(Assignments, payload)
        else:
            self.assignments.pop(name, None)

    def _take_answer(self, answer: Answer) -> None:
        """Give an answer to whoever waits for it."""
        asked = self._asked.get(answer.id)
        if asked and not asked.done():
            asked.set_result(answer)

    def _take_device(self, subject: str, device: str, payload: bytes) -> None:
        """Keep a device's state; an empty payload forgets it."""
        known = self._devices.setdefault(subject, {})
        if payload:
            known[device] = wire.read(DeviceStatus, payload)
        else:
            known.pop(device, None)

    def _note(self, reading: Reading) -> None:
        """Keep a reading if none of its stream is newer, and it can be from now."""
        if reading.record.t > self._clock() + AHEAD_MS:
            return
        known = self._latest.setdefault(reading.subject, {})
        key = reading.device, reading.kind
        if key not in known or known[key].record.t <= reading.record.t:
            known[key] = reading

    def _tell(self, subject: str, name: str, noun: Struct | dict[str, Any]) -> None:
        """Append to the live events."""
        self.events.append(subject, name, views.encode(noun))


def rank(alert: Alert) -> tuple[bool, int, Instant | int]:
    """Order alerts: what nobody has seen yet, then by urgency, then the oldest."""
    seen = alert.state not in ("unacknowledged", "returned_unacknowledged")
    return seen, URGENCY[alert.priority], alert.since


def _bounded(alert: Alert) -> Alert:
    """Take the times away that no calendar has: a snooze's end, the next call."""
    wild = {name for name in WHEN if not writable(alert.escalation.get(name, 0))}
    left = {k: v for k, v in alert.escalation.items() if k not in wild}
    return replace(alert, escalation=left) if wild else alert


def _decision(alert: Alert | None) -> object:
    """Give what a decision changes; numbers come and go without one."""
    if alert is None:
        return None
    marked = alert.evidence.get("false_alarm")
    return alert.state, alert.acknowledged_by, alert.comment, alert.escalation, marked


async def follow(board: Board, bus: Bus, metrics: Metrics) -> None:
    """Keep the board up to date until cancelled."""
    inbox = bus.subscribe(*TOPICS)
    try:
        while True:
            for delivery in await inbox.take():
                _learn(board.take, delivery.message, metrics)
                delivery.ack()
    finally:
        bus.unsubscribe(inbox)


def _learn(take: Callable[[Message], None], message: Message, metrics: Metrics) -> None:
    """Take one message; what cannot be understood is counted and harms nobody."""
    try:
        take(message)
    except (MalformedData, IndexError) as error:
        metrics.count("portal_malformed_total")
        log.debug("malformed message on %s: %s", message.topic, error)


def _span(readings: list[Reading]) -> dict[str, Any]:
    """Say what a batch was about, without flooding the ring."""
    times = [reading.record.t for reading in readings]
    return {
        "subject": readings[0].subject,
        "device": readings[0].device,
        "kind": readings[0].kind,
        "from": rfc3339(min(times)),
        "to": rfc3339(max(times)),
        "n": len(readings),
    }
