import asyncio
import contextlib

import pytest

from ingest.ledger import open_ledger
from ingest.relief import Relief
from vitals import GatewayStatus, wire
from vitals.bus import Delivery, MemoryBus
from vitals.metrics import Metrics
from vitals.model import GatewayCommand


class Desk:
    """Relief, and what it let go of."""

    def __init__(self, folder):
        self.bus, self.metrics, self.acked = MemoryBus(), Metrics(), []
        self.ledger = open_ledger(folder)
        self.relief = Relief(self.bus, self.ledger, self.metrics, lambda: 7)

    def hear(self, gateway, **said):
        status = GatewayStatus(**{"online": True, "t": 1, "keeps": 0, **said})
        self.relief.hear({gateway: status})

    def lets_go(self, message):
        group = [Delivery(message, lambda _: self.acked.append(message))]
        return not self.relief.lighten(group)


@pytest.fixture
def desk(tmp_path):
    found = Desk(tmp_path)
    yield found
    found.ledger.close()


def test_only_what_a_gateway_keeps_whole_is_let_go(desk, beat):
    desk.hear("gw-1")
    ours, elsewhere = wire.pack(beat(1)), wire.pack(beat(2, gateway=None))
    topic = wire.record_topic(beat(1))
    batch = wire.pack_batch(topic, [ours.payload, wire.pack(beat(3)).payload])
    mixed = wire.pack_batch(topic, [ours.payload, elsewhere.payload])
    broken = wire.Message(topic, b"?")
    undated = wire.pack(beat(4, received=None))
    withdrawal = wire.pack_withdrawal(beat(1))
    assert all(map(desk.lets_go, (ours, batch)))
    for message in (elsewhere, mixed, broken, undated, withdrawal):
        assert not desk.lets_go(message)
    assert desk.acked == [ours, batch]


@pytest.mark.parametrize("said", [{"online": False}, {"keeps": None}, None])
def test_what_no_gateway_says_that_it_keeps_waits(desk, beat, said):
    assert not desk.lets_go(wire.pack(beat(1)))  # nobody has said anything yet
    desk.hear("gw-1")
    assert desk.lets_go(wire.pack(beat(1)))
    if said is None:
        desk.relief.hear({"gw-1": None})  # taken off the broker
    else:
        desk.hear("gw-1", **said)
    assert not desk.lets_go(wire.pack(beat(1)))


def test_a_recording_that_is_played_back_waits_though_its_gateway_is_there(desk, beat):
    desk.hear("gw-1", keeps=beat(100).record.received)
    assert not desk.lets_go(wire.pack(beat(99)))
    assert desk.lets_go(wire.pack(beat(100)))


def test_a14_what_was_withdrawn_waits_to_be_taken_away_once_more(desk, beat):
    desk.hear("gw-1")
    desk.ledger.keep({}, withdrawn=[beat(1)])
    assert not desk.lets_go(wire.pack(beat(1)))
    assert desk.lets_go(wire.pack(beat(2)))


def test_gateways_are_asked_for_what_was_let_go_once_the_store_is_back(run, desk, beat):
    async def main():
        commands = desk.bus.subscribe(wire.gateway_topic("gw-1", "command"))
        desk.hear("gw-1")
        assert desk.lets_go(wire.pack(beat(1)))
        assert not desk.lets_go(wire.pack(beat(2, gateway=None)))
        assert desk.metrics.counters["ingest_left_total"] == 1
        work = asyncio.ensure_future(desk.relief.run())
        await asyncio.sleep(0.05)
        assert len(commands) == 0
        desk.relief.recovered()
        (word,) = await commands.take()
        command = wire.read(GatewayCommand, word.message.payload)
        assert (command.action, command.t) == ("resend", 7)
        desk.relief.recovered()
        await asyncio.sleep(0.05)
        assert len(commands) == 0
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    run(main())
