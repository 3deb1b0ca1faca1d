import asyncio
import base64
import contextlib
import threading

import pytest

from ingest import intake, service
from ingest.ledger import open_ledger
from ingest.pace import Pace
from ingest.store import Written, open_store
from vitals import GatewayStatus, Metric, Unavailable, config, wire
from vitals.bus import Delivery, MemoryBus, matches
from vitals.metrics import Metrics
from vitals.model import MOST_INTERVALS, GatewayCommand, Withdrawn
from vitals.wire import Message

DEAD = "ingest_dead_total"


class Post:
    """A bus that remembers what was acknowledged, in order."""

    def __init__(self):
        self.bus = MemoryBus()
        self.online = self.bus.online
        self.acked, self.sent = [], []
        self.inboxes = []

    async def publish(self, message):
        self.sent.append(message)
        await self.bus.publish(message)

    def subscribe(self, *filters):
        inbox = self.bus.subscribe(*filters)
        self.inboxes.append((filters, inbox))
        return inbox

    def unsubscribe(self, inbox):
        self.bus.unsubscribe(inbox)

    def deliver(self, *messages):
        for filters, inbox in self.inboxes:
            wanted = [m for m in messages if any(matches(f, m.topic) for f in filters)]
            inbox.put(Delivery(m, lambda _, m=m: self.acked.append(m)) for m in wanted)

    def told(self, leaf):
        return [m for m in self.sent if m.topic.endswith(leaf)]


class House:
    """The room, open."""

    def __init__(self, folder, store=None):
        self.post, self.metrics, self.pace = Post(), Metrics(), Pace()
        self.store = store or open_store(config.Store(), folder)
        self.ledger = open_ledger(folder)
        self.now = 1_763_726_500_000

    @contextlib.asynccontextmanager
    async def open(self):
        task = asyncio.ensure_future(
            service.run(
                self.post,
                self.store,
                self.ledger,
                self.metrics,
                lambda: self.now,
                self.pace,
            )
        )
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def close(self):
        self.store.close()
        self.ledger.close()

    async def acked(self, count):
        async with asyncio.timeout(60):
            while len(self.post.acked) < count:
                await asyncio.sleep(0.005)
            while len(self.post.told("/dead")) < self.metrics.counters[DEAD]:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)

    def committed(self):
        """What the gateways were told, the newest word on each device."""
        found = {}
        for message in self.post.told("/committed"):
            devices = wire.read(wire.Committed, message.payload).devices
            found.setdefault(wire.levels(message.topic)[1], {}).update(devices)
        return found


@pytest.fixture
def house(tmp_path):
    found = House(tmp_path)
    yield found
    found.close()


def play(house, *messages, count=None):
    async def main():
        async with house.open():
            house.post.deliver(*messages)
            await house.acked(len(messages) if count is None else count)

    asyncio.run(main())


def test_a_record_is_stored_promised_and_acknowledged(house, beat):
    messages = [wire.pack(beat(seq)) for seq in range(1, 51)]
    play(house, *messages)
    assert list(house.store.export()) == [beat(seq) for seq in range(1, 51)]
    assert house.committed() == {"gw-1": {"strap-1": [(1, 50)]}}
    assert house.post.acked == messages
    assert house.metrics.counters["ingest_records_total"] == 50
    assert house.metrics.gauges["ingest_lost"] == 0
    assert house.metrics.counters["ingest_stored_seconds_count"] == 50


def test_a_batch_is_its_records(house, beat):
    readings = [beat(seq) for seq in range(1, 200)]
    payloads = [wire.pack(r).payload for r in readings]
    play(house, wire.pack_batch(wire.record_topic(readings[0]), payloads))
    assert list(house.store.export()) == readings
    assert house.committed() == {"gw-1": {"strap-1": [(1, 199)]}}


def test_the_same_records_again_change_nothing_and_are_promised_again(house, beat):
    messages = [wire.pack(beat(seq)) for seq in (1, 2, 5)]
    play(house, *messages, *messages)
    house.post.sent.clear()
    play(house, *messages, count=9)
    assert house.store.count() == 3
    assert house.committed() == {"gw-1": {"strap-1": [(1, 2), (5, 5)]}}
    assert house.metrics.counters["ingest_repeated_total"] == 6
    assert house.metrics.counters["ingest_seq_reused_total"] == 0
    assert house.ledger.tally() == (2, 5)


