"""A store is tended beside the writing, whatever happens."""

import asyncio

from ingest import upkeep
from vitals import Unavailable
from vitals.metrics import Metrics


class Forgetful:
    """A store that has something to do twice, is away once, and has a bug."""

    unreadable = 3

    def __init__(self):
        self.asked = []
        self.answers = [True, Unavailable("gone fishing"), True, ZeroDivisionError()]

    def tend(self, now):
        self.asked.append(now)
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_goes_on_while_there_is_more_and_whatever_has_failed(monkeypatch, caplog):
    monkeypatch.setattr(upkeep, "EVERY_S", 0.02)
    monkeypatch.setattr(upkeep, "MORE_S", 0.001)
    monkeypatch.setattr(upkeep, "AGAIN_S", 0.02)
    store, clock, metrics = Forgetful(), iter(range(10**6)), Metrics()

    async def main():
        task = asyncio.ensure_future(upkeep.run(store, lambda: next(clock), metrics))
        async with asyncio.timeout(60):
            while len(store.asked) < 6:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert store.asked[:6] == list(range(6))
    assert "ZeroDivisionError" in caplog.text
    assert metrics.gauges["ingest_unreadable_records"] == 3
