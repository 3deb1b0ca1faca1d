"""The list of wearables may change meanwhile; those who stay notice nothing."""

import asyncio

from gateway.commands import Commands
from gateway.roster import Reloader, Roll, Roster, compare
from tests import warp
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Wearable
from vitals.errors import ConfigError
from vitals.metrics import Metrics
from vitals.wire import Message


def wearable(device, number, subject="p-1"):
    return Wearable(
        device=device, subject=subject, address=f"C0:00:00:00:00:{number:02d}"
    )


STRAP, CUFF, WATCH = (wearable(d, n) for n, d in enumerate(["strap", "cuff", "watch"]))
MOVED = wearable("strap", 9)


class Attendant:
    """Notes when it begins and ends; letting go takes a moment, as a link does."""

    def __init__(self, device, story):
        self.device, self._story = device, story

    async def run(self):
        self._story.append(f"begin {self.device.address}")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            self._story.append(f"end {self.device.address}")


async def hold(test):
    """Run a test with a roster; give what happened."""
    story = []

    async def farewell(attendant):
        story.append(f"farewell {attendant.device.address}")

    roster = Roster(lambda wearable: Attendant(wearable, story), farewell)
    async with asyncio.TaskGroup() as group:
        await test(lambda new: roster.apply(new, group), roster, story)
        roster.apply([], group)
    return story


def test_what_a_new_list_changes_is_told_wearable_by_wearable():
    asked = compare([STRAP, CUFF], [CUFF, WATCH, MOVED])
    assert asked.added == [WATCH, MOVED]
    assert asked.removed == [STRAP]
    assert compare([STRAP], [wearable("strap", 0, "p-2")]).removed == [STRAP]


def test_a20_added_are_attended_removed_let_go_and_others_untouched():
    async def test(apply, roster, story):
        apply([STRAP, CUFF])
        kept = roster.attendants[1]
        await asyncio.sleep(0.02)
        apply([CUFF, WATCH])
        assert [a.device for a in roster.attendants] == [CUFF, WATCH]
        assert roster.attendants[0] is kept
        await asyncio.sleep(0.05)
        assert story[2] == f"end {STRAP.address}"
        after = {f"begin {WATCH.address}", f"farewell {STRAP.address}"}
        assert set(story[3:]) == after
        assert f"end {CUFF.address}" not in story

    warp.run(hold(test))


def test_a20_a_wearable_with_a_new_address_begins_once_the_old_one_has_let_go():
    async def test(apply, roster, story):
        apply([STRAP])
        await asyncio.sleep(0.02)
        apply([MOVED])
        await asyncio.sleep(0.05)
        assert story.index(f"end {STRAP.address}") < story.index(
            f"begin {MOVED.address}"
        )

    warp.run(hold(test))


def test_the_same_list_changes_nothing():
    async def test(apply, roster, story):
        apply([STRAP, CUFF])
        before = list(roster.attendants)
        assert apply([CUFF, STRAP]).added == []
        assert roster.attendants == before

    warp.run(hold(test))


def test_a_farewell_that_waits_for_the_broker_keeps_nobody_waiting():
    async def main():
        story = []

        async def never(_):
            await asyncio.Event().wait()

        roster = Roster(lambda wearable: Attendant(wearable, story), never)
        group = asyncio.TaskGroup()
        async with group:
            roster.apply([STRAP], group)
            await asyncio.sleep(0.02)
            roster.apply([MOVED], group)
            await asyncio.sleep(0.05)
            assert f"begin {MOVED.address}" in story
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    warp.run(main())


def test_a20_a_broken_list_is_refused_in_one_line_and_the_old_one_stays(run, caplog):
    applied, metrics = [], Metrics()

    def broken():
        raise ConfigError("vitals.toml: gateway.wearables[1].device: strap is there")

    async def main():
        reloader = Reloader(
            Roll(broken, asyncio.Event()),
            lambda new: applied.append(new) or compare([], new),
            metrics,
        )
        await reloader.reload()

    run(main())
    assert applied == []
    assert metrics.counters["gateway_reloads_refused_total"] == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("the wearables stay as they were: vitals.toml: ")
    assert "\n" not in line


def test_a20_the_command_reload_reads_the_list_again(run, beside):
    """By the bus as by SIGHUP; what nobody understands is counted."""
    metrics, applied = Metrics(), asyncio.Event()

    def apply(new):
        applied.set()
        return compare([], new)

    async def main():
        bus = MemoryBus()
        reloader = Reloader(Roll(lambda: (STRAP,), asyncio.Event()), apply, metrics)
        commands = Commands(bus, "gw-1", {"reload": reloader.ask}, metrics)
        topic = wire.gateway_topic("gw-1", "command")
        async with beside(reloader.run(), commands.run()):
            for payload in (b"garbage", b'{"action":"fly"}', b'{"action":"reload"}'):
                await bus.publish(Message(topic, payload))
            await asyncio.wait_for(applied.wait(), 60)
        assert metrics.counters["gateway_refused_total"] == 2
        assert metrics.counters["gateway_reloads_total"] == 1

    run(main())