def test_a_seq_used_again_for_something_else_is_stored_and_counted(house, beat):
    play(house, wire.pack(beat(1)))
    play(house, wire.pack(beat(1, t=1_763_700_000_000)), count=2)
    assert house.store.count() == 2
    assert house.metrics.counters["ingest_seq_reused_total"] == 1


def test_a_record_from_elsewhere_is_stored_and_never_promised(house, beat):
    elsewhere = beat(1, gateway=None)
    play(house, wire.pack(elsewhere))
    assert list(house.store.export()) == [elsewhere]
    assert house.post.told("/committed") == []


def status(gateway, online, keeps=None):
    payload = wire.encode(GatewayStatus(online=online, t=1, keeps=keeps))
    return Message(wire.gateway_topic(gateway, "status"), payload, retain=True)


def test_a_gateway_that_comes_hears_everything_of_its_own(house, beat):
    play(house, wire.pack(beat(1)), wire.pack(beat(1, device="strap-2")))
    play(house, wire.pack(beat(1, gateway="gw-2")), count=3)
    house.post.sent.clear()
    play(house, status("gw-1", True), status("gw-2", False), count=5)
    expected = {"strap-1": [(1, 1)], "strap-2": [(1, 1)]}
    assert house.committed() == {"gw-1": expected}
    gone = Message(wire.gateway_topic("gw-1", "status"), b"", retain=True)
    play(house, gone, count=6)
    assert house.metrics.counters["ingest_malformed_total"] == 0


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"t": 1}',
    b'{"t": NaN, "hr": 1}',
    b'{"t": 1, "hr": NaN}',
    b'{"t": 1, "hr": 1e999}',
    b'{"t": -1, "hr": 60}',
    b'{"t": 4102444800001, "hr": 60}',
    b'{"t": 1, "hr": "60"}',
    b'{"t": 1, "hr": 60, "seq": 0}',
    b'{"t": 1, "hr": 60, "gateway": "../gw"}',
    b'{"t": 1, "hr": 60, "gateway": 7}',
    b'{"t": 1, "hr": 60, "rr": [true]}',
    b'{"t": 1, "hr": 60, "rr": [' + b"800," * 200_000 + b"800]}",
    b'{"t": 1, "hr": 60, "q": "late"}',
    b'{"t": 1, "hr": 60, "link": "\\ud800"}',
    b'{"t": 1, "hr": 60, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"[" * 100_000,
    b'{"t": 1, "hr": 60, "x": "' + b"x" * 10_000_000 + b'"}',
    b'{"records": 1}',
    b'{"records": [1, {}, null]}',
]
ODD = [  # well-formed, and nothing that a wearable says
    b'{"t": 0, "hr": -1e308, "rr": [1e308, 1e308, -1e308, 0, 0]}',
    b'{"t": 4102444800000, "hr": 1e308, "energy": 9999999999999999999999}',
    b'{"t": 1, "hr": 60, "q": ["", "\\u0000", "late", "late"]}',
    b'{"t": 1, "hr": 60, "seq": 5}',
    b'{"t": 1, "hr": 60, "seq": 999999999999999999999999, "gateway": "gw-9"}',
    b'{"t": 1, "hr": 60, "seq": 9223372036854775807, "gateway": "gw-8"}',
    b'{"t": 1, "hr": 60, "gateway": "gw-8"}',
]


def test_hostile_messages_are_buried_and_stop_nobody(house, beat):
    good = beat(1)
    topic = wire.record_topic(good)
    wrong = [
        Message(topic.replace("/v1/", "/v1/9", 1), wire.pack(good).payload),
        Message("vitals/v1/00/p-1/strap-1/heart_rate", b"{}"),
        Message("vitals/v1/00/P 1/+/heart_rate", b"{}"),
        Message("vitals/v1/00/p-1/alert/heart_rate", b"{}"),
        Message("vitals/v1/gateway/gw-1/status", b"?"),
    ]
    messages = [
        *(Message(topic, payload) for payload in HOSTILE),
        *(Message(f"{topic}/batch", payload) for payload in HOSTILE),
        *wrong,
    ]
    play(house, *messages, wire.pack(good))
    assert list(house.store.export()) == [good]
    buried = house.metrics.counters["ingest_malformed_total"]
    assert buried == len(messages)
    assert len(house.post.told("/dead")) == buried
    told = [wire.read(wire.Dead, m.payload) for m in house.post.told("/dead")]
    (dead,) = [d for d in told if base64.b64decode(d.payload) == b"\xff\xfe"][:1]
    assert dead.topic == topic
    reasons = {letter.reason for letter in house.ledger.letters(1000)}
    assert len(reasons) > 10


