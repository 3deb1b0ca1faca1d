"""One contract for every bus; a new one joins the list and gets the tests for free."""

import asyncio
import contextlib

import pytest

from vitals import broker
from vitals.bus import Delivery, MemoryBus, acknowledge
from vitals.mqtt import MqttBus
from vitals.wire import Message


@contextlib.asynccontextmanager
async def memory(path):
    yield MemoryBus()


@contextlib.asynccontextmanager
async def mosquitto(path):
    program = broker.find_mosquitto()
    if not program:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    async with broker.embedded(path) as (mqtt, _), MqttBus(mqtt, "stage") as bus:
        await bus.ready()
        yield bus


@contextlib.asynccontextmanager
async def amqtt(path):
    async with broker.in_process(path, broker.free_port()) as mqtt:
        async with MqttBus(mqtt, "stage") as bus:
            await bus.ready()
            yield bus


BUSES = [memory, mosquitto, pytest.param(amqtt, marks=pytest.mark.slow)]


@pytest.fixture(params=BUSES)
def with_bus(request, run, tmp_path):
    def go(test):
        async def main():
            async with request.param(tmp_path) as bus:
                await test(bus)

        run(main())

    return go


async def collect(inbox, count):
    found = []
    while len(found) < count:
        for delivery in await asyncio.wait_for(inbox.take(), 60):
            delivery.ack()
            found.append(delivery.message)
    return found


def test_what_is_published_arrives_once_in_order(with_bus):
    async def test(bus):
        inbox = bus.subscribe("vitals/v1/+/+/anomaly")
        await asyncio.sleep(0.1)
        sent = [Message("vitals/v1/34/p-7/anomaly", b"%d" % i) for i in range(200)]
        await asyncio.gather(*map(bus.publish, sent))
        assert await collect(inbox, 200) == sent
        await asyncio.sleep(0.05)
        assert len(inbox) == 0

    with_bus(test)


def test_an_inbox_gets_only_what_it_asked_for(with_bus):
    async def test(bus):
        inbox = bus.subscribe("vitals/v1/+/+/plan")
        await bus.publish(Message("vitals/v1/34/p-7/anomaly", b"no"))
        await bus.publish(Message("vitals/v1/34/p-7/plan", b"yes"))
        assert [m.payload for m in await collect(inbox, 1)] == [b"yes"]

    with_bus(test)


def test_a_retained_message_comes_first_to_whoever_asks_later(with_bus):
    async def test(bus):
        topic = "vitals/v1/gateway/gw-1/status"
        await bus.publish(Message(topic, b"old", retain=True))
        await bus.publish(Message(topic, b"new", retain=True))
        inbox = bus.subscribe("vitals/v1/gateway/+/status")
        assert [m.payload for m in await collect(inbox, 1)] == [b"new"]

    with_bus(test)


def test_an_empty_retained_payload_forgets(with_bus):
    async def test(bus):
        topic = "vitals/v1/34/p-7/alert/a1"
        await bus.publish(Message(topic, b"open", retain=True))
        await bus.publish(Message(topic, b"", retain=True))
        inbox = bus.subscribe("vitals/v1/+/+/alert/+")
        await bus.publish(Message("vitals/v1/34/p-7/alert/a2", b"x"))
        assert [m.payload for m in await collect(inbox, 1)] == [b"x"]

    with_bus(test)


def test_many_are_acknowledged_in_their_order_and_in_few_words():
    said = []
    old, new = (lambda mids, n=n: said.append((n, mids)) for n in ("old", "new"))
    one = Message("t", b"")
    acknowledge([Delivery(one, old, 1), Delivery(one, new, 1), Delivery(one, new, 2)])
    assert said == [("old", [1]), ("new", [1, 2])]
