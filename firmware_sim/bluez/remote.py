"""A remote device: org.bluez.Device1, and its attributes as GATT objects."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bumble import att, core, hci
from bumble.device import Connection, Peer
from bumble.gatt import Characteristic
from bumble.gatt_client import (
    AttributeProxy,
    CharacteristicProxy,
    ServiceProxy,
)
from dbus_fast import Variant

from firmware_sim.bluez.advertisement import full
from firmware_sim.bluez.central import Central
from firmware_sim.bluez.objects import Answer, Call, Objects, Props, Refusal

DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"
MTU = 517  # octets; what BlueZ asks for
UNSECURED = (
    att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR,
    att.ATT_INSUFFICIENT_ENCRYPTION_ERROR,
)

BUMBLES = core.BaseBumbleError, hci.HCI_Error
FAILED = "org.bluez.Error.Failed"
IN_PROGRESS = "org.bluez.Error.InProgress"
NOT_PAIRED = "org.bluez.Error.AuthenticationFailed"
TYPE = "type"  # of a write: request or command

Consent = Callable[["Remote"], None]
"""Sees to it that somebody answers for pairing, or raises a Refusal."""


class Remote:
    """One device that was heard, connected to or not.

    Attributes
    ----------
    path
        Of its D-Bus object.
    peer
        The address that it was heard under last.
    """

    def __init__(
        self,
        path: str,
        peer: hci.Address,
        central: Central,
        objects: Objects,
        consent: Consent,
    ) -> None:
        self.path, self.peer = path, peer
        self._central, self._objects, self._consent = central, objects, consent
        self._link: Connection | None = None
        self._dialling: asyncio.Task[Connection] | None = None
        self._attributes: dict[str, AttributeProxy] = {}  # by path
        self._subscribers: dict[str, Callable[[bytes], None]] = {}  # by path
        self._exchanges: set[asyncio.Task[Any]] = set()
        self._lost = asyncio.Event()

    @property
    def address(self) -> str:
        """What BlueZ shows as its address."""
        return str(self._objects.props(self.path, DEVICE)["Address"].value)

    @property
    def idle(self) -> bool:
        """Whether BlueZ may forget it."""
        paired = self._objects.props(self.path, DEVICE)["Paired"].value
        return not (self._link or self._dialling or paired)

    # Device1.

    async def connect(self, _: Call, pair: bool = False) -> None:
        """Connect, take up the bond if there is one, discover everything."""
        if self._link:
            return
        if self._dialling:
            raise Refusal(IN_PROGRESS)
        self._link = link = await self._dial()
        self._lost.clear()
        link.on("disconnection", lambda _: self._on_disconnection())
        self._tell(Connected=Variant("b", True))
        if await self._central.bonded(link):
            await self._encrypt(link)
        elif pair:
            await self._bond(link)
        services = await self._ask(self._discover(Peer(link)))
        self._tell(ServicesResolved=Variant("b", True), UUIDs=Variant("as", services))

    async def disconnect(self, _: Call | None = None) -> None:
        """End the link or the attempt; nothing if there is none."""
        if self._dialling:
            self._dialling.cancel()
        if self._link:
            await self._ask(self._link.disconnect())
            await self._lost.wait()

    async def pair(self, call: Call) -> None:
        """Pair; connect first if need be."""
        if self._link:
            await self._bond(self._link)
        else:
            await self.connect(call, pair=True)

    async def _dial(self) -> Connection:
        self._dialling = asyncio.ensure_future(self._central.dial(self.peer))
        try:
            return await self._dialling
        except (TimeoutError, asyncio.CancelledError, *BUMBLES) as error:
            raise Refusal(FAILED, "le-connection-abort-by-local") from error
        finally:
            self._dialling = None

    async def _bond(self, link: Connection) -> None:
        """Pair over a link; somebody has to answer for it."""
        self._consent(self)
        try:
            await self._ask(link.pair())
        except Refusal as refusal:
            raise Refusal(NOT_PAIRED, "Authentication Failed") from refusal
        identity = str(link.peer_address).partition("/")[0]
        self._tell(
            Address=Variant("s", identity),
            Paired=Variant("b", True),
            Bonded=Variant("b", True),
        )

    async def _encrypt(self, link: Connection) -> None:
        """Encrypt with the key of the bond; without it nobody is talked to."""
        try:
            await self._ask(link.encrypt())
        except Refusal:
            await self.disconnect()
            raise

    def _on_disconnection(self) -> None:
        """Forget the link and all that was behind it."""
        self._link = None
        self._attributes, self._subscribers = {}, {}
        self._tell(ServicesResolved=Variant("b", False))
        self._tell(Connected=Variant("b", False))
        self._objects.remove(f"{self.path}/")
        self._lost.set()
        for exchange in self._exchanges:  # Bumble ends the first of them only
            exchange.cancel()

    def _tell(self, **props: Variant) -> None:
        self._objects.change(self.path, DEVICE, props)

    async def _ask(self, exchange: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        """Run one exchange with the peer; tell its errors in BlueZ's words."""
        task = asyncio.ensure_future(exchange)
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)
        try:
            return await task
        except att.ATT_Error as error:
            text = f"ATT error: 0x{error.error_code:02x} ({error.error_name})"
            raise Refusal(FAILED, f"Operation failed with {text}") from error
        except (asyncio.CancelledError, *BUMBLES) as error:
            raise Refusal(FAILED, str(error) or "Not connected") from error

    # What it offers.

    async def _discover(self, peer: Peer) -> list[str]:
        """Make an object of every attribute; give the services."""
        await peer.request_mtu(MTU)
        for service in await peer.discover_services():
            await self._add_service(service)
        return [full(service.uuid) for service in peer.services]

    async def _add_service(self, service: ServiceProxy) -> None:
        path = f"{self.path}/service{service.handle:04x}"
        props = {"Device": Variant("o", self.path), "Primary": Variant("b", True)}
        props["UUID"] = Variant("s", full(service.uuid))
        self._objects.add(path, SERVICE, props)
        for characteristic in await service.discover_characteristics():
            await self._add_characteristic(path, characteristic)

    async def _add_characteristic(self, above: str, found: CharacteristicProxy) -> None:
        path = f"{above}/char{found.handle:04x}"
        props = {
            "UUID": Variant("s", full(found.uuid)),
            "Service": Variant("o", above),
            "Notifying": Variant("b", False),
            "Flags": Variant("as", _flags(found.properties)),
        }
        self._add(path, CHARACTERISTIC, found, props)
        if found.end_group_handle > found.handle:
            for descriptor in await found.discover_descriptors():
                below = f"{path}/desc{descriptor.handle:04x}"
                props = {
                    "UUID": Variant("s", full(descriptor.type)),
                    "Characteristic": Variant("o", path),
                }
                self._add(below, DESCRIPTOR, descriptor, props)

    def _add(
        self, path: str, interface: str, attribute: AttributeProxy, props: Props
    ) -> None:
        self._attributes[path] = attribute
        self._objects.add(path, interface, props)

    # GattCharacteristic1 and GattDescriptor1.

    async def read(self, call: Call) -> Answer:
        """Read a value."""
        value = await self._secured(self._attribute(call).read_value)
        return "ay", [bytes(value)]

    async def write(self, call: Call) -> None:
        """Write a value, with an answer unless a command is asked for."""
        value, options = call.body
        kind = options.get(TYPE)
        answered = kind is None or kind.value != "command"
        attribute = self._attribute(call)
        await self._secured(lambda: attribute.write_value(bytes(value), answered))

    async def start_notify(self, call: Call) -> None:
        """Subscribe; values are told as changes of the property."""
        attribute, path = self._attribute(call), call.path
        self._subscribers[path] = lambda value: self._objects.change(
            path, CHARACTERISTIC, {"Value": Variant("ay", value)}
        )
        await self._secured(lambda: attribute.subscribe(self._subscribers[path]))
        self._objects.change(path, CHARACTERISTIC, {"Notifying": Variant("b", True)})

    async def stop_notify(self, call: Call) -> None:
        """Unsubscribe."""
        subscriber = self._subscribers.pop(call.path, None)
        await self._ask(self._attribute(call).unsubscribe(subscriber))
        stopped = {"Notifying": Variant("b", False)}
        self._objects.change(call.path, CHARACTERISTIC, stopped)

    def _attribute(self, call: Call) -> AttributeProxy:
        if call.path not in self._attributes:
            raise Refusal(FAILED, "Not connected")
        return self._attributes[call.path]

    async def _secured(self, request: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
        """Exchange; when the peer asks for security, pair and ask again.

        Where it cannot pair, BlueZ leaves its caller waiting, and so do we.
        """
        try:
            return await self._ask(request())
        except Refusal as refusal:
            cause = refusal.__cause__
            if not (isinstance(cause, att.ATT_Error) and cause.error_code in UNSECURED):
                raise
        assert self._link
        try:
            await self._bond(self._link)
        except Refusal:
            await self._lost.wait()
            raise
        return await self._ask(request())


def _flags(properties: Characteristic.Properties) -> list[str]:
    """Name a characteristic's properties as BlueZ does."""
    return [p.name.lower().replace("_", "-") for p in properties]
