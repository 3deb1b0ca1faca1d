"""One wearable, and all adapters that may hear it: the one that hears it best takes it.

Towards its attendant it is a radio.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from gateway.link import Link
from gateway.pairing import Pairing
from gateway.radio import Radio
from vitals import ConfigError, config

GRACE_S = 0.3  # after one adapter has heard it, for the others to hear it too
UNHEARD = -128  # dBm

Sighting = tuple[Radio, BLEDevice]


class Roaming:
    """A wearable's radio: at any time it is one of the gateway's adapters."""

    def __init__(self, wearable: config.Wearable, radios: Sequence[Radio]) -> None:
        """Take whom it is about, and the adapters, one at least."""
        self._wearable, self._radios = wearable, radios
        self._address = wearable.address.upper()
        self._radio = radios[0]  # that heard it last
        self._failed: Radio | None = None  # the last that could not be used
        self._bonded = False  # it was, once

    @property
    def names(self) -> Mapping[str, str]:
        """What wearables call themselves, by address."""
        return self._radio.names

    @property
    def rssi(self) -> Mapping[str, int]:
        """How strong they are heard, dBm by address."""
        return self._radio.rssi

    @property
    def problem(self) -> str:
        """What keeps an adapter from hearing anybody."""
        return next((r.problem for r in self._radios if r.problem), "")

    def lives(self) -> None:
        """Take a sign of life of the adapter in use."""
        self._radio.lives()

    def suffers(self) -> None:
        """Take a trouble that may be the adapter's; another is tried next."""
        self._failed = self._radio
        self._radio.suffers()

    async def seen(self, address: str) -> Sighting:
        """Wait until the wearable is heard; give the adapter that should take it."""
        tasks = {r: asyncio.ensure_future(r.seen(address)) for r in self._radios}
        try:
            everybody = set(tasks.values())
            await asyncio.wait(everybody, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(everybody, timeout=GRACE_S)
        finally:
            for task in tasks.values():
                task.cancel()
        heard = {
            r: t.result() for r, t in tasks.items() if t.done() and not t.cancelled()
        }
        self._radio = max(heard, key=self._merit)
        return self._radio, heard[self._radio]

    def _merit(self, radio: Radio) -> tuple[bool, int]:
        """Rank an adapter: one that failed last, then by how well it hears."""
        return radio is not self._failed, radio.rssi.get(self._address, UNHEARD)

    @asynccontextmanager
    async def connected(
        self, sighting: Sighting, lost: Callable[[], None]
    ) -> AsyncIterator[Link]:
        """Hold a link for the time of a block; `lost` is called when it breaks."""
        radio, device = sighting
        pairing = self._pairing()
        self._failed = radio  # until it has worked
        async with radio.connected(device, pairing, lost) as link:
            self._failed = None
            try:
                yield link
            finally:
                self._bonded = self._bonded or link.bonded

    def _pairing(self) -> Pairing:
        """Say how the link is to be secured; who was bonded once always is."""
        try:
            passkey = config.passkey(self._wearable)
        except ConfigError as error:
            raise BleakError(str(error)) from error
        return Pairing(self._address, passkey, bool(passkey) or self._bonded)
