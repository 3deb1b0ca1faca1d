import asyncio

import pytest
from bleak.exc import BleakError

from gateway.bumble.exchange import Exchanges


async def never():
    await asyncio.Future()


async def asking(exchanges):
    task = asyncio.create_task(exchanges.run(never()))
    await asyncio.sleep(0)
    return task


def test_a_lost_link_ends_an_exchange_and_is_no_cancellation(run):
    async def main():
        exchanges = Exchanges()
        asker = await asking(exchanges)
        exchanges.cut_off()
        with pytest.raises(BleakError, match="disconnected"):
            await asker

    run(main())


def test_who_is_cancelled_as_the_link_is_lost_is_cancelled(run):
    # Else whoever waits for the end of a task that asks on and on waits for ever.
    async def main():
        exchanges = Exchanges()
        asker = await asking(exchanges)
        exchanges.cut_off()
        asker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asker

    run(main())


def test_whose_time_is_up_as_the_link_is_lost_has_a_timeout(run):
    async def limited():
        exchanges = Exchanges()
        async with asyncio.timeout(0.01) as limit:
            asyncio.get_running_loop().call_at(limit.when(), exchanges.cut_off)
            await exchanges.run(never())

    async def main():
        with pytest.raises(TimeoutError):
            await limited()

    run(main())
