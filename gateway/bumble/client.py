"""bleak's client: one wearable's link, and the values that go over it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bumble import att, core, hci
from bumble.device import Connection, Peer

from gateway.bumble.att import ConfirmingClient, Store
from gateway.bumble.central import Central
from gateway.bumble.discovery import discover
from gateway.bumble.exchange import Exchanges, to_its_end

MTU = 247  # octets: a value of 244 in one packet of 251

T = TypeVar("T")


class BumbleClient(BaseBleakClient):
    """bleak's client on a `Central`."""

    def __init__(
        self,
        target: BLEDevice | str,
        *,
        bluez: dict[str, Any] | None = None,
        services: set[str] | None = None,
        disconnected_callback: Callable[[], None] | None = None,
        timeout: float = 30.0,
        **_: object,
    ) -> None:
        super().__init__(
            target, disconnected_callback=disconnected_callback, timeout=timeout
        )
        details = getattr(target, "details", None) or {}
        adapter = details.get("adapter") or (bluez or {}).get("adapter")
        self._adapter = str(adapter or "")
        self._name = getattr(target, "name", None)
        self._wanted = services
        self._link: Connection | None = None
        self._client: ConfirmingClient | None = None
        self._subscribers: dict[int, Callable[[bytes], None]] = {}
        self._exchanges = Exchanges()

    @property
    def name(self) -> str:
        """What it said in its advertisement, else its address."""
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The ATT MTU, octets."""
        return int(self._link.att_mtu) if self._link else att.ATT_DEFAULT_MTU

    def _room(self) -> int:
        """Give the octets that one write without response may carry."""
        return self.mtu_size - 3

    @property
    def is_connected(self) -> bool:
        """Whether there is a link."""
        return self._link is not None

    # Connecting.

    async def connect(self, pair: bool = False, **_: object) -> None:
        """Connect, take up the bond if there is one, and discover the services."""
        if self.is_connected:
            raise BleakError("Client is already connected")
        central = await Central.get(self._adapter)
        try:
            link = await central.dial(self.address, self._timeout)
        except TimeoutError as error:
            message = f"{self.address} was not found: {error}"
            raise BleakDeviceNotFoundError(self.address, message) from error
        except (core.BaseBumbleError, hci.HCI_Error) as error:
            raise BleakError(f"{type(error).__name__}: {error}") from error
        self._link = link
        self._client = link.gatt_client = ConfirmingClient(link, central.tasks)
        link.on("disconnection", self._on_disconnection)
        try:
            await self._prepare(central, link, pair)
        except BaseException:
            await self.disconnect()
            raise

    async def _prepare(self, central: Central, link: Connection, pair: bool) -> None:
        """Do what comes before the first value."""
        peer = Peer(link)
        await self._ask(peer.request_mtu(MTU))
        if await central.device.keystore.get(str(link.peer_address)):
            await self._ask(link.encrypt())
        elif pair:
            await self._ask(link.pair())
        self.services = await self._ask(discover(peer, self._wanted, self._room))

    def _on_disconnection(self, _: int) -> None:
        """Forget the link, and say so."""
        self._link = self._client = self.services = None
        self._subscribers = {}
        # Bumble ends the request under way, but not those that wait behind it.
        asyncio.get_running_loop().call_soon(self._exchanges.cut_off)
        if self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """End the link; nothing if there is none."""
        if self._link:
            with suppress(core.BaseBumbleError, hci.HCI_Error):  # lost meanwhile
                await to_its_end(self._link.disconnect())

    async def pair(self, *_: object, **__: object) -> None:
        """Pair with LE Secure Connections."""
        await self._ask(self._connected().pair())

    async def unpair(self) -> None:
        """Forget the bond."""
        central = await Central.get(self._adapter)
        await self.disconnect()
        store = central.device.keystore
        for name, _ in await store.get_all():
            if name.partition("/")[0] == self.address:
                await store.delete(name)

    def _connected(self) -> Connection:
        """Give the link."""
        if not self._link:
            raise BleakError("Not connected")
        return self._link

    async def _ask(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Run one exchange with the peer, if there is one.

        Raises
        ------
        BleakGATTProtocolError
            The peer answered with an ATT error.
        BleakError
            There is no link, or it was lost, or the exchange failed.
        """
        if not self.is_connected:
            exchange.close()
            raise BleakError("Not connected")
        return await self._exchanges.run(exchange)

    # Values.

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_: object
    ) -> bytearray:
        """Read a value."""
        return bytearray(await self._ask(characteristic.obj.read_value()))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_: object
    ) -> bytearray:
        """Read a descriptor."""
        return bytearray(await self._ask(descriptor.obj.read_value()))

    async def write_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        data: SizedBuffer,
        response: bool,
    ) -> None:
        """Write a value."""
        write = characteristic.obj.write_value(bytes(data), with_response=response)
        await self._ask(write)

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        """Write a descriptor."""
        await self._ask(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: NotifyCallback,
        confirm_after: Store | None = None,
        **_: object,
    ) -> None:
        """Subscribe; the head of the package says what `confirm_after` does."""
        loop, handle = asyncio.get_running_loop(), characteristic.handle

        def deliver(value: bytes) -> None:
            loop.call_soon(callback, bytearray(value))

        self._connected()
        assert self._client
        if confirm_after and "indicate" in characteristic.properties:
            self._client.stores[handle] = confirm_after
        self._subscribers[handle] = deliver
        prefer_notify = confirm_after is None
        await self._ask(
            characteristic.obj.subscribe(deliver, prefer_notify=prefer_notify)
        )

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe; what comes before the wearable has heard of it is stored yet."""
        client, handle = self._client, characteristic.handle
        subscriber = self._subscribers.pop(handle, None)
        await self._ask(characteristic.obj.unsubscribe(subscriber))
        if client:
            client.stores.pop(handle, None)
