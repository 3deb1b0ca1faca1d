"""What goes wrong with the adapters of the gateways: pulled out, or hung."""

import asyncio

from firmware_sim.air import Air
from firmware_sim.faults import Faults
from firmware_sim.pace import Pace
from vitals.errors import ConfigError
from vitals.simulation import SimFault

NAME = "adapter"  # on the command line, in the place of a device
KINDS = {
    "radio_gone": "it is pulled out for so long (over TCP)",
    "mute": "it hangs: links are gone, and the gateway is not told",
}


def check(faults: tuple[SimFault, ...]) -> None:
    """Refuse what an adapter cannot have.

    Raises
    ------
    ConfigError
        It is a wearable's fault.
    """
    for n, fault in enumerate(faults):
        if fault.kind not in KINDS:
            raise ConfigError(
                f"sim.faults.{n}.kind: an adapter knows {' and '.join(KINDS)} only"
            )


class AdapterTrouble:
    """The faults of whoever listens to the wearables."""

    def __init__(self, air: Air, faults: Faults, pace: Pace) -> None:
        self._air, self._faults, self._pace = air, faults, pace

    async def run(self) -> None:
        """Pull adapters out and hang them, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gone())
            tasks.create_task(self._hung())

    async def _gone(self) -> None:
        for begin, end, _ in self._faults.windows("radio_gone"):
            await self._pace.until(begin)
            self._air.shut = True
            self._air.unplug()
            await self._pace.until(end)
            self._air.shut = False

    async def _hung(self) -> None:
        for begin, end, _ in self._faults.windows("mute"):
            await self._pace.until(begin)
            adapters = list(self._air.centrals)
            for radio in adapters:
                radio.hang()
            await self._pace.until(end)
            for radio in adapters:
                radio.recover()
