import asyncio
import itertools
import time

import pytest
from msgspec.structs import replace

from alerts.arrival import gathered, is_echo, parted
from alerts.service import run as stage
from vitals import wire
from vitals.bus import Delivery, Inbox, MemoryBus
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.model import Alert, Plan, StageStatus
from vitals.staff import Person
from vitals.wire import Message

NOW = 1_700_000_000_000


def word(t):
    said = wire.encode(StageStatus(online=True, t=t))
    return Message(wire.stage_topic("alerts"), said, retain=True)


def plan(team=("ben",), subject="p-7"):
    return Message(wire.of(subject, "plan"), wire.encode(Plan(team=team)), retain=True)


def filled(*messages):
    inbox = Inbox()
    for message in messages:
        inbox.put([Delivery(message, lambda: None)])
    return inbox


def test_all_that_was_retained_is_there_when_our_own_word_comes_back(run):
    inbox = filled(word(NOW - 20_000), plan(), word(NOW + 3))

    async def main():
        return [one.message for one in await gathered(inbox, NOW, 30)]

    assert run(main())[1:] == [plan(), word(NOW + 3)]


def test_patience_ends_and_what_has_come_is_kept(run, caplog):
    inbox = filled(word(NOW - 20_000), plan())

    async def main():
        begin = time.monotonic()
        found = await gathered(inbox, NOW, 0.05)
        return found, time.monotonic() - begin

    found, took = run(main())
    assert len(found) == 2
    assert 0.04 < took < 5
    assert "plans may be missing" in caplog.text


def test_without_patience_nothing_is_waited_for(run):
    async def main():
        return await gathered(filled(plan()), NOW, 0)

    assert run(main()) == []


@pytest.mark.parametrize(
    ("message", "echo"),
    [
        (word(NOW), True),
        (word(NOW + 5000), True),
        (word(NOW - 1), False),  # of an earlier life
        (word(NOW + 86_400_000), False),  # likewise, by a clock that was ahead
        (Message(wire.stage_topic("dsp"), word(NOW).payload), False),
        (Message(wire.stage_topic("alerts"), b"{"), False),
        (Message(wire.stage_topic("alerts"), b""), False),
    ],
)
def test_only_our_own_word_of_this_life_is_an_echo(message, echo):
    assert is_echo(message, NOW, NOW + 5000) is echo


def test_plans_come_first_and_nothing_else_changes_its_place():
    others = [word(1), word(2)]
    assert parted([others[0], plan(), others[1]]) == ([plan()], others)


class Slow(MemoryBus):
    """A broker that hands out what is retained a moment after the subscription."""

    def subscribe(self, *filters):
        inbox = super().subscribe(*filters)
        waiting = [inbox._waiting.popleft() for _ in range(len(inbox))]
        if waiting:
            asyncio.get_running_loop().call_later(0.2, inbox.put, waiting)
        return inbox

    async def publish(self, message):
        if message.topic == wire.stage_topic("alerts"):
            await asyncio.sleep(0.3)  # in order, behind what is retained
        await super().publish(message)


def due_after_a_restart(settings, data, racing, clock, beside, until):
    """Give whom the doctor's step tells, whose time had come before the restart."""
    bus, told = Slow(), []
    inbox = bus.subscribe(wire.ALERTS)

    async def life(minutes):
        async with beside(stage(bus, settings, data, Metrics(), clock)):
            if not minutes:
                await until(lambda: len(bus._inboxes) > 1)  # it listens
                say = racing()
                topic = wire.of("p-7", "anomaly")
                await bus.publish(Message(topic, wire.encode(say)))
            async with asyncio.timeout(120):
                while not told or told[-1].escalation["step"] < (2 if minutes else 1):
                    for one in await inbox.take():
                        told.append(wire.read(Alert, one.message.payload))

    async def main():
        await life(0)
        await bus.publish(plan(("dr-wu",)))
        clock.now += 5 * 60_000
        await life(5)

    asyncio.run(main())
    return told[-1].escalation["told"]


DOCTORS = Alerts(
    people=(
        Person(name="anna"),
        Person(name="dr-li", role="doctor"),
        Person(name="dr-wu", role="doctor"),
    ),
    settle_s=30,
)


def test_a_step_that_is_due_at_the_start_waits_for_the_plans(
    tmp_path, racing, clock, beside, until
):
    told = due_after_a_restart(DOCTORS, tmp_path, racing, clock, beside, until)
    assert told == ["anna", "dr-wu"]


def test_negative_control_without_waiting_all_doctors_are_told(
    tmp_path, racing, clock, beside, until
):
    hasty = replace(DOCTORS, settle_s=0)
    told = due_after_a_restart(hasty, tmp_path, racing, clock, beside, until)
    assert told == ["anna", "dr-li", "dr-wu"]


def test_a_start_hears_its_own_word_however_early_it_is_said(
    tmp_path, run, racing, beside, until, caplog
):
    ticks = itertools.count(NOW)  # no two looks at the clock show the same
    bus, settings = MemoryBus(), replace(DOCTORS, settle_s=1)
    heard = bus.subscribe(wire.ALERTS)

    async def main():
        working = stage(bus, settings, tmp_path, Metrics(), lambda: next(ticks))
        async with beside(working):
            await until(lambda: len(bus._inboxes) > 1)
            said = Message(wire.of("p-7", "anomaly"), wire.encode(racing()))
            await bus.publish(said)
            await until(lambda: len(heard))

    run(main())
    assert "plans may be missing" not in caplog.text
