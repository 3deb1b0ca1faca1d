"""A bleak backend on Bumble's host stack: gateway and radio without BlueZ.

    BleakScanner(backend=BumbleScanner, bluez={"adapter": "tcp-client:127.0.0.1:6402"})
    BleakClient(device, backend=BumbleClient, bluez={"adapter": ...})

The adapter is a Bumble transport: "tcp-client:HOST:PORT" (the simulation's radio),
"usb:0", "serial:/dev/ttyACM0", or any name that a host of this process was plugged in
under with `Central.plug`.  All scanners and clients of one adapter share one `Central`.

**Confirmed means stored.**  bleak hands keyword arguments of `start_notify` that it
does not know to the backend (its BlueZ backend ignores them), so:

    await client.start_notify(characteristic, callback, confirm_after=stored)

where `async def stored(value: bytearray) -> None` returns once the value is safe.  An
indication's confirmation is sent to the wearable when it has returned, and never if it
raised or the link was lost meanwhile: the wearable then keeps the value and sends it
again.  `callback` has been called before.  A notification has no confirmation, and
`confirm_after` changes nothing for it.

What Bumble does not forgive, and where it is dealt with:

- A cancelled request's late answer is given to the next request: `_ask` shields.
- A lost link cancels the requests under way, which looks like our own cancellation:
  `_ask` tells the two apart.
- A cancelled `connect_le` leaves the controller connecting: `Central.dial` never does.
- One connection attempt at a time, and an absent peer would hold it: it is heard first.
- An exception in a subscriber keeps back the confirmation: callbacks run on their own.
- Logs that are off are formatted, imports leave 7 MB of freed heap and the 7 MB of the
  `cryptography` package, which only pairing needs: `_hush`, `_trim` and `_LazyCrypto`.
"""

# ruff: noqa: E402

import asyncio
import importlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bleak.uuids import normalize_uuid_str

CRYPTOGRAPHY = "bumble.crypto.cryptography"


def _postpone_cryptography() -> None:
    """Let Bumble import the `cryptography` package when it first pairs, not before.

    A process that already runs Bumble (the simulation beside us) keeps what it has.
    """
    if "bumble.crypto" in sys.modules:
        return

    def real(name: str) -> Any:  # noqa: ANN401  # one of three things
        sys.modules.pop(CRYPTOGRAPHY, None)
        module = importlib.import_module(CRYPTOGRAPHY)
        for each in ("EccKey", "aes_cmac", "e"):
            setattr(sys.modules["bumble.crypto"], each, getattr(module, each))
        return getattr(module, name)

    class EccKey:
        generate = staticmethod(lambda: real("EccKey").generate())
        from_private_key_bytes = staticmethod(
            lambda octets: real("EccKey").from_private_key_bytes(octets)
        )

    stub = ModuleType(CRYPTOGRAPHY)
    vars(stub)["EccKey"] = EccKey
    vars(stub)["aes_cmac"] = lambda m, k: real("aes_cmac")(m, k)
    vars(stub)["e"] = lambda key, data: real("e")(key, data)
    sys.modules[CRYPTOGRAPHY] = stub


_postpone_cryptography()

import bumble.colors
from bumble import att, core, gatt_client, hci, l2cap
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.host import Host
from bumble.keys import JsonKeyStore, MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport
from bumble.transport.common import Transport

LOG = logging.getLogger(__name__)
BUMBLE_LOG = logging.getLogger("bumble")
MTU = 247  # octets: a value of 244 in one packet of 251
OPEN_S = 10.0  # for the adapter to answer
FRESH_S = 10.0  # since last heard; longer ago is heard again before it is dialled
DIAL_S = 3.0  # for a peer that was heard to answer
SERVICE_UUIDS = (
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)

T = TypeVar("T")
Listener = Callable[[Advertisement], None]
Store = Callable[[bytearray], Awaitable[None]]


def _hush() -> None:
    """Make Bumble's packets print as plain objects, unless its debug logs are on."""
    if BUMBLE_LOG.isEnabledFor(logging.DEBUG):
        return
    BUMBLE_LOG.setLevel(logging.ERROR)  # it warns of normal events: a lost link
    bumble.colors.color = lambda text, *_, **__: text
    roots = hci.HCI_Packet, att.ATT_PDU, l2cap.L2CAP_PDU, l2cap.L2CAP_Control_Frame
    for cls in (cls for root in roots for cls in (root, *root.__subclasses__())):
        if "__str__" in vars(cls):
            cls.__str__ = object.__repr__


