"""Hands a wearable's values to its radio, and keeps the account of what became of them.

A value that is to be notified is entered in the ledger when it leaves (or is lost); one
that is to be indicated when it is measured, because the wearable keeps it until it is
confirmed, however often that takes.
"""

import asyncio
from collections import deque

from bumble.device import Connection, Device
from bumble.gatt import Characteristic

from firmware_sim.air import Radio
from firmware_sim.distortion import Sensor, aired
from firmware_sim.faults import Faults
from firmware_sim.ledger import Ledger
from firmware_sim.pace import Pace
from vitals.gatt import uuid

CONFIRM_S = 30.0  # Core 5.3 vol 3 part F 3.3.3: no confirmation by then ends the link
UNDER_WAY = 100  # frames whose loss the radio may still report


class Transmitter:
    """The way of one wearable's values to the antenna."""

    def __init__(
        self, device: Device, ledger: Ledger, faults: Faults, pace: Pace
    ) -> None:
        self.name = str(device.name)
        self.address = str(device.static_address).partition("/")[0]
        self._device, self._ledger = device, ledger
        self._faults, self._pace = faults, pace
        self._sensors: dict[Characteristic, Sensor] = {}
        self._late: set[asyncio.Task[None]] = set()
        # What left, and the value that it was; it may have been garbled.
        self._left: deque[tuple[bytes, bytes]] = deque(maxlen=UNDER_WAY)
        radio: Radio = device.host.hci_sink.sink
        radio.on_loss = self._on_loss

    def sense(self, characteristic: Characteristic, value: bytes) -> bytes:
        """Give what the sensor says of a value that was measured."""
        if not self._faults:
            return value
        sensor = self._sensors.get(characteristic)
        if sensor is None:
            number = int(characteristic.uuid.to_hex_str(), 16)
            sensor = Sensor(uuid(number), self._faults)
            self._sensors[characteristic] = sensor
        return sensor.sensed(value, self._pace.now())

    def enter(self, characteristic: Characteristic, value: bytes, **fate: str) -> None:
        """Enter a value in the ledger."""
        number = characteristic.uuid.to_hex_str().lower()
        self._ledger.sent(self.name, self.address, number, value, **fate)

    def retried(self, value: bytes) -> None:
        """Note that a value goes out once more: its confirmation never came."""
        self._ledger.became(self.address, value, "retried")

    async def notify(
        self, link: Connection, characteristic: Characteristic, value: bytes
    ) -> None:
        """Enter a value and notify it; nothing tells whether it arrives."""
        gone = aired(value, self._faults, self._pace.now())
        if gone.delay_s:
            later = self._notify_late(link, characteristic, value, gone.delay_s)
            task = asyncio.ensure_future(later)
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        self.enter(characteristic, value, **_account(gone.fate, gone.frames))
        for frame in gone.frames:
            await self._leave(link, characteristic, frame, value)

    async def indicate(
        self, link: Connection, characteristic: Characteristic, value: bytes
    ) -> None:
        """Indicate a value, and wait for its confirmation.

        Raises
        ------
        TimeoutError
            None came within `CONFIRM_S`.
        """
        gone = aired(value, self._faults, self._pace.now())
        if gone.fate != "sent":
            self._ledger.became(self.address, value, gone.fate)
        if not gone.frames:
            await asyncio.sleep(CONFIRM_S)
            raise TimeoutError("the indication was lost on the air")
        await asyncio.sleep(gone.delay_s / self._pace.speed)
        for frame in gone.frames:
            await self._device.indicate_subscriber(link, characteristic, frame)

    def close(self) -> None:
        """Send nothing any more."""
        for task in self._late:
            task.cancel()

    async def _notify_late(
        self,
        link: Connection,
        characteristic: Characteristic,
        value: bytes,
        delay_s: float,
    ) -> None:
        """Notify after a while; if nobody listens by then, the value is lost."""
        await asyncio.sleep(delay_s / self._pace.speed)
        subscribers = self._device.gatt_server.subscribers.get(link, {})
        if not any(subscribers.get(characteristic.handle, b"")):
            self.enter(characteristic, value, fate="lost")
            return
        self.enter(characteristic, value, fate="late")
        await self._leave(link, characteristic, value, value)

    async def _leave(
        self,
        link: Connection,
        characteristic: Characteristic,
        frame: bytes,
        value: bytes,
    ) -> None:
        """Hand one frame to the radio."""
        self._left.append((frame, value))
        await self._device.notify_subscriber(link, characteristic, frame)

    def _on_loss(self, frame: bytes) -> None:
        """Take the radio's word that nobody got a frame."""
        for left, value in reversed(self._left):
            if left == frame:
                self._left.remove((left, value))
                self._ledger.became(self.address, value, "lost")
                return


def _account(fate: str, frames: tuple[bytes, ...]) -> dict[str, str]:
    """Give what the ledger is told beside the value; nothing when all went well."""
    if fate == "sent":
        return {}
    return {"fate": fate} | ({"heard": frames[0].hex()} if fate == "garbled" else {})
