import asyncio

import pytest

from gateway.held import SPOTS, STREAM_S, STREAMED, Queue, Refused
from tests.gateway.values import beat, cuff


@pytest.fixture
def put(run):
    """Fill a queue on an event loop; give it and the futures."""

    def fill(values, after=lambda queue: None):
        async def main():
            queue, futures = Queue(), []
            for value, since in values:
                futures.append(asyncio.get_running_loop().create_future())
                queue.put(value, futures[-1], since)
            return queue, futures, after(queue)

        return run(main())

    return fill


def test_a_spot_reading_is_urgent_until_it_is_done(put):
    queue, _, _ = put([(beat(), 0)])
    assert not queue.urgent
    queue, futures, _ = put([(beat(), 0), (cuff(), 0)], lambda queue: queue.done(2))
    assert not queue.urgent
    assert len(queue) == 0
    assert all(future.done() and future.exception() is None for future in futures)


def test_streamed_values_that_wait_too_long_go_oldest_first(put):
    values = [(beat(), 0.0), (cuff(), 0.0), (beat(), 10.0)]
    queue, futures, gone = put(values, lambda q: q.trim(STREAM_S + 5))
    assert gone == 1
    assert isinstance(futures[0].exception(), Refused)
    assert not futures[1].done()
    assert not futures[2].done()
    assert [held.notification.streamed for held in queue.first(9)] == [False, True]


def test_what_waits_is_bounded_in_number(put):
    values = [(beat(), 0.0)] * (STREAMED + 7) + [(cuff(), 0.0)] * (SPOTS + 3)
    queue, futures, gone = put(values, lambda q: q.trim(1.0))
    assert gone == 7
    assert len(queue) == STREAMED + SPOTS
    assert [f.done() for f in futures[:8]] == [True] * 7 + [False]
    assert all(isinstance(f.exception(), Refused) for f in futures[-3:])
    assert not futures[-4].done()
