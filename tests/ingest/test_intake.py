import asyncio
import threading

import pytest

from ingest import dead
from ingest.intake import Intake, Mail
from ingest.ledger import open_ledger
from ingest.numbers import singly
from ingest.store import Written, open_store
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


@pytest.fixture
def promised(run, tmp_path, store):
    """What becomes of messages of which the store has refused some readings."""
    ledger = open_ledger(tmp_path)
    intake = Intake(MemoryBus(), store, ledger, Metrics(), lambda: 7)

    def promise(*messages, refused=()):
        mail = Mail(messages)
        reasons = [(reading, "odd") for reading in refused]
        return run(intake.promise(mail, Written(0, 0, reasons)))

    yield promise
    ledger.close()


@pytest.fixture
def store(tmp_path):
    store = open_store(config.Store(), tmp_path)
    yield store
    store.close()


def test_lost_of_given_is_told_before_anything_comes(tmp_path, store):
    ledger, metrics = open_ledger(tmp_path), Metrics()
    ledger.add("gw-1", "strap-1", [1, 2, 5])
    Intake(MemoryBus(), store, ledger, metrics, lambda: 7)
    assert metrics.gauges == {"ingest_lost": 2, "ingest_given": 5}
    ledger.close()


@pytest.mark.parametrize("room", [0, 1])
def test_what_was_refused_is_promised_only_if_there_is_room_for_its_letter(
    promised, monkeypatch, beat, room
):
    monkeypatch.setattr(dead, "PROMISES", room)
    done = promised(wire.pack(beat(1)), wire.pack(beat(2)), refused=[beat(2)])
    granted = {one.seq for one in singly(done.numbers)}
    assert granted == ({1, 2} if room else {1})  # nothing else keeps the second


def test_a_withdrawal_of_a_disputed_number_is_not_confirmed(promised, beat):
    promised(wire.pack(beat(5)))
    far = beat(2_000_000, subject="p-9")  # further on than a stranger's can be
    asked = [beat(6), far]
    done = promised(*map(wire.pack_withdrawal, asked))
    assert done.withdrawn == [beat(6)]
    assert {one.seq for one in singly(done.numbers)} == {6}


def test_a_gateways_word_that_is_too_large_is_refused_unread():
    topic = wire.gateway_topic("gw-1", "status")
    word = wire.encode(GatewayStatus(t=1, online=True))
    assert Mail([Message(topic, word)]).online == ["gw-1"]  # control
    large = Mail([Message(topic, word + b" " * wire.LARGEST)])
    assert large.gateways == {}
    ((_, letter),) = large.letters
    assert "octets, at most" in letter.reason
    assert len(letter.payload) < wire.LARGEST
