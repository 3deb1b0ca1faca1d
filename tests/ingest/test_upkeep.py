"""A store is tended beside the writing, whatever happens."""

import asyncio
import logging

import pytest

from ingest import upkeep
from vitals import Unavailable
from vitals.metrics import Metrics


class Forgetful:
    """A store that says what it is told to, and then that it has nothing to do."""

    unreadable = 3

    def __init__(self, *answers):
        self.asked = []
        self.answers = [*answers]

    def tend(self, now):
        self.asked.append(now)
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def tend(monkeypatch):
    """Have a store tended until it was asked so often; the pauses are short."""
    monkeypatch.setattr(upkeep, "EVERY_S", 0.001)
    monkeypatch.setattr(upkeep, "MORE_S", 0.001)
    monkeypatch.setattr(upkeep, "AGAIN_S", 0.001)

    async def main(store, times, metrics):
        clock = iter(range(10**6))
        task = asyncio.ensure_future(upkeep.run(store, lambda: next(clock), metrics))
        async with asyncio.timeout(60):
            while len(store.asked) < times:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    return lambda store, times, metrics: asyncio.run(main(store, times, metrics))


def test_it_goes_on_while_there_is_more_and_whatever_has_failed(tend, caplog):
    away, bug = Unavailable("gone fishing"), ZeroDivisionError()
    store, metrics = Forgetful(True, away, True, bug), Metrics()
    tend(store, 7, metrics)
    assert store.asked[:7] == list(range(7))
    assert "ZeroDivisionError" in caplog.text
    assert metrics.gauges["ingest_unreadable_records"] == 3


@pytest.mark.parametrize(("times", "told"), [(11, 0), (12, 1), (40, 1)])
def test_a_store_that_stays_away_is_told_once_and_once_when_it_is_back(
    tend, caplog, times, told
):
    caplog.set_level(logging.WARNING)
    away = [Unavailable("gone fishing")] * times
    tend(Forgetful(*away, False, *away, False), 2 * times + 4, Metrics())
    ours = [record for record in caplog.records if record.name == "ingest.upkeep"]
    lines = [record.getMessage() for record in ours]
    gone = "cannot tend the store, will keep trying: gone fishing"
    back = f"can tend the store again, after {times} attempts"
    assert lines == [gone, back] * 2 * told
