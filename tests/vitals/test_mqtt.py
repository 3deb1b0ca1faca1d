"""MQTT itself: sessions that last, acknowledgements by hand, brokers that go away."""

import asyncio
import math
import time

import pytest
from msgspec.structs import replace

from vitals import broker
from vitals.config import Mqtt
from vitals.errors import Unavailable
from vitals.mqtt import MqttBus
from vitals.wire import Message

needs_mosquitto = pytest.mark.skipif(
    not broker.find_mosquitto(), reason="apt install mosquitto"
)
TOPIC = "vitals/v1/34/p-7/anomaly"


async def heard(bus, inbox):
    """Wait until the broker knows what a session subscribes to."""
    await bus.ready()
    await bus.publish(Message(TOPIC, b""))
    for delivery in await inbox.take():
        delivery.ack()
    await asyncio.sleep(0)  # the acknowledgement leaves


def test_a_missing_broker_is_one_clear_line(run):
    async def main():
        async with MqttBus(Mqtt(port=broker.free_port())) as bus:
            with pytest.raises(Unavailable, match="no MQTT broker at 127.0.0.1"):
                await bus.ready(1)

    run(main())


@needs_mosquitto
def test_what_was_not_acknowledged_comes_again(run, tmp_path):
    async def main():
        async with broker.embedded(tmp_path) as (mqtt, _):
            async with MqttBus(mqtt, "stage") as bus:
                inbox = bus.subscribe(TOPIC)
                await bus.ready()
                await bus.publish(Message(TOPIC, b"1"))
                await bus.publish(Message(TOPIC, b"2"))
                first, *_ = await inbox.take(1)
                first.ack()
                await asyncio.sleep(0.2)
            async with MqttBus(mqtt, "stage") as bus:
                inbox = bus.subscribe(TOPIC)
                [again] = await asyncio.wait_for(inbox.take(), 60)
                assert again.message.payload == b"2"

    run(main())


@needs_mosquitto
@pytest.mark.parametrize("count", [4, 1])  # 1: the control
def test_what_is_acknowledged_together_does_not_come_again(run, tmp_path, count):
    payloads = [b"%d" % n for n in range(5)]

    async def take(inbox, wanted):
        taken = []
        while len(taken) < wanted:
            taken += await asyncio.wait_for(inbox.take(), 60)
        return taken

    async def main():
        async with broker.embedded(tmp_path) as (mqtt, _):
            async with MqttBus(mqtt, "stage") as bus:
                inbox = bus.subscribe(TOPIC)
                await bus.ready()
                for payload in payloads[:4]:
                    await bus.publish(Message(TOPIC, payload))
                taken = await take(inbox, 4)
                taken[0].acknowledge([one.mid for one in taken[:count]])
                await asyncio.sleep(0)  # the acknowledgements leave, and then the last
                await bus.publish(Message(TOPIC, payloads[4]))
            async with MqttBus(mqtt, "stage") as bus:
                again = await take(bus.subscribe(TOPIC), 5 - count)
                assert [one.message.payload for one in again] == payloads[count:]

    run(main())


@needs_mosquitto
def test_a_stage_that_stops_cleanly_misses_nothing(run, tmp_path):
    async def main():
        async with broker.embedded(tmp_path) as (mqtt, _), MqttBus(mqtt) as other:
            async with MqttBus(mqtt, "stage") as bus:
                inbox = bus.subscribe(TOPIC)
                await heard(bus, inbox)
                bus.unsubscribe(inbox)
            await other.publish(Message(TOPIC, b"while it was away"))
            async with MqttBus(mqtt, "stage") as bus:
                [kept] = await asyncio.wait_for(bus.subscribe(TOPIC).take(), 60)
                assert kept.message.payload == b"while it was away"

    run(main())


@needs_mosquitto
def test_a_full_inbox_leaves_the_rest_to_the_broker(run, tmp_path):
    async def main():
        async with broker.embedded(tmp_path) as (mqtt, _), MqttBus(mqtt) as other:
            async with MqttBus(mqtt, "stage", room=100_000) as bus:
                inbox = bus.subscribe(TOPIC)
                await heard(bus, inbox)
                messages = [Message(TOPIC, b"%d" % n + b"." * 9000) for n in range(300)]
                await asyncio.gather(*map(other.publish, messages))
                while len(inbox) <= 10:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.3)
                assert len(inbox) < 100
                came = []
                while len(came) < 300:
                    for delivery in await asyncio.wait_for(inbox.take(5), 60):
                        came.append(delivery.message)
                        delivery.ack()
                assert came == messages
                assert inbox.octets == 0

    run(main())


@needs_mosquitto
@pytest.mark.parametrize("room", [100_000, math.inf])
def test_a_stalled_stage_leaves_the_rest_to_the_broker_too(run, tmp_path, room):
    async def main():
        async with broker.embedded(tmp_path) as (mqtt, _), MqttBus(mqtt) as other:
            async with MqttBus(mqtt, "stage", room=room) as bus:
                inbox = bus.subscribe(TOPIC)
                await heard(bus, inbox)
                await other.ready()
                messages = [Message(TOPIC, b"." * 9000) for _ in range(300)]
                sent = asyncio.gather(*map(other.publish, messages))
                await asyncio.sleep(0)  # they leave
                time.sleep(0.5)  # as what computes for long
                await sent
                if room == math.inf:  # else it would hold them all
                    while len(inbox) < 300:
                        await asyncio.sleep(0.01)
                assert (len(inbox) < 100) == (room < math.inf)

    run(main())


@needs_mosquitto
@pytest.mark.slow
def test_publishing_waits_for_a_broker_that_is_away(run, tmp_path):
    async def main():
        port = broker.free_port()
        program = broker.find_mosquitto()
        async with MqttBus(Mqtt(port=port), "stage") as bus:
            waiting = asyncio.ensure_future(bus.publish(Message(TOPIC, b"kept")))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            async with broker.child(program, tmp_path, port):
                await asyncio.wait_for(waiting, 60)

    run(main())


@pytest.mark.slow
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(run, tmp_path):
    async def main():
        async with broker.in_process(tmp_path, broker.free_port()) as mqtt:
            five = replace(mqtt, version="5")
            async with MqttBus(five, "stage") as bus:
                await bus.publish(Message(TOPIC, b"queued before it answered"))
                assert bus.protocol == 4

    run(main())


@needs_mosquitto
def test_a_wrong_password_is_one_clear_line(run, tmp_path):
    async def main():
        port, conf = broker.free_port(), tmp_path / "strict.conf"
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
        program = broker.find_mosquitto()
        process = await asyncio.create_subprocess_exec(program, "-c", str(conf))
        try:
            await broker.reachable(port, process)
            async with MqttBus(Mqtt(port=port, username="gw-1")) as bus:
                with pytest.raises(Unavailable, match="refuses gw-1.*password_file"):
                    await bus.ready(3)
        finally:
            process.terminate()
            await process.wait()

    run(main())