def _trim() -> None:
    """Give the heap that importing Bumble left behind back to the system (glibc)."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


_hush()


class Central:
    """One adapter: one device, one shared scan, one connection attempt at a time.

    Attributes
    ----------
    device
        Bumble's device.
    delegate
        Answers passkey questions when we pair; None pairs Just Works.
    """

    _open: ClassVar[
        dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Future["Central"]]
    ] = {}

    @classmethod
    async def get(cls, adapter: str) -> "Central":
        """Give the adapter of this name, opened by whoever comes first.

        Raises
        ------
        BleakBluetoothNotAvailableError
            There is no such adapter, or it does not answer.
        """
        key = asyncio.get_running_loop(), adapter
        if key not in cls._open:
            opening = asyncio.ensure_future(cls._connect(adapter))
            cls._open[key] = opening
            opening.add_done_callback(cls._forget_failure)
        try:
            return await asyncio.shield(cls._open[key])
        except (OSError, ValueError, core.BaseBumbleError) as error:
            reason = BleakBluetoothNotAvailableReason.NO_BLUETOOTH
            message = f"{adapter or 'no adapter'}: {error or type(error).__name__}"
            raise BleakBluetoothNotAvailableError(message, reason) from error

    @classmethod
    async def plug(
        cls, adapter: str, host: Host, keys: str = "", transport: Transport = None
    ) -> "Central":
        """Make a host an adapter under this name.

        Parameters
        ----------
        adapter
            What scanners and clients will call it.
        host
            Bumble's host, its controller reachable.
        keys
            A JSON file of bonds; "" keeps them in memory.
        transport
            Closed with the adapter.
        """
        self = cls(host, keys, transport)
        await self.device.power_on()
        _trim()
        loop = asyncio.get_running_loop()
        if (loop, adapter) not in cls._open:
            cls._open[loop, adapter] = loop.create_future()
            cls._open[loop, adapter].set_result(self)
        return self

    @classmethod
    async def _connect(cls, adapter: str) -> "Central":
        """Open a transport; when it is lost, the next call opens it again."""
        async with asyncio.timeout(OPEN_S):
            transport = await open_transport(adapter)
            host = Host(transport.source, transport.sink)
            self = await cls.plug(adapter, host, transport=transport)
        transport.source.terminated.add_done_callback(lambda _: self._forget())
        return self

    def __init__(self, host: Host, keys: str, transport: Transport) -> None:
        address = hci.Address.generate_static_address()
        self.device = Device("gateway", address=address, host=host)
        # Before power-on: Bumble would choose a file of its own.
        self.device.keystore = JsonKeyStore(None, keys) if keys else MemoryKeyStore()
        self.device.pairing_config_factory = self._pairing
        self.device.on("advertisement", self._on_advertisement)
        self.delegate: PairingDelegate | None = None
        self._transport = transport
        self._heard: dict[str, tuple[hci.Address, float]] = {}
        self._listeners: list[Listener] = []
        self.tasks: set[asyncio.Future[None]] = set()  # that nobody else holds
        self._dialling, self._tuning = asyncio.Lock(), asyncio.Lock()

    async def close(self) -> None:
        """Power off, and let the adapter go."""
        self._forget()
        for link in list(self.device.connections.values()):
            with suppress(core.BaseBumbleError, hci.HCI_Error):  # lost meanwhile
                await link.disconnect()
        await self.device.power_off()
        if self._transport:
            await self._transport.close()

    @classmethod
    def _forget_failure(cls, opening: "asyncio.Future[Central]") -> None:
        """Let the next call try again."""
        if opening.cancelled() or opening.exception():
            cls._open = {k: f for k, f in cls._open.items() if f is not opening}

    def _forget(self) -> None:
        """Be found no more."""
        for key, opened in list(self._open.items()):
            if opened.done() and not opened.exception() and opened.result() is self:
                del self._open[key]

    def _pairing(self, _: Connection) -> PairingConfig:
        """LE Secure Connections, protected by a passkey if we can be asked for one."""
        return PairingConfig(
            sc=True,
            mitm=self.delegate is not None,
            bonding=True,
            delegate=self.delegate,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )

    # Scanning.

    @asynccontextmanager
    async def scan(self, listener: Listener) -> AsyncIterator[None]:
        """Hear every advertisement for the length of a block."""
        self._listeners.append(listener)
        try:
            await asyncio.shield(self._tune())  # an HCI command must see its reply
            yield
        finally:
            self._listeners.remove(listener)
            await asyncio.shield(self._tune())

    async def _tune(self) -> None:
        """Scan exactly when somebody listens."""
        async with self._tuning:
            if self._listeners and not self.device.is_scanning:
                await self.device.start_scanning(active=True, filter_duplicates=False)
            elif self.device.is_scanning and not self._listeners:
                await self.device.stop_scanning()

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        """Remember who is there, and tell the listeners."""
        if advertisement.is_connectable:
            now = asyncio.get_running_loop().time()
            address = _text(advertisement.address)
            self._heard[address] = advertisement.address, now
        for listener in list(self._listeners):
            listener(advertisement)

    # Connecting.

    async def dial(self, address: str, within_s: float) -> Connection:
        """Connect to a peer, once it has been heard.

        Raises
        ------
        TimeoutError
            It was not heard, or did not answer.
        """
        async with asyncio.timeout(within_s):
            peer = self._recent(address) or await self._listen_for(address)
            await self._dialling.acquire()
            return await self._call(peer)

    def _recent(self, address: str) -> hci.Address | None:
        """Give a peer that was heard lately."""
        peer, when = self._heard.get(address, (None, 0.0))
        fresh = asyncio.get_running_loop().time() - when < FRESH_S
        return peer if fresh else None

    async def _listen_for(self, address: str) -> hci.Address:
        """Wait until a peer is heard."""
        heard: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()

        def listen(advertisement: Advertisement) -> None:
            mine = _text(advertisement.address) == address
            if mine and advertisement.is_connectable and not heard.done():
                heard.set_result(advertisement.address)

        async with self.scan(listen):
            return await heard

    async def _call(self, peer: hci.Address) -> Connection:
        """Connect; we hold the lock, and the attempt's end releases it."""
        call = asyncio.ensure_future(self.device.connect_le(peer, timeout=DIAL_S))
        call.add_done_callback(lambda _: self._dialling.release())
        try:
            return await asyncio.shield(call)
        except core.TimeoutError as error:
            self._heard.pop(_text(peer), None)  # hear it again before the next try
            raise TimeoutError(f"{peer} did not answer") from error
        except asyncio.CancelledError:
            call.add_done_callback(self._hang_up)
            raise

    def _hang_up(self, call: "asyncio.Task[Connection]") -> None:
        """End a link that nobody waits for any more."""
        if not call.cancelled() and not call.exception():
            task = asyncio.ensure_future(call.result().disconnect())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


