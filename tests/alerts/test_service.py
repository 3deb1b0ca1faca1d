import asyncio
import json

import pytest

from alerts import service
from alerts.history import AlertHistory
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Alerts
from vitals.errors import ConfigError
from vitals.metrics import Metrics
from vitals.model import Alert, Dead, StageStatus
from vitals.wire import Message

NOW = 1_700_000_000_000
TOPIC = wire.of("p-7", "alert", "a-1")


def news(anomaly):
    return Message(wire.of(anomaly.subject, "anomaly"), wire.encode(anomaly))


def decision(command, alert="a-1", subject="p-7"):
    return Message(wire.of(subject, "alert", alert, "command"), wire.encode(command))


class House:
    """A bus with the alerts stage on it, and everything that was published."""

    def __init__(self, data, clock, settings=None):
        self.bus, self.metrics, self.clock = MemoryBus(), Metrics(), clock
        self.settings, self.data = settings or Alerts(), data
        self.heard = self.bus.subscribe(wire.ALERTS, wire.DEAD)

    def run(self):
        self.before = len(self.bus._inboxes)
        args = self.settings, self.data, self.metrics, self.clock
        return service.run(self.bus, *args)

    def retained(self):
        return [topic for topic in self.bus._retained if "/alert/" in topic]

    async def next(self):
        async with asyncio.timeout(60):
            return (await self.heard.take(1))[0].message

    async def alert(self):
        return wire.read(Alert, (await self.next()).payload)


@pytest.fixture
def house(tmp_path, clock):
    return House(tmp_path, clock)


@pytest.fixture
def history(tmp_path):
    history = AlertHistory(tmp_path)
    yield history
    history.close()


async def settled(house):
    """Wait until the stage listens."""
    while len(house.bus._inboxes) == house.before:
        await asyncio.sleep(0.005)


def test_the_engine_says_that_it_works(house, run, beside, until):
    async def main():
        topic = wire.stage_topic("alerts")
        async with beside(house.run()):
            await until(lambda: topic in house.bus._retained)
        word = wire.read(StageStatus, house.bus._retained[topic].payload)
        assert (word.online, word.t) == (True, house.clock())

    run(main())


def test_an_alert_is_retained_while_open_and_then_closed(
    house, history, racing, says, run, beside
):
    async def main():
        async with beside(house.run()):
            await settled(house)
            await house.bus.publish(news(racing(60)))
            opened = await house.next()
            assert (opened.topic, opened.retain) == (TOPIC, True)
            assert wire.read(Alert, opened.payload) == history.alert("a-1")
            await house.bus.publish(decision(says("acknowledge", 61, comment="ok")))
            assert (await house.alert()).acknowledged_by == "dr-li"
            await house.bus.publish(news(racing(70, over=True)))
            last, empty = await house.next(), await house.next()
            assert (last.retain, wire.read(Alert, last.payload).state) == (
                False,
                "normal",
            )
            assert (empty.topic, empty.payload, empty.retain) == (TOPIC, b"", True)
            assert house.retained() == []

    run(main())
    assert [e.what for e in history.events("a-1")] == [
        "opened",
        "acknowledge",
        "returned",
    ]
    assert house.metrics.counters["alerts_opened_total"] == 1
    assert house.metrics.gauges["alerts_open"] == 0


def test_c2_a_restart_forgets_nothing(house, racing, says, clock, run, beside):
    async def main():
        async with beside(house.run()):
            await settled(house)
            await house.bus.publish(news(racing(60)))
            await house.bus.publish(news(racing(60, id="a-2", subject="p-8")))
            for _ in range(2):
                await house.next()
            seen = says("snooze", 61, minutes=3)
            await house.bus.publish(decision(seen))
            await house.next()
        house.bus._retained.clear()  # the broker forgot everything, too
        async with beside(house.run()):
            again = {(await house.alert()).id: 0 for _ in range(2)}
            assert set(again) == {"a-1", "a-2"}
            assert len(house.retained()) == 2
            await settled(house)
            await house.bus.publish(news(racing(60)))  # the bus repeats itself
            await house.bus.publish(decision(seen))
            clock.now += 4 * 60_000
            woken = await house.alert()
            assert (woken.id, woken.state) == ("a-1", "unacknowledged")
        assert len(house.heard) == 0

    run(main())


def test_a_closing_that_the_bus_missed_is_made_up_for(
    house, history, silent, run, beside, until
):
    class Deaf(MemoryBus):
        async def publish(self, message):
            if message.topic.endswith("anomaly"):
                await super().publish(message)
            else:
                await asyncio.Event().wait()  # the broker is away

    async def main():
        bus, house.bus = house.bus, Deaf()
        house.heard = house.bus.subscribe("nothing")
        name = silent().id
        async with beside(house.run()):
            await settled(house)
            await house.bus.publish(news(silent(1)))
            await until(lambda: history.alert(name))
            await house.bus.publish(news(silent(2, over=True)))
            await until(lambda: history.alert(name).state == "normal")
        house.bus, house.heard = bus, bus.subscribe(wire.ALERTS)
        async with beside(house.run()):
            assert (await house.alert()).state == "normal"
            assert (await house.next()).payload == b""
            await asyncio.sleep(0.1)
        async with beside(house.run()):
            await settled(house)
            await asyncio.sleep(0.1)
        assert len(house.heard) == 0

    run(main())


