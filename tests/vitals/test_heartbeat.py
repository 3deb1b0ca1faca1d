import asyncio

import pytest

from vitals import heartbeat, posting, wire
from vitals.bus import MemoryBus
from vitals.clock import now
from vitals.config import Watchdog
from vitals.metrics import Metrics
from vitals.model import StageStatus
from vitals.watch import Watch, Word
from vitals.wire import Message


def word():
    return Word("alerts", "portal", now(), now(), False, "silent", "silent")


@pytest.mark.parametrize("answer", [b"what?\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n", b""])
def test_an_address_that_answers_nonsense_is_tried_again_and_ends_nothing(
    answer, monkeypatch
):
    monkeypatch.setattr(posting, "AGAIN_S", 0.01)
    answers = [answer, b"HTTP/1.1 204 Yes\r\n\r\n"]

    async def take(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        writer.close()

    async def scene():
        metrics = Metrics()
        async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            post = posting.Post([f"http://127.0.0.1:{port}/"], Watchdog(), metrics)
            await post(word())
        return metrics.text()

    told = asyncio.run(scene())
    assert "watchdog_told_total 1" in told
    assert "watchdog_failed_total 1" in told
    assert answers == []


def test_a_word_that_nobody_understands_silences_no_other_stage():
    async def scene():
        bus = MemoryBus()
        inbox = bus.subscribe(wire.STAGE_STATUSES)
        watch = Watch("gw-1", ["dsp", "alerts"], 1000, 1000, now(), -10_000_000_000)
        await bus.publish(Message(wire.stage_topic("dsp"), b"garbage"))
        word = wire.encode(StageStatus(online=True, t=now()))
        await bus.publish(Message(wire.stage_topic("alerts"), word))
        await heartbeat._hear(inbox, watch, now)
        steady = heartbeat._steady()
        return [one.what for one in watch.check(now(), steady, online=True)]

    assert asyncio.run(scene()) == ["dsp"]
