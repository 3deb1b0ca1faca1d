"""Simulated homes, and time that jumps to the next timer instead of waiting."""

from contextlib import asynccontextmanager

import pytest
from bleak import BleakClient, BleakScanner

from firmware_sim.service import simulation
from gateway.bumble import BumbleClient, BumbleScanner, Central
from tests import warp
from vitals.metrics import Metrics
from vitals.simulation import Course, Sim, SimPerson, SimWearable

BLEAK = {"bluez": {"adapter": "air"}}


@pytest.fixture(autouse=True)
def no_errors(caplog):
    """Neither Bumble nor the loop may have had to swallow an error."""
    yield
    names = {r.name for r in caplog.get_records("call") if r.levelname == "ERROR"}
    assert not {n for n in names if n.startswith(("bumble", "asyncio"))}


@pytest.fixture
def jump():
    """Run a coroutine in jumping time, with a limit in that time."""

    return lambda coroutine, limit_s=100_000.0: warp.run(coroutine, limit_s)


def sim_config(*wearables, course=(), **others):
    """One person who wears `wearables`: (kind, {options}) each."""
    person = SimPerson(name="pat", course=tuple(Course(**c) for c in course))
    made = tuple(
        SimWearable(
            kind=kind,
            **{"address": f"C0:00:00:00:00:{n:02X}", "person": "pat", **options},
        )
        for n, (kind, options) in enumerate(wearables, 1)
    )
    return Sim(people=(person,), wearables=made, port=0, **others)


@pytest.fixture
def home():
    return sim_config


class House:
    """A simulation, and bleak on a gateway's radio beside it."""

    def __init__(self, sim, metrics, central):
        self.sim, self.metrics, self.central = sim, metrics, central

    def radio(self, n=0):
        return self.sim.wearables[n].radio

    async def find(self, n=0, timeout=5.0):
        address = self.sim.wearables[n].address
        return await BleakScanner.find_device_by_address(
            address, timeout, backend=BumbleScanner, **BLEAK
        )

    async def client(self, n=0, **options):
        device = await self.find(n)
        return BleakClient(device, backend=BumbleClient, **options)

    @property
    def sent(self):
        return self.metrics.counters["sim_sent_total"]


@pytest.fixture
def house():
    @asynccontextmanager
    async def open_house(config, clock=lambda: 1_700_000_000_000, bonds=None):
        metrics = Metrics()
        async with simulation(config, metrics, clock) as sim:
            central = await Central.plug("air", sim.air.host("gateway"), bonds)
            try:
                yield House(sim, metrics, central)
            finally:
                await central.close()

    return open_house
