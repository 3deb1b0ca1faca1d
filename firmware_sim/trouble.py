"""Does to one wearable's radio and GATT server what its faults say."""

import asyncio
from collections.abc import Callable
from typing import Any

from bumble import att
from bumble.device import Connection, Device

from firmware_sim.air import SUPERVISION_S, Radio
from firmware_sim.distortion import garbage
from firmware_sim.faults import Faults, amount
from firmware_sim.pace import Pace


class Trouble:
    """A wearable's faults at work."""

    def __init__(self, device: Device, faults: Faults, pace: Pace) -> None:
        self._device, self._faults, self._pace = device, faults, pace
        self._radio: Radio = device.host.hci_sink.sink
        self._serve: Callable[[Connection, Any], None] = device.gatt_server.on_gatt_pdu
        if faults:
            device.gatt_server.on_gatt_pdu = self._on_gatt_pdu

    async def run(self) -> None:
        """Come between the wearable and the gateway, until cancelled."""
        if self._faults:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reach())
                tasks.create_task(self._fade())

    def silences(self, since: float, now: float) -> bool:
        """Tell whether a wearable that was subscribed to at `since` says nothing."""
        silent = self._faults.window("silent", now)
        return bool(silent and since < silent[0]) or self._faults.active(
            "mute", now=now
        )

    def babbles(self, link: Connection, now: float) -> bool:
        """Say something senseless, if that is all the wearable says now."""
        hostile = self._garbles(att.Opcode.ATT_HANDLE_VALUE_NOTIFICATION, now)
        if hostile:
            self._say_garbage(link)
        return hostile

    async def _reach(self) -> None:
        """Take the wearable out of everybody's reach, and put it back."""
        for begin, end, why in self._faults.unreachable():
            await self._pace.until(begin)
            if why.kind == "drop":
                self._radio.vanish(SUPERVISION_S)
            else:
                self._radio.die(SUPERVISION_S)
            # However short it was: the link is gone when it is back.
            await asyncio.sleep(SUPERVISION_S + 0.1)
            await self._pace.until(end)
            self._radio.appear()

    async def _fade(self) -> None:
        """Weaken the signal for a while."""
        for begin, end, fault in self._faults.windows("weak_signal"):
            await self._pace.until(begin)
            self._radio.rssi -= round(amount(fault))
            self._radio.fading = fault.probability
            await self._pace.until(end)
            self._radio.rssi += round(amount(fault))
            self._radio.fading = 0.0

    def _on_gatt_pdu(self, link: Connection, pdu: Any) -> None:  # noqa: ANN401 - Bumble's
        """Come between a request and its answer, a value and its confirmation."""
        now = self._pace.now()
        if pdu.op_code == att.Opcode.ATT_HANDLE_VALUE_CONFIRMATION:
            if self._faults.strikes("unconfirmed", now):
                return
        elif self._garbles(pdu.op_code, now):
            self._say_garbage(link)
            return
        self._serve(link, pdu)

    def _garbles(self, op_code: int, now: float) -> bool:
        """Tell whether garbage takes the place of this, or of its answer."""
        found = self._faults.window("hostile", now)
        return bool(found and found[2].amount in (None, op_code))

    def _say_garbage(self, link: Connection) -> None:
        noise = garbage(self._faults.dice("hostile"))
        self._device.send_l2cap_pdu(link.handle, att.ATT_CID, noise)
