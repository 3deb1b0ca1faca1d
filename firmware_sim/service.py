"""The simulation: everybody in `sim`, what they wear, and the radio, as one thing.

    async with simulation(config, metrics, clock) as sim:
        await Central.plug("air", sim.air.host("gateway"))  # a gateway of this process
        await sim.serve(config.host, config.port)  # and those of any other
        ...
        await sim.stop()

`run` is the same for the front door, until cancelled.
"""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from firmware_sim.adapters import AdapterTrouble
from firmware_sim.adapters import check as check_adapter
from firmware_sim.air import Air
from firmware_sim.cast import Cast, check, device_name
from firmware_sim.faults import Faults
from firmware_sim.identity import WearableDevice
from firmware_sim.ledger import Ledger
from firmware_sim.pace import Pace
from firmware_sim.peripheral import Peripheral
from vitals.clock import Clock
from vitals.errors import Unavailable
from vitals.metrics import Metrics
from vitals.simulation import Sim

LOG = logging.getLogger(__name__)
ADVERTISE_MS = 100.0, 1000.0  # interval when few advertise, and when very many do
CROWD_HZ = 500.0  # advertisements in the air at once; each costs every scanner
NEAREST, FARTHEST = -50, -90  # dBm


class Simulation:
    """A running simulation.

    Attributes
    ----------
    air
        `air.host(name)` plugs another Bluetooth host in.
    wearables
        In the order of the configuration.
    """

    def __init__(
        self, air: Air, wearables: tuple[Peripheral, ...], trouble: AdapterTrouble
    ) -> None:
        self.air = air
        self.wearables = wearables
        lives = [w.run() for w in wearables]
        self._lives = [asyncio.ensure_future(one) for one in (*lives, trouble.run())]

    async def serve(self, host: str, port: int) -> int:
        """Offer the radio as HCI over TCP until the simulation ends; give the port.

        Raises
        ------
        Unavailable
            The port is taken, or is not ours to take.
        """
        try:
            server = await self.air.serve(host, port)
        except OSError as error:
            raise Unavailable(_refusal(host, port, error)) from error
        bound: int = server.sockets[0].getsockname()[1]
        LOG.info("%d wearables at tcp-client:%s:%d", len(self.wearables), host, bound)
        return bound

    async def forever(self) -> None:
        """Wait for ever, or for the wearable that fails."""
        await asyncio.gather(asyncio.Event().wait(), *self._lives)

    async def close(self) -> None:
        """End everything at once."""
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await asyncio.gather(*(wearable.close() for wearable in self.wearables))
        self.air.close()

    async def stop(self) -> None:
        """Measure no more.  Links stay up; what was indicated is confirmed first."""
        await asyncio.gather(*(wearable.stop() for wearable in self.wearables))


@asynccontextmanager
async def simulation(
    config: Sim, metrics: Metrics, clock: Clock
) -> AsyncIterator[Simulation]:
    """Run all wearables for the length of a block.

    Raises
    ------
    ConfigError
        A wearable's address, person or recording is impossible.
    Unavailable
        The ledger cannot be opened.
    """
    check(config)
    check_adapter(config.faults)
    air, pace = Air(config.seed, metrics), Pace(config.speed)
    fates = any((config.faults, *(wearable.faults for wearable in config.wearables)))
    with Ledger(metrics, clock, config.ledger, fates) as ledger:
        cast = Cast(config, clock, pace.now)
        wearables = tuple(
            Peripheral(
                _device(config, n, air),
                *cast.firmware(n),
                ledger,
                pace,
                cast.faults[n],
            )
            for n in range(len(config.wearables))
        )
        trouble = AdapterTrouble(air, Faults(config.faults, config.seed), pace)
        sim = Simulation(air, wearables, trouble)
        try:
            for wearable in wearables:
                await wearable.start()
            yield sim
        finally:
            await sim.close()


async def run(config: Sim, metrics: Metrics, clock: Clock) -> None:
    """Serve the radio and run all wearables until cancelled.

    The port is the gauge `sim_port`: with `port = 0` the system chooses one.
    """
    async with simulation(config, metrics, clock) as sim:
        metrics.gauge("sim_port", await sim.serve(config.host, config.port))
        await sim.forever()


def _device(config: Sim, n: int, air: Air) -> WearableDevice:
    """Make the n-th wearable's Bluetooth."""
    wearable, name = config.wearables[n], device_name(config.wearables[n])
    host = air.host(name, NEAREST - n % (NEAREST - FARTHEST))
    device = WearableDevice(config, wearable, name, host)
    interval = _interval_ms(len(config.wearables))
    device.advertising_interval_min = device.advertising_interval_max = interval
    return device


def _interval_ms(wearables: int) -> float:
    """Choose the advertising interval: each advertisement costs every scanner CPU."""
    few, many = ADVERTISE_MS
    return max(few, min(many, 1000 * wearables / CROWD_HZ))


def _refusal(host: str, port: int, error: OSError) -> str:
    """Say what to do about a port that we do not get."""
    if error.errno == errno.EADDRINUSE:
        return f"sim: {host}:{port} is in use; stop what uses it, or set sim.port"
    return (
        f"sim: cannot listen on {host}:{port}: {error.strerror}; set sim.host, sim.port"
    )
