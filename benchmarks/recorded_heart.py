"""python -m benchmarks.recorded_heart [--record 04015] [--seconds 60]

A recorded heart beats in a simulated strap, goes through the whole demo and is
compared, interval by interval, with what was sent and what the store holds at the end.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import recordings, results
from vitals.gatt.heart_rate import HeartRateMeasurement

TICK_MS = 1000 / 1024  # the characteristic's resolution


def write(intervals, path):
    """Write RR intervals as `vitals demo --rr` reads them: ms, one a line."""
    path.write_text("".join(f"{value:.3f}\n" for value in intervals))


def vitals(*arguments):
    command = [sys.executable, "-m", "vitals", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def stored(data, device):
    """Give a device's stored intervals in the order of their records."""
    lines = map(json.loads, vitals("export", "--data", data).splitlines())
    mine = [r for r in lines if r["device"] == device and r["kind"] == "heart_rate"]
    numbers = [r["seq"] for r in mine]
    assert len(set(numbers)) == len(numbers), "a record is stored twice"
    return [rr for r in sorted(mine, key=lambda r: r["seq"]) for rr in r.get("rr", [])]


def sent(ledger, device):
    """Give the intervals that a strap handed to the radio, by its own ledger."""
    lines = map(json.loads, ledger.read_text().splitlines())
    return [
        interval
        for line in lines
        if (line["device"], line["characteristic"]) == (device, "2a37")
        for interval in HeartRateMeasurement.parse(
            bytes.fromhex(line["value"])
        ).rr_intervals
    ]


def compare(intervals, arrived):
    """Compare what arrived with what beat; the file is longer than the demo."""
    errors = [abs(a - b) for a, b in zip(arrived, intervals, strict=False)]
    return {
        "intervals": len(arrived),
        "largest_error_ms": round(max(errors), 4),
        "within_a_tick": all(error <= TICK_MS for error in errors),
    }


def play(intervals, seconds, folder):
    """Run the demo on a recorded heart; give its summary and the comparison."""
    path, summary = folder / "heart.rr", folder / "summary.json"
    write(intervals, path)
    data, ledger = folder / "data", folder / "ledger.jsonl"
    options = ("--seconds", seconds, "--port", 0, "--data", data)
    vitals("demo", *options, "--rr", path, "--summary", summary, "--ledger", ledger)
    arrived = stored(data, "strap-1")
    figures = compare(intervals, arrived)
    figures["intervals_sent"] = len(sent(ledger, "strap-1"))
    return json.loads(summary.read_text()), figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", default="04015")
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    if recordings.folder() is None:
        sys.exit("no recordings here: set VITALS_DATA to the folder of afdb_rr.npz")
    with tempfile.TemporaryDirectory() as name:
        intervals = recordings.rr_ms(chosen.record)
        summary, comparison = play(intervals, chosen.seconds, Path(name))
    figures = {"record": chosen.record, **comparison, **summary}
    results.save("recorded_heart", figures)
    print(json.dumps(figures, indent=1))
    whole = figures["intervals"] == figures["intervals_sent"]
    clean = not summary["lost"] + summary["duplicates"]
    sound = figures["within_a_tick"] and whole and clean
    sys.exit(not sound)


if __name__ == "__main__":
    main()
