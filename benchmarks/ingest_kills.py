"""python -m benchmarks.ingest_kills: SIGKILLs under load, at random.

Gateway (without its radio), mosquitto, ingest and influxd are processes of their own
and are killed at random times.  What the gateway had put on disk, and so would have
confirmed to a wearable, must be in InfluxDB, each once.  The control forgets on the
broker's PUBACK.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks import results, servers
from benchmarks.feeder import STRAPS
from benchmarks.gateway import rss_mb
from vitals import broker

WHO = ("gateway", "mosquitto", "ingest", "influxd")


class House:
    """The processes, by name."""

    def __init__(self, folder, per_s, control):
        self.folder, self.control = folder, control
        self.mqtt, self.influx = broker.free_port(), broker.free_port()
        self.confirmed = self.said = 0  # in all runs, and with the one that is on
        self._running = {}
        config = folder / "vitals.toml"
        config.write_text(
            f'data = "{folder}/data"\n[mqtt]\nport = {self.mqtt}\n[store]\n'
            f'kind = "influx"\nurl = "http://127.0.0.1:{self.influx}"\n'
        )
        python = [sys.executable, "-m"]
        self._commands = {
            "mosquitto": servers.mosquitto_command(folder, self.mqtt),
            "influxd": servers.influxd_command(folder, self.influx),
            "ingest": [*python, "vitals", "run", "ingest", "--config", str(config)],
        }
        # A broker that puts nothing on its disk in time: nobody may count on it.
        conf = folder / "mosquitto.conf"
        conf.write_text(conf.read_text().replace("autosave_interval 5\n", ""))
        self.speak(per_s)

    def speak(self, per_s):
        """Set how many values a second the gateway's next run takes."""
        feeder = [sys.executable, "-m", "benchmarks.feeder", str(self.folder)]
        control = ["--puback"] if self.control else []
        self._commands["gateway"] = [*feeder, str(self.mqtt), str(per_s), *control]

    def start(self, name):
        with (self.folder / f"{name}.log").open("ab") as log:
            out = subprocess.PIPE if name == "gateway" else log
            child = subprocess.Popen(self._commands[name], stdout=out, stderr=log)
        self._running[name] = child
        if name == "gateway":
            child.reader = threading.Thread(target=self._listen, args=[child])
            child.reader.start()

    def _listen(self, child):
        for line in child.stdout:
            if line.endswith(b"\n"):
                self.said = self.confirmed + int(line)
        self.confirmed = self.said

    def rss(self, name):
        """Give a process's memory, MB."""
        return rss_mb(self._running[name].pid)

    def kill(self, name):
        child = self._running.pop(name)
        child.kill()
        child.wait(20)
        if name == "gateway":
            child.reader.join()
            child.stdout.close()

    def close(self):
        for name in list(self._running):
            self.kill(name)

    def stored(self):
        """Give the numbers that InfluxDB has, by device."""
        found = {}
        influx = servers.answering(self.influx, 0)
        for row in influx.query("SELECT seq FROM heart_rate GROUP BY device", "vitals"):
            found.setdefault(row["device"], []).append(row["seq"])
        return found


def measure(kills, per_s, seed, *, control=False):
    rng, killed = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as name, ExitStack() as cleaning:
        house = House(Path(name), per_s, control)
        cleaning.callback(house.close)
        for who in ("influxd", "mosquitto", "ingest", "gateway"):
            house.start(who)
        time.sleep(5)
        for _ in range(kills):
            time.sleep(rng.uniform(0.2, 1.0))
            who = rng.choice(WHO)
            house.kill(who)
            killed[who] += 1
            time.sleep(rng.uniform(0, 1.5))
            house.start(who)
        strike(house, killed)
        time.sleep(2)
        house.kill("gateway")
        house.speak(0)
        house.start("gateway")
        found = settled(house)
    lost, doubled = compare(found, house.confirmed)
    return {
        "kills": killed.total(),
        "killed": dict(killed),
        "confirmed": house.confirmed,
        "stored": sum(map(len, found.values())),
        "lost": lost,
        "doubled": doubled,
    }


def strike(house, killed):
    """Kill ingest, and two seconds later the broker with what it holds for it.

    Chance may never do so, and then the control would lose nothing.
    """
    for who in ("ingest", "mosquitto"):
        house.kill(who)
        killed[who] += 1
        time.sleep(2)
    for who in ("mosquitto", "ingest"):
        house.start(who)


def settled(house):
    """Wait until nothing more comes, at most four minutes."""
    found, since, end = {}, time.monotonic(), time.monotonic() + 240
    while time.monotonic() < min(since + 25, end):
        time.sleep(1)
        with suppress(OSError, KeyError):
            if (now := house.stored()) != found:
                found, since = now, time.monotonic()
    return found


def compare(found, confirmed):
    """Count the numbers that are missing, and those there more than once.

    Numbers are gapless.  What was on disk and not yet confirmed may be there, too.
    """
    doubled = sum(len(seqs) - len(set(seqs)) for seqs in found.values())
    gaps = sum(max(seqs) - len(set(seqs)) for seqs in found.values())
    there = sum(len(set(seqs)) for seqs in found.values())
    return max(gaps, confirmed - there, STRAPS - len(found)), doubled


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=98)  # and two at the end
    parser.add_argument("--per-s", type=float, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    common = chosen.per_s, chosen.seed
    figures = measure(chosen.kills, *common)
    figures["control"] = measure(max(10, chosen.kills // 3), *common, control=True)
    results.save("ingest_kills", figures)
    print(json.dumps(figures, indent=1))
    whole = not (figures["lost"] or figures["doubled"])
    sys.exit(not (whole and figures["control"]["lost"]))


if __name__ == "__main__":
    main()
