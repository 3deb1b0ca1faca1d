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
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address

from firmware_sim.air import Air
from firmware_sim.cuff import Cuff
from firmware_sim.firmware import Firmware
from firmware_sim.ledger import Ledger
from firmware_sim.peripheral import Pace, Peripheral
from firmware_sim.physiology import Heart, Person, RecordedHeart, read_intervals
from firmware_sim.strap import Strap
from firmware_sim.thermometer import Thermometer
from vitals.clock import Clock
from vitals.config import Sim, SimWearable
from vitals.errors import ConfigError, Unavailable
from vitals.metrics import Metrics

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

    def __init__(self, air: Air, wearables: tuple[Peripheral, ...]) -> None:
        self.air = air
        self.wearables = wearables
        self._lives = [asyncio.ensure_future(w.run()) for w in wearables]

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
    _check(config)
    air, pace = Air(config.seed, metrics), Pace(config.speed)
    with Ledger(metrics, clock, config.ledger) as ledger:
        plan = _Plan(config, air, clock)
        wearables = tuple(
            Peripheral(plan.device(n), *plan.firmware(n), ledger, pace)
            for n in range(len(config.wearables))
        )
        sim = Simulation(air, wearables)
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


class _Plan:
    """Makes what the configuration names."""

    def __init__(self, config: Sim, air: Air, clock: Clock) -> None:
        self._config, self._air, self._clock = config, air, clock
        self._people = {
            person.name: Person(
                config.seed ^ zlib.crc32(person.name.encode()), person.course
            )
            for person in config.people
        }

    def device(self, n: int) -> Device:
        """Make the n-th wearable's Bluetooth."""
        wearable = self._config.wearables[n]
        name = wearable.name or f"{wearable.kind}-{wearable.address[-5:]}".lower()
        interval = _interval_ms(len(self._config.wearables))
        device = DeviceConfiguration(
            name=name,
            address=Address(wearable.address),
            advertising_interval_min=interval,
            advertising_interval_max=interval,
        )
        rssi = NEAREST - n % (NEAREST - FARTHEST)
        return Device(config=device, host=self._air.host(name, rssi))

    def firmware(self, n: int) -> tuple[Firmware, Person]:
        """Make the n-th wearable's firmware, and give who wears it."""
        wearable = self._config.wearables[n]
        person = self._people[wearable.person]
        return self._firmware(wearable, person), person

    def _firmware(self, wearable: SimWearable, person: Person) -> Firmware:
        """Make a wearable's firmware, at its own interval if it has one."""
        firmware: Firmware
        if wearable.kind == "strap":
            firmware = Strap(person, _heart(wearable, person))
        elif wearable.kind == "cuff":
            firmware = Cuff(person, self._clock)
        else:
            firmware = Thermometer(person, self._clock)
        firmware.every_s = wearable.every_s or firmware.every_s
        return firmware


def _heart(wearable: SimWearable, person: Person) -> Heart:
    """Give the heart that a strap hears."""
    if wearable.rr:
        return RecordedHeart(person, read_intervals(wearable.rr))
    return Heart(person)


def _interval_ms(wearables: int) -> float:
    """Choose the advertising interval: each advertisement costs every scanner CPU."""
    few, many = ADVERTISE_MS
    return max(few, min(many, 1000 * wearables / CROWD_HZ))


def _check(config: Sim) -> None:
    """Refuse wearables that cannot be."""
    people = {person.name for person in config.people}
    seen: set[str] = set()
    for n, wearable in enumerate(config.wearables):
        where, address = f"sim.wearables.{n}", wearable.address.upper()
        if wearable.person not in people:
            raise ConfigError(
                f"{where}.person: nobody in sim.people is {wearable.person}"
            )
        if not _is_static(address):
            raise ConfigError(
                f"{where}.address: {wearable.address} is no static random address;"
                " write six octets, the first of them C0 to FF"
            )
        if address in seen:
            raise ConfigError(f"{where}.address: {address} is there twice")
        if wearable.rr and wearable.kind != "strap":
            raise ConfigError(f"{where}.rr: a {wearable.kind} has no RR intervals")
        seen.add(address)


def _is_static(address: str) -> bool:
    """Tell whether this is a static random address (Core 5.3 vol 6 part B 1.3.2.1)."""
    octets = address.split(":")
    hexadecimal = all(len(o) == 2 and set(o) <= set("0123456789ABCDEF") for o in octets)
    return len(octets) == 6 and hexadecimal and int(octets[0], 16) >= 0xC0


def _refusal(host: str, port: int, error: OSError) -> str:
    """Say what to do about a port that we do not get."""
    if error.errno == errno.EADDRINUSE:
        return f"sim: {host}:{port} is in use; stop what uses it, or set sim.port"
    return (
        f"sim: cannot listen on {host}:{port}: {error.strerror}; set sim.host, sim.port"
    )
