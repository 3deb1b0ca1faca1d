import asyncio
import contextlib

from ingest.relief import Relief, keepers
from vitals import wire
from vitals.bus import Delivery, MemoryBus
from vitals.metrics import Metrics
from vitals.model import GatewayCommand


def test_only_what_a_gateway_keeps_whole_is_let_go(beat):
    ours, elsewhere = wire.pack(beat(1)), wire.pack(beat(2, gateway=None))
    topic = wire.record_topic(beat(1))
    batch = wire.pack_batch(topic, [ours.payload, wire.pack(beat(3)).payload])
    mixed = wire.pack_batch(topic, [ours.payload, elsewhere.payload])
    broken = wire.Message(topic, b"?")
    assert [keepers(m) for m in (ours, batch)] == [{"gw-1"}] * 2
    assert [keepers(m) for m in (elsewhere, mixed, broken)] == [set()] * 3


def test_gateways_are_asked_for_what_was_let_go_once_the_store_is_back(run, beat):
    async def main():
        bus, metrics, acked = MemoryBus(), Metrics(), []
        commands = bus.subscribe(wire.gateway_topic("gw-1", "command"))
        relief = Relief(bus, metrics, lambda: 7)
        messages = [wire.pack(beat(1)), wire.pack(beat(2, gateway=None))]
        group = [Delivery(m, lambda m=m: acked.append(m)) for m in messages]
        assert relief.lighten(group) == group[1:]
        assert acked == messages[:1]
        assert metrics.counters["ingest_left_total"] == 1
        work = asyncio.ensure_future(relief.run())
        await asyncio.sleep(0.05)
        assert len(commands) == 0
        relief.recovered()
        (word,) = await commands.take()
        command = wire.read(GatewayCommand, word.message.payload)
        assert (command.action, command.t) == ("resend", 7)
        relief.recovered()
        await asyncio.sleep(0.05)
        assert len(commands) == 0
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    run(main())
