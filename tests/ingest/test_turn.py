import asyncio

from ingest.turn import turn


def test_the_next_waits_for_its_turn(run, tmp_path):
    async def main():
        order = []

        async def second():
            async with turn(tmp_path / "lock"):
                order.append("second")

        async with turn(tmp_path / "lock"):
            waiting = asyncio.ensure_future(second())
            await asyncio.sleep(0.25)
            order.append("first")
        await waiting
        assert order == ["first", "second"]

    run(main())
