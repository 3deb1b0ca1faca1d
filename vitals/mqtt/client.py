"""paho's client, twice as fast: it reads all that has arrived, not octet by octet."""

import socket
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode


class BufferedSocket:
    """A socket that reads 64 KiB at a time.

    paho asks for single octets and then calls select once a packet: with this under it
    a message costs half (DESIGN section 6.2).
    """

    def __init__(self, inner: socket.socket) -> None:
        self._inner, self._buffer, self._at = inner, b"", 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._inner, name)

    def pending(self) -> int:
        """Give the number of octets that can be read without waiting."""
        below = getattr(self._inner, "pending", int)()  # a TLS socket has its own
        return len(self._buffer) - self._at + int(below)

    def recv(self, size: int) -> bytes:
        """Read up to `size` octets."""
        if self._at == len(self._buffer):
            self._buffer, self._at = self._inner.recv(65536), 0
        piece = self._buffer[self._at : self._at + size]
        self._at += len(piece)
        return piece


class Client(paho.Client):
    """paho's client on a buffered socket."""

    def _create_socket(self) -> Any:  # noqa: ANN401 - paho's SocketLike
        return BufferedSocket(super()._create_socket())  # type: ignore[arg-type]

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read every packet that the buffer holds, not one per select."""
        code = super().loop_read(max_packets)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self._has_more():
            code = super().loop_read(max_packets)
        return code

    def _has_more(self) -> bool:
        return isinstance(self._sock, BufferedSocket) and self._sock.pending() > 0
