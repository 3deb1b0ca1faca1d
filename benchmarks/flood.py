"""Messages at QoS 1 over a bare socket, as quickly as a broker takes them."""

import socket
import time

from vitals.mqtt.packets import PUBLISH


def packet(message, mid):
    """Give a PUBLISH packet of MQTT 3.1.1 at QoS 1."""
    topic = message.topic.encode()
    body = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big")
    body += message.payload
    return bytes([PUBLISH | 2]) + _length(len(body)) + body


def _length(number):
    octets = bytearray()
    while True:
        number, low = divmod(number, 128)
        octets.append(low | (0x80 if number else 0))
        if not number:
            return bytes(octets)


def packets(messages):
    """Give the packets of messages."""
    return [packet(one, place % 65535 + 1) for place, one in enumerate(messages)]


class Flood:
    """A publisher; every message of `send` is acknowledged when it returns."""

    def __init__(self, port, name="flood", window=500):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._window = window
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big")
        body += name.encode()
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        assert self._socket.recv(4) == b"\x20\x02\x00\x00"

    def send(self, ready, per_s=None):
        """Send packets, at most so many a second."""
        begun, sent, octets = time.perf_counter(), 0, 0
        while octets < 4 * len(ready):
            due = len(ready)
            if per_s:
                due = min(due, int((time.perf_counter() - begun) * per_s) + 1)
            count = min(due - sent, self._window - (sent - octets // 4))
            if count > 0:
                self._socket.sendall(b"".join(ready[sent : sent + count]))
                sent += count
            if sent > octets // 4:
                octets += len(self._socket.recv(1 << 14))
            elif sent < len(ready):
                time.sleep(0.002)

    def close(self):
        self._socket.close()
