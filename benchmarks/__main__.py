"""python -m benchmarks [NAME ...]: run the measurements, print them, keep them.

Figures go to `benchmarks/results.json`, and from there into the README's table, which
is never edited by hand.  Without names everything runs (about eight minutes):
duels, demo, recorded_heart, score, gateway, gateway_bluez, bluez_recovery, kills,
outbox, night.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import recordings, results, table

HERE = Path(__file__).parent


def duels():
    """Run every duel, ours against a rival."""
    figures = {}
    for path in sorted(HERE.glob("bench_*.py")):
        for duel in importlib.import_module(f"benchmarks.{path.stem}").DUELS:
            figures[duel.claim] = found = duel.run()
            print(f"{duel.claim}: {found['us']} us, x{found['ratio']}", flush=True)
    results.save("duels", figures)


def demo():
    """Run the demo for a minute."""
    with tempfile.TemporaryDirectory() as name:
        summary = Path(name) / "summary.json"
        options = ["--seconds", "60", "--port", "0", "--summary", str(summary)]
        subprocess.run([sys.executable, "-m", "vitals", "demo", *options], check=True)
        results.save("demo", json.loads(summary.read_text()))


def module(name):
    """Run a measurement that is a program of its own."""
    return lambda: subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"], check=True
    )


MEASUREMENTS = {
    "duels": duels,
    "demo": demo,
    "recorded_heart": module("recorded_heart"),
    "score": module("score"),
    "gateway": module("gateway"),
    "gateway_bluez": module("gateway_bluez"),
    "bluez_recovery": module("bluez_recovery"),
    "kills": module("kills"),
    "night": module("night"),
    "outbox": module("outbox"),
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASUREMENTS, []])
    for name in parser.parse_args().names or MEASUREMENTS:
        if name == "recorded_heart" and recordings.folder() is None:
            print("recorded_heart: no recordings here (VITALS_DATA); left out")
            continue
        print(f"-- {name}", flush=True)
        MEASUREMENTS[name]()
    table.write()


if __name__ == "__main__":
    main()
