"""python -m benchmarks.night: a night in which every wearable has every fault.

20 wearables on the simulated radio and the whole gateway, in time that jumps: what was
sent is held, frame by frame, against what the gateway recorded.
"""

import argparse
import asyncio
import json
import logging
import math
import random
import resource
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, zip_longest
from pathlib import Path

from msgspec.structs import replace

import gateway.service
from benchmarks import results
from firmware_sim import ledger
from firmware_sim.faults import Faults
from firmware_sim.scenario import Scenario
from firmware_sim.service import simulation
from gateway.bumble import Central
from gateway.decode import Circumstance, decode
from tests.warp import run as warped
from vitals import wire
from vitals.bus import MemoryBus
from vitals.errors import MalformedData
from vitals.gatt import blood_pressure, glucose, health_thermometer, heart_rate
from vitals.metrics import Metrics
from vitals.model import KINDS, Committed
from vitals.simulation import Sim, SimFault, SimPerson, SimWearable

BEGIN = 1_709_280_000_000
CALM_S = 150.0  # without faults at the end: what was not confirmed comes through
APART_S = 90.0  # at least, between two faults of one wearable's link
COMMIT_S = 1.0
GAP_MS = 1500  # between two values of a strap, which speaks every second
NEAR_MS = 50  # from leaving the wearable to the gateway's clock

LINK = {  # how long each lasts, s
    "drop": (5, 90),
    "radio_gone": (5, 120),
    "silent": (30, 60),
    "mute": (15, 60),
    "hostile": (15, 60),
    "weak_signal": (60, 300),
}
UNHEARD = 0.8  # of the advertisements, where the signal is weak
GARBLED = (None, 0x02, 0x10, 0x08, 0x04, 0x0A, 0x12, 0x1B)  # ATT; None: everything
STREAM = {  # the share of values that each strikes
    "lost": 0.1,
    "late": 0.1,
    "doubled": 0.1,
    "garbled": 0.1,
    "zero": 1.0,
    "frozen": 1.0,
    "random": 1.0,
    "rr_fill": 1.0,
    "ectopic": 0.1,
    "missed_beat": 0.1,
}
INDICATED = {
    "lost": 0.1,
    "late": 0.1,
    "doubled": 0.2,
    "unconfirmed": 0.1,
    "nan": 0.3,
    "reserved": 0.3,
    "clock_off": 1.0,
    "clock_reset": 1.0,
    "clock_jump": 0.5,
}
CHARACTERISTICS = {
    "2a37": heart_rate.MEASUREMENT,
    "2a35": blood_pressure.MEASUREMENT,
    "2a1c": health_thermometer.MEASUREMENT,
    "2a18": glucose.MEASUREMENT,
}
ESSENCE = {  # what of a record its bytes alone decide
    "2a37": ("hr", "rr", "energy"),
    "2a35": ("sys", "dia", "map", "pulse", "user", "device_t"),
    "2a1c": ("temp", "site", "device_t"),
    "2a18": ("glucose", "device_t"),
}
MISSING = {"not_a_number", "reserved"}  # why a value is not there
WORN = (  # how many of each
    (9, {"kind": "strap"}),
    (6, {"kind": "thermometer"}),
    (3, {"kind": "cuff"}),
    # These two measure for their memory; the cuff is found only after it has.
    (1, {"kind": "cuff", "every_s": 300.0, "stored": 20, "window_s": 30.0}),
    (1, {"kind": "glucose", "every_s": 400.0, "stored": 50}),
)
VALUES = {"strap": STREAM, "glucose": {}}


def night(hours, seed=1):
    """Make the night: 20 wearables, each fault at random."""
    dice, for_s = random.Random(seed), hours * 3600
    worn = [options for count, options in WORN for _ in range(count)]
    wearables = tuple(
        SimWearable(
            name=f"{options['kind']}-{n}",
            address=f"C0:00:00:00:01:{n:02X}",
            person=f"p-{n}",
            faults=faults(dice, for_s - CALM_S, VALUES.get(options["kind"], INDICATED)),
            **options,
        )
        for n, options in enumerate(worn, 1)
    )
    people = tuple(SimPerson(name=w.person) for w in wearables)
    sim = Sim(people=people, wearables=wearables, seed=seed, hour=21.0, port=0)
    return Scenario(about="a night of faults", for_s=for_s, sim=sim)


