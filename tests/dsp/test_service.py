"""The shell on the bus: what is said is said before it is acknowledged, and kept."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress

import pytest

from dsp import service
from dsp.snapshot import Snapshot
from dsp.ward import Ward
from vitals import Anomaly, BodyTemperature, HeartRate, Limit, Plan, Reading, wire
from vitals.bus import Delivery, MemoryBus
from vitals.detection import Dsp
from vitals.metrics import Metrics
from vitals.model import Erased, Session
from vitals.wire import Message

T0 = 1_700_000_000_000
QUICK = Dsp(limits={"heart_rate": Limit(high=120, hold_s=5)}, tick_s=0.01)


class Wall:
    """A clock that goes when told to."""

    now = T0

    def __call__(self):
        return self.now


class Steady(Wall):
    """Seconds that go when told to."""

    now = 5.0


class House:
    def __init__(self, tmp_path, bus=None):
        self.bus, self.metrics, self.wall = bus or MemoryBus(), Metrics(), Wall()
        self.steady = Steady()
        self.data = tmp_path
        self.heard = self.bus.subscribe(wire.ANOMALIES)

    @asynccontextmanager
    async def running(self):
        job = service.run(
            self.bus, QUICK, self.data, self.metrics, self.wall, self.steady
        )
        task = asyncio.create_task(job)
        while not any(wire.PLANS in f for _, f in self.bus._inboxes.values()):
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def beat(self, seconds, hr):
        for s in seconds:
            await self.bus.publish(wire.pack(heart(s, hr)))

    async def hear(self, count=1):
        said = []
        while len(said) < count:
            for delivery in await asyncio.wait_for(self.heard.take(), 60):
                said.append(wire.read(Anomaly, delivery.message.payload))
        await asyncio.sleep(0.1)  # what follows a word: a save
        return said


def heart(second, hr):
    return Reading("p-7", "strap", HeartRate(t=T0 + second * 1000, hr=hr))


def run(main):
    asyncio.run(asyncio.wait_for(main, 60))


def test_a_racing_heart_on_the_bus_becomes_an_anomaly(tmp_path):
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(6), 150)
            (said,) = await house.hear()
        assert said.condition == "heart_rate_high"
        assert house.metrics.counters["dsp_records_total"] == 6
        assert house.metrics.counters["dsp_anomalies_total"] == 1
        assert house.metrics.quantile("dsp_block_seconds", 0.5) is not None

    run(main())


def test_c2_a_restart_in_mid_episode_neither_forgets_nor_repeats(tmp_path):
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(8), 150)
            (begin,) = await house.hear()
        async with house.running():
            await house.beat(range(8), 150)  # the same again
            await house.beat(range(8, 20), 70)
            (over,) = await house.hear()
        assert (over.id, over.over, begin.over) == (begin.id, True, False)
        assert house.metrics.counters["dsp_stale_total"] >= 6

    run(main())


def test_without_its_file_a_restart_would_forget(tmp_path):  # negative control
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(8), 150)
            await house.hear()
        (tmp_path / "dsp.npz").unlink()
        async with house.running():
            await house.beat(range(8, 20), 70)
            await asyncio.sleep(0.1)
        assert len(house.heard) == 0

    run(main())


def test_a_kill_after_the_word_is_out_repeats_nothing(tmp_path):
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(8), 150)
            await house.hear()
            while not (tmp_path / "dsp.npz").exists():
                await asyncio.sleep(0.01)
            killed = (tmp_path / "dsp.npz").read_bytes()  # all that a SIGKILL leaves
        (tmp_path / "dsp.npz").write_bytes(killed)
        async with house.running():
            await house.beat(range(8), 150)
            await asyncio.sleep(0.1)
        assert len(house.heard) == 0

    run(main())


def test_malformed_messages_are_counted_and_cost_nobody_else(tmp_path):
    async def main():
        house = House(tmp_path)
        topic = wire.of("p-7", "strap", "heart_rate")
        async with house.running():
            await house.bus.publish(Message(topic, b"{"))
            await house.bus.publish(Message(wire.of("p-7", "plan"), b"[]"))
            good = [wire.encode(heart(s, 150).record) for s in range(6)]
            await house.bus.publish(wire.pack_batch(topic, [b'{"t":-1}', *good]))
            (said,) = await house.hear()
        assert said.condition == "heart_rate_high"
        assert house.metrics.counters["dsp_malformed_total"] == 3

    run(main())


def test_a_retained_plan_holds_from_the_start_and_changes_live(tmp_path):
    async def main():
        house = House(tmp_path)
        topic = wire.of("p-7", "plan")
        plan = Plan(limits={"heart_rate": Limit(high=100, hold_s=2)})
        await house.bus.publish(Message(topic, wire.encode(plan), retain=True))
        async with house.running():
            await house.beat(range(3), 110)
            (begin,) = await house.hear()
            await house.bus.publish(Message(topic, b"", retain=True))
            await house.beat(range(3, 12), 110)
            (over,) = await house.hear()
        assert begin.evidence["limit"] == 100
        assert over.evidence["limit"] == 120

    run(main())


def test_a_plan_that_switches_a_detector_off_ends_its_alarm_on_the_bus(tmp_path):
    async def main():
        house = House(tmp_path)
        off = wire.encode(Plan(off=("limit",), t=T0 + 8000))
        async with house.running():
            await house.beat(range(6), 150)
            (begin,) = await house.hear()
            await house.bus.publish(Message(wire.of("p-7", "plan"), off, retain=True))
            (over,) = await house.hear()
        assert (over.id, over.over, over.t) == (begin.id, True, T0 + 8000)

    run(main())


def test_a_strap_that_is_not_worn_in_a_session_is_told_on_a_tick(tmp_path):
    async def main():
        house = House(tmp_path)
        session = Session(id="bike", begin=T0 - 60_000, end=T0 + 60_000)
        plan = wire.encode(Plan(sessions=(session,)))
        async with house.running():
            await house.bus.publish(Message(wire.of("p-7", "plan"), plan, retain=True))
            await asyncio.sleep(0.2)
            house.steady.now += 31
            (said,) = await house.hear()
        assert said.condition == "session_signal_lost"
        assert said.begin == session.begin

    run(main())


def test_c9_a_silent_device_is_told_on_a_tick(tmp_path):
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(2), 70)
            await asyncio.sleep(0.05)
            house.steady.now += 61
            (said,) = await house.hear()
        assert (said.condition, said.begin) == ("device_silent", T0 + 1000)

    run(main())


class SlowBus(MemoryBus):
    """A bus whose broker is away for anomalies, until told."""

    def __init__(self):
        super().__init__()
        self.back = asyncio.Event()

    async def publish(self, message):
        if message.topic.endswith("/anomaly"):
            await self.back.wait()
        await super().publish(message)


def test_stopped_before_a_word_was_out_it_is_said_next_time(tmp_path):
    async def main():
        bus = SlowBus()
        house = House(tmp_path, bus)
        async with house.running():
            await house.beat(range(8), 150)
            await asyncio.sleep(0.1)
        assert len(house.heard) == 0
        bus.back.set()
        async with house.running():
            await house.beat(range(8), 150)  # what nobody has acknowledged
            (said,) = await house.hear()
        assert said.condition == "heart_rate_high"

    run(main())


def test_a_delivery_is_acknowledged_after_the_anomaly_is_out(tmp_path):
    async def main():
        bus, acks = SlowBus(), []
        house = House(tmp_path, bus)
        async with house.running():
            (inbox, _) = list(bus._inboxes.values())[-1]
            messages = [wire.pack(heart(s, 150)) for s in range(6)]
            inbox.put([Delivery(m, lambda _, m=m: acks.append(m)) for m in messages])
            await asyncio.sleep(0.1)
            assert acks == []
            bus.back.set()
            await house.hear()
            while len(acks) < len(messages):
                await asyncio.sleep(0.01)
            assert acks == messages
            assert (tmp_path / "dsp.npz").exists()

    run(main())


@pytest.mark.parametrize("harm", ["cut", "noise", "empty", "flipped"])
def test_a_broken_file_is_set_aside_and_said(tmp_path, harm, caplog):
    memory = Snapshot(tmp_path / "dsp.npz")
    ward = Ward(QUICK)
    ward.observe([Reading("p-7", "x", BodyTemperature(t=T0, temp=37))], T0)
    memory.write(ward.save())
    path = tmp_path / "dsp.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:middle],
            "noise": b"noise" * 100,
            "empty": b"",
            "flipped": whole[:middle]
            + bytes([whole[middle] ^ 255])
            + whole[middle + 1 :],
        }[harm]
    )
    with caplog.at_level(logging.WARNING):
        memory.read(QUICK)
    assert "start anew" in caplog.text
    assert (tmp_path / "dsp.broken").exists()
    assert not path.exists()


def test_a_full_disk_stops_nobody_from_watching(tmp_path):
    async def main():
        blocked = tmp_path / "file"
        blocked.write_text("not a folder")
        house = House(blocked / "below")
        async with house.running():
            await house.beat(range(6), 150)
            await house.hear()
        assert house.metrics.counters["dsp_save_failures_total"] >= 1

    run(main())


def test_a_step_of_the_wall_clock_silences_nobody(tmp_path):
    async def main():
        house = House(tmp_path)
        async with house.running():
            await house.beat(range(2), 70)
            await asyncio.sleep(0.05)
            house.wall.now += 3_600_000
            await asyncio.sleep(0.1)
            assert len(house.heard) == 0
            house.wall.now -= 7_200_000  # and a real silence is not hidden by one
            house.steady.now += 61
            (said,) = await house.hear()
        assert said.condition == "device_silent"

    run(main())


POISON = [
    b'{"limits":{"heart_rate":{"high":120,"hold_s":1e308}}}',
    b'{"limits":{"heart_rate":{"high":1e308}}}',
    b'{"limits":{"heart_rate":{"high":120,"hold_s":-1}}}',
]


def test_a_retained_plan_of_poison_is_counted_and_obeyed_by_nobody(tmp_path):
    async def main():
        house = House(tmp_path)
        for n, poison in enumerate(POISON):
            topic = wire.of(f"p-{n}", "plan")
            await house.bus.publish(Message(topic, poison, retain=True))
        topic = wire.of("p-7", "plan")
        await house.bus.publish(Message(topic, POISON[0], retain=True))
        async with house.running():
            await house.beat(range(6), 150)
            (said,) = await house.hear()
        assert said.evidence["limit"] == 120
        assert house.metrics.counters["dsp_malformed_total"] == len(POISON) + 1

    run(main())


class Touchy(Ward):
    """A ward with a defect that one patient brings out."""

    def observe(self, readings, arrived, steady=None):
        if any(r.subject == "p-bad" for r in readings):
            raise OverflowError("a defect")
        return super().observe(readings, arrived, steady)

    def plan(self, subject, plan):
        if subject == "p-bad":
            raise OverflowError("a defect")
        super().plan(subject, plan)


def test_a_defect_that_one_patient_brings_out_costs_no_other(tmp_path, caplog):
    async def main():
        bus, metrics = MemoryBus(), Metrics()
        heard = bus.subscribe(wire.ANOMALIES)
        memory = Snapshot(tmp_path / "dsp.npz")
        house = service.Service(bus, Touchy(QUICK), memory, metrics, (Wall(), Steady()))
        inbox = bus.subscribe(*wire.READINGS, wire.PLANS)
        for s in range(6):
            await bus.publish(Message(wire.of("p-bad", "plan"), wire.encode(Plan())))
            await bus.publish(wire.pack(heart(s, 150)))
            bad = Reading("p-bad", "strap", HeartRate(t=T0 + s, hr=150))
            await bus.publish(wire.pack(bad))
        task = asyncio.create_task(house.watch(inbox))
        (said,) = await heard.take()
        task.cancel()
        message = wire.read(Anomaly, said.message.payload)
        assert message.subject == "p-7"
        assert metrics.counters["dsp_failures_total"] >= 12

    run(main())


def test_an_erased_patient_is_forgotten_on_the_disk_at_once(run, tmp_path):
    async def main():
        house = House(tmp_path)
        memory = Snapshot(tmp_path / "dsp.npz")
        async with house.running():
            for subject in ("p-7", "p-8"):
                record = HeartRate(t=T0, hr=70.0)
                await house.bus.publish(wire.pack(Reading(subject, "strap", record)))
            while house.metrics.counters["dsp_records_total"] < 2:
                await asyncio.sleep(0.01)
            await house.bus.publish(Message(wire.of("p-8", "erased"), b"?"))
            word = wire.encode(Erased(by="al", t=T0))
            again = Message(wire.of("p-8", "erased"), word, retain=True)
            await house.bus.publish(again)  # it is said once
            await house.bus.publish(Message(wire.of("p-7", "erased"), word))
            while not memory.knows("p-8"):
                await asyncio.sleep(0.01)
            assert not memory.knows("p-7")
            assert house.metrics.counters["dsp_malformed_total"] == 1

    run(main())
