import asyncio
import contextlib

from ingest import notices
from ingest.dead import Letter
from ingest.notices import Notices
from vitals import wire
from vitals.bus import MemoryBus
from vitals.model import Dead

NOW = 1_764_000_000_000


def letters(count, size=10):
    return [Letter("t", b"%d" % n + b"." * size, f"the {n}th") for n in range(count)]


def test_a_flood_of_letters_is_told_in_portions(run):
    async def main():
        bus = MemoryBus()
        inbox, told = bus.subscribe(wire.DEAD), Notices(bus)
        told.add(letters(3 * notices.BURST), NOW)
        work = asyncio.ensure_future(told.run())
        await asyncio.sleep(0.2)
        assert len(inbox) == notices.BURST
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    run(main())


def test_the_newest_letters_are_kept_when_there_is_no_room(run):
    async def main():
        bus = MemoryBus()
        inbox, told = bus.subscribe(wire.DEAD), Notices(bus)
        told.add(letters(40, 1 << 20), NOW)
        work = asyncio.ensure_future(told.run())
        found = await inbox.take()
        assert len(found) < notices.OCTETS >> 20
        last = wire.read(Dead, found[-1].message.payload)
        assert (last.reason, last.t) == ("the 39th", NOW)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    run(main())