def faults(dice, until, values):
    """Draw one wearable's night: its link fails now and then, its values meanwhile."""
    drawn = [_on_link(f, dice) for f in _windows(dice, until, LINK, 400)]
    for kind, share in values.items():
        windows = _windows(dice, until, {kind: (60, 240)}, 700)
        drawn += [_struck(fault, share) for fault in windows]
    if dice.random() < 0.3:
        dying = SimFault(kind="battery", at_s=0.3 * until, for_s=0.2 * until, amount=60)
        drawn.append(dying)
    return tuple(drawn)


def _windows(dice, until, lasts, apart):
    at = dice.expovariate(1 / apart)
    while True:
        kind = dice.choice(list(lasts))
        for_s = dice.uniform(*lasts[kind])
        if at + for_s > until:
            return
        yield SimFault(kind=kind, at_s=round(at, 1), for_s=round(for_s, 1))
        at += for_s + APART_S + dice.expovariate(1 / apart)


def _on_link(fault, dice):
    if fault.kind == "hostile":
        return replace(fault, amount=dice.choice(GARBLED))
    return _struck(fault, UNHEARD if fault.kind == "weak_signal" else 1.0)


def _struck(fault, share):
    return replace(fault, probability=share)


class Store:
    """Stands in for ingest: keeps every record, and says so."""

    def __init__(self, bus, name):
        self.bus, self.name = bus, name
        self.records = {}  # by device: by number
        self.last = Counter()  # the highest number of each
        self.repeated = 0
        self._inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES)

    async def run(self):
        while True:
            await asyncio.sleep(COMMIT_S)
            found = Counter()
            while len(self._inbox):
                for delivery in await self._inbox.take():
                    for reading in wire.unpack(delivery.message):
                        self._keep(reading)
                        found[reading.device] = True
            if found:
                await self._commit(found)

    def _keep(self, reading):
        mine = self.records.setdefault(reading.device, {})
        self.repeated += reading.record.seq in mine
        mine[reading.record.seq] = reading.record
        self.last[reading.device] = max(self.last[reading.device], reading.record.seq)

    async def _commit(self, devices):
        ranges = {d: [(1, self.last[d])] for d in devices}
        topic = wire.gateway_topic(self.name, "committed")
        await self.bus.publish(wire.Message(topic, wire.encode(Committed(ranges))))


@asynccontextmanager
async def beside(*coroutines):
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def live(scenario, folder, look=lambda running: None):
    """Live the night; give what there is to judge it by.

    look
        Is shown the simulation before anybody connects.
    """
    loop, metrics, bus = asyncio.get_running_loop(), Metrics(), MemoryBus()
    path, began = folder / "ledger.jsonl", loop.time()

    def clock():
        return BEGIN + round(1000 * (loop.time() - began))

    sim = replace(scenario.sim, ledger=str(path))
    settings = scenario.gateway("air")
    store = Store(bus, settings.name)
    subscribed = {}
    async with simulation(sim, metrics, clock) as running:
        for wearable in running.wearables:
            note = partial(_note, subscribed.setdefault(wearable.name, []), loop, began)
            wearable.device.gatt_server.on("characteristic_subscription", note)
        look(running)
        central = await Central.plug("air", running.air.host("gateway"))
        box = gateway.service.run(bus, settings, folder, metrics, clock)
        async with beside(store.run(), box):
            await asyncio.sleep(scenario.for_s)
            await running.stop()
            await asyncio.sleep(10)  # the last late values, the last commit
        await central.close()
    return Lived(store, metrics, subscribed, path.read_text().splitlines())


def _note(times, loop, began, *_):
    times.append(loop.time() - began)


@dataclass
class Lived:
    """What is left of a night."""

    store: Store
    metrics: Metrics
    subscribed: dict[str, list[float]]  # s, by device
    lines: list[str]  # of the ledger


def compare(scenario, store, lines):
    """Hold what the gateway recorded against what the ledger says became of it."""
    entries = [e for e in ledger.read(lines) if e.characteristic in CHARACTERISTICS]
    found = Counter()
    for wearable in scenario.sim.wearables:
        mine = [e for e in entries if e.device == wearable.name]
        records = store.records.get(wearable.name, {})
        assert sorted(records) == list(range(1, len(records) + 1)), (
            "a number is missing"
        )
        kept = [
            r for _, r in sorted(records.items()) if str(KINDS[type(r)]) != "battery"
        ]
        judge = stream if wearable.kind == "strap" else indicated
        found.update(judge(mine, kept))
    return dict(found)


