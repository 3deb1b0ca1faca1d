"""python -m benchmarks [NAME ...]: run the measurements, print them, keep them.

Figures go to `benchmarks/results.json`, and from there into the README's table, which
is never edited by hand.  Without names everything runs, at the sizes that the README
quotes (about two hours): duels, demo, recorded_heart, score, burden,
dsp_stage, dsp_speed, gateway, gateway_bluez, bluez_recovery, kills, power, outbox,
outbox_week, ingest_write, ingest_path, ingest_poison, ingest_kills, ingest_outage,
store, night, alerts, alert_kills, pages, portal, fuzz.  With --quick what takes long is
done small, and the table says so.
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


def program(name, *options):
    """Run a measurement that is a program of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    return lambda: subprocess.run(command, check=True)


MEASUREMENTS = {
    "duels": duels,
    "demo": demo,
    "recorded_heart": program("recorded_heart"),
    "score": program("score"),
    "burden": program("burden"),
    "dsp_stage": program("dsp_stage"),
    "dsp_speed": program("dsp_speed"),
    "gateway": program("gateway"),
    "gateway_bluez": program("gateway_bluez"),
    "bluez_recovery": program("bluez_recovery"),
    "kills": program("kills"),
    "power": program("power"),
    "outbox": program("outbox"),
    "outbox_week": program("outbox", "--week"),
    "ingest_write": program("ingest_write"),
    "ingest_path": program("ingest_path"),
    "ingest_poison": program("ingest_poison"),
    "ingest_kills": program("ingest_kills"),
    "ingest_outage": program("ingest_outage"),
    "store": program("store"),
    "night": program("night"),
    "alerts": program("alerts"),
    "alert_kills": program("alert_kills"),
    "pages": program("pages"),
    "portal": program("portal"),
    "fuzz": program("fuzz"),
}
RECORDED = "recorded_heart", "score"  # what needs recordings
QUICK = {
    "burden": program("burden", "--patients", "300", "--people", "3"),
    "dsp_stage": program("dsp_stage", "--records", "50000", "--seconds", "10"),
    "dsp_speed": program("dsp_speed", "--rounds", "5"),
    "gateway": program("gateway", "--seconds", "30"),
    "gateway_bluez": program("gateway_bluez", "--seconds", "30"),
    "power": program("power", "--kills", "10"),
    "outbox_week": lambda: print("left out"),
    "ingest_write": program("ingest_write", "--rounds", "3"),
    "ingest_path": program("ingest_path", "--rounds", "2"),
    "ingest_poison": program("ingest_poison", "--rounds", "2"),
    "ingest_kills": program("ingest_kills", "--kills", "10"),
    "ingest_outage": program("ingest_outage", "--seconds", "30"),
    "store": program("store", "--days", "5", "--seconds", "40"),
    "night": program("night", "--hours", "0.5"),
    "alerts": program("alerts", "--seconds", "10"),
    "alert_kills": program("alert_kills", "--kills", "10"),
    "portal": program("portal", "--days", "10"),
    "fuzz": program("fuzz", "--damaged", "10000", "--invented", "500"),
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASUREMENTS, []])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    chosen = parser.parse_args()
    measurements = MEASUREMENTS | (QUICK if chosen.quick else {})
    for name in chosen.names or measurements:
        if name in RECORDED and recordings.folder() is None:
            print(f"{name}: no recordings here (VITALS_DATA); left out")
            continue
        print(f"-- {name}", flush=True)
        measurements[name]()
    table.write()


if __name__ == "__main__":
    main()
