import asyncio
import threading

from ingest.intake import Intake, Mail
from ingest.ledger import open_ledger
from ingest.numbers import singly
from ingest.store import open_store
from vitals import GatewayStatus, config, wire
from vitals.bus import MemoryBus
from vitals.metrics import Metrics
from vitals.wire import Message


class Late:
    """A store whose writes reach it late."""

    def __init__(self, store):
        self._store = store
        self.asked, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, readings):
        self.asked.set()
        assert self.go.wait(10)
        return self._store.write(readings)


def test_a14_a_record_that_is_on_its_way_when_it_is_withdrawn_does_not_come_back(
    run, tmp_path, beat
):
    store, ledger = Late(open_store(config.Store(), tmp_path)), open_ledger(tmp_path)

    async def main():
        intake = Intake(MemoryBus(), store, ledger, Metrics(), lambda: 7)
        withdrawal = await intake.store([wire.pack_withdrawal(beat(1))])
        messages = [wire.pack(beat(1)), wire.pack(beat(2))]
        storing = asyncio.ensure_future(intake.store(messages))
        assert await asyncio.to_thread(store.asked.wait, 10)
        await intake.promise(*withdrawal)
        store.go.set()
        again = await storing
        assert list(store.export()) == [beat(1), beat(2)]  # so it would stay
        done = await intake.promise(*again)
        assert list(store.export()) == [beat(2)]
        assert {one.seq for one in singly(done.numbers)} == {1, 2}

    run(main())
    store.close()
    ledger.close()


def test_a_gateways_word_that_is_too_large_is_refused_unread():
    topic = wire.gateway_topic("gw-1", "status")
    word = wire.encode(GatewayStatus(t=1, online=True))
    assert Mail([Message(topic, word)]).online == ["gw-1"]  # control
    large = Mail([Message(topic, word + b" " * wire.LARGEST)])
    assert large.gateways == {}
    ((_, letter),) = large.letters
    assert "octets, at most" in letter.reason
    assert len(letter.payload) < wire.LARGEST
