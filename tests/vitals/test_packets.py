import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from vitals.mqtt.packets import LONGEST, Publish, pubacks, publishes
from vitals.wire import Message

topics = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"),
    min_size=1,
    max_size=40,
)
packets = st.builds(
    Publish,
    st.builds(Message, topics, st.binary(max_size=300), st.booleans()),
    st.integers(0, 65535),
)


def varint(number):
    octets = bytearray()
    while True:
        number, low = divmod(number, 128)
        octets.append(low | (0x80 if number else 0))
        if not number:
            return bytes(octets)


def built(one, five, properties=b""):
    """A PUBLISH packet, MQTT 5 section 3.3."""
    message, qos = one.message, int(one.mid > 0)
    topic = message.topic.encode()
    body = len(topic).to_bytes(2, "big") + topic
    body += one.mid.to_bytes(2, "big") if qos else b""
    body += varint(len(properties)) + properties if five else b""
    body += message.payload
    return bytes([0x30 | qos << 1 | message.retain]) + varint(len(body)) + body


@settings(deadline=None)
@given(st.lists(packets, max_size=8), st.booleans(), st.binary(max_size=20))
def test_whole_packets_are_read_and_a_cut_one_is_left(found, five, properties):
    stream = b"".join(built(one, five, properties) for one in found)
    assert publishes(stream, 0, five=five) == (found, len(stream))
    for cut in range(len(stream)):
        some, at = publishes(stream[:cut], 0, five=five)
        assert some == found[: len(some)]
        assert stream[at:].startswith(stream[at:cut])
        rest, end = publishes(stream, at, five=five)
        assert (some + rest, end) == (found, len(stream))


@given(st.binary(max_size=80), st.booleans())
def test_any_octets_are_read_or_left(octets, five):
    found, at = publishes(octets, 0, five=five)
    assert 0 <= at <= len(octets)
    assert all(len(one.message.topic.encode()) <= LONGEST for one in found)


class Wire:
    """A socket that has a stream to give."""

    def __init__(self, stream):
        self.stream, self.sent = stream, b""

    def recv(self, size):
        if not self.stream:
            raise BlockingIOError
        piece, self.stream = self.stream[:size], self.stream[size:]
        return piece


@settings(deadline=None)
@given(packets, st.booleans())
def test_we_read_what_paho_reads(one, five):
    protocol = paho.MQTTv5 if five else paho.MQTTv311
    client = paho.Client(
        CallbackAPIVersion.VERSION2, protocol=protocol, manual_ack=True
    )
    client._sock = Wire(built(one, five))
    heard = []
    client.on_message = lambda _c, _u, m: heard.append(
        Publish(Message(m.topic, bytes(m.payload), m.retain), m.mid if m.qos else 0)
    )
    client.loop_read()
    client._sock = None
    assert heard == publishes(built(one, five), 0, five=five)[0]


@pytest.mark.parametrize(
    "packet",
    [
        b"\x34\x05\x00\x01t\x00\x01",  # exactly once
        b"\x40\x02\x00\x01",  # PUBACK
        b"\x30\x03\x00\x09t",  # a topic beyond the end
        b"\x30\x03\x00\x01\xff",  # not UTF-8
        b"\x30\xff\xff\xff\xff\x01",  # a length of five octets
        b"\x30\x00",
    ],
)
def test_what_is_not_plain_is_left_to_paho(packet):
    assert publishes(packet, 0, five=False) == ([], 0)


def test_pubacks_are_those_of_the_standard():
    assert pubacks([]) == b""
    assert pubacks([1, 65535]) == b"\x40\x02\x00\x01\x40\x02\xff\xff"