def test_odd_records_are_stored_or_refused_and_stop_nobody(house, beat, noon):
    good = beat(1)
    topic = wire.record_topic(good)
    play(house, *(Message(topic, payload) for payload in ODD), wire.pack(good))
    assert house.store.count() == len(ODD) - 2  # three have a number that is none
    assert house.metrics.counters["ingest_malformed_total"] == 3
    assert "gw-8" not in house.committed()
    for points in (1, 100):
        trend = house.store.trend("p-1", Metric.HEART_RATE, noon, noon + 60_000, points)
        assert [p.max for p in trend] == [good.record.hr]


TOO_LONG = b"[" + b"800," * MOST_INTERVALS + b"800]"


@pytest.mark.parametrize(
    "bad",
    [
        b'{"t": -5, "hr": 60, "gateway": "gw-1", "seq": 4}',
        b'{"t": 5, "hr": 60, "gateway": "gw-1", "seq": 4, "rr": ' + TOO_LONG + b"}",
    ],
)
def test_one_bad_record_in_a_batch_leaves_the_others(house, beat, bad):
    readings = [beat(seq) for seq in range(1, 4)]
    payloads = [wire.pack(r).payload for r in readings]
    topic = wire.record_topic(readings[0])
    play(house, wire.pack_batch(topic, [*payloads, bad]))
    assert list(house.store.export()) == readings
    (letter,) = house.ledger.letters()
    assert bad in letter.payload
    # The gateway would send it for ever: it is buried whole, so it is committed.
    assert house.committed() == {"gw-1": {"strap-1": [(1, 4)]}}


class Sickly:
    """A store that is away at first, and sees what was acknowledged meanwhile."""

    def __init__(self, store, failures):
        self.store, self.failures, self.seen = store, failures, []
        self.acked = []

    def write(self, readings):
        self.seen.append((len(readings), len(self.acked)))
        if self.failures:
            self.failures -= 1
            raise Unavailable("gone fishing")
        return self.store.write(readings)

    def __getattr__(self, name):
        return getattr(self.store, name)


def test_nothing_is_acknowledged_while_the_store_is_away(tmp_path, beat, caplog):
    inner = open_store(config.Store(), tmp_path)
    house = House(tmp_path, Sickly(inner, 2))
    house.store.acked = house.post.acked
    play(house, *(wire.pack(beat(seq)) for seq in range(1, 6)))
    assert house.store.seen == [(5, 0)] * 3
    assert house.store.count() == 5
    assert house.metrics.counters["ingest_unavailable_total"] == 2
    assert len([r for r in caplog.records if "gone fishing" in r.getMessage()]) == 1
    house.close()


def test_a_control_that_acknowledges_first_is_caught(tmp_path, beat):
    class Hasty(Sickly):
        def write(self, readings):
            try:
                return super().write(readings)
            except Unavailable:
                return Written(len(readings), 0, [], list(readings))

    house = House(tmp_path, Hasty(open_store(config.Store(), tmp_path), 1))
    play(house, *(wire.pack(beat(seq)) for seq in range(1, 6)))
    assert house.store.count() != len(house.post.acked)
    house.close()


def test_cancelling_lets_the_write_finish(tmp_path, beat):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Sickly):
        def write(self, readings):
            begun.set()
            assert go_on.wait(60)
            return super().write(readings)

    house = House(tmp_path, Slow(open_store(config.Store(), tmp_path), 0))

    async def main():
        async with house.open():
            house.post.deliver(wire.pack(beat(1)))
            await asyncio.to_thread(begun.wait)
            asyncio.get_running_loop().call_later(0.05, go_on.set)

    asyncio.run(main())
    assert house.store.count() == 1
    assert house.post.acked == []
    house.close()


