"""python -m benchmarks.ingest_poison: hostile messages among good ones.

Turns alternate between good messages alone and the same number with one hostile to ten
good: wrong types, NaN, too long, wrong shard, odd subjects, injected tags and newlines,
numbers out of any range, what is not JSON, and good ones sent again.
"""

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks import results, servers
from benchmarks.flood import Flood, packets
from benchmarks.gateway import process
from benchmarks.ingest_path import points, singles
from benchmarks.ingest_write import MILLISECOND, instant
from vitals import wire
from vitals.wire import Message

EVERY = 10  # good ones to a hostile one
HUGE = 250  # hostile ones to one of more than a megabyte


def hostile(n, good):
    """Give the n-th hostile message; None: the good one before it again."""
    topic, payload = good.topic, good.payload
    whose = f'"gateway":"gw-1","x":{n}'
    if n % HUGE == 1:
        return Message(topic, b'{"t":%d,"x":"%b"}' % (n, b"x" * wire.LARGEST))
    return [
        lambda: Message(topic, b'{"t":"%d","hr":60}' % n),
        lambda: Message(topic, b'{"t":%d,"hr":NaN}' % n),
        lambda: Message(topic.replace("/v1/", "/v1/9", 1), payload),
        lambda: Message(topic.replace("/p-", f"/p,x={n} y=1 ", 1), payload),
        lambda: Message(topic.replace("/p-", "/P ", 1), payload + b" %d" % n),
        lambda: Message(topic, f'{{"t":{n},"hr":"6\\n0",{whose}}}'.encode()),
        lambda: Message(topic, f'{{"t":{10**15 + n},"hr":60,{whose}}}'.encode()),
        lambda: Message(topic, b"\xff\x00 not JSON" + n.to_bytes(8, "big")),
        lambda: Message(f"{topic}/batch", b'{"records":%d}' % n),
        lambda: None,
    ][n % 10]()


def mixed(good, first):
    """Put hostile messages among good ones; give how many belong to the dead."""
    found, dead = [], 0
    for place, message in enumerate(good):
        found.append(message)
        if place % EVERY == 0:
            bad = hostile(first + place // EVERY, message)
            dead += bad is not None
            found.append(message if bad is None else bad)
    return found, dead


def measure(rounds, count):
    with (
        tempfile.TemporaryDirectory() as name,
        servers.influxd(Path(name)) as influx,
        servers.mosquitto(Path(name)) as mqtt,
    ):
        folder = Path(name)
        config = folder / "vitals.toml"
        config.write_text(
            f'data = "{folder}/data"\n[mqtt]\nport = {mqtt}\n'
            f'[store]\nkind = "influx"\nurl = "{influx.url}"\n'
        )
        influx.create("vitals")
        command = [sys.executable, "-m", "vitals", "run", "ingest"]
        with process(folder, "ingest", *command, "--config", str(config)):
            return _turns(rounds, count, influx, Flood(mqtt), folder / "data/ledger.db")


def _turns(rounds, count, influx, flood, ledger):
    ratios, buried, stored = [], 0, 0
    while influx.count("vitals") < 100:
        flood.send(packets(singles(100, 0)))
        time.sleep(1)
    stored += 100
    for turn in range(rounds):
        rates = {}
        # Who comes second pays for what the database puts in order of the first's.
        for place, poisoned in enumerate((turn % 2 > 0, turn % 2 == 0)):
            first = 100 + (2 * turn + place) * count
            good = singles(count, first)
            messages, dead = mixed(good, turn * count) if poisoned else (good, 0)
            stored, buried = stored + count, buried + dead
            due = influx.taken("vitals") + points(good)
            since = instant(first) * MILLISECOND
            took = _took(flood, packets(messages), influx, due, count, since)
            rates[poisoned] = count / took
        ratios.append(rates[True] / rates[False])
        print(rates, flush=True)
    time.sleep(3)
    rows, reasons = _dead(ledger)
    return {
        "good": stored,
        "stored": influx.count("vitals"),
        "hostile": rounds * (count // EVERY),
        "to_be_buried": buried,
        "buried": rows,
        "reasons": reasons,
        "throughput_of_without": round(statistics.median(ratios), 2),
    }


def _took(flood, ready, influx, due, count, since):
    begun = time.perf_counter()
    flood.send(ready)
    influx.settle("vitals", due, count, since)
    return time.perf_counter() - begun


def _dead(path):
    with closing(sqlite3.connect(path)) as db:
        select = "SELECT count(*), count(DISTINCT reason) FROM dead WHERE reason != ''"
        return db.execute(select).fetchone()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=20_000)
    chosen = parser.parse_args()
    figures = measure(chosen.rounds, chosen.records)
    results.save("ingest_poison", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
