import asyncio
import contextlib
import statistics
import time

import pytest

import gateway.service
from gateway.flight import PATIENCE_S
from gateway.outbox import Notification, Outbox, Row
from gateway.recorder import Recorder
from gateway.uplink import BATCH, Uplink, messages
from tests.gateway.values import NOON, assign, measured
from vitals import Committed, HeartRate, Reading, wire
from vitals.bus import MemoryBus
from vitals.clock import now
from vitals.config import Gateway, Wearable
from vitals.gatt import heart_rate
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


class Broker(MemoryBus):
    """A bus that can be away: what is published meanwhile waits, as paho lets it."""

    async def publish(self, message):
        await self.online.wait()
        await super().publish(message)


@contextlib.asynccontextmanager
async def an_uplink(path, bus, beside, metrics=None):
    recorder = Recorder(Outbox(path, "gw-1"), Metrics(), group_s=0)
    uplink = Uplink("gw-1", recorder, bus, metrics or Metrics())
    async with beside(recorder.run(), uplink.run()):
        yield recorder
    recorder.close()


def put(recorder, t):
    record = HeartRate(t=t, received=t, hr=72)
    reading = Reading("p-7", "strap-1", record)
    raw = b"\x00\x48"
    return recorder.put(Notification(reading, heart_rate.MEASUREMENT, raw, 1.0))


def fill(path, count):
    outbox = Outbox(path, "gw-1")
    for start in range(0, count, 5000):
        outbox.add([one(t) for t in range(start, min(start + 5000, count))])
    outbox.close()


def one(t):
    record = HeartRate(t=t + 1, received=t + 1, hr=72)
    reading = Reading("p-7", "strap-1", record)
    return Notification(reading, heart_rate.MEASUREMENT, b"\x00\x48")


def commit(bus, *ranges, device="strap-1"):
    word = Committed({device: list(ranges)})
    return bus.publish(Message(COMMITTED, wire.encode(word)))


async def take(inbox, count):
    found = []
    while len(found) < count:
        for delivery in await asyncio.wait_for(inbox.take(), 60):
            found += [r.record.seq for r in wire.unpack(delivery.message)]
    return found


async def becomes(true, seconds=200):
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.01)


def test_a_record_is_on_disk_before_it_is_published_and_leaves_on_commit(
    run, beside, tmp_path
):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        async with an_uplink(tmp_path / "gateway.db", bus, beside) as recorder:
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
    run, beside, tmp_path
):
    async def main():
        bus = MemoryBus()
        for attempt in range(2):
            inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
            async with an_uplink(tmp_path / "gateway.db", bus, beside) as recorder:
                await commit(bus)
                if attempt == 0:
                    await asyncio.gather(*(put(recorder, t) for t in range(1, 8)))
                assert await take(inbox, 7) == list(range(1, 8))

    run(main())


@pytest.mark.slow
def test_what_the_broker_lost_is_published_again_while_others_are_committed(
    run, beside, tmp_path
):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        async with an_uplink(tmp_path / "gateway.db", bus, beside) as recorder:
            await commit(bus)
            await put(recorder, 1)  # nobody will ever commit this one
            assert await take(inbox, 1) == [1]
            start, t = time.monotonic(), 1
            while True:
                t += 1
                await put(recorder, t)
                seqs = await take(inbox, 1)
                await commit(bus, (2, t))
                if 1 in seqs:
                    break
                await asyncio.sleep(0.1)
            assert time.monotonic() - start < 3 * PATIENCE_S[0]

    run(main())


@pytest.mark.parametrize(
    "payload", [b"", b"x", b'{"devices":{"s":[[2]]}}', b"[]", b'{"devices":{}}' * 99999]
)
def test_a_malformed_commit_releases_nothing(run, beside, tmp_path, payload):
    async def main():
        bus = MemoryBus()
        metrics = Metrics()
        path = tmp_path / "gateway.db"
        async with an_uplink(path, bus, beside, metrics) as recorder:
            await put(recorder, 1)
            await bus.publish(Message(COMMITTED, payload))
            await asyncio.sleep(0.05)
            assert await recorder.ask(Outbox.count) == 1
            assert metrics.counters["gateway_refused_total"] == 1

    run(main())


def test_a_false_commit_releases_nothing_that_was_not_published(run, beside, tmp_path):
    async def main():
        bus = Broker()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        async with an_uplink(tmp_path / "gateway.db", bus, beside) as recorder:
            await commit(bus)
            await put(recorder, 1)
            assert await take(inbox, 1) == [1]
            bus.online.clear()
            await asyncio.gather(*(put(recorder, t) for t in range(2, 6)))
            word = Committed({"strap-1": [(1, 1 << 40)]})
            lie = Message(COMMITTED, wire.encode(word))
            await MemoryBus.publish(bus, lie)  # past the broker that is away

            async def one_left():
                return await recorder.ask(Outbox.count) == 4

            await becomes(one_left)
            await asyncio.sleep(0.05)
            assert await one_left()
            bus.online.set()
            assert await take(inbox, 4) == [2, 3, 4, 5]

    run(main())


def test_numbers_that_nobody_can_reach_are_not_believed_and_counted(
    run, beside, tmp_path
):
    async def main():
        bus, metrics = MemoryBus(), Metrics()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        path = tmp_path / "gateway.db"
        async with an_uplink(path, bus, beside, metrics) as recorder:
            await commit(bus, (1, (1 << 53) - 1))
            await commit(bus, (1, 5), device="x" * 65)
            await put(recorder, 1)
            assert await take(inbox, 1) == [1]
            assert metrics.counters["gateway_refused_total"] >= 1

    run(main())