def test_a_slow_broker_does_not_hold_up_the_writing(house, beat):
    stuck = asyncio.Event()
    publish = house.post.publish

    async def slow(message):
        await stuck.wait()
        await publish(message)

    house.post.publish = slow

    async def main():
        async with house.open():
            for seq in range(1, 21):
                house.post.deliver(wire.pack(beat(seq)))
                await house.acked(seq)
            stuck.set()
            await asyncio.sleep(0.05)

    asyncio.run(main())
    told = house.post.told("/committed")
    # The first word was on its way; everything after is one.
    assert len(told) <= 2
    assert house.committed() == {"gw-1": {"strap-1": [(1, 20)]}}


def test_groups_are_cut_by_the_octets_that_are_written(beat):
    most, refused = service.OCTETS, service.OCTETS + 1
    fit = most // service.FIRST_OCTETS - 1  # beside a few octets
    deliveries = [
        Delivery(Message("t", b"x" * size), lambda _: None)
        for size in (1, most, 5, most - 5, 1, *[refused] * fit, 2, refused)
    ]
    groups = [[len(d.message.payload) for d in g] for g in service._groups(deliveries)]
    assert groups[:3] == [[1], [most], [5, most - 5]]
    assert groups[3:] == [[1, *[refused] * fit, 2], [refused]]


def test_no_stranger_poisons_what_a_gateway_is_told(house, beat):
    topic = wire.record_topic(beat(1, subject="p-9"))
    poison = b'{"t": -1, "hr": 60, "gateway": "gw-1", "seq": 9000000000000000000}'
    play(house, Message(topic, poison), wire.pack(beat(1)))
    play(house, status("gw-1", True), count=3)
    assert house.committed() == {"gw-1": {"strap-1": [(1, 1)]}}


def subjects(house):
    """Whose records the gateways were told of last."""
    word = wire.read(wire.Committed, house.post.told("/committed")[-1].payload)
    return word.subjects


def test_a_strangers_record_is_stored_and_promised_to_nobody_else(house, beat):
    play(house, *(wire.pack(beat(seq)) for seq in (5, 6, 8)))
    assert subjects(house) == {"strap-1": {"p-1": [(5, 6), (8, 8)]}}
    play(house, wire.pack(beat(7, subject="p-9")), count=4)
    assert house.store.count() == 4
    assert subjects(house) == {"strap-1": {"p-9": [(7, 7)]}}
    play(house, wire.pack(beat(7)), count=5)
    assert subjects(house) == {"strap-1": {"p-1": [(7, 7)]}}
    assert house.committed() == {"gw-1": {"strap-1": [(5, 8)]}}


def test_a_strangers_jump_is_stored_and_a_letter_tells_of_it(house, beat):
    play(house, wire.pack(beat(5)), wire.pack(beat(2_000_000, subject="p-9")))
    assert house.store.count() == 2
    assert house.committed() == {"gw-1": {"strap-1": [(5, 5)]}}
    assert house.metrics.counters["ingest_disputed_total"] == 1
    assert len(house.post.told("/dead")) == 1
    (letter,) = house.ledger.letters()
    assert (letter.topic, letter.promised) == (wire.of("p-9", "strap-1"), False)
    assert "more than 1,000,000 beyond the last number" in letter.reason


# -- entered in error ------------------------------------------------------------------


def withdrawn(house):
    told = [wire.read(Withdrawn, m.payload) for m in house.post.told("/withdrawn")]
    return [noun.devices for noun in told]


def test_a14_a_withdrawn_record_leaves_the_store_and_the_gateway_hears_it(house, beat):
    readings = [beat(seq) for seq in (1, 2, 3)]
    play(house, *map(wire.pack, readings))
    play(house, wire.pack_withdrawal(readings[1]), count=4)
    assert list(house.store.export()) == [readings[0], readings[2]]
    assert withdrawn(house) == [{"strap-1": [(2, 2)]}]
    assert house.ledger.lost() == []
    play(house, wire.pack_withdrawal(readings[1]), count=5)  # it may come twice
    assert withdrawn(house) == [{"strap-1": [(2, 2)]}] * 2
    assert house.store.count() == 2


