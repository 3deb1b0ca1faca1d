"""The gateway's own radio goes: hung, or pulled out; in jumping time."""

import asyncio

import pytest
from msgspec.structs import replace

import gateway.service
from benchmarks import night
from firmware_sim.scenario import load
from firmware_sim.service import simulation
from tests import warp
from vitals.bus import MemoryBus
from vitals.errors import ConfigError
from vitals.metrics import Metrics
from vitals.simulation import SimFault

HANGS = 100.0, 160.0


@pytest.fixture(scope="module")
def hung(tmp_path_factory):
    """Five minutes without any fault, but in one of them the adapter hangs."""
    scenario = night.night(1 / 12)
    wearables = tuple(replace(w, faults=()) for w in scenario.sim.wearables)
    begin, end = HANGS
    fault = SimFault(kind="mute", at_s=begin, for_s=end - begin)
    sim = replace(scenario.sim, wearables=wearables, faults=(fault,))
    scenario = replace(scenario, sim=sim)
    lived = warp.run(night.live(scenario, tmp_path_factory.mktemp("hung")))
    return scenario, lived


@pytest.mark.slow
def test_a7_an_adapter_that_hung_is_used_again_at_once(hung):
    scenario, lived = hung
    begin, end = HANGS
    for wearable in scenario.sim.wearables:
        if not wearable.window_s:  # that one is found only now and then
            again = [t for t in lived.subscribed[wearable.name] if t > begin]
            assert min(again) - end < 5, wearable.name


@pytest.mark.slow
def test_a5_what_an_adapter_missed_while_it_hung_is_counted_and_nothing_else(hung):
    scenario, lived = hung
    found = night.compare(scenario, lived.store, lived.lines)
    straps = sum(w.kind == "strap" for w in scenario.sim.wearables)
    lost = ("stream_lost_by_gateway", "stream_invented", "readings_lost")
    assert [found[name] for name in (*lost, "readings_doubled")] == [0] * 4
    # A second's supervision timeout later the wearables know that nobody listens.
    assert straps / 2 < found["stream_lost_on_air"] <= 2 * straps


@pytest.mark.slow
def test_a7_an_adapter_that_was_pulled_out_is_used_again(beside, tmp_path):
    scenario = load("strap-off")
    gone = SimFault(kind="radio_gone", at_s=4, for_s=4)
    sim = replace(scenario.sim, faults=(gone,))
    metrics, counted = Metrics(), []

    async def main():
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        clock = lambda: night.BEGIN + round(1000 * (loop.time() - began))  # noqa: E731
        async with simulation(sim, metrics, clock) as running:
            port = await running.serve("127.0.0.1", 0)
            box = scenario.gateway(f"tcp-client:127.0.0.1:{port}")
            work = gateway.service.run(MemoryBus(), box, tmp_path, metrics, clock)
            async with beside(work):
                for _ in range(20):
                    await asyncio.sleep(1)
                    counted.append(metrics.counters["gateway_records_total"])

    warp.run(main())
    before, while_gone, after = counted[3], counted[7], counted[-1]
    assert before >= 1
    assert while_gone - before <= 2
    assert after - while_gone >= 5, counted


def test_an_adapter_has_no_wearables_faults():
    sim = replace(load("strap-off").sim, faults=(SimFault(kind="nan"),))

    async def main():
        async with simulation(sim, Metrics(), lambda: 0):
            pass

    with pytest.raises(ConfigError, match="an adapter knows radio_gone and mute"):
        warp.run(main())
