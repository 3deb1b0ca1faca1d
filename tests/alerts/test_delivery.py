"""The engine with channels to people: who is told by what, and what when that fails."""

import asyncio
import json
import logging

import pytest

from alerts import service
from alerts.channels.opening import open_all
from alerts.history import AlertHistory
from alerts.links import Links
from vitals import clock as clocks
from vitals import links, wire
from vitals.bus import MemoryBus
from vitals.channels import Channel
from vitals.config import Alerts
from vitals.errors import ConfigError
from vitals.metrics import Metrics
from vitals.model import HOUSE
from vitals.staff import Person
from vitals.wire import Message

URL = "https://v.example"


@pytest.fixture
def ntfy(tmp_path, receiver):
    """Make a channel to a local ntfy server that answers as the test says."""

    def make(name, behave=lambda n: 200, **more):
        server = receiver(behave)
        secret = tmp_path / f"{name}.url"
        host = server.url.removeprefix("http://").removesuffix("/hook")
        secret.write_text(f"ntfy://{host}/secret-topic\n")
        return server, Channel(name=name, url_file=str(secret), **more)

    return make


class House:
    """The alerts stage on a bus."""

    def __init__(self, data, clock, settings):
        self.bus, self.data, self.clock = MemoryBus(), data, clock
        self.settings, self.metrics = settings, Metrics()

    async def run(self):
        await service.run(
            self.bus, self.settings, self.data, self.metrics, self.clock, URL
        )

    async def say(self, anomaly):
        topic = wire.of(anomaly.subject, "anomaly")
        await self.bus.publish(Message(topic, wire.encode(anomaly)))

    async def ready(self):
        while not any(wire.ANOMALIES in f for _, f in self.bus._inboxes.values()):
            await asyncio.sleep(0.005)


@pytest.fixture
def history(tmp_path):
    found = AlertHistory(tmp_path)
    yield found
    found.close()


def said(server):
    return [json.loads(body)["title"] for _, body in server.got]


def test_what_one_channel_cannot_tell_the_next_tells_and_that_is_an_alert(
    ntfy, tmp_path, clock, racing, history, run, beside, until
):
    ill = [True]
    phone, first = ntfy("phone", lambda n: 503 if ill[0] else 200, next="tablet")
    tablet, second = ntfy("tablet", hears=())
    people = (Person(name="dr-li", channels=("phone",)),)
    settings = Alerts(channels=(first, second), people=people)
    house = House(tmp_path, clock, settings)

    def failing():
        found, _ = history.alerts("all", [HOUSE])
        return [a for a in found if a.condition == "delivery_failing"]

    def states():
        told = history.deliveries("a-1")
        return {d.channel: d.state for d in told if d.version == 1}

    async def wait_and(fact):
        while not fact():
            clock.now += 5000
            await asyncio.sleep(0.1)

    async def main():
        async with beside(house.run()):
            await house.ready()
            await house.say(racing(1))
            await wait_and(failing)
            await wait_and(lambda: states().get("tablet") == "delivered")
            assert states()["phone"] == "passed"
            [alert] = failing()
            assert alert.kind == "technical"
            assert alert.evidence["device"] == "phone"
            before, ill[0] = len(phone.got), False
            await house.say(racing(2, id="a-2", subject="p-8"))
            await wait_and(lambda: failing()[0].state == "normal")
            assert len(phone.got) > before

    run(main())
    assert tablet.got
    assert all("p-7" not in title for title in said(tablet))


def test_a_link_of_the_engine_is_read_by_the_portals_key(
    ntfy, tmp_path, clock, racing, run, beside, until
):
    server, channel = ntfy("phone")
    people = (Person(name="dr-li", role="nurse", channels=("phone",)),)
    house = House(tmp_path, clock, Alerts(channels=(channel,), people=people))

    async def main():
        async with beside(house.run()):
            await house.ready()
            await house.say(racing(1))
            await until(lambda: server.got)

    run(main())
    headers, _ = server.got[0]
    address = headers["X-Actions"].split(", ")[2]
    assert address.startswith(f"{URL}/l/")
    deed = links.read(links.key(tmp_path), address.removeprefix(f"{URL}/l/"))
    assert (deed.alert, deed.action, deed.by) == ("a-1", "acknowledge", "dr-li")


def test_a_channel_hears_what_it_is_told_to_hear(ntfy):
    names = {"calls": "opened", "all_clear": "returned", "seen": "acknowledge"}
    for heard, why in names.items():
        _, channel = ntfy(heard.replace("_", "-"), hears=(heard,))
        *_, found = open_all(
            Alerts(channels=(channel,)), Links(b"", "", 12), clocks.now
        )
        assert why in found.hears
        assert not set(names.values()) - {why} & found.hears
        found.close()


def test_a_channel_of_one_patient_hears_of_no_other(
    ntfy, tmp_path, clock, racing, run, beside, until, history
):
    server, channel = ntfy(
        "anna", audience="patient", content="full", subject="p-7", language="zh"
    )
    house = House(tmp_path, clock, Alerts(channels=(channel,)))

    async def main():
        async with beside(house.run()):
            await house.ready()
            await house.say(racing(1, id="a-8", subject="p-8"))
            await house.say(racing(1))
            await until(lambda: server.got)

    run(main())
    assert said(server) == ["心率偏高"]
    assert [d.channel for d in history.deliveries("a-8")] == ["log"]


BAD = {
    "not there": None,
    "empty": "",
    "no URL": "s3cret-words",
    "unknown": "nonsense://s3cret-token",
    "a robot without a token": "dingtalk://?x=s3cret-x",
    "a robot's page": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=s3cret",
    "half an address": "http://[s3cret",
}


@pytest.mark.parametrize("case", BAD)
def test_a_channel_that_cannot_be_used_is_one_clear_error_without_its_secret(
    tmp_path, case
):
    file = tmp_path / "phone.url"
    if (text := BAD[case]) is not None:
        file.write_text(f"{text}\n")
    settings = Alerts(channels=(Channel(name="phone", url_file=str(file)),))
    with pytest.raises(ConfigError) as caught:
        open_all(settings, Links(b"", "", 12), clocks.now)
    assert "phone.url" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_topic_and_a_value_are_in_no_log(
    ntfy, tmp_path, clock, racing, run, beside, until
):
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    root, handler = logging.getLogger(), Handler()
    _, channel = ntfy("phone", lambda n: 500, content="full")
    house = House(tmp_path, clock, Alerts(channels=(channel,)))

    async def main():
        async with beside(house.run()):
            await house.ready()
            await house.say(racing(1, value=153.25))
            await until(lambda: any("not told yet" in line for line in lines))

    root.addHandler(handler)
    try:
        run(main())
    finally:
        root.removeHandler(handler)
    assert "secret-topic" not in "".join(lines)
    assert "153" not in "".join(line for line in lines if "alert a-1 of" not in line)
