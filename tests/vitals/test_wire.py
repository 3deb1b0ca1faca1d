import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import names, readings
from vitals import HeartRate, MalformedData, Reading, wire
from vitals.bus import matches
from vitals.wire import Message

TOPIC = wire.of("p-7", "strap-1", "heart_rate")


@given(readings)
def test_unpack_undoes_pack(reading):
    assert wire.unpack(wire.pack(reading)) == [reading]


@given(readings)
def test_a_batch_is_its_records(reading):
    message = wire.pack(reading)
    batch = wire.pack_batch(message.topic, [message.payload] * 3)
    assert wire.unpack(batch) == [reading] * 3


@given(readings)
def test_a_record_lies_under_the_filters_that_stages_subscribe_to(reading):
    message = wire.pack(reading)
    batch = wire.pack_batch(message.topic, [message.payload])
    assert sum(matches(f, message.topic) for f in wire.READINGS) == 1
    assert sum(matches(f, batch.topic) for f in wire.BATCHES) == 1
    assert not any(matches(f, message.topic) for f in wire.BATCHES)


@given(names)
def test_the_shard_is_the_contracts(subject):
    assert wire.shard(subject) == f"{zlib.crc32(subject.encode()) % 64:02d}"


@given(st.binary())
def test_noise_is_malformed(payload):
    with pytest.raises(MalformedData):
        wire.unpack(Message(TOPIC, payload))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"t":1}',
        b'{"t":"1","hr":72}',
        b'{"t":-1,"hr":72}',
        b'{"t":99999999999999,"hr":72}',
        b'{"t":1,"hr":NaN}',
        b'{"t":1,"hr":1e999}',
        b'{"t":1,"hr":72,"gateway":"GW"}',
        b'{"t":1,"hr":72,"seq":0}',
        b'{"t":1,"hr":72,"rr":"fast"}',
        b"[" * 100_000,
        b'{"t":1,"hr":72,"q":["' + b"x" * (1 << 20) + b'"]}',
    ],
)
def test_hostile_payloads_are_malformed(payload):
    with pytest.raises(MalformedData):
        wire.unpack(Message(TOPIC, payload))


def test_a_withdrawal_that_is_too_large_is_refused_unread():
    record = HeartRate(t=1, hr=72, gateway="gw-1", seq=1)
    message = wire.pack_withdrawal(Reading("p-7", "strap-1", record))
    assert wire.unpack_withdrawal(message).record == record  # control
    large = Message(message.topic, message.payload + b" " * wire.LARGEST)
    with pytest.raises(MalformedData, match="octets, at most"):
        wire.unpack_withdrawal(large)


@pytest.mark.parametrize(
    "topic",
    [
        "vitals/v1/00/p-7/strap-1/heart_rate",
        "vitals/v1/34/P-7/strap-1/heart_rate",
        "vitals/v1/34/p-7/strap-1/pulse_wave",
        "vitals/v1/34/p-7/alert/heart_rate",
        "vitals/v1/34/p-7/strap-1/heart_rate/batch/x",
        "vitals/v2/34/p-7/strap-1/heart_rate",
        "vitals/v1/34/p-7",
        "",
    ],
)
def test_other_topics_carry_no_record(topic):
    assert not wire.is_record(topic)
    with pytest.raises(MalformedData):
        wire.unpack(Message(topic, b'{"t":1,"hr":72}'))


def test_one_bad_record_costs_a_batch_only_itself():
    payload = b'{"records":[{"t":1,"hr":72},{"t":2},{"t":3,"hr":74}]}'
    good, reasons = wire.salvage(Message(f"{TOPIC}/batch", payload))
    assert [reading.record.t for reading in good] == [1, 3]
    assert len(reasons) == 1
    assert "hr" in reasons[0]


@pytest.mark.parametrize("n", [257, 258, 150_000])
def test_no_record_has_more_intervals_than_a_notification(n):
    """An ATT_MTU of 517 octets leaves a value 514: 257 intervals, and no rate."""
    record = HeartRate(t=1, hr=72, rr=(800.0,) * n)
    message = wire.pack(Reading("p-7", "strap-1", record))
    if n == 257:
        assert wire.unpack(message)[0].record == record
        return
    with pytest.raises(MalformedData, match=r"length <= 257 - at `\$.rr`"):
        wire.unpack(message)
    batch = wire.pack_batch(TOPIC, [message.payload, b'{"t":3,"hr":74}'])
    good, [reason] = wire.salvage(batch)
    assert [reading.record.t for reading in good] == [3]
    assert "length <= 257" in reason


def test_a_record_from_elsewhere_may_say_more_than_we_know():
    [reading] = wire.unpack(Message(TOPIC, b'{"t":1,"hr":72,"mood":"calm"}'))
    assert reading == Reading("p-7", "strap-1", HeartRate(t=1, hr=72))


def test_the_payload_is_the_contracts():
    record = HeartRate(
        t=1, received=2, gateway="gw-1", seq=3, link="open", hr=72, rr=(812.5,)
    )
    assert json.loads(wire.pack(Reading("p-7", "strap-1", record)).payload) == {
        "t": 1,
        "received": 2,
        "gateway": "gw-1",
        "seq": 3,
        "link": "open",
        "hr": 72,
        "rr": [812.5],
    }


def test_a_dead_letter_keeps_the_raw_payload():
    letter = wire.dead(Message("x/y", b"\xff\x00"), "not JSON", 5)
    assert json.loads(letter.payload) == {
        "t": 5,
        "topic": "x/y",
        "reason": "not JSON",
        "payload": "/wA=",
    }
