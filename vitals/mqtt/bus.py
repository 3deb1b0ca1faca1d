"""The bus between processes and machines: MQTT 5, falling back to 3.1.1.

paho runs in a thread of its own; everything else here happens on the event loop.  A
session survives our restarts (a stable client identifier, clean start off), messages
are acknowledged by hand once the stage has made them durable, and what is published
waits for the broker's PUBACK, also while the broker is away.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from math import inf
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from vitals import config
from vitals.bus import Delivery, Inbox, matches, octets
from vitals.errors import Unavailable
from vitals.mqtt.client import Client, Identity, dial, dress
from vitals.mqtt.packets import LONGEST, Publish
from vitals.wire import Message

log = logging.getLogger(__name__)

ANSWER_S = 3  # for CONNACK
HANG_UPS = 3  # before we believe that it is not by chance
BRIEF_S = 2  # a connection that ends sooner was pushed out
AGAIN_S = 5  # until we try again what the broker's access list refused
STRAY_S = 10  # a stage has that long to subscribe to what its session was sent


class MqttBus:
    """One MQTT session.  Use it as `async with MqttBus(settings, "ingest") as bus`."""

    def __init__(
        self,
        settings: config.Mqtt,
        client: str = "",
        will: Message | None = None,
        room: float = inf,
    ) -> None:
        """Describe a session.

        Parameters
        ----------
        settings : Mqtt
            Where the broker is.
        client : str
            The name of a session that survives; "" is a passing one.
        will : Message, optional
            What the broker says when we are gone.
        room : float
            Octets that may wait in the inboxes; beyond, nothing is read.  Only for a
            stage that goes on taking while its publishing waits.
        """
        self._settings, self._room = settings, room
        name = client or f"vitals-{secrets.token_hex(6)}"
        self._who = Identity(name, lasting=bool(client), will=will)
        self.online = asyncio.Event()
        self._wanted = paho.MQTTv5 if settings.version == "5" else paho.MQTTv311
        self.protocol = self._wanted
        self._inboxes: list[tuple[Inbox, tuple[str, ...]]] = []
        self._route = lru_cache(65536)(self._find_inbox)
        self._arrivals: deque[tuple[int, list[Publish]]] = deque()
        self._heard = 0  # octets that have arrived; paho's thread counts them
        self._unloaded = 0  # of these, what the loop has put into the inboxes
        self._acks: list[int] = []  # of this connection, in order
        self._strays: deque[Delivery] = deque()
        self._waking = False
        self._waiting: dict[int, tuple[Message, asyncio.Future[None]]] = {}
        self._connection = 0  # counts connections: an old one's packet ids mean nothing
        self._answered = False  # by this client's broker, in the protocol it was asked
        self._hang_ups = 0
        self._since = 0.0  # of the connection, s of the loop's clock
        self._brief = 0  # connections in a row that were lost at once
        self._client: Client
        self.problem = f"no answer yet from {settings.host}:{settings.port}"

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        client, self._client = self._client, Client(CallbackAPIVersion.VERSION2)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
        for _, done in self._waiting.values():
            done.cancel()

    async def ready(self, timeout_s: float = 10) -> None:
        """Wait for the broker.

        Raises
        ------
        Unavailable
            It did not let us in; the text says why and what to do.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.online.wait()
        except TimeoutError as error:
            raise Unavailable(self.problem) from error

    async def publish(self, message: Message) -> None:
        """Return once the broker has accepted the message; wait while it is away."""
        done = self._loop.create_future()
        self._send(message, done)
        await done

    def _send(self, message: Message, done: asyncio.Future[None]) -> None:
        sent = self._client.publish(
            message.topic, message.payload, qos=1, retain=message.retain
        )
        self._waiting[sent.mid] = message, done

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def subscribe(self, *filters: str) -> Inbox:
        """Open an inbox for MQTT topic filters; retained messages come first."""
        inbox = Inbox()
        self._inboxes.append((inbox, filters))
        self._route.cache_clear()
        if self.online.is_set():
            self._ask_for(filters)
        strays, self._strays = self._strays, deque()
        self._deliver(strays)
        return inbox

    def unsubscribe(self, inbox: Inbox) -> None:
        """Close an inbox; what is under way to it is not acknowledged.

        A lasting session keeps its subscription: a stage that stops is away, and the
        broker holds for it what comes meanwhile.
        """
        gone = [filters for box, filters in self._inboxes if box is inbox]
        self._inboxes = [pair for pair in self._inboxes if pair[0] is not inbox]
        self._route.cache_clear()
        if gone and self.online.is_set() and not self._who.lasting:
            self._client.unsubscribe(list(gone[0]))

    # -- connecting --------------------------------------------------------------------

    def _start(self) -> None:
        """Begin connecting; paho goes on trying for ever."""
        self._answered, self._hang_ups = False, 0
        self._client = client = dress(self._settings, self._who, self.protocol)
        client.on_connect = self._on_connect
        client.on_socket_open = partial(self._soon, self._dialled)
        client.on_connect_fail = partial(self._soon, self._failed)
        client.on_disconnect = partial(self._soon, self._disconnected)
        client.on_publish = partial(self._soon, self._published)
        client.on_subscribe = partial(self._soon, self._subscribed)
        client.on_publishes = partial(self._on_publishes, client)
        client.full = self._full
        client.reconnect_delay_set(1, 5)
        client.max_queued_messages_set(0)
        dial(client, self._settings, self._who)

    def _soon(self, method: Any, _client: Any, *args: Any) -> None:  # noqa: ANN401
        """Leave paho's thread for the event loop."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(method, _client, *args)

    def _on_connect(self, client: paho.Client, *args: Any) -> None:  # noqa: ANN401
        """Hear CONNACK, in paho's thread: what arrives next belongs to it."""
        self._connection += 1
        self._acks = []
        self._answered = True
        self._soon(self._connected, client, *args)

    def _connected(
        self,
        client: Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        """Take the broker's answer."""
        if client is not self._client:
            return
        if reason.is_failure:
            self._refused(str(reason))
            return
        self._since = self._loop.time()
        self._ask_for_all()
        self.online.set()
        self.problem = ""
        log.info("connected to the broker at %s", self._where)

    def _dialled(self, client: Client, *_: object) -> None:
        """Expect an answer: some brokers meet MQTT 5 with silence."""
        self._loop.call_later(ANSWER_S, self._unanswered, client)

    def _unanswered(self, client: Client) -> None:
        if client is self._client and client.socket() and not self._answered:
            self._fall_back()

    def _refused(self, reason: str) -> None:
        """Fall back, or say what to do."""
        if "protocol version" in reason.lower():
            self._fall_back()
            return
        who = self._settings.username or "a client without a name"
        advice = "check mqtt.username and mqtt.password_file"
        self._trouble(f"the broker at {self._where} refuses {who}: {reason}; {advice}")

    def _fall_back(self) -> None:
        """Start again in MQTT 3.1.1."""
        if self.protocol == paho.MQTTv5:
            log.info(
                "the broker at %s does not answer MQTT 5; using 3.1.1", self._where
            )
            self._speak(paho.MQTTv311)

    def _speak(self, protocol: MQTTProtocolVersion) -> None:
        """Start again in another version of the protocol; nothing queued is lost."""
        old, self.protocol = self._client, protocol
        old.disconnect()
        self._start()
        queued, self._waiting = self._waiting, {}
        for message, done in queued.values():
            self._send(message, done)

    def _failed(self, client: Client, _userdata: object) -> None:
        """Note that nobody listens there."""
        if client is not self._client:
            return
        if client.distrust:
            advice = "`vitals doctor` says what to do"
            self._trouble(f"no TLS with {self._where}: {client.distrust}; {advice}")
            return
        advice = "start one (apt install mosquitto) or set mqtt.host and mqtt.port"
        self._trouble(f"no MQTT broker at {self._where}; {advice}")

    def _disconnected(
        self, client: Client, _data: object, _flags: object, reason: object, *_: object
    ) -> None:
        """Note that the connection is lost; paho connects again."""
        if client is not self._client:
            return
        if self.online.is_set():
            self.online.clear()
            self._lost(str(reason))
        elif not self._answered:
            self._hang_ups += 1  # some brokers answer MQTT 5 by hanging up
            if self._hang_ups >= HANG_UPS:
                self._fall_back()

    def _lost(self, reason: str) -> None:
        """Say so once, with advice where two of one name push each other out."""
        brief = self._loop.time() - self._since < BRIEF_S
        self._brief = self._brief + 1 if brief else 0
        if "taken over" in reason.lower() or self._brief >= HANG_UPS:
            name = f"is another gateway or stage called {self._who.name!r}?"
            self._trouble(f"{self._where} ends the connection at once: {name}")
        else:
            self._trouble(f"lost the broker at {self._where}: {reason}")
        if self.protocol != self._wanted:  # perhaps it has learned MQTT 5 meanwhile
            self._speak(self._wanted)

    def _trouble(self, text: str) -> None:
        """Say a new problem once."""
        if text != self.problem:
            log.warning("%s; trying again", text)
        self.problem = text

    # -- messages ----------------------------------------------------------------------

    def _ask_for(self, filters: tuple[str, ...]) -> None:
        self._client.subscribe([(wanted, 1) for wanted in filters])

    def _ask_for_all(self) -> None:
        for _, filters in self._inboxes:
            self._ask_for(filters)

    def _published(
        self,
        client: Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        *_: object,
    ) -> None:
        """Take a PUBACK."""
        if client is not self._client:
            return
        waiting = self._waiting.pop(mid, None)
        if waiting is None or waiting[1].done():
            return
        if not reason.is_failure:
            waiting[1].set_result(None)
            return
        advice = "see its access-control list"
        self._trouble(f"{self._where} refuses a message: {reason}; {advice}")
        self._loop.call_later(AGAIN_S, self._send, *waiting)

    def _subscribed(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        *_: object,
    ) -> None:
        """Take a SUBACK."""
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            advice = "see its access-control list"
            self._trouble(f"{self._where} refuses a topic: {refused[0]}; {advice}")
            self._loop.call_later(AGAIN_S, self._ask_again)

    def _ask_again(self) -> None:
        if self.online.is_set():
            self._ask_for_all()

    def _on_publishes(self, client: paho.Client, found: list[Publish]) -> None:
        """Hear messages, in paho's thread; wake the loop once for many."""
        self._heard += octets(found)
        self._arrivals.append((self._connection, found))
        if not self._waking:
            self._waking = True
            self._soon(self._unload, client)

    def _unload(self, _client: Client) -> None:
        """Put what has arrived into the inboxes."""
        self._waking = False  # before draining: a message that comes now wakes us again
        while self._arrivals:
            connection, found = self._arrivals.popleft()
            ack = partial(self._ack, connection)
            self._deliver(Delivery(one.message, ack, one.mid) for one in found)
            self._unloaded += octets(found)

    def _full(self) -> bool:
        """Tell whether too much waits, in paho's thread; the loop may be stalled."""
        coming = self._heard - self._unloaded
        return coming + sum(inbox.octets for inbox, _ in self._inboxes) > self._room

    def _deliver(self, deliveries: Iterable[Delivery]) -> None:
        """Put deliveries into the inboxes that want them."""
        by_inbox: dict[Inbox, list[Delivery]] = {}
        for one in deliveries:
            topic = one.message.topic  # a very long one is not worth remembering
            route = self._route if len(topic) < LONGEST else self._find_inbox
            if (inbox := route(topic)) is None:
                self._keep(one)
            else:
                by_inbox.setdefault(inbox, []).append(one)
        for inbox, several in by_inbox.items():
            inbox.put(several)

    def _keep(self, stray: Delivery) -> None:
        """Hold what no inbox wants: a lasting session speaks before its stage does.

        What nobody wants any more is let go in time, or it would fill the broker's
        window.
        """
        self._strays.append(stray)
        self._loop.call_later(STRAY_S, self._let_go, stray)

    def _let_go(self, stray: Delivery) -> None:
        if stray in self._strays:
            self._strays.remove(stray)
            stray.ack()

    def _find_inbox(self, topic: str) -> Inbox | None:
        for inbox, filters in self._inboxes:
            if any(matches(wanted, topic) for wanted in filters):
                return inbox
        return None

    def _ack(self, connection: int, mids: Sequence[int]) -> None:
        """Acknowledge messages; those of one turn of the loop go together."""
        if connection != self._connection:
            return
        if not self._acks:
            self._loop.call_soon(self._send_acks, connection)
        self._acks += [mid for mid in mids if mid]

    def _send_acks(self, connection: int) -> None:
        mids, self._acks = self._acks, []
        if mids and connection == self._connection and self.online.is_set():
            self._client.acknowledge(mids)
