import asyncio
import contextlib

import pytest

from gateway.outbox import Notification, Outbox, Row
from gateway.recorder import Recorder
from gateway.uplink import BATCH, PATIENCE_S, Progress, Uplink, messages
from vitals import Committed, HeartRate, Reading, wire
from vitals.bus import MemoryBus
from vitals.metrics import Metrics
from vitals.wire import Message

TOPIC = wire.of("p-7", "strap-1", "heart_rate")
COMMITTED = wire.gateway_topic("gw-1", "committed")


def row(number, topic=TOPIC):
    return Row(number, "strap-1", number, topic, b'{"t":1,"hr":72}')


def test_one_record_goes_alone_and_a_backlog_in_batches():
    [single] = messages([row(1)])
    assert single.topic == TOPIC
    many = messages([row(n) for n in range(1, BATCH + 2)])
    assert [m.topic for m in many] == [f"{TOPIC}/batch"] * 2
    assert [len(wire.unpack(m)) for m in many] == [BATCH, 1]


def test_without_a_commit_it_publishes_again_ever_more_patiently(at):
    progress = Progress()
    progress.published([row(1), row(2)], at(0))
    now = 0
    for patience in PATIENCE_S:
        assert not progress.impatient(at(now + patience - 0.1))
        now += patience
        assert progress.impatient(at(now))
    progress.committed(2, at(now))
    assert progress.disappointments == 0
    assert not progress.impatient(at(now + 1000))


def test_a_rewind_begins_with_the_oldest():
    progress = Progress()
    progress.published([row(5)], 0)
    progress.rewind()
    assert (progress.cursor, progress.flying) == (0, 0)


@contextlib.asynccontextmanager
async def an_uplink(path, bus, clock, beside):
    recorder = Recorder(Outbox(path, "gw-1"), Metrics())
    uplink = Uplink("gw-1", recorder, bus, Metrics(), clock)
    async with beside(recorder.run(), uplink.run()):
        yield recorder
    recorder.close()


def put(recorder, t):
    record = HeartRate(t=t, received=t, hr=72)
    reading = Reading("p-7", "strap-1", record)
    return recorder.put(Notification(reading, "2a37", b"", 1.0))


def commit(bus, *ranges):
    word = Committed({"strap-1": list(ranges)})
    return bus.publish(Message(COMMITTED, wire.encode(word)))


async def take(inbox, count):
    found = []
    while len(found) < count:
        for delivery in await asyncio.wait_for(inbox.take(), 5):
            found += [r.record.seq for r in wire.unpack(delivery.message)]
    return found


def test_a_record_is_on_disk_before_it_is_published_and_leaves_on_commit(
    run, beside, tmp_path, at
):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        path = tmp_path / "gateway.db"
        async with an_uplink(path, bus, lambda: at(0), beside) as recorder:
            await commit(bus)
            await put(recorder, 1)
            assert await recorder.ask(Outbox.count) == 1
            assert await take(inbox, 1) == [1]
            await asyncio.sleep(0.05)
            assert await recorder.ask(Outbox.count) == 1  # published is not committed
            await commit(bus, (1, 1))
            while await recorder.ask(Outbox.count):
                await asyncio.sleep(0.01)

    run(main())


def test_what_was_not_committed_is_published_again_after_a_restart(
    run, beside, tmp_path, at
):
    async def main():
        bus = MemoryBus()
        path = tmp_path / "gateway.db"
        for _ in range(2):
            inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
            async with an_uplink(path, bus, lambda: at(0), beside) as recorder:
                await commit(bus)
                if _ == 0:
                    await asyncio.gather(*(put(recorder, t) for t in range(1, 8)))
                assert await take(inbox, 7) == list(range(1, 8))

    run(main())


@pytest.mark.parametrize("payload", [b"", b"x", b'{"devices":{"s":[[2]]}}', b"[]"])
def test_a_malformed_commit_releases_nothing(run, beside, tmp_path, at, payload):
    async def main():
        bus = MemoryBus()
        path = tmp_path / "gateway.db"
        async with an_uplink(path, bus, lambda: at(0), beside) as recorder:
            await put(recorder, 1)
            await bus.publish(Message(COMMITTED, payload))
            await asyncio.sleep(0.05)
            assert await recorder.ask(Outbox.count) == 1

    run(main())
