"""bleak's client: one wearable's link, and the values that go over it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import att, core, hci
from bumble.device import Connection, Peer
from bumble.keys import PairingKeys

from gateway.bumble.att import ConfirmingClient, Store
from gateway.bumble.bonds import authenticated
from gateway.bumble.central import Central
from gateway.bumble.discovery import discover
from gateway.bumble.exchange import Exchanges, to_its_end
from gateway.pairing import NotPaired, Pairing

MTU = 247  # octets: a value of 244 in one packet of 251
UNSECURED = (
    att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR,
    att.ATT_INSUFFICIENT_ENCRYPTION_ERROR,
)

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
        pairing: Pairing | None = None,
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
        self._bonds: Path | None = (bluez or {}).get("bonds")
        self._pairing = pairing
        self._who = pairing.identity if pairing else self.address.upper()
        self._securing = asyncio.Lock()
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
        central = self._central = await Central.get(self._adapter, self._bonds)
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
        link.on("security_request", lambda _: self._on_security_request())
        try:
            await self._prepare(link, pair)
        except BaseException:
            await self.disconnect()
            raise

    async def _prepare(self, link: Connection, pair: bool) -> None:
        """Do what comes before the first value."""
        peer = Peer(link)
        await self._ask(peer.request_mtu(MTU))
        async with self._securing:
            await self._take_up_bond(link)
        if pair:
            await self.pair()
        self.services = await self._ask(discover(peer, self._wanted, self._room))

    async def _take_up_bond(self, link: Connection) -> None:
        """Encrypt with the key of the bond, if there is one.

        Raises
        ------
        NotPaired
            The peer does not have that key: it has forgotten it, or is somebody else.
        """
        passkey = self._pairing.passkey if self._pairing else ""
        keys = await self._central.bonds.get(str(link.peer_address))
        if keys is None or (passkey and not authenticated(keys)):
            return
        if self._who in self._central.doubted:
            self._central.doubted.discard(self._who)
            return
        try:
            await self._ask(link.encrypt())
        except BleakError as error:
            if passkey:  # it will tell next time whether this is still who it was
                self._central.doubted.add(self._who)
            raise NotPaired("it does not have the key of our bond") from error
        self._central.secured.add(self._who)

    def _on_security_request(self) -> None:
        """Pair when the wearable asks for it, if we know it."""
        if self._pairing:
            to_its_end(self.pair())

    def _on_disconnection(self, _: int) -> None:
        """Forget the link, and say so."""
        self._central.secured.discard(self._who)
        if self._link:
            self._central.passkeys.pop(self._link.handle, None)
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
        """Pair with LE Secure Connections, unless a bond secures the link already.

        Raises
        ------
        NotPaired
            The peer refuses, or does not know the passkey.
        """
        async with self._securing:
            link = self._connected()
            if self._who not in self._central.secured:
                await self._pair(link)

    async def _pair(self, link: Connection) -> None:
        passkey = self._pairing.passkey if self._pairing else ""
        self._central.passkeys[link.handle] = passkey
        made: asyncio.Future[PairingKeys] = asyncio.get_running_loop().create_future()
        link.once("pairing", made.set_result)
        try:
            await self._ask(link.pair())
        except BleakError as error:
            raise NotPaired(f"pairing failed ({error})") from error
        keys = await made
        if passkey and not authenticated(keys):
            raise NotPaired("pairing failed: it does not ask for the passkey")
        self._central.bonds.keep(self._who, keys)
        self._central.secured.add(self._who)

    async def unpair(self) -> None:
        """Forget the bond."""
        central = await Central.get(self._adapter, self._bonds)
        await self.disconnect()
        await central.bonds.delete(self._who)

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

    async def _secured(self, exchange: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run one exchange; when the peer asks for security, pair and run it again."""
        try:
            return await self._ask(exchange())
        except BleakGATTProtocolError as error:
            secured = self._who in self._central.secured
            if error.code not in UNSECURED or secured or not self._pairing:
                raise
        await self.pair()
        return await self._ask(exchange())

    # Values.

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_: object
    ) -> bytearray:
        """Read a value."""
        return bytearray(await self._secured(characteristic.obj.read_value))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_: object
    ) -> bytearray:
        """Read a descriptor."""
        return bytearray(await self._secured(descriptor.obj.read_value))

    async def write_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        data: SizedBuffer,
        response: bool,
    ) -> None:
        """Write a value."""
        write = partial(characteristic.obj.write_value, bytes(data), response)
        await self._secured(write)

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        """Write a descriptor."""
        await self._secured(partial(descriptor.obj.write_value, bytes(data), True))

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
        await self._secured(
            partial(characteristic.obj.subscribe, deliver, prefer_notify)
        )

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe; what comes before the wearable has heard of it is stored yet."""
        client, handle = self._client, characteristic.handle
        subscriber = self._subscribers.pop(handle, None)
        await self._ask(characteristic.obj.unsubscribe(subscriber))
        if client:
            client.stores.pop(handle, None)