def test_people_are_told_while_the_broker_is_away(
    tmp_path, clock, receiver, racing, run, beside, until
):
    server = receiver()
    house = House(tmp_path, clock, Alerts(webhook=server.url))

    class Away(MemoryBus):
        async def publish(self, message):
            await (super().publish(message) if "anomaly" in message.topic else hang())

    async def hang():
        await asyncio.Event().wait()

    async def main():
        house.bus = Away()
        house.heard = house.bus.subscribe("nothing")
        async with beside(house.run()):
            await settled(house)
            for n in range(3):
                episode = {"id": f"a-{n}", "subject": f"p-{n}"}
                await house.bus.publish(news(racing(60, **episode)))
            await until(lambda: len(server.got) == 3)

    run(main())


def test_c16_the_webhook_is_told_of_openings_rises_sight_and_the_end(
    tmp_path, clock, receiver, racing, says, run, beside, until
):
    server, secret = receiver(), tmp_path / "secret"
    secret.write_text("s3cret\n")
    settings = Alerts(webhook=server.url, webhook_secret_file=str(secret))
    house = House(tmp_path, clock, settings)
    evidence = {"received": NOW - 500}
    story = [
        news(racing(60, evidence=evidence)),
        news(racing(61, value=151)),  # only numbers
        news(racing(62, value=180)),
        decision(says("acknowledge", 63)),
        decision(says("handover", 64, to="dr-wu")),
        news(racing(65, over=True)),
    ]

    async def main():
        async with beside(house.run()):
            await settled(house)
            for message in story:
                await house.bus.publish(message)
                await house.next()
            await until(lambda: house.metrics.counters["alerts_told_total"] == 5 + 3)

    run(main())
    told = [(h["Idempotency-Key"], json.loads(body)["state"]) for h, body in server.got]
    assert sorted(told) == [
        ("a-1-1", "unacknowledged"),
        ("a-1-3", "unacknowledged"),
        ("a-1-4", "acknowledged"),
        ("a-1-5.dr-wu", "acknowledged"),  # who has no way of their own
        ("a-1-6", "normal"),
    ]
    assert all("X-Vitals-Signature" in headers for headers, _ in server.got)
    assert house.metrics.counters["alert_told_seconds_count"] == 1
    assert house.metrics.quantile("alert_told_seconds", 0.5) == 0.5


MALFORMED = {
    "not JSON": (wire.of("p-7", "anomaly"), b"\xff{"),
    "not an anomaly": (wire.of("p-7", "anomaly"), b'{"id": 1}'),
    "too long": (wire.of("p-7", "anomaly"), b" " * (wire.LARGEST + 1)),
    "a hostile id": (wire.of("p-7", "anomaly"), {"id": "a/#"}),
    "somebody else's": (wire.of("p-8", "anomaly"), {}),
    "a test of no channel": (
        wire.of("house", "alert", "desk", "command"),
        b'{"action":"test","by":"x","t":1,"device":"log"}',
    ),
    "in a wrong shard": ("vitals/v1/00/p-7/anomaly", {}),
    "an unknown action": (f"{TOPIC}/command", b'{"action":"delete","by":"x","t":1}'),
    "to nobody": (f"{TOPIC}/command", b'{"action":"handover","by":"x","t":1}'),
    "of another subject": (
        wire.of("p-8", "alert", "a-0", "command"),
        b'{"action":"acknowledge","by":"x","t":1}',
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_malformed_is_kept_counted_and_stops_nothing(
    house, racing, says, run, beside, case
):
    topic, payload = MALFORMED[case]
    if isinstance(payload, dict):
        payload = news(racing(60, **payload)).payload

    async def main():
        async with beside(house.run()):
            await settled(house)
            await house.bus.publish(news(racing(1, id="a-0")))
            await house.next()
            await house.bus.publish(Message(topic, payload))
            dead = wire.read(Dead, (await house.next()).payload)
            assert (dead.topic, bool(dead.reason)) == (topic, True)
            over = news(racing(2, id="a-0", over=True))
            await house.bus.publish(over)
            assert (await house.alert()).state == "returned_unacknowledged"

    run(main())
    assert house.metrics.counters["alerts_malformed_total"] == 1


def test_a_stage_that_is_stopped_stays_subscribed(house, run, beside):
    """Else the broker would keep nothing for it until it is back."""

    async def main():
        async with beside(house.run()):
            await settled(house)

    run(main())
    assert service.TOPICS in [filters for _, filters in house.bus._inboxes.values()]


def test_late_news_is_in_the_history_and_nowhere_else(
    house, history, racing, run, beside, until
):
    async def main():
        async with beside(house.run()):
            await settled(house)
            await house.bus.publish(news(racing(60, late=True)))
            await until(lambda: history.alert("a-1"))
            await asyncio.sleep(0.05)

    run(main())
    assert (history.alert("a-1").state, len(house.heard)) == ("normal", 0)
    assert house.metrics.counters["alerts_told_total"] == 0


def test_a_webhook_that_cannot_be_used_is_one_clear_error(tmp_path, clock, run):
    for settings in (
        Alerts(webhook="ftp://there"),
        Alerts(webhook="http://there", webhook_secret_file=str(tmp_path / "none")),
    ):
        with pytest.raises(ConfigError):
            run(House(tmp_path, clock, settings).run())
