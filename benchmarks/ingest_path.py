"""python -m benchmarks.ingest_path: MQTT at QoS 1 into influxd, PUBACK afterwards.

One broker and one influxd; `vitals run ingest` and ingest as one writes it first
(`plain_paho`) take turns at the same messages: single records, and batches of fifty.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

from benchmarks import results, servers
from benchmarks.flood import Flood, packets
from benchmarks.gateway import cpu_s, process, rss_mb
from benchmarks.ingest_write import MILLISECOND, beats, instant
from vitals import wire

BATCH = 50
WARM = 200  # records that show that a side has subscribed
SIDES = ("ours", "plain")
SESSIONS = {"ours": "vitals-ingest", "plain": "plain"}


def singles(count, first):
    """Give as many messages of one record each."""
    return [wire.pack(reading) for reading in beats(count, first)]


def batches(count, first):
    """Give the same records in batches of one stream each."""
    ordered = sorted(beats(count, first), key=wire.record_topic)
    return [
        wire.pack_batch(topic, [wire.encode(r.record) for r in own[at : at + BATCH]])
        for topic, stream in groupby(ordered, wire.record_topic)
        for own in [list(stream)]
        for at in range(0, len(own), BATCH)
    ]


def points(messages):
    """Give how many points messages make: a heart rate each, and its intervals."""
    readings = (reading for one in messages for reading in wire.unpack(one))
    return sum(1 + len(reading.record.rr) for reading in readings)


class House:
    """The servers, and whichever ingest has its turn."""

    def __init__(self, folder, mqtt, influx):
        self.folder, self.mqtt, self.influx = folder, mqtt, influx
        for side in SIDES:
            influx.create(side)
        config = folder / "vitals.toml"
        config.write_text(
            f'data = "{folder}/data"\n[mqtt]\nport = {mqtt}\n'
            f'[store]\nkind = "influx"\nurl = "{influx.url}"\ndatabase = "ours"\n'
        )
        python = [sys.executable, "-m"]
        self._commands = {
            "ours": [*python, "vitals", "run", "ingest", "--config", str(config)],
            "plain": [*python, "benchmarks.plain_paho", str(mqtt), influx.url, "plain"],
        }

    def turn(self, side, make, first, records):
        """Let one side store records from the `first` on; give how it went."""
        warm, messages = singles(WARM, first), make(records, first + WARM)
        try:
            with process(self.folder, side, *self._commands[side]) as child:
                self._warm(side, first, warm)
                return self._turn(side, child, first + WARM, messages, records)
        finally:  # nothing waits for it while the other has its turn
            Flood(self.mqtt, SESSIONS[side]).close()

    def _turn(self, side, child, first, messages, records):
        flood, ready = Flood(self.mqtt), packets(messages)
        due = self.influx.taken(side) + points(messages)
        begun, own = time.perf_counter(), cpu_s(child.pid)
        database = cpu_s(self.influx.pid)
        flood.send(ready)
        stored = self.influx.settle(side, due, records, instant(first) * MILLISECOND)
        took = time.perf_counter() - begun
        flood.close()
        assert stored == records, f"{side}: {stored} of {records}"
        return {
            "per_s": records / took,
            "own_us": (cpu_s(child.pid) - own) / records * 1e6,
            "influxd_cpu": (cpu_s(self.influx.pid) - database) / took,
            "rss_mb": rss_mb(child.pid),
        }

    def _warm(self, side, first, messages):
        """Wait until it has subscribed, which the first messages show."""
        flood = Flood(self.mqtt)
        while self._stored(side, first) < len(messages):
            flood.send(packets(messages))
            time.sleep(1)
        flood.close()

    def _stored(self, side, first):
        """Count the records from the `first` on; nothing later was ever sent."""
        return self.influx.count(side, since=instant(first) * MILLISECOND)


def measure(make, records, rounds):
    with (
        tempfile.TemporaryDirectory() as name,
        servers.influxd(Path(name)) as influx,
        servers.mosquitto(Path(name)) as mqtt,
    ):
        house = House(Path(name), mqtt, influx)
        turns = {side: [] for side in SIDES}
        for number in range(rounds):
            for side in SIDES:
                first = number * (records + WARM)
                turns[side].append(house.turn(side, make, first, records))
                print(side, turns[side][-1], flush=True)
    return _figures(turns)


def _figures(turns):
    def middle(side, what, digits=0):
        return round(statistics.median(t[what] for t in turns[side]), digits or None)

    pairs = zip(turns["ours"], turns["plain"], strict=True)
    return {
        "records_per_s": {side: middle(side, "per_s") for side in SIDES},
        "own_us_per_record": {side: middle(side, "own_us", 1) for side in SIDES},
        "influxd_cpu": {side: middle(side, "influxd_cpu", 2) for side in SIDES},
        "rss_mb": {side: middle(side, "rss_mb") for side in SIDES},
        "ratio": round(statistics.median(a["per_s"] / b["per_s"] for a, b in pairs), 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=60_000)  # seconds a turn
    parser.add_argument("--batched", type=int, default=200_000)
    chosen = parser.parse_args()
    figures = {
        "single": measure(singles, chosen.records, chosen.rounds),
        "batch_50": measure(batches, chosen.batched, chosen.rounds),
    }
    results.save("ingest_path", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