class BumbleScanner(BaseBleakScanner):
    """bleak's scanner on a `Central`."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        *_: object,
        bluez: dict[str, Any] | None = None,
        **__: object,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._adapter = str((bluez or {}).get("adapter") or "")
        self._scan: Any = None

    async def start(self) -> None:
        """Scan, actively: names are in scan responses."""
        self.seen_devices = {}
        central = await Central.get(self._adapter)
        self._scan = central.scan(self._on_advertisement)
        await self._scan.__aenter__()

    async def stop(self) -> None:
        """Scan no more."""
        scan, self._scan = self._scan, None
        if scan:
            await scan.__aexit__(None, None, None)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        """Say it in bleak's words; a packet adds to what earlier ones said."""
        address = _text(advertisement.address)
        _, before = self.seen_devices.get(address, (None, None))
        said = _advertised(advertisement, before)
        if not self.is_allowed_uuid(said.service_uuids):
            return
        name = said.local_name or address.replace(":", "-")
        details = {"adapter": self._adapter}
        device = self.create_or_update_device(address, address, name, details, said)
        self.call_detection_callbacks(device, said)


class _Client(gatt_client.Client):  # type: ignore[misc]
    """Bumble's GATT client, but an indication is confirmed once it is stored."""

    def __init__(self, link: Connection, tasks: set[asyncio.Future[None]]) -> None:
        super().__init__(link)
        self.stores: dict[int, Store] = {}  # by handle of the value
        self._tasks = tasks  # outlive the link: what has begun to be stored is stored
        self._lost = False

    def on_disconnection(self, *arguments: object) -> None:
        """Note that nothing can be confirmed any more."""
        self._lost = True
        super().on_disconnection(*arguments)

    def on_att_handle_value_indication(
        self, indication: att.ATT_Handle_Value_Indication
    ) -> None:
        """Deliver a value; confirm it now, or when it is stored."""
        store = self.stores.get(indication.attribute_handle)
        if store is None:
            super().on_att_handle_value_indication(indication)
            return
        handle, value = indication.attribute_handle, indication.attribute_value
        for subscriber in list(self.indication_subscribers.get(handle, ())):
            if callable(subscriber):
                subscriber(value)
        task = asyncio.ensure_future(self._confirm(store, bytearray(value)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _confirm(self, store: Store, value: bytearray) -> None:
        """Confirm a value once it is stored; whatever goes wrong, do not."""
        try:
            await store(value)
        except Exception:
            LOG.exception("an indication could not be stored: it is not confirmed")
            return
        if not self._lost:
            self.send_confirmation(att.ATT_Handle_Value_Confirmation())


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
        self._client: _Client | None = None
        self._subscribers: dict[int, Callable[[bytes], None]] = {}
        self._exchanges: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        """What it said in its advertisement, else its address."""
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The ATT MTU, octets."""
        return int(self._link.att_mtu) if self._link else att.ATT_DEFAULT_MTU

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
        self._client = link.gatt_client = _Client(link, central.tasks)
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
        self.services = await self._ask(self._discover(peer))

    def _on_disconnection(self, _: int) -> None:
        """Forget the link, and say so."""
        self._link = self._client = self.services = None
        self._subscribers = {}
        # Bumble ends the request under way, but not those that wait behind it.
        asyncio.get_running_loop().call_soon(self._cut_off)
        if self._disconnected_callback:
            self._disconnected_callback()

    def _cut_off(self) -> None:
        """End all exchanges with a peer that is gone."""
        for exchange in self._exchanges:
            exchange.cancel()

    async def disconnect(self) -> None:
        """End the link; nothing if there is none."""
        if self._link:
            with suppress(core.BaseBumbleError, hci.HCI_Error):  # lost meanwhile
                await asyncio.shield(self._link.disconnect())

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
        """Run one exchange with the peer to its end; tell its errors in bleak's words.

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
        task = asyncio.create_task(exchange)
        self._exchanges.add(task)
        task.add_done_callback(self._exchange_ended)
        try:
            return await asyncio.shield(task)
        except att.ATT_Error as error:
            code = BleakGATTProtocolErrorCode(error.error_code)
            raise BleakGATTProtocolError(code) from error
        except asyncio.CancelledError as error:
            if not task.cancelled():
                raise  # it is we who were cancelled
            raise BleakError("disconnected") from error
        except (core.BaseBumbleError, hci.HCI_Error) as error:
            raise BleakError(f"{type(error).__name__}: {error}") from error

    def _exchange_ended(self, task: asyncio.Task[Any]) -> None:
        """Take note of the end, and of an error that nobody waits for any more."""
        self._exchanges.discard(task)
        if not task.cancelled():
            task.exception()

    # The GATT client.

    async def _discover(self, peer: Peer) -> BleakGATTServiceCollection:
        """Discover everything, or the wanted services."""
        found = BleakGATTServiceCollection()
        for proxy in await peer.discover_services():
            uuid = _uuid(proxy.uuid)
            if not self._wanted or uuid in self._wanted:
                service = BleakGATTService(proxy, proxy.handle, uuid)
                found.add_service(service)
                for characteristic in await proxy.discover_characteristics():
                    await self._describe(found, service, characteristic)
        return found

    async def _describe(
        self,
        found: BleakGATTServiceCollection,
        service: BleakGATTService,
        proxy: gatt_client.CharacteristicProxy,
    ) -> None:
        """Add a characteristic and its descriptors."""
        characteristic = BleakGATTCharacteristic(
            proxy,
            proxy.handle,
            _uuid(proxy.uuid),
            list(gatt_char_props_to_strs(proxy.properties)),
            lambda: self.mtu_size - 3,
            service,
        )
        found.add_characteristic(characteristic)
        if proxy.end_group_handle > proxy.handle:
            for each in await proxy.discover_descriptors():
                uuid = _uuid(each.type)
                descriptor = BleakGATTDescriptor(
                    each, each.handle, uuid, characteristic
                )
                found.add_descriptor(descriptor)

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
        """Subscribe; the head of this module says what `confirm_after` does."""
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


def _advertised(
    advertisement: Advertisement, before: AdvertisementData | None
) -> AdvertisementData:
    """Give an advertisement in bleak's words, completed by what was said before."""
    data = advertisement.data
    uuids = [_uuid(uuid) for kind in SERVICE_UUIDS for uuid in data.get(kind) or ()]
    name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
    name = name or data.get(AdvertisingData.SHORTENED_LOCAL_NAME)
    if before:
        name, uuids = name or before.local_name, uuids or before.service_uuids
    makers = data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
    services = data.get_all(AdvertisingData.SERVICE_DATA_16_BIT_UUID)
    return AdvertisementData(
        local_name=name,
        manufacturer_data=dict(makers),
        service_data={_uuid(uuid): octets for uuid, octets in services},
        service_uuids=uuids,
        tx_power=data.get(AdvertisingData.TX_POWER_LEVEL),
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )


def _uuid(uuid: core.UUID) -> str:
    """Give a UUID as bleak writes it."""
    return normalize_uuid_str(uuid.to_hex_str("-"))


def _text(address: hci.Address) -> str:
    """Give an address as bleak writes it, without its type."""
    return str(address).partition("/")[0]
