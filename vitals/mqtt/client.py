"""paho's client, dressed for us, and fast: it reads and acknowledges many at a time."""

import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as paho
from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from vitals import config
from vitals.errors import ConfigError
from vitals.mqtt.packets import PUBACK, Publish, pubacks, publishes
from vitals.wire import Message

KEEPALIVE_S = 30
READ = 1 << 18  # octets that are read at once
WINDOW = 10_000  # unacknowledged messages that we ask the broker to allow us
ROUNDS = 8  # of reading, before what waits to be written has its turn
PAUSE_S = 0.05  # between looks whether there is room again
WEEK_S = 7 * 24 * 3600  # how long a broker keeps the session of a stage that is away


class Identity(Struct, frozen=True):
    """Who we are to the broker."""

    name: str
    lasting: bool  # whether the session survives us
    will: Message | None = None


class BufferedSocket:
    """A socket that reads all that there is at a time.

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
            self._buffer, self._at = self._inner.recv(READ), 0
        piece = self._buffer[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def publishes(self, *, five: bool) -> list[Publish]:
        """Read the whole PUBLISH packets that come next; a packet begins here."""
        if self._at == len(self._buffer):
            try:
                self._buffer, self._at = self._inner.recv(READ), 0
            except OSError:  # nothing yet; or what paho will find and judge
                return []
        found, self._at = publishes(self._buffer, self._at, five=five)
        return found


class Client(paho.Client):
    """paho's client on a buffered socket.

    Attributes
    ----------
    distrust
        Why the last TLS handshake failed, "" when it did not.
    on_publishes
        Called in paho's thread with PUBLISH packets, in their order.
    full
        Tells whether to leave what comes in the socket, where it slows the broker.
    """

    distrust = ""
    on_publishes: Callable[[list[Publish]], None]
    full: Callable[[], bool] = staticmethod(lambda: False)

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Send PUBACKs, in their order, in one piece."""
        self._packet_queue(PUBACK, pubacks(mids), 0, 0)

    def hear(self, _: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        """Hand on a message that paho has read: it came in pieces, or is not plain."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.ack(message.mid, message.qos)
            return
        heard = Message(topic, bytes(message.payload), message.retain)
        self.on_publishes([Publish(heard, message.mid if message.qos else 0)])

    def _ssl_wrap_socket(self, tcp_sock: Any) -> Any:  # noqa: ANN401 - paho's
        try:
            secure = super()._ssl_wrap_socket(tcp_sock)
        except OSError as error:
            self.distrust = str(error.strerror or error)
            raise
        self.distrust = ""
        return secure

    def _create_socket(self) -> Any:  # noqa: ANN401 - paho's SocketLike
        return BufferedSocket(super()._create_socket())  # type: ignore[arg-type]

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what has arrived: PUBLISH packets at once, the others by paho."""
        if self.full() and self.is_connected():
            self._hold()
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        for _ in range(ROUNDS):
            self._read_publishes()
            if self._sock is None:
                return MQTTErrorCode.MQTT_ERR_NO_CONN
            code = self._packet_read()
            if code == MQTTErrorCode.MQTT_ERR_AGAIN:
                break
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return self._loop_rc_handle(code)
            if self.full() or not self._has_more():
                break
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _read_publishes(self) -> None:
        """Hand on the whole PUBLISH packets that come next."""
        between = self._in_packet["command"] == 0
        if not (between and isinstance(self._sock, BufferedSocket)):
            return
        found = self._sock.publishes(five=self.protocol == paho.MQTTv5)
        if found:
            self._last_bytes_received = time.monotonic()
            self.on_publishes(found)

    def _hold(self) -> None:
        """Leave everything in the socket for a moment; the broker's answers too."""
        time.sleep(PAUSE_S)
        self._last_bytes_received = time.monotonic()
        self._ping_t = 0.0

    def _has_more(self) -> bool:
        return isinstance(self._sock, BufferedSocket) and self._sock.pending() > 0


def dress(
    settings: config.Mqtt, who: Identity, protocol: MQTTProtocolVersion
) -> Client:
    """Make a client with its name, password, certificates and last will."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=who.name,
        clean_session=None if protocol == paho.MQTTv5 else not who.lasting,
        protocol=protocol,
        manual_ack=True,
    )
    client.on_message = client.hear
    if settings.username:
        client.username_pw_set(settings.username, config.secret(settings.password_file))
    if settings.ca:
        _secure(client, settings)
    if who.will:
        client.will_set(who.will.topic, who.will.payload, 1, who.will.retain)
    return client


def _secure(client: Client, settings: config.Mqtt) -> None:
    """Speak TLS and check the broker's certificate."""
    try:
        key = config.located(settings.key)
        client.tls_set(settings.ca, settings.certificate or None, key or None)
    except (OSError, ValueError) as error:
        raise ConfigError(f"mqtt: cannot use the certificates: {error}") from error


def dial(client: Client, settings: config.Mqtt, who: Identity) -> None:
    """Begin connecting in a thread of its own, for ever.

    With MQTT 5 we ask for a session that lasts and a wide window (section 3.1.2.11).
    """
    where = settings.host, settings.port, KEEPALIVE_S
    if client.protocol == paho.MQTTv5:
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.SessionExpiryInterval = WEEK_S if who.lasting else 0
        wishes.ReceiveMaximum = WINDOW
        client.connect_async(*where, clean_start=False, properties=wishes)
    else:
        client.connect_async(*where)
    client.loop_start()