def test_a14_a_record_that_comes_after_its_withdrawal_stays_away_and_is_committed(
    house, beat
):
    play(house, wire.pack_withdrawal(beat(1)), wire.pack(beat(1)), wire.pack(beat(2)))
    play(house, wire.pack(beat(1)), count=4)
    assert list(house.store.export()) == [beat(2)]
    assert house.committed() == {"gw-1": {"strap-1": [(1, 2)]}}


def test_a14_a_withdrawal_of_what_is_not_the_gateways_own_is_a_dead_letter(house, beat):
    play(house, wire.pack(beat(1)))
    payload = wire.pack_withdrawal(beat(1)).payload
    other = wire.gateway_topic("gw-2", "withdraw")
    play(house, Message(other, payload), Message(other, b"{}"), count=3)
    assert house.store.count() == 1
    assert withdrawn(house) == []
    assert len(house.post.told("/dead")) == 2


def test_while_the_store_is_away_what_a_gateway_keeps_is_left_with_it(
    tmp_path, beat, monkeypatch
):
    monkeypatch.setattr(service, "OCTETS", 1)  # a group is one message
    monkeypatch.setattr(intake, "AWAY_S", 0)
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    house = House(tmp_path, Sickly(open_store(config.Store(), tmp_path), 1000))
    numbered = [wire.pack(beat(seq)) for seq in range(1, 11)]
    played_back = wire.pack(beat(1, t=beat(0).record.t, device="strap-2"))
    elsewhere = wire.pack(beat(11, gateway=None))

    async def main():
        async with house.open():
            word = status("gw-1", True, keeps=beat(1).record.received)
            house.post.deliver(word)
            await house.acked(1)
            house.post.sent.clear()
            house.post.deliver(*numbered, played_back, elsewhere)
            await house.acked(11 - service.AHEAD)
            assert house.post.acked == [word, *numbered[service.AHEAD :]]
            assert not house.post.told("/committed")
            house.store.failures = 0
            await house.acked(13)
            assert house.post.acked[-2:] == [played_back, elsewhere]
            (word,) = house.post.told("/command")
            assert wire.read(GatewayCommand, word.payload).action == "resend"
            assert house.committed() == {
                "gw-1": {"strap-1": [(1, service.AHEAD)], "strap-2": [(1, 1)]}
            }
            house.post.deliver(*numbered)  # as the gateway does then
            await house.acked(23)

    asyncio.run(main())
    assert house.store.count() == 12
    assert house.committed() == {"gw-1": {"strap-1": [(1, 10)], "strap-2": [(1, 1)]}}
    house.close()


def test_what_waits_for_company_is_committed_when_ingest_is_told_to_stop(house, beat):
    house.pace = Pace(60, 500)

    async def main():
        async with house.open():
            house.post.deliver(wire.pack(beat(1)))
            await house.acked(1)
            house.post.deliver(wire.pack(beat(2)), wire.pack(beat(3)))
            await asyncio.sleep(0.2)
            assert len(house.post.acked) == house.store.count() == 1

    asyncio.run(main())
    assert len(house.post.acked) == house.store.count() == 3
    assert house.ledger.ranges("gw-1") == {"strap-1": [(1, 3)]}


def test_a_gateway_that_comes_back_waits_for_no_commit(house, beat):
    house.pace = Pace(60, 500)

    async def main():
        async with house.open():
            house.post.deliver(wire.pack(beat(1)))
            await house.acked(1)
            house.post.deliver(wire.pack(beat(2)), status("gw-1", True))
            await house.acked(2)
            assert house.committed() == {"gw-1": {"strap-1": [(1, 1)]}}

    asyncio.run(main())


def test_a_store_that_is_away_does_not_keep_ingest_from_stopping(
    tmp_path, beat, monkeypatch
):
    monkeypatch.setattr(service, "CLOSE_S", 0.1)
    monkeypatch.setattr(service, "OCTETS", 1)  # a group is one message
    house = House(tmp_path, Sickly(open_store(config.Store(), tmp_path), 0))
    house.pace = Pace(60, 500)

    async def main():
        async with house.open():
            house.post.deliver(wire.pack(beat(1)))
            await house.acked(1)
            house.store.failures = 10**6
            more = range(2, 2 * service.AHEAD + 2)  # than there is room for
            house.post.deliver(*(wire.pack(beat(seq)) for seq in more))
            await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert len(house.post.acked) == 1
    house.close()
