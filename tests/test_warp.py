import asyncio
import time

from tests import warp


def test_hours_pass_in_no_time_and_in_order():
    async def main():
        woken = []

        async def sleeper(seconds):
            await asyncio.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*map(sleeper, (7200, 3600, 1)))
        return woken, asyncio.get_running_loop().time()

    began = time.monotonic()
    woken, now = warp.run(main())
    assert woken == [1, 3600, 7200]
    assert 7200 <= now < 7201
    assert time.monotonic() - began < 5


def test_time_stands_while_a_thread_works():
    async def main():
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range(3)))
        waiting.cancel()
        return loop.time()

    assert warp.run(main()) < 0.1


def test_a_thread_that_fails_lets_time_go_on():
    async def main():
        try:
            await asyncio.to_thread(int, "x")
        except ValueError:
            await asyncio.sleep(3600)
        return asyncio.get_running_loop().busy

    assert warp.run(main()) == 0


def test_a_limit_counts_the_time_that_jumped():
    async def main():
        await asyncio.sleep(100)

    try:
        warp.run(main(), limit_s=50)
    except TimeoutError:
        return
    raise AssertionError("it was not limited")
