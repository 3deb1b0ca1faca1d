"""A connection to one wearable, behind bleak.

Every call has a time limit of its own: BlueZ can let one hang for ever (its issue 21).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError

from gateway.pairing import Bonded, NotPaired

log = logging.getLogger(__name__)

ASK_S = 10.0
PAIR_S = 30.0  # as long as the Security Manager waits (Core 5.3 vol 3 part H 3.4)

Heard = Callable[[bytes], "asyncio.Future[None]"]
"""Takes a value; its future ends once the value is on disk."""


class Link:
    """A connection to one wearable."""

    def __init__(
        self, client: BleakClient, confirms: bool, bonded: Bonded = lambda: False
    ) -> None:
        self._client, self._confirms = client, confirms
        self._bonded, self._secure = bonded, False

    @property
    def bonded(self) -> bool:
        """Whether it is encrypted with the key of a bond; from then on it stays so."""
        self._secure = self._secure or self._bonded()
        return self._secure

    async def pair(self) -> None:
        """Pair.

        Raises
        ------
        NotPaired
            The wearable refuses, or the passkey is not its own.
        """
        try:
            async with asyncio.timeout(PAIR_S):
                await self._client.pair()
        except NotPaired:
            raise
        except TimeoutError as error:
            raise NotPaired("pairing failed: it does not answer") from error
        except BleakError as error:
            raise NotPaired(f"pairing failed ({words(error)})") from error

    def offers(self, characteristic: str) -> bool:
        """Tell whether the wearable has a characteristic."""
        return self._client.services.get_characteristic(characteristic) is not None

    async def answers(self, characteristic: str) -> bool:
        """Tell whether the wearable answers a question, be it with a refusal."""
        try:
            async with asyncio.timeout(ASK_S):
                await self._client.read_gatt_char(characteristic)
        except BleakGATTProtocolError:
            return True
        except Exception:  # on a dead stack bleak raises anything
            return False
        return True

    async def read(self, characteristic: str) -> bytes | None:
        """Read a characteristic; None when the wearable lacks or refuses it."""
        if not self.offers(characteristic):
            return None
        try:
            async with asyncio.timeout(ASK_S):
                return bytes(await self._client.read_gatt_char(characteristic))
        except BleakError as error:
            log.info("cannot read %s: %s", characteristic[4:8], error)
            return None

    async def write(self, characteristic: str, value: bytes) -> bool:
        """Write a value; False when the wearable refuses it."""
        try:
            async with asyncio.timeout(ASK_S):
                await self._client.write_gatt_char(characteristic, value, response=True)
        except BleakError as error:
            log.info("cannot write %s: %s", characteristic[4:8], error)
            return False
        return True

    async def listen(self, characteristic: str, heard: Heard) -> None:
        """Subscribe to notifications or indications.

        Where the radio's host stack is ours, an indication is confirmed to the wearable
        only once `heard`'s awaitable has ended: what we confirm, we have on disk.
        """
        found = self._client.services.get_characteristic(characteristic)
        more: dict[str, Any] = {}
        if found and self._confirms and "indicate" in found.properties:
            more = {"confirm_after": lambda value: heard(bytes(value))}
        async with asyncio.timeout(ASK_S):
            await self._client.start_notify(
                characteristic, _ignore if more else _adapt(heard), **more
            )


def words(error: Exception) -> str:
    """Say what went wrong; not every error has words."""
    if isinstance(error, BleakError) and error.args:
        return str(error.args[0])
    return str(error) or type(error).__name__


def _adapt(heard: Heard) -> Callable[[object, bytearray], None]:
    """Make bleak's callback of ours; nobody waits for the disk here."""

    def callback(_: object, value: bytearray) -> None:
        heard(bytes(value))

    return callback


def _ignore(_: object, __: bytearray) -> None:
    """Leave the value to `confirm_after`."""
