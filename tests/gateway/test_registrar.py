"""Words on whose readings are whose: carried out, refused, or told that they cannot."""

from contextlib import asynccontextmanager

from gateway import sharing
from gateway.commands import Commands
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.registrar import Registrar
from gateway.withdrawals import Withdrawals
from tests.gateway.values import NOON, assign, measured
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Wearable
from vitals.metrics import Metrics
from vitals.model import Answer, CheckIn, Withdrawn
from vitals.wire import Message

CUFF = Wearable(device="cuff", address="C0:00:00:00:00:01", shared=("p-1", "p-2"))


class Desk:
    """A registrar, and who speaks with it."""

    def __init__(self, path):
        self.bus, self.metrics = MemoryBus(), Metrics()
        self.recorder = Recorder(Outbox(path, "gw-1"), self.metrics, 0)
        ours = "gw-1", self.bus, self.recorder, self.metrics
        self.withdrawals = Withdrawals(*ours)
        told = self.withdrawals.look
        self.registrar = Registrar(*ours, lambda: NOON, told)
        handlers = {
            "check_in": self.registrar.check_in,
            "assign": self.registrar.assign,
        }
        self.commands = Commands(self.bus, "gw-1", handlers, self.metrics)
        self.answers = self.bus.subscribe(wire.gateway_topic("gw-1", "answer"))
        self.wrong = self.bus.subscribe(wire.WITHDRAWALS)

    async def say(self, noun):
        topic = wire.gateway_topic("gw-1", "command")
        await self.bus.publish(Message(topic, wire.encode(noun)))
        [delivery] = await self.answers.take(1)
        return wire.read(Answer, delivery.message.payload)


@asynccontextmanager
async def open_desk(folder, beside):
    desk = Desk(folder / "gateway.db")
    rooms = desk.recorder, desk.registrar, desk.commands, desk.withdrawals
    async with beside(*(room.run() for room in rooms)):
        desk.registrar.follow([CUFF])
        yield desk
    desk.recorder.close()


def check_in(subject="p-1", command="1", t=NOON):
    return CheckIn(device="cuff", subject=subject, by="nurse", id=command, t=t)


def test_a14_what_a_word_cannot_mean_is_refused_and_changes_nothing(
    run, beside, tmp_path
):
    async def main():
        async with open_desk(tmp_path, beside) as desk:
            await desk.recorder.put(measured())
            kept_for_how_long = await desk.say(check_in(t=0))
            assert "since when" in kept_for_how_long.text
            to_come = await desk.say(assign("p-2", until=NOON + 3_600_000, id="2"))
            assert "not over" in to_come.text
            assert (kept_for_how_long.ok, to_come.ok) == (False, False)
            assert desk.recorder.unassigned == {"cuff": 1}

    run(main())


def test_a14_one_command_moves_no_more_readings_than_wearables_can_wait_for(
    run, beside, tmp_path, monkeypatch
):
    async def main():
        monkeypatch.setattr(sharing, "MOVED", 3)
        async with open_desk(tmp_path, beside) as desk:
            for n in range(4):
                await desk.recorder.put(measured(NOON + n))
            answer = await desk.say(assign("p-2", until=NOON + 3, id="1"))
            assert answer.text == "more than 3 readings: say it of shorter times"
            assert desk.recorder.unassigned == {"cuff": 4}
            answer = await desk.say(assign("p-2", until=NOON + 2, id="1"))
            assert answer.text.endswith("3 readings moved")
            assert desk.recorder.problem == ""

    run(main())


def test_a14_a_retained_command_is_not_repeated_at_each_connection(
    run, beside, tmp_path
):
    async def main():
        async with open_desk(tmp_path, beside) as desk:
            topic = wire.gateway_topic("gw-1", "command")
            said = wire.encode(check_in(command="1"))
            await desk.bus.publish(Message(topic, said, retain=True))
            assert (await desk.say(check_in("p-2", "2"))).ok  # control
            assert desk.metrics.counters["gateway_assignments_total"] == 1
            assert desk.metrics.counters["gateway_refused_total"] == 1

    run(main())


def test_a14_a_disk_that_refuses_changes_nothing_and_the_sender_hears_it(
    run, beside, tmp_path
):
    async def main():
        async with open_desk(tmp_path, beside) as desk:
            await desk.recorder.put(measured())
            refuse = "PRAGMA query_only = ON"
            await desk.recorder.ask(lambda box: box._file.execute(refuse))
            answer = await desk.say(check_in())
            assert not answer.ok
            assert answer.text.startswith("the gateway's disk refuses")
            assert desk.recorder.unassigned == {"cuff": 1}
            answer = await desk.say(check_in())  # the file is opened anew
            assert answer.text == "cuff measures p-1 for 10 minutes; 1 readings moved"
            assert (await desk.say(check_in())).text.endswith("that was said before")
            assert desk.recorder.unassigned == {}

    run(main())


def test_a14_a_withdrawal_is_told_until_ingest_has_taken_it_away(run, beside, tmp_path):
    async def main():
        async with open_desk(tmp_path, beside) as desk:
            await desk.recorder.put(measured())
            await desk.say(check_in())
            assert (await desk.say(assign("p-2", id="2"))).ok
            for _ in range(2):
                [delivery] = await desk.wrong.take(1)
                reading = wire.unpack_withdrawal(delivery.message)
                assert (reading.subject, reading.record.seq) == ("p-1", 1)
                desk.withdrawals.look()  # as time does
            word = wire.encode(Withdrawn({"cuff": [(1, 1)]}))
            topic = wire.gateway_topic("gw-1", "withdrawn")
            for payload in (b"garbage", word, word):
                await desk.bus.publish(Message(topic, payload))
            while await desk.recorder.ask(Outbox.withdrawals):
                pass
            assert desk.metrics.counters["gateway_refused_total"] == 1

    run(main())
