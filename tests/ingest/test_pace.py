"""Records wait for each other, within bounds."""

import asyncio
import contextlib

import pytest

from ingest.pace import Pace, pace
from vitals import config, wire
from vitals.bus import Delivery, Inbox
from vitals.clock import monotonic


def delivered(*readings):
    return [Delivery(wire.pack(reading), lambda _: None) for reading in readings]


@pytest.fixture
def timed():
    """Take from an inbox; give what came, and how long that took."""

    async def take(pace, inbox):
        start = monotonic()
        found = await pace.take(inbox, 5000)
        return len(found), monotonic() - start

    return take


def test_the_first_record_is_taken_at_once_and_the_next_waits_its_turn(
    run, beat, timed
):
    async def main():
        inbox, slow = Inbox(), Pace(60, 500)
        inbox.put(delivered(beat(1)))
        count, took = await timed(slow, inbox)
        assert (count, took < 30) == (1, True)
        inbox.put(delivered(beat(2)))
        asyncio.get_running_loop().call_later(0.1, inbox.put, delivered(beat(3)))
        slow._next = monotonic() + 0.4
        count, took = await timed(slow, inbox)
        assert (count, 0.25 < took < 30) == (2, True)

    run(main())


def test_as_many_rows_as_a_commit_takes_do_not_wait(run, beat, timed):
    async def main():
        inbox, slow = Inbox(), Pace(60, 10)
        slow._next = monotonic() + 60
        payloads = [wire.pack(beat(seq)).payload for seq in range(1, 11)]
        batch = wire.pack_batch(wire.pack(beat(1)).topic, payloads)
        inbox.put([Delivery(batch, lambda _: None)])
        assert (await timed(slow, inbox))[1] < 30
        inbox.put(delivered(*(beat(seq) for seq in range(10))))
        assert (await timed(slow, inbox))[0] == 10

    run(main())


def test_told_to_stop_it_gives_what_waits_at_once(run, beat):
    async def main():
        inbox, slow = Inbox(), Pace(60, 500)
        slow._next = monotonic() + 60
        inbox.put(delivered(beat(1)))
        task = asyncio.ensure_future(slow.take(inbox, 5000))
        await asyncio.sleep(0.1)
        inbox.put(delivered(beat(2)))
        task.cancel()
        assert len(await task) == 2
        assert slow.closing

    run(main())


def test_told_to_stop_with_nothing_there_it_stops(run):
    async def main():
        task = asyncio.ensure_future(Pace(60, 500).take(Inbox(), 5000))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main())


def test_only_the_sqlite_store_needs_a_pace():
    assert pace(config.Store()) == Pace(5.0, 500)
    assert pace(config.Store(kind="influx")).seconds == 0
