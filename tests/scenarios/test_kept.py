"""The whole gateway and its file: what a SIGKILL would take from it, at every moment.

In jumping time: the clock stands while the disk works, so that none is too slow.
"""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from msgspec.structs import replace

import gateway.service
from firmware_sim import ledger
from firmware_sim.scenario import Scenario
from firmware_sim.service import simulation
from gateway.bumble import Central
from tests import warp
from vitals.bus import MemoryBus
from vitals.metrics import Metrics
from vitals.simulation import Sim, SimPerson, SimWearable

BEGIN = 1_709_280_000_000
SECONDS = 5
NEAR_MS = 50  # from leaving the wearable to the disk
STRAPS = tuple(
    SimWearable(
        kind="strap", address=f"C0:00:00:00:00:0{n}", person="p", name=f"hr-{n}"
    )
    for n in range(6)
)
SIM = Sim(people=(SimPerson(name="p"),), wearables=STRAPS, port=0)
WORN = Scenario(about="six straps", for_s=SECONDS, sim=SIM)
KEPT = """
SELECT device, count(*) FROM record JOIN stream ON stream.id = stream
WHERE topic LIKE '%/heart_rate' GROUP BY device"""


async def unkept(folder, beside, group_ms):
    """Wear the straps; give at each moment how old the oldest value unkept is, ms."""
    loop, metrics, bus = asyncio.get_running_loop(), Metrics(), MemoryBus()
    sim = replace(SIM, ledger=str(folder / "ledger"))
    settings = replace(WORN.gateway("air"), group_ms=group_ms)

    def clock():
        return BEGIN + round(1000 * loop.time())

    async with simulation(sim, metrics, clock) as running:
        central = await Central.plug("air", running.air.host("gateway"))
        async with beside(gateway.service.run(bus, settings, folder, metrics, clock)):
            await asyncio.sleep(3)  # all are connected
            ages = [age async for age in watched(folder, clock)]
        await central.close()
    assert metrics.counters["gateway_records_total"] > len(STRAPS) * SECONDS
    return ages


async def watched(folder, clock):
    """Look into the files, as after a SIGKILL, a hundred times a second."""
    with closing(sqlite3.connect(folder / "gateway.db")) as db:
        for _ in range(SECONDS * 100):
            await asyncio.sleep(0.01)
            kept = Counter(dict(db.execute(KEPT)))
            waiting = not_kept((folder / "ledger").read_text(), kept)
            yield clock() - min(waiting, default=clock())


def not_kept(lines, kept):
    """Give when the heart rates were handed to the radio that are not on disk, ms."""
    for entry in ledger.read(lines.splitlines()):
        if entry.characteristic == "2a37":
            kept[entry.device] -= 1
            if kept[entry.device] < 0:
                yield entry.t


@pytest.mark.slow
def test_whenever_the_gateway_is_killed_it_has_kept_what_it_heard(beside, tmp_path):
    assert max(warp.run(unkept(tmp_path, beside, group_ms=0))) <= NEAR_MS


@pytest.mark.slow
def test_a_gateway_that_waits_for_a_second_would_be_noticed(beside, tmp_path):
    assert max(warp.run(unkept(tmp_path, beside, group_ms=1000))) > 900
