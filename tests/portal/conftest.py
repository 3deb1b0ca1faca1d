"""A portal with a story in it: real store, real alert engine, the bus in memory."""

import asyncio
import contextlib
import math
import random
import shutil
from functools import cache, partial
from pathlib import Path

import httpx
import pytest

from alerts import service as alert_engine
from alerts.history import AlertHistory
from ingest.completeness import streams
from ingest.sqlite import SqliteStore
from portal.app import create_app
from portal.board import Board, follow
from portal.deeds import Deeds
from portal.events import EventLog
from portal.house import House, Sources
from portal.notes import Notes
from portal.people import People
from portal.renewal import renew
from vitals import clock, config, wire
from vitals.bus import MemoryBus
from vitals.comparison import Comparison, Outcome
from vitals.metrics import Metrics
from vitals.model import (
    AlertCommand,
    Anomaly,
    Answer,
    BloodPressure,
    BodyTemperature,
    DeviceStatus,
    GatewayStatus,
    HeartRate,
    Limit,
    Plan,
    Reading,
    WhatIf,
)
from vitals.wire import Message

NOW = 1_795_300_000_000
PASSWORD = "correct horse battery"
HOUR = 3_600_000


class Clock:
    """A clock that a test moves."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


def reading(subject, record, device="strap-1"):
    return Reading(subject, device, record)


def day(subject, now, racing=False, hours=3):
    """A day of a resting person; a racing heart in the last six minutes."""
    dice = random.Random(subject)
    found = []
    for s in range(0, hours * 3600, 5):
        t = now - hours * HOUR + s * 1000
        left = hours * 3600 - s
        beat = 68 + 6 * math.sin(s / 900) + 3 * math.sin(s / 130) + dice.gauss(0, 1.5)
        if racing and left < 360:
            beat = min(148, beat + (360 - left) * 1.2) + dice.gauss(0, 2)
        if not 5400 < left < 6300:  # took it off
            record = HeartRate(t=t, hr=round(beat), rr=(60000 / beat,), link="open")
            found.append(reading(subject, record))
    for back, top, foot in (
        (23, 138, 86),
        (11, 131, 82),
        (2.2, 134, 84),
        (0.4, 128, 81),
    ):
        t = now - int(back * HOUR)
        record = BloodPressure(t=t, sys=top, dia=foot, map=foot + 15, pulse=70)
        found.append(reading(subject, record, "cuff-1"))
    for s in range(0, 3 * 3600, 300):
        warm = 36.5 + 0.2 * math.sin(s / 4000) + dice.gauss(0, 0.03)
        record = BodyTemperature(t=now - 3 * HOUR + s * 1000, temp=round(warm, 2))
        found.append(reading(subject, record, "patch-1"))
    return found


def anomaly(subject="p-1", name="e1", now=NOW, **fields):
    whole = {
        "id": name,
        "subject": subject,
        "detector": "limit",
        "condition": "heart_rate_high",
        "kind": "physiological",
        "begin": now - 240_000,
        "t": now - 1000,
        "value": 148.0,
        "unit": "/min",
        "evidence": {
            "device": "strap-1",
            "limit": 120.0,
            "hold_s": 60.0,
            "values": [[now - 9000 + n * 1000, 140.0 + n] for n in range(9)],
            "baseline": 68.2,
            "quality": 0.98,
            "received": now - 900,
            "text": "Heart rate 148 /min, at or above 120 for 240 s.",
        },
    }
    return Anomaly(**(whole | fields))


class Wire(MemoryBus):
    """A bus that tells who listens."""

    def hears(self, topic):
        return any(topic in filters for _, filters in self._inboxes.values())


class Place:
    """Everything behind the portal, and logged-in clients of it."""

    def __init__(self, folder: Path, clock=None, hooks=()):
        self.clock = clock or Clock()
        self.bus, self.metrics = Wire(), Metrics()
        self.folder = folder
        self.store = SqliteStore(folder / "store.db")
        self.people = People(folder / "people.db", self.clock)
        self.history = AlertHistory(folder)
        self.notes = Notes(folder / "notes.db")
        self.board = Board(EventLog(self.clock()), self.clock)
        told, self.deeds = partial(streams, folder), Deeds(folder)
        self.sources = Sources(
            *(self.store, self.history, self.people, self.notes, told, folder),
            hooks,
            self.deeds,
        )
        self.house = House(self.bus, self.board, self.sources, self.metrics, self.clock)
        self.app = create_app(self.house)
        self.debugger = None  # of a Chromium that is there for many; gives its address

    def admit(self):
        self.people.add("wang", PASSWORD, "patient", "p-1")
        self.people.add("li", PASSWORD, "patient", "p-2")
        self.people.add("dr.chen", PASSWORD, "clinician", subjects=["p-1", "p-3"])
        self.people.add("dr.zhou", PASSWORD, "clinician", subjects=["p-2"])
        self.people.add("root", PASSWORD, "admin")

    @contextlib.asynccontextmanager
    async def open(self):
        """Run the alert engine and the board."""
        engine = alert_engine.run(
            self.bus, config.Alerts(), self.folder, self.metrics, self.clock
        )
        tasks = [
            asyncio.create_task(detectors(self.bus)),
            asyncio.create_task(engine),
            asyncio.create_task(follow(self.board, self.bus, self.metrics)),
            asyncio.create_task(renew(self.board, self.bus, self.history)),
        ]
        # The bus in memory keeps nothing for an engine that still opens its book.
        await until(
            lambda: self.bus.hears(wire.ANOMALIES) and not self.house.blind(), 20
        )
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def client(self, name=None, host="127.0.0.1", **fields):
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(host, 5)
        )
        headers = {}
        if name:
            headers["Authorization"] = f"Bearer {self.people.issue_token(name)}"
        return httpx.AsyncClient(
            transport=transport, base_url="http://portal", headers=headers, **fields
        )

    async def say(self, noun, topic, retain=False):
        await self.bus.publish(Message(topic, wire.encode(noun), retain))

    async def raise_alert(self, subject="p-1", name="e1", **fields):
        now = self.clock()
        found = anomaly(subject, name, now, **fields)
        await self.say(found, wire.of(subject, "anomaly"))
        await until(lambda: self.board.alert(name))

    async def raise_alert_over(self, name):
        found = self.board.alert(name)
        word = anomaly(
            found.subject, name, self.clock(), over=True, condition=found.condition,
            kind=found.kind, evidence=found.evidence, t=self.clock(),
        )  # fmt: skip
        await self.say(word, wire.of(found.subject, "anomaly"))
        await until(lambda: self.board.alert(name) is None)

    async def say_acknowledged(self, name):
        alert = self.board.alert(name)
        word = AlertCommand(action="acknowledge", by="dr.chen", t=self.clock())
        await self.say(word, wire.of(alert.subject, "alert", name, "command"))
        await until(lambda: self.board.alert(name).state == "acknowledged")

    async def tell(self):
        """Say who is there: gateways, devices, plans."""
        now = self.clock()
        await self.say(
            GatewayStatus(online=True, t=now),
            wire.gateway_topic("gw-1", "status"),
            True,
        )
        plan = Plan(
            limits={"heart_rate": Limit(45, 120, 60)}, time_zone="Asia/Shanghai"
        )
        for subject in ("p-1", "p-2", "p-3"):
            await self.say(plan, wire.of(subject, "plan"), True)
            status = DeviceStatus(
                t=now,
                connected=True,
                gateway="gw-1",
                name="Heart strap",
                battery=81,
                rssi=-61,
                last=now - 1000,
            )
            await self.say(status, wire.of(subject, "strap-1", "status"), True)
            cuff = DeviceStatus(
                t=now, connected=False, name="Cuff", battery=18, last=now - 1_500_000
            )
            await self.say(cuff, wire.of(subject, "cuff-1", "status"), True)

    def close(self):
        if self.house.subscribers:
            self.house.subscribers.close()
        self.people.close()
        self.deeds.close()
        self.notes.close()
        self.history.close()
        self.store.close()


async def detectors(bus):
    """Answer what other limits would have given, as the detectors do."""
    inbox = bus.subscribe(wire.stage_topic("dsp", "whatif"))
    while True:
        for delivery in await inbox.take():
            delivery.ack()
            asked = wire.read(WhatIf, delivery.message.payload)
            tight = asked.limits.get("heart_rate", Limit()).high or 131
            n = int(140 - tight)
            after = Outcome(n, n / asked.days, {"heart_rate_high": n})
            before = Outcome(3, 0.1, {"heart_rate_high": 3})
            begin = NOW - int(asked.days * 24 * HOUR)
            found = Comparison(asked.subject, begin, NOW, 900, before, after)
            word = Answer(id=asked.id, ok=True, text=wire.encode(found).decode())
            if asked.subject == "p-3":
                word = Answer(id=asked.id, ok=False, text="no records of p-3")
            topic = wire.stage_topic("dsp", "answer")
            await bus.publish(Message(topic, wire.encode(word)))


async def until(fact, seconds=60.0):
    """Wait for a fact."""
    async with asyncio.timeout(seconds):
        while not (found := fact()):
            await asyncio.sleep(0.01)
    return found


@pytest.fixture(scope="session")
def accounts(tmp_path_factory):
    """The file of people, made once: argon2 is slow by design."""
    folder = tmp_path_factory.mktemp("accounts")
    found = Place(folder)
    found.admit()
    found.close()
    return folder / "people.db"


@pytest.fixture
def place(tmp_path, accounts):
    shutil.copy(accounts, tmp_path)
    found = Place(tmp_path)
    yield found
    found.close()


@pytest.fixture
def fresh_place(tmp_path):
    """A place where nobody has an account yet."""
    found = Place(tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="session")
def debugger(tmp_path_factory):
    """The one Chromium of all tests, started by the first that asks where it is."""
    with contextlib.ExitStack() as stack:

        @cache
        def start():
            from tests.portal.test_browser import chromium

            return stack.enter_context(chromium(tmp_path_factory.mktemp("chromium")))

        yield start


@pytest.fixture
def new_place(tmp_path, accounts, debugger):
    """A place with the wall clock's time, for a real server."""
    shutil.copy(accounts, tmp_path)
    found = Place(tmp_path, clock.now)
    found.debugger = debugger
    yield found
    found.close()


@pytest.fixture
def story():
    """The words of the story, for tests that write their own."""
    import types

    return types.SimpleNamespace(
        day=day,
        anomaly=anomaly,
        reading=reading,
        until=until,
        NOW=NOW,
        PASSWORD=PASSWORD,
    )
