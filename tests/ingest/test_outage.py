"""The database goes away under load and comes back: what was sent is stored, once."""

import asyncio

import pytest

from ingest.store import Written, open_store
from tests.ingest.test_service import House, Sickly
from vitals import Unavailable, config, wire

pytestmark = pytest.mark.slow

SENT = 4000
PER_TURN = 100  # messages, 25 times a second
AWAY, BACK = 800, 2800  # sent, when the database is killed and when it is started


@pytest.fixture
def opened(influxd, request, tmp_path):
    """Open a store; afterwards influxd runs for the tests that follow."""
    database = request.node.name
    store = open_store(
        config.Store(kind="influx", url=influxd.url, database=database), tmp_path
    )
    yield store
    store.close()
    if influxd.process is None:
        influxd.start()


async def load(house, influxd, beat):
    """Send records while the database goes and comes."""
    for sent in range(0, SENT, PER_TURN):
        if sent == AWAY:
            await asyncio.to_thread(influxd.stop, kill=True)
        if sent == BACK:
            await asyncio.to_thread(influxd.start)
        house.post.deliver(
            *(wire.pack(beat(seq)) for seq in range(sent + 1, sent + PER_TURN + 1))
        )
        await asyncio.sleep(0.04)


def survive(house, influxd, beat):
    """Give the numbers that are stored once all is acknowledged."""

    async def main():
        async with house.open():
            await load(house, influxd, beat)
            await house.acked(SENT)

    asyncio.run(main())
    return sorted(reading.record.seq for reading in house.store.export())


@pytest.fixture
def house(tmp_path, opened):
    found = House(tmp_path, opened)
    yield found
    found.ledger.close()


def test_a_database_that_is_away_for_seconds_gets_everything_once(house, influxd, beat):
    assert survive(house, influxd, beat) == [*range(1, SENT + 1)]
    assert house.ledger.tally() == (0, SENT)
    assert house.metrics.counters["ingest_unavailable_total"] > 0


def test_a_control_that_acknowledges_what_is_not_stored_loses(house, influxd, beat):
    class Hasty(Sickly):
        def write(self, readings):
            try:
                return super().write(readings)
            except Unavailable:
                return Written(len(readings), 0, [], list(readings))

    house.store = Hasty(house.store, 0)
    assert len(survive(house, influxd, beat)) < SENT
