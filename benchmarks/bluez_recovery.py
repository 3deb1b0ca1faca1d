"""python -m benchmarks.bluez_recovery: how soon the gateway speaks again after a fault.

One gateway process, six wearables, the real Linux Bluetooth stack in QEMU.  Recovered
is when every wearable has given two new records, from the begin of the fault and from
its end.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks import results
from tests.bluez.faults import FAULTS, recover
from tests.bluez.house import SILENCE_S, WORN, house
from tests.bluez.image import build, missing


async def measure(turns):
    with tempfile.TemporaryDirectory() as name:
        async with house(build(), Path(name)) as place:
            place.secure("strap-1")
            await place.start()
            first = place.process.pid
            found = {name: [] for name in FAULTS}
            for _ in range(turns):
                for name, fault in FAULTS.items():
                    found[name].append(await recover(place, fault))
                    print(name, *(round(s, 1) for s in found[name][-1]), flush=True)
            assert place.process.pid == first
            assert place.lives
            return summary(found, place)


def summary(found, place):
    return {
        "stack": place.vm.version,
        "wearables": len(WORN),
        "silence_s": SILENCE_S,
        "adapter_resets": place.gateway.adapter_resets,
        "restarts_of_the_gateway": 0,
        "faults": {name: figures(times) for name, times in found.items()},
    }


def figures(times):
    whole, after = zip(*times, strict=True)
    return {
        "recovered_s": round(statistics.median(whole), 1),
        "after_its_end_s": round(statistics.median(after), 1),
        "worst_after_its_end_s": round(max(after), 1),
        "times": len(times),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=2)
    chosen = parser.parse_args()
    if names := missing():
        print(f"no {names}: apt install qemu-system-x86 kmod; left out")
        return
    found = asyncio.run(measure(chosen.turns))
    results.save("bluez_recovery", found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
