"""Scenarios through the real radio and the real stages, in jumping time."""

import asyncio

import pytest

import alerts.service
import dsp.service
import gateway.service
from firmware_sim.scenario import load
from firmware_sim.service import simulation
from tests import warp
from vitals import config, wire
from vitals.bus import MemoryBus
from vitals.detection import Dsp
from vitals.metrics import Metrics
from vitals.model import Alert

BEGIN = 1_709_280_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["racing-heart", "strap-off"])
def test_a_scenario_on_the_air_leads_to_the_same_alerts(
    name, beside, tmp_path, compare
):
    scenario = load(name)
    ends = max(expected.to_s for expected in scenario.expect) + 120
    opened = warp.run(on_the_air(scenario, ends, beside, tmp_path))
    assert compare(scenario, opened) == ([], [])


async def on_the_air(scenario, seconds, beside, folder):
    """Live a scenario for a while of its time; give the alerts that were opened."""
    loop, bus, metrics = asyncio.get_running_loop(), MemoryBus(), Metrics()
    told = bus.subscribe(wire.ALERTS)
    settings = config.Sim(
        people=scenario.sim.people,
        wearables=scenario.sim.wearables,
        seed=scenario.sim.seed,
        hour=scenario.sim.hour,
    )
    began = loop.time()

    def clock():
        return BEGIN + round(1000 * (loop.time() - began))

    async with simulation(settings, metrics, clock) as sim:
        port = await sim.serve("127.0.0.1", 0)
        box = scenario.gateway(f"tcp-client:127.0.0.1:{port}")
        async with beside(
            dsp.service.run(bus, Dsp(), folder, metrics, clock, loop.time),
            alerts.service.run(bus, config.Alerts(), folder, metrics, clock),
            gateway.service.run(bus, box, folder, metrics, clock),
        ):
            await asyncio.sleep(seconds)
    assert metrics.counters["gateway_records_total"] > seconds / 2
    return await first_words(told)


async def first_words(told):
    """Give each alert as it was when it was first told."""
    found = {}
    while len(told):
        for delivery in await told.take():
            if delivery.message.payload:
                alert = wire.read(Alert, delivery.message.payload)
                found.setdefault(alert.id, alert)
    return list(found.values())
