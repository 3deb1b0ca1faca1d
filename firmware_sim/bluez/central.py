"""The radio below BlueZ: Bumble's host stack as a central.

What Bumble does not forgive: two connection attempts at once, a cancelled attempt (the
controller goes on connecting), a cancelled HCI command.  So attempts wait in line, end
by themselves, and hang up where nobody waits any more.
"""

import asyncio
from collections.abc import Callable

from bumble import core
from bumble.device import Advertisement, Connection, Device
from bumble.hci import Address
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

import firmware_sim.quiet  # noqa: F401

DIAL_S = 3.0  # for a peer to answer
ADDRESS = "C0:FF:EE:00:00:00"

Ears = Callable[[Advertisement], None]


class _Adapter(Device):  # type: ignore[misc]
    async def refresh_resolving_list(self) -> None:
        """Know who hides, but dial whom we hear: Bumble would look for it endlessly."""
        await super().refresh_resolving_list()
        self.address_resolver.can_resolve_to = lambda _: False


class Central:
    """A central with one scan.

    Attributes
    ----------
    device
        Bumble's device.
    delegate
        Answers when a peer wants to pair.
    """

    def __init__(self, host: Host, hear: Ears) -> None:
        self.device = _Adapter("bluez", address=Address(ADDRESS), host=host)
        self.device.keystore = MemoryKeyStore()  # Bumble's own choice is a file
        self.device.pairing_config_factory = self._pairing
        self.device.on("advertisement", hear)
        self.delegate = PairingDelegate()
        self._dialling, self._tuning = asyncio.Lock(), asyncio.Lock()
        self._hanging_up: set[asyncio.Future[None]] = set()

    async def listen(self, wanted: bool) -> None:
        """Scan or not, actively: names are in scan responses."""
        async with self._tuning:
            if wanted and not self.device.is_scanning:
                await self.device.start_scanning(active=True, filter_duplicates=False)
            elif self.device.is_scanning and not wanted:
                await self.device.stop_scanning()

    async def dial(self, peer: Address) -> Connection:
        """Connect to a peer.

        Raises
        ------
        TimeoutError
            It did not answer.
        """
        await self._dialling.acquire()
        call = asyncio.ensure_future(self.device.connect_le(peer, timeout=DIAL_S))
        call.add_done_callback(lambda _: self._dialling.release())
        try:
            return await asyncio.shield(call)
        except core.TimeoutError as error:
            raise TimeoutError(f"{peer} did not answer") from error
        except asyncio.CancelledError:
            call.add_done_callback(self._hang_up)
            raise

    def name(self, peer: Address) -> str:
        """Give the address that a peer is known by: its identity, if we can tell."""
        resolver = self.device.address_resolver
        found = resolver.resolve(peer) if peer.is_resolvable and resolver else None
        return str(found or peer).partition("/")[0]

    async def bonded(self, link: Connection) -> bool:
        """Tell whether we have a key for a link's peer."""
        return await self.device.keystore.get(str(link.peer_address)) is not None

    async def forget(self, peer: Address) -> None:
        """Forget the bond with a peer, if there is one."""
        store = self.device.keystore
        for name, _ in await store.get_all():
            if name == str(peer):
                await store.delete(name)

    def _hang_up(self, call: "asyncio.Task[Connection]") -> None:
        """End a link that nobody waits for any more."""
        if not call.cancelled() and not call.exception():
            task = asyncio.ensure_future(call.result().disconnect())
            self._hanging_up.add(task)
            task.add_done_callback(self._hanging_up.discard)

    def _pairing(self, _: Connection) -> PairingConfig:
        """LE Secure Connections, with a passkey where the agent can type one."""
        can_type = PairingDelegate.KEYBOARD_INPUT_ONLY
        return PairingConfig(
            sc=True,
            mitm=self.delegate.io_capability == can_type,
            bonding=True,
            delegate=self.delegate,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )
