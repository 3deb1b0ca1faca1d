"""What a broker keeps of somebody is heard to its end, or nothing is said of it."""

import asyncio

import pytest

from tests import warp
from vitals import Unavailable, wire
from vitals.bus import MemoryBus
from vitals.cli import retained
from vitals.model import DeviceStatus, Erased, StageStatus
from vitals.wire import Message

NOW = 1_700_000_000_000
STATUS = wire.of("p-7", "strap", "status")
PLAN = wire.of("p-7", "plan")


class FarBus(MemoryBus):
    """A bus on which every word takes a while, in order."""

    def __init__(self, late_s):
        super().__init__()
        self._late_s = late_s

    def subscribe(self, *filters):
        inbox = super().subscribe(*filters)
        put, loop = inbox.put, asyncio.get_running_loop()
        came = [inbox._waiting.popleft() for _ in range(len(inbox))]
        inbox.put = lambda found: loop.call_later(self._late_s, put, list(found))
        inbox.put(came)
        return inbox


class DeafBus(MemoryBus):
    """A bus that lets us say what we like, and tells us nothing."""

    def subscribe(self, *filters):
        return super().subscribe("nothing")


class FullBus(MemoryBus):
    """A bus that takes no word any more after so many."""

    def __init__(self, room):
        super().__init__()
        self.room, self.taken = room, []

    async def publish(self, message):
        if len(self.taken) == self.room:
            await asyncio.Event().wait()
        self.taken.append(message.topic)
        await super().publish(message)


async def keep(bus):
    """Let the broker keep a wearable that is worn, a stage that works, and a plan."""
    worn = DeviceStatus(t=NOW, connected=True, gateway="gw-1")
    works = StageStatus(t=NOW, online=True)
    for topic, noun in ((STATUS, worn), (wire.stage_topic("dsp"), works)):
        await bus.publish(Message(topic, wire.encode(noun), retain=True))
    await bus.publish(Message(PLAN, b"{}", retain=True))


@pytest.mark.parametrize("late_s", [0, 2, 14])
def test_what_a_slow_broker_keeps_is_heard_to_the_end(late_s):
    async def main():
        bus = FarBus(late_s)
        await keep(bus)
        return await retained.told(bus, "p-7", NOW)

    found = warp.run(main())
    assert (found.topics, found.worn) == ([STATUS, PLAN], ["strap"])
    assert found.works("dsp", NOW)


@pytest.mark.parametrize("bus", [DeafBus, lambda: FarBus(16)])
def test_a_broker_that_tells_nothing_has_not_said_that_there_is_nothing(bus):
    async def main():
        there = bus()
        await keep(there)
        await retained.told(there, "p-7", NOW)

    with pytest.raises(Unavailable, match="does not tell what it keeps of p-7"):
        warp.run(main())


def test_nobody_waits_for_ever_for_a_broker_to_forget():
    async def main(bus):
        word = Erased(by="al", t=NOW)
        await retained.say(bus, "p-7", [STATUS, PLAN], word)
        return bus.taken

    assert warp.run(main(FullBus(3))) == [wire.of("p-7", "erased"), STATUS, PLAN]
    for room in range(3):
        with pytest.raises(Unavailable, match="does not take what is said of p-7"):
            warp.run(main(FullBus(room)))