def test_after_a_backup_was_restored_new_records_get_later_numbers(
    run, beside, tmp_path
):
    async def main():
        bus = Broker()
        bus.online.clear()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        async with an_uplink(tmp_path / "gateway.db", bus, beside) as recorder:
            await asyncio.gather(put(recorder, 1), put(recorder, 2))
            word = Committed({"strap-1": [(1, 50)]})
            await MemoryBus.publish(bus, Message(COMMITTED, wire.encode(word)))
            await asyncio.sleep(0.05)
            bus.online.set()
            assert await take(inbox, 2) == [51, 52]

    run(main())


async def ingest(bus, inbox, stored):
    """Commit as slowly as a busy database: 100 records in 20 ms."""
    while True:
        for delivery in await inbox.take():
            readings = wire.unpack(delivery.message)
            seqs = sorted(r.record.seq for r in readings)
            stored.update(seqs)
            await asyncio.sleep(0.0002 * len(seqs))
            await commit(bus, *((s, s) for s in seqs))


async def watch(inbox, seen):
    """Note when each record was published first."""
    while True:
        for delivery in await inbox.take():
            for reading in wire.unpack(delivery.message):
                seen.setdefault(reading.record.seq, time.monotonic())


def test_after_an_outage_live_records_do_not_wait_for_the_backlog(
    run, beside, tmp_path
):
    backlog = 20_000
    path = tmp_path / "gateway.db"
    fill(path, backlog)

    async def main():
        bus, stored, seen, said = MemoryBus(), set(), {}, {}
        inbox, live = bus.subscribe(TOPIC, f"{TOPIC}/batch"), bus.subscribe(TOPIC)
        async with (
            beside(ingest(bus, inbox, stored), watch(live, seen)),
            an_uplink(path, bus, beside) as recorder,
        ):
            await commit(bus)
            begun = time.monotonic()
            while len(stored) < backlog // 2:
                said[backlog + 1 + len(said)] = time.monotonic()
                await put(recorder, backlog + len(said))
                await asyncio.sleep(0.05)
            half_s = time.monotonic() - begun

            async def drained():
                return await recorder.ask(Outbox.count) == 0

            await becomes(drained)
        assert stored == set(range(1, backlog + len(said) + 1))
        assert len(said) > 10
        waited_s = statistics.median(seen[seq] - at for seq, at in said.items())
        assert waited_s < max(1, half_s / 4)  # behind the backlog: more than half_s

    run(main())


def test_live_records_go_out_though_nobody_commits(run, beside, tmp_path):
    path = tmp_path / "gateway.db"
    fill(path, 12_000)

    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        async with an_uplink(path, bus, beside) as recorder:
            await commit(bus)
            await take(inbox, 5000)  # a full window; ingest is away
            await asyncio.sleep(0.1)
            await put(recorder, 1)
            assert 12_001 in await take(inbox, 1)

    run(main())


def test_what_ingest_asks_for_again_is_published_at_once(run, beside, tmp_path):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        recorder = Recorder(Outbox(tmp_path / "gateway.db", "gw-1"), Metrics(), 0)
        uplink = Uplink("gw-1", recorder, bus, Metrics())
        async with beside(recorder.run(), uplink.run()):
            await commit(bus)
            for t in (1, 2, 3):
                await put(recorder, t)
            assert sorted(await take(inbox, 3)) == [1, 2, 3]
            await commit(bus, (2, 2))
            while await recorder.ask(Outbox.count) > 2:
                await asyncio.sleep(0.01)
            await uplink.resend(Message("t", b""))
            assert sorted(await take(inbox, 2)) == [1, 3]
        recorder.close()

    run(main())


def test_when_asked_to_resend_all_that_is_not_committed_goes_out_again(
    run, beside, tmp_path
):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(TOPIC, f"{TOPIC}/batch")
        fill(tmp_path / "gateway.db", 2)
        box = Gateway(adapter="tcp-client:127.0.0.1:9")  # where nobody is sought
        ours = bus, box, tmp_path, Metrics(), now
        async with beside(gateway.service.run(*ours)):
            await commit(bus)
            assert await take(inbox, 2) == [1, 2]
            command = wire.gateway_topic("gw-1", "command")
            await bus.publish(Message(command, b'{"action":"resend"}'))
            assert await take(inbox, 2) == [1, 2]

    run(main())


def test_a14_what_changed_hands_while_the_broker_was_away_is_told_of_its_owner_only(
    run, beside, tmp_path
):
    async def main():
        bus = Broker()
        inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES)
        recorder = Recorder(Outbox(tmp_path / "gateway.db", "gw-1"), Metrics(), 0)
        uplink = Uplink("gw-1", recorder, bus, Metrics())
        async with beside(recorder.run(), uplink.run()):
            await commit(bus)
            who = Wearable(device="cuff", address="C0:00:00:00:00:01", users={1: "p-1"})
            await recorder.change(Outbox.configure, [who], NOON)
            bus.online.clear()
            await recorder.put(measured(user=1))
            await recorder.change(Outbox.assign, assign("p-2"), NOON)
            uplink.look_again()  # as the registrar has it done
            bus.online.set()
            [delivery] = await inbox.take()
            [reading] = wire.unpack(delivery.message)
            assert (reading.subject, reading.record.seq) == ("p-2", 2)
            await asyncio.sleep(0.1)
            assert len(inbox) == 0
        recorder.close()

    run(main())
