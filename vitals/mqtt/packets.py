"""PUBLISH packets read many at a time, and PUBACKs written so.  Sans-I/O.

paho reads and acknowledges packet by packet, which costs several times what the rest of
ingest does with a record.  Whatever is not a plain, whole PUBLISH of ordinary length is
left to paho: what is cut in two, what is malformed, and every other packet.
"""

from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from vitals.wire import Message

PUBLISH, PUBACK = 0x30, 0x40  # MQTT 5, table 2-1
RETAIN, QOS, EXACTLY_ONCE = 0x01, 0x06, 0x04
LONGEST = 256  # octets of a topic worth remembering; ours are shorter


class Publish(Struct, frozen=True, gc=False):
    """One PUBLISH packet, as far as we want to know."""

    message: Message
    mid: int  # packet identifier; 0 with QoS 0, which nobody acknowledges


def publishes(buffer: bytes, at: int, *, five: bool) -> tuple[list[Publish], int]:
    """Read the PUBLISH packets that stand whole at a place, QoS 0 and 1.

    Parameters
    ----------
    buffer : bytes
        What came from the broker.
    at : int
        Where a packet begins.
    five : bool
        Whether it speaks MQTT 5, which has properties.

    Returns
    -------
    list of Publish
        In their order.
    int
        Where the first packet begins that is none of these.
    """
    found: list[Publish] = []
    size = len(buffer)
    while at + 4 < size:  # in one piece, for every message of a night comes through it
        head, length, begin = buffer[at], buffer[at + 1], at + 2
        if length > 127:
            if buffer[begin] > 127:  # longer than 16 KiB
                break
            length += (buffer[begin] << 7) - 128
            begin += 1
        end = begin + length
        if head & 0xF0 != PUBLISH or head & EXACTLY_ONCE or end > size:
            break
        place = begin + 2 + (buffer[begin] << 8 | buffer[begin + 1])
        if place - begin > LONGEST or not (topic := _text(buffer[begin + 2 : place])):
            break
        mid = 0
        if head & QOS:
            mid = int.from_bytes(buffer[place : place + 2], "big")
            place += 2
        if five:
            # No properties, or so many that their length takes several octets.
            if place >= end or buffer[place] > 127:
                break
            place += 1 + buffer[place]  # of no use to us
        if place > end:
            break
        message = Message(topic, buffer[place:end], head & RETAIN > 0)
        found.append(Publish(message, mid))
        at = end
    return found, at


def pubacks(mids: Iterable[int]) -> bytes:
    """Acknowledge packets in one piece: success, in MQTT 3.1.1 and 5 alike.

    >>> pubacks([1, 258]).hex(" ")
    '40 02 00 01 40 02 01 02'
    """
    return b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids])


@lru_cache(65536)
def _text(octets: bytes) -> str:
    """Give a topic; "" if it is not UTF-8."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return ""
