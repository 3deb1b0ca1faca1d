"""python -m benchmarks.ingest_outage: the database is away under a thousand records/s.

The gateway (without its radio), mosquitto, ingest and influxd are processes of their
own.  Measured: the memory of ingest, how fast what has gathered is stored, how old the
newest stored record of every strap is meanwhile, and that everything is stored once.
"""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import results, servers
from benchmarks.ingest_kills import House, compare, settled

CALM_S = 15  # before, and after
LIVE_S = 2.0


def measure(seconds, per_s):
    with TemporaryDirectory() as name, ExitStack() as cleaning:
        house = House(Path(name), per_s, control=False)
        cleaning.callback(house.close)
        for who in ("influxd", "mosquitto", "ingest", "gateway"):
            house.start(who)
        time.sleep(CALM_S)
        before = house.rss("ingest")
        house.kill("influxd")
        sizes = _watch(house, seconds)
        figures = {"away_s": seconds, "rss_before_mb": round(before, 1)}
        figures |= _recovery(house, sizes)
        figures["rss_most_mb"] = round(max(sizes), 1)
        house.kill("gateway")
        house.speak(0)
        house.start("gateway")
        found = settled(house)
        lost, doubled = compare(found, house.confirmed)
    stored = sum(map(len, found.values()))
    ends = {"confirmed": house.confirmed, "stored": stored}
    return figures | ends | {"lost": lost, "doubled": doubled}


def _watch(house, seconds):
    """Let time pass; give the memory of ingest, every second."""
    sizes, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(1)
        sizes.append(house.rss("ingest"))
    return sizes


def _recovery(house, sizes):
    """Start the database again and watch what is stored."""
    house.start("influxd")
    influx = servers.answering(house.influx, 0)
    begun, due = time.monotonic(), house.said
    had, ages = influx.count("vitals"), []
    live_again = None  # s, until the newest stored record is a live one
    while (count := influx.count("vitals")) < due:
        assert time.monotonic() < begun + 600, (count, due)
        age = _age(influx)
        if live_again is None and age < LIVE_S:
            live_again = time.monotonic() - begun
        if live_again is not None:
            ages.append(age)
        sizes.append(house.rss("ingest"))
        time.sleep(0.25)
    took = time.monotonic() - begun
    for _ in range(4 * CALM_S):
        ages.append(_age(influx))
        time.sleep(0.25)
    return {
        "gathered": due - had,
        "drained_per_s": round((due - had) / took),
        "live_again_s": round(live_again or took, 1),
        "live_age_s": {
            "while_draining_p50": _quantile(ages[: -4 * CALM_S], 0.5),
            "while_draining_most": _quantile(ages[: -4 * CALM_S], 1),
            "afterwards_p50": _quantile(ages[-4 * CALM_S :], 0.5),
        },
    }


def _age(influx):
    """Give how old the newest stored record is of the strap that is furthest behind."""
    newest = "SELECT hr FROM heart_rate GROUP BY device ORDER BY time DESC LIMIT 1"
    times = [row["time"] for row in influx.query(newest, "vitals")]
    return time.time() - min(times, default=time.time() * 1e9) / 1e9


def _quantile(values, share):
    ordered = sorted(values) or [0.0]
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--per-s", type=float, default=1000)
    chosen = parser.parse_args()
    figures = measure(chosen.seconds, chosen.per_s)
    results.save("ingest_outage", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
