"""One cuff, many patients: from the cuff's radio to each one's chart, in jumping time.

Real ATT over the simulated radio, the gateway and ingest whole, SQLite on both sides,
the bus in memory between.
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

import gateway.service
import ingest.service
from firmware_sim.service import simulation
from gateway.bumble import Central
from ingest.ledger import Ledger
from ingest.store import open_store
from tests.conftest import background
from tests.warp import run as warped
from vitals import Kind, config, wire
from vitals.assignments import Assignments
from vitals.bus import MemoryBus
from vitals.config import Gateway, Wearable
from vitals.metrics import Metrics
from vitals.model import Answer, Assign, CheckIn, DeviceStatus
from vitals.simulation import Sim, SimPerson, SimWearable

BEGIN = 1_800_000_000_000
ADDRESS = "C0:00:00:00:02:01"
MINUTE = 60_000


class Clinic:
    """A cuff that measures by itself, a gateway that may restart, and ingest."""

    def __init__(self, folder):
        loop, self.folder = asyncio.get_running_loop(), folder
        self.bus, self.metrics, began = MemoryBus(), Metrics(), loop.time()
        self.clock = lambda: BEGIN + round(1000 * (loop.time() - began))
        self.store = open_store(config.Store(), folder)
        self.ledger = Ledger(folder / "ledger.db")
        self.told = {}  # the newest message of a topic
        self._everything = self.bus.subscribe(wire.EVERYTHING)

    @asynccontextmanager
    async def open(self, **cuff):
        """Run all but the gateway."""
        options = {"every_s": 60, "users": (1, 2), **cuff}
        it = SimWearable(kind="cuff", address=ADDRESS, person="pat", **options)
        sim = Sim(people=(SimPerson(name="pat"),), wearables=(it,))
        async with AsyncExitStack() as stack:
            opened = simulation(sim, self.metrics, self.clock)
            self.sim = await stack.enter_async_context(opened)
            self.central = await Central.plug("air", self.sim.air.host("gateway"))
            stack.push_async_callback(self.central.close)
            ours = self.bus, self.store, self.ledger, self.metrics, self.clock
            rooms = background(ingest.service.run(*ours), self._listen())
            await stack.enter_async_context(rooms)
            yield self

    @asynccontextmanager
    async def attended(self, **wearable):
        """Run the gateway."""
        worn = Wearable(device="cuff", address=ADDRESS, **wearable)
        box = Gateway(adapter="air", wearables=(worn,))
        ours = self.bus, box, self.folder, self.metrics, self.clock
        async with background(gateway.service.run(*ours)):
            yield

    async def say(self, noun):
        """Give the gateway a command; give its answer."""
        inbox = self.bus.subscribe(wire.gateway_topic("gw-1", "answer"))
        topic = wire.gateway_topic("gw-1", "command")
        await self.bus.publish(wire.Message(topic, wire.encode(noun)))
        async with asyncio.timeout(60):
            [delivery] = await inbox.take(1)
        self.bus.unsubscribe(inbox)
        return wire.read(Answer, delivery.message.payload)

    def chart(self, subject):
        """The readings that a person has in the store."""
        found, _ = self.store.records(
            subject, Kind.BLOOD_PRESSURE, 0, 1 << 60, None, 1000
        )
        assert len({r.record.t for r in found}) == len(found), "doubled"
        return [r.record for r in found]

    def status(self):
        payload = self.told[wire.shared_topic("gw-1", "cuff")]
        return wire.read(DeviceStatus, payload)

    def assignments(self):
        return wire.read(
            Assignments, self.told[wire.gateway_topic("gw-1", "assignments")]
        )

    def dead(self):
        return self.told.get(wire.DEAD)

    async def _listen(self):
        while True:
            for delivery in await self._everything.take():
                self.told[delivery.message.topic] = delivery.message.payload
                delivery.ack()


@pytest.fixture
def live(tmp_path):
    """Live through a story with a clinic."""

    def go(story, **cuff):
        async def main():
            clinic = Clinic(tmp_path)
            async with clinic.open(**cuff):
                await story(clinic)
            clinic.store.close()
            clinic.ledger.close()

        warped(main(), 1e5)

    return go


def test_a14_two_users_alternate_and_each_reading_is_its_own_once(live):
    async def story(clinic):
        async with clinic.attended(users={1: "p-1001", 2: "p-1002"}):
            await asyncio.sleep(1800)
            await clinic.sim.stop()
            await asyncio.sleep(30)
            one, two = clinic.chart("p-1001"), clinic.chart("p-1002")
            assert {r.user for r in one} == {1}
            assert {r.user for r in two} == {2}
            assert len(one) >= 15
            assert abs(len(one) - len(two)) <= 1
            numbers = sorted(r.seq for r in [*one, *two])
            assert numbers == list(range(1, len(numbers) + 1))
            assert clinic.ledger.lost() == []
            assert clinic.dead() is None
            status = msgspec.json.decode(
                clinic.told[wire.gateway_topic("gw-1", "status")]
            )
            assert (status["queued"], status["waiting"]) == (0, 0)
            assert wire.of("p-1002", "cuff", "status") in clinic.told

    live(story, stored=9)


def test_a14_a_reading_waits_over_a_restart_is_given_and_moves_when_that_was_wrong(
    live,
):
    async def story(clinic):
        shared = {"shared": ("p-1001", "p-1002")}
        async with clinic.attended(**shared):
            await asyncio.sleep(200)
            assert clinic.status().waiting == len(clinic.assignments().waiting) >= 3
            assert clinic.store.count() == 0
        await clinic.sim.stop()
        async with clinic.attended(**shared):
            await asyncio.sleep(15)
            waiting = [one.t for one in clinic.assignments().waiting]
            assert clinic.status().waiting == len(waiting) >= 3
            first = min(waiting)

            # Somebody says who that was; the first was somebody else.
            words = {"device": "cuff", "by": "nurse", "id": "1"}
            said = CheckIn(subject="p-1001", t=first, minutes=60, **words)
            answer = await clinic.say(said)
            assert (answer.id, answer.ok) == ("1", True)
            assert f"{len(waiting)} readings moved" in answer.text
            await asyncio.sleep(15)
            assert [r.t for r in clinic.chart("p-1001")] == sorted(waiting)
            assert clinic.status().waiting == 0

            words = {"device": "cuff", "by": "dr-chen", "id": "2", "why": "mix-up"}
            span = {"since": first, "until": first}
            assert (await clinic.say(Assign(subject="p-1002", **span, **words))).ok
            await asyncio.sleep(15)
            assert [r.t for r in clinic.chart("p-1002")] == [first]
            assert [r.t for r in clinic.chart("p-1001")] == sorted(waiting)[1:]
            assert clinic.metrics.counters["gateway_withdrawn_total"] == 1
            numbers = [r.seq for who in shared["shared"] for r in clinic.chart(who)]
            assert sorted(numbers) == list(range(2, len(waiting) + 2))
            assert clinic.ledger.lost() == []

        moved, corrected, *_ = clinic.assignments().trail
        assert (corrected.by, corrected.subject, corrected.why) == (
            *("dr-chen", "p-1002", "mix-up"),
        )
        assert (moved.since, moved.old, moved.subject) == (first, "p-1001", "p-1002")
        assert clinic.assignments().trail[-1].what == "check_in"

    live(story)


def test_a14_a_check_in_has_an_end_and_what_comes_later_waits(live):
    async def story(clinic):
        async with clinic.attended(shared=("p-1001",), minutes=5):
            await asyncio.sleep(90)
            begin = clinic.clock()
            words = {"device": "cuff", "by": "nurse", "id": "1"}
            assert (await clinic.say(CheckIn(subject="p-1001", t=begin, **words))).ok
            await asyncio.sleep(900)
            times = [r.t for r in clinic.chart("p-1001")]
            assert 4 <= len(times) <= 6
            assert begin - 1000 <= min(times)
            assert max(times) < begin + 5 * MINUTE + 1000
            assert clinic.status().waiting >= 9

    live(story)


def test_a14_who_is_unknown_is_refused_in_one_line_and_counted(live, caplog):
    async def story(clinic):
        async with clinic.attended(shared=("p-1001", "p-1002")):
            await asyncio.sleep(5)
            words = {"by": "nurse", "id": "1"}
            refused = [
                await clinic.say(CheckIn(device="cuf", subject="p-1001", **words)),
                await clinic.say(CheckIn(device="cuff", subject="p-9", **words)),
                await clinic.say(
                    CheckIn(
                        device="cuff",
                        subject="p-1001",
                        t=clinic.clock() + 3600_000,
                        **words,
                    )
                ),
                await clinic.say(
                    Assign(
                        device="cuff",
                        subject="p-9",
                        since=1,
                        until=2,
                        why="x",
                        **words,
                    )
                ),
            ]
            assert not any(answer.ok for answer in refused)
            assert "unknown device cuf; known: cuff" in refused[0].text
            assert "unknown subject p-9" in refused[1].text
            assert "in the future" in refused[2].text
            assert "unknown subject p-9" in refused[3].text
            await asyncio.sleep(1)
            assert clinic.metrics.counters["gateway_refused_total"] == 4
            assert clinic.assignments().trail == []

    live(story)
    lines = [r.getMessage() for r in caplog.records if "ignored a command" in r.msg]
    assert len(lines) == 4
    assert not any("\n" in line for line in lines)


def test_a_cuff_that_is_one_persons_takes_neither_check_in_nor_correction(live):
    async def story(clinic):
        async with clinic.attended(subject="p-1001"):
            await asyncio.sleep(130)
            words = {"device": "cuff", "subject": "p-1001", "by": "nurse", "id": "1"}
            answer = await clinic.say(CheckIn(**words))
            assert answer.text == "cuff is not `shared`: nobody checks in at it"
            answer = await clinic.say(Assign(since=1, until=2, why="x", **words))
            assert answer.text == "cuff is p-1001's alone, by its `subject`"
            assert len(clinic.chart("p-1001")) >= 2

    live(story)