def stream(entries, records):
    """Every frame that was not lost on the air is there, in its order, once."""
    frames = [(e.t, e.heard) for e in entries for _ in range(e.frames)]
    expected = [(t, seen) for t, f in frames if (seen := essence("2a37", f))]
    times, said = [t for t, _ in expected], [seen for _, seen in expected]
    got = [essence_of("2a37", r) for r in records]
    told = sum(2 if e.fate == "doubled" else 1 for e in entries)
    return {
        "stream_values": len(entries),
        "stream_frames": told,
        "stream_lost_on_air": told - len(frames),
        "stream_garbled_refused": len(frames) - len(expected),
        "stream_records": len(got),
        "stream_lost_by_gateway": len(Counter(said) - Counter(got)),
        "stream_invented": sum((Counter(got) - Counter(said)).values()),
        "streams_in_order": int(got == said),
        "stream_gaps": len(gaps(times)),
        "stream_gaps_shown": len(gaps([r.t for r in records])),
        "streams_with_their_gaps": int(alike(times, [r.t for r in records])),
    }


def gaps(times):
    """Give where a stream says nothing for longer than it should, ms."""
    return [(a, b) for a, b in pairwise(times) if b - a > GAP_MS]


def alike(left, right):
    """Tell whether two streams have their gaps at the same places."""
    pairs = zip_longest(gaps(left), gaps(right), fillvalue=(0, 0))
    return all(abs(a - b) <= NEAR_MS for x in pairs for a, b in zip(*x, strict=True))


def indicated(entries, records):
    """Every reading is there exactly once, however often it was indicated."""
    code = entries[0].characteristic
    # Its bytes are what tells a reading; two may say the same of what we compare.
    expected = Counter(essence(code, value) for value in {e.value for e in entries})
    got = Counter(essence_of(code, r) for r in records)
    return {
        "readings": len(expected),
        "readings_retried": sum(e.retried for e in entries),
        "readings_lost": len(expected - got),
        "readings_doubled": sum((got - expected).values()),
    }


def essence(code, frame):
    """Give what a frame says, or None if it says nothing."""
    try:
        now = Circumstance(received=BEGIN + 30 * 86_400_000, site=None)
        record = decode(CHARACTERISTICS[code], frame, now)
    except MalformedData:
        return None
    return essence_of(code, record)


def essence_of(code, record):
    said = tuple(getattr(record, name) for name in ESSENCE[code])
    return (*said, *sorted(MISSING.intersection(record.q)))


def recoveries(scenario, subscribed):
    """Give how long after it was back each wearable was subscribed to again, s."""
    found = []
    for wearable in scenario.sim.wearables:
        faults = Faults(() if wearable.window_s else wearable.faults)
        for _, back, _ in faults.unreachable():
            if not faults.active("hostile", now=back):  # nobody can talk to it
                later = (t for t in subscribed[wearable.name] if t >= back)
                found.append(next(later, math.inf) - back)
    return sorted(found)


def rounded(seconds):
    """Give what JSON can say; None for ever."""
    return None if seconds == math.inf else round(seconds, 2)


def figures(hours, seed=1):
    """Live a night, and give everything that is worth telling of it."""
    scenario = night(hours, seed)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        began, cpu = time.perf_counter(), time.process_time()
        lived = warped(live(scenario, Path(name)))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    back = recoveries(scenario, lived.subscribed)
    counters = lived.metrics.counters
    return {
        "hours": hours,
        "wearables": len(scenario.sim.wearables),
        "faults": sum(len(w.faults) for w in scenario.sim.wearables),
        **compare(scenario, lived.store, lived.lines),
        "recoveries": len(back),
        "never_back": back.count(math.inf),
        "recovery_p50_s": rounded(back[len(back) // 2]),
        "recovery_p99_s": rounded(back[int(0.99 * len(back))]),
        "recovery_worst_s": rounded(back[-1]),
        "silences_cycled": counters["gateway_silences_total"],
        "connections": counters["gateway_connections_total"],
        "attendant_failures": counters["gateway_attendant_failures_total"],
        "took_s": round(took, 1),
        "cpu_s": round(cpu, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, force=True)
    found = figures(chosen.hours, chosen.seed)
    results.save("night", found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
