"""Who a wearable is, whom it trusts, and what it keeps from strangers.

A wearable that hides advertises under resolvable private addresses (Core 5.3 vol 6
part B 1.3.2.2); who is bonded with it has the key that tells whose they are.
"""

import hashlib
import random
from math import inf

from bumble import crypto, hci
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.gatt import Characteristic
from bumble.host import Host
from bumble.keys import JsonKeyStore, MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

from firmware_sim.pace import Pace
from vitals.simulation import Sim, SimWearable

Permissions = Characteristic.Permissions
ENCRYPTED = Permissions.READ_REQUIRES_ENCRYPTION | Permissions.WRITE_REQUIRES_ENCRYPTION


class WearableDevice(Device):  # type: ignore[misc]
    """A wearable's Bluetooth.

    Attributes
    ----------
    guard
        What its own values need, beside what can be done with them at all.
    private_s
        How often it changes its address; None: never.
    """

    def __init__(self, sim: Sim, wearable: SimWearable, name: str, host: Host) -> None:
        config = DeviceConfiguration(
            name=name,
            address=hci.Address(wearable.address),
            irk=irk(sim.seed, wearable.address),
        )
        super().__init__(config=config, host=host)
        self.guard = Permissions(0) if wearable.security == "open" else ENCRYPTED
        self.private_s = wearable.private_s
        self._passkey = wearable.passkey if wearable.security == "passkey" else ""
        address = str(self.static_address)
        # Bumble's own choice is a file.
        kept = JsonKeyStore(address, sim.bonds) if sim.bonds else MemoryKeyStore()
        self.keystore = kept
        self.pairing_config_factory = self._pairing

    def _pairing(self, _: Connection) -> PairingConfig:
        """LE Secure Connections, with a passkey where we have one to show."""
        return PairingConfig(
            sc=True,
            mitm=bool(self._passkey),
            bonding=True,
            delegate=_Display(self._passkey),
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )


class _Display(PairingDelegate):  # type: ignore[misc]
    """Shows a passkey, or has nothing to show it with."""

    def __init__(self, passkey: str) -> None:
        shows, nothing = self.DISPLAY_OUTPUT_ONLY, self.NO_OUTPUT_NO_INPUT
        super().__init__(shows if passkey else nothing)
        self._passkey = passkey

    async def confirm(self, auto: bool = False) -> bool:
        """Agree to Just Works, unless there is a passkey to be typed."""
        return not self._passkey

    async def generate_passkey(self) -> int:
        """Show the passkey; it is printed on the wearable, as it were."""
        return int(self._passkey)


class Hiding:
    """Changes a wearable's address from time to time."""

    def __init__(self, device: WearableDevice, restarts: bool, pace: Pace) -> None:
        """Take whose, and whether it advertises again after each link."""
        self._device, self._restarts, self._pace = device, restarts, pace
        self._every_s = device.private_s or inf
        self._dice = random.Random(device.irk)

    async def run(self) -> None:
        """Change it again and again, until cancelled."""
        while True:
            changes = int(self._pace.now() / self._every_s) + 1
            await self._pace.until(changes * self._every_s)
            await self.change()

    async def change(self) -> None:
        """Advertise under another address; a link keeps the one that it began with."""
        device, address = self._device, private_address(self._device.irk, self._dice)
        # Who is connected is silent, though Bumble says that it advertises.
        advertises = device.is_advertising and not device.connections
        if advertises:
            await device.stop_advertising()
        command = hci.HCI_LE_Set_Random_Address_Command(random_address=address)
        await device.send_sync_command(command)
        device.random_address = address
        if (advertises or self._restarts) and not device.connections:
            await device.start_advertising(auto_restart=self._restarts)


def irk(seed: int, address: str) -> bytes:
    """Give a wearable's Identity Resolving Key: the same in every run."""
    return hashlib.sha256(f"{seed} {address.upper()}".encode()).digest()[:16]


def private_address(key: bytes, dice: random.Random) -> hci.Address:
    """Make a resolvable private address."""
    prand = dice.randbytes(2) + bytes([0x40 | dice.randrange(0x40)])
    random_address = hci.Address.RANDOM_DEVICE_ADDRESS
    return hci.Address(crypto.ah(key, prand) + prand, random_address)
