"""The adapter: one device, its shared scan, and its dialling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ClassVar

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
)
from bumble import core, hci
from bumble.device import Advertisement, Connection
from bumble.host import Host
from bumble.pairing import PairingConfig
from bumble.transport import open_transport
from bumble.transport.common import Transport

from gateway.bumble.bonds import Bonds, Resolver
from gateway.bumble.delegate import Answers
from gateway.bumble.exchange import to_its_end
from gateway.bumble.guard import GuardedDevice
from gateway.bumble.words import address_text

OPEN_S = 10.0  # for the adapter to answer
FRESH_S = 10.0  # since last heard; longer ago is heard again before it is dialled
CROWD = 1000  # that are remembered
DIAL_S = 3.0  # for a peer that was heard to answer

Listener = Callable[[Advertisement], None]


class Central:
    """One adapter: one device, one shared scan, one connection attempt at a time.

    Attributes
    ----------
    device
        Bumble's device.
    bonds
        With the wearables.
    passkeys
        To pair with, by handle of the link; a link without one pairs Just Works.
    secured
        Wearables with a link that a bond's key encrypts.
    doubted
        Wearables that did not have that key, and are asked for their passkey next.
    """

    _open: ClassVar[
        dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Future["Central"]]
    ] = {}

    @classmethod
    async def get(cls, adapter: str, bonds: Path | None = None) -> "Central":
        """Give the adapter of this name, opened by whoever comes first.

        Parameters
        ----------
        bonds
            The file of the bonds, where the adapter is not open yet.

        Raises
        ------
        BleakBluetoothNotAvailableError
            There is no such adapter, or it does not answer.
        """
        key = asyncio.get_running_loop(), adapter
        if key not in cls._open:
            opening = asyncio.ensure_future(cls._connect(adapter, bonds))
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
        cls,
        adapter: str,
        host: Host,
        bonds: Path | None = None,
        transport: Transport = None,
    ) -> "Central":
        """Make a host an adapter under this name.

        Parameters
        ----------
        adapter
            What scanners and clients will call it.
        host
            Bumble's host, its controller reachable.
        bonds
            Their file; None keeps them in memory.
        transport
            Closed with the adapter.
        """
        self = cls(host, Bonds(bonds), transport)
        await self.device.power_on()
        loop = asyncio.get_running_loop()
        if (loop, adapter) not in cls._open:
            cls._open[loop, adapter] = loop.create_future()
            cls._open[loop, adapter].set_result(self)
        return self

    @classmethod
    async def _connect(cls, adapter: str, bonds: Path | None) -> "Central":
        """Open a transport; when it is lost, the next call opens it again."""
        async with asyncio.timeout(OPEN_S):
            transport = await open_transport(adapter)
            host = Host(transport.source, transport.sink)
            self = await cls.plug(adapter, host, bonds, transport)
        transport.source.terminated.add_done_callback(lambda _: self._forget())
        return self

    def __init__(self, host: Host, bonds: Bonds, transport: Transport) -> None:
        self.device = GuardedDevice("gateway", address=bonds.address, host=host)
        self.device.irk = bonds.irk
        # Before power-on: Bumble would choose a file of its own.
        self.device.keystore = self.bonds = bonds
        self.device.address_resolver = Resolver(bonds)
        self.device.pairing_config_factory = self._pairing
        self.device.on("advertisement", self._on_advertisement)
        self.passkeys: dict[int, str] = {}
        self.secured: set[str] = set()
        self.doubted: set[str] = set()
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

    def _pairing(self, link: Connection) -> PairingConfig:
        """LE Secure Connections, protected by a passkey where there is one."""
        passkey = self.passkeys.get(link.handle, "")
        return PairingConfig(
            sc=True,
            mitm=bool(passkey),
            bonding=True,
            delegate=Answers(passkey),
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )

    def name(self, address: hci.Address) -> str:
        """Give the address that somebody is known by, as bleak writes it."""
        return self.bonds.identities.of(address_text(address))

    # Scanning.

    @asynccontextmanager
    async def scan(self, listener: Listener) -> AsyncIterator[None]:
        """Hear every advertisement for the length of a block."""
        self._listeners.append(listener)
        try:
            await to_its_end(self._tune())  # an HCI command must see its reply
            yield
        finally:
            self._listeners.remove(listener)
            await to_its_end(self._tune())

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
            who = self.name(advertisement.address)
            self._heard[who] = advertisement.address, now
            if len(self._heard) > CROWD:  # telephones change their addresses
                fresh = {k: v for k, v in self._heard.items() if now - v[1] < FRESH_S}
                self._heard = fresh
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
            mine = self.name(advertisement.address) == address
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
            # Hear it again before the next try.
            self._heard.pop(self.name(peer), None)
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
