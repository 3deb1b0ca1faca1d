"""python -m benchmarks.store: trends, what SQLite writes for a record, backups.

Trends: 30 days at 1 Hz to at most 500 points, from SQLite and from InfluxDB's rollups,
turn by turn with InfluxDB's own GROUP BY over the same records; every bucket's extremes
are compared with those of the raw values.  Writes: `vitals run ingest` with its default
configuration, a real mosquitto and 100 wearables at 1 Hz; `write_bytes` of
/proc/PID/io, ledger included, on a store that has a past already.  Both write-ahead
logs are folded before it begins and when it has ended, so that all folding is in the
sum wherever it falls, and five minutes have one window of variability.
Backups are made meanwhile, restored, and searched for what the ledger promises.
A year: one reading a minute, the whole year against one of its days.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from shutil import which

from benchmarks import results
from benchmarks.gateway import stage, wait_until
from benchmarks.outbox import Broker
from ingest import influx_query
from ingest.influx_rollups import from_records
from ingest.ledger import open_ledger
from ingest.sqlite_history import SqliteHistory
from ingest.store import open_store
from ingest.trend import DAY, HOUR, window
from tests.ingest.conftest import Influxd
from vitals import HeartRate, Metric, Reading, config, wire
from vitals.clock import now
from vitals.mqtt import MqttBus

START = 1_763_683_200_000  # 2025-11-21T00:00Z
WEARABLES = 100
BATCH = 20_000
METRIC = Metric.HEART_RATE


def rates(days, step=1):
    """Give a heart rate every `step` seconds."""
    seeded = random.Random(4)
    return [60.0 + seeded.randrange(-15, 60) for _ in range(days * 86_400 // step)]


def beat(n, value, step=1):
    record = HeartRate(t=START + n * step * 1000, gateway="gw", seq=n + 1, hr=value)
    return Reading("p-1", "strap-1", record)


def extremes(values, span):
    """Give what every bucket must say: {start: (min, max, n)}."""
    found = {}
    for t in range(span.start, span.stop, span.width):
        first, last = ((at - START) // 1000 for at in (t, t + span.width))
        if part := values[max(first, 0) : max(last, 0)]:
            found[t] = min(part), max(part), len(part)
    return found


def fill_sqlite(store, values, step=1):
    for first in range(0, len(values), BATCH):
        part = enumerate(values[first : first + BATCH], first)
        store.write([beat(n, value, step) for n, value in part])


def fill_influx(store, url, values, step=1):
    """Post the very lines that ingest writes, quicker than it may; and roll them."""
    store.write([beat(0, values[0])])  # makes the database; the others follow
    connection = HTTPConnection(url.removeprefix("http://"))
    for first in range(0, len(values), BATCH):
        body = "\n".join(
            f'heart_rate,subject=p-1,device=strap-1 gateway="gw",seq={n + 1}i'
            f",hr={v!r},q=0i,ok=1i {(START + n * step * 1000) * 10**6}"
            for n, v in enumerate(values[first : first + BATCH], first)
            if n
        )
        connection.request("POST", "/write?db=vitals", body)
        answer = connection.getresponse()
        assert answer.status == 204, answer.read()
        answer.read()
    connection.close()
    started, idle = time.perf_counter(), 0
    hours = range(START // HOUR, START // HOUR + len(values) * step // 3600 + 1)
    store._due.complete_with(("p-1", "heart_rate", hour) for hour in hours)
    while idle < 2:
        idle = 0 if store.tend(now()) else idle + 1
    return round(time.perf_counter() - started, 1)


def timed(work):
    started = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - started) * 1000


def trends(folder, days, turns):
    """Ask all three, turn by turn."""
    influxd = Influxd(folder)
    influx_query.TIMEOUT_MS = 600_000  # its own GROUP BY takes minutes when all is busy
    values = rates(days)
    sqlite = open_store(config.Store(), folder / "sqlite")
    fill_sqlite(sqlite, values)
    influxd.start()
    try:
        influx = open_store(config.Store(kind="influx", url=influxd.url), folder)
        rolled_s = fill_influx(influx, influxd.url, values)
        stop = START + days * DAY
        asked = "p-1", METRIC, START, stop, 500
        span = window(START, stop, 500)
        truth = extremes(values, span)
        names = "sqlite", "sqlite_cpu", "sqlite_day", "influx", "influx_raw"
        took = {name: [] for name in names}
        for turn in range(turns):
            day = START + turn % days * DAY
            one_day = "p-1", METRIC, day, day + DAY, 500
            cpu = time.process_time()
            ours, ms = timed(lambda: sqlite.trend(*asked))
            took["sqlite"].append(ms)
            took["sqlite_cpu"].append((time.process_time() - cpu) * 1000)
            took["sqlite_day"].append(timed(lambda: sqlite.trend(*one_day))[1])  # noqa: B023
            theirs, ms = timed(lambda: influx.trend(*asked))
            took["influx"].append(ms)
            for found in (ours, theirs):
                assert {p.t: (p.min, p.max, p.n) for p in found} == truth
            if turn % 20 == 0:
                raw, ms = timed(
                    lambda: from_records(influx._influx, METRIC, ["p-1"], span)
                )
                took["influx_raw"].append(ms)
                assert {t: (b.low, b.high, b.n) for (_, t), b in raw.items()} == truth
        influx.close()
    finally:
        influxd.stop()
        sqlite.close()
    middle = {name: round(statistics.median(ms), 2) for name, ms in took.items()}
    p95 = {
        name: round(statistics.quantiles(ms, n=20)[18], 2) for name, ms in took.items()
    }
    return {
        "records": len(values),
        "points": len(truth),
        "sqlite_p95_ms": p95["sqlite"],
        "sqlite_p50_ms": middle["sqlite"],
        "sqlite_cpu_p95_ms": p95["sqlite_cpu"],  # what it takes on an idle machine
        "sqlite_day_p95_ms": p95["sqlite_day"],
        "influx_p50_ms": middle["influx"],
        "influx_raw_p50_ms": middle["influx_raw"],
        "influx_ratio": round(middle["influx_raw"] / middle["influx"], 1),
        "influx_rolling_s": rolled_s,
        "extremes_exact": True,  # asserted, each turn
    }


def year(folder, turns):
    """Ask for a year and for a day of one reading a minute, turn by turn."""
    influxd, values = Influxd(folder), rates(365, 60)
    sqlite = open_store(config.Store(), folder / "sqlite")
    fill_sqlite(sqlite, values, 60)
    influxd.start()
    try:
        influx = open_store(config.Store(kind="influx", url=influxd.url), folder)
        fill_influx(influx, influxd.url, values, 60)
        found = {"records": len(values)}
        for name, store in (("sqlite", sqlite), ("influx", influx)):
            found |= {f"{name}_{k}": v for k, v in _year(store, turns).items()}
        influx.close()
    finally:
        influxd.stop()
        sqlite.close()
    return found


def _year(store, turns):
    took = {"year": [], "day": []}
    for turn in range(turns):
        day = START + turn % 365 * DAY
        for name, span in (
            ("year", (START, START + 365 * DAY)),
            ("day", (day, day + DAY)),
        ):
            points, ms = timed(lambda: store.trend("p-1", METRIC, *span, 500))  # noqa: B023
            took[name].append(ms)
            assert sum(point.n for point in points) == (span[1] - span[0]) // 60_000
    figures = {
        f"{name}_p50_ms": round(statistics.median(took[name]), 2) for name in took
    }
    pairs = zip(took["year"], took["day"], strict=True)
    return figures | {
        "year_of_day": round(statistics.median(a / b for a, b in pairs), 2)
    }


async def talk(port, seconds, first=0):
    """Let a hundred wearables say something every second, spread over it."""
    async with MqttBus(config.Mqtt(port=port)) as bus:
        await bus.ready(30)
        began = time.monotonic()
        for number in range(round(seconds * WEARABLES)):
            await asyncio.sleep(began + number / WEARABLES - time.monotonic())
            await bus.publish(wire.pack(said(first + number, now())))
    return round(seconds * WEARABLES)


def said(number, t):
    """Give what a strap says, as a gateway's record of it."""
    seeded = random.Random(number)
    rate = 60 + seeded.randrange(40)
    rr = tuple(round(seeded.gauss(60_000 / rate, 30) * 1.024) / 1.024 for _ in range(2))
    wearable, seq = number % WEARABLES, number // WEARABLES + 1
    record = HeartRate(
        t=t, received=t + seeded.randrange(90), gateway="gw-1", seq=seq,
        link="bonded", hr=float(rate), rr=rr[: 1 + rate // 60],
    )  # fmt: skip
    return Reading(f"p-{wearable}", f"strap-{wearable}", record)


def past(folder, seconds):
    """Write what the store has from before."""
    store, t = open_store(config.Store(), folder), now() - seconds * 1000
    for second in range(0, seconds, 100):
        store.write(
            [
                said(10**9 + n, t + n * 10)
                for n in range(second * WEARABLES, (second + 100) * WEARABLES)
            ]
        )
    while store.tend(now()):  # what of it is due has been done long ago
        pass
    store.close()


def written(pid):
    """Give what a process has written to the disk, in octets."""
    text = Path(f"/proc/{pid}/io").read_text()
    return int(text.partition("\nwrite_bytes: ")[2].split()[0])


def fold(folder):
    """Fold the write-ahead logs into their files; give what that wrote, in octets."""
    before = written(os.getpid())
    for name in ("store.db", "ledger.db"):
        with contextlib.closing(sqlite3.connect(folder / name, timeout=30)) as db:
            busy, frames, done = db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            assert (busy, frames) == (0, done), name
    return written(os.getpid()) - before


def count(folder):
    with contextlib.closing(SqliteHistory(folder / "store.db")) as history:
        return history.count()


def live(folder, seconds, history_s):
    """Run ingest under a hundred wearables; give its writes, and the backups made."""
    past(folder, history_s)
    mosquitto = Broker(folder)
    path = folder / "vitals.toml"
    path.write_text(f'data = "{folder}"\n[mqtt]\nport = {mosquitto.port}\n')
    before = count(folder)
    mosquitto.start()
    try:
        with stage(folder, "ingest", path) as ingest:
            asyncio.run(asyncio.wait_for(_connected(mosquitto.port, ingest), 60))
            fold(folder)
            start, began = written(ingest.pid), time.monotonic()
            sent = asyncio.run(talk(mosquitto.port, seconds))
            wait_until(lambda: count(folder) >= before + sent, 30)
            took, octets = time.monotonic() - began, written(ingest.pid) - start
            folded = fold(folder)
            stored = count(folder) - before
            backups = asyncio.run(_backups(folder, path, mosquitto.port, sent))
    finally:
        mosquitto.stop()
    return {
        "records": stored,
        "sent": sent,
        "seconds": round(took, 1),
        "octets_per_record": round((octets + folded) / stored),
        "of_them_folded_at_the_end": round(folded / stored),
        "mb_a_day": round((octets + folded) / took * 86_400 / (1 << 20)),
        "history_records": before,
        "backup": backups,
    }


async def _connected(port, ingest):
    """Wait until ingest is there: it answers a gateway that comes online."""
    async with MqttBus(config.Mqtt(port=port)) as bus:
        heard = bus.subscribe(wire.gateway_topic("gw-0", "committed"))
        await bus.ready(30)
        status = wire.gateway_topic("gw-0", "status")
        while not len(heard):
            assert ingest.poll() is None, "ingest ended"
            payload = b'{"online":true,"t":1}'
            await bus.publish(wire.Message(status, payload))
            await asyncio.sleep(0.2)


async def _backups(folder, path, port, first):
    """Back up three times while records come, and look for what is missing."""
    talking = asyncio.ensure_future(talk(port, 20, first))
    took, missing, promised = [], 0, 0
    for number in range(3):
        await asyncio.sleep(3)
        place, restored = folder / f"backup-{number}", folder / f"restored-{number}"
        arguments = ["backup", str(place), "--config", str(path)]
        _, ms = await asyncio.to_thread(timed, lambda: _vitals(*arguments))  # noqa: B023
        took.append(ms / 1000)
        await asyncio.to_thread(_vitals, "restore", str(place), "--data", str(restored))
        known, lost = await asyncio.to_thread(unkept, restored)
        promised, missing = promised + known, missing + lost
    await talking
    return {
        "backups": len(took),
        "seconds": round(max(took), 1),
        "promised": promised,
        "missing": missing,
    }


def unkept(folder):
    """Count what the ledger promises, and what of it is not in the store."""
    ledger, history = open_ledger(folder), SqliteHistory(folder / "store.db")
    stored = {(r.device, r.record.seq) for r in history.export()}
    promised = {
        (device, seq)
        for device, ranges in ledger.ranges("gw-1").items()
        for first, last in ranges
        for seq in range(first, last + 1)
    }
    ledger.close()
    history.close()
    return len(promised), len(promised - stored)


def _vitals(*arguments):
    subprocess.run(
        [sys.executable, "-m", "vitals", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("live", "trend", "year"))
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--history", type=int, default=600, metavar="SECONDS")
    chosen = parser.parse_args()
    work = {
        "live": lambda folder: live(folder, chosen.seconds, chosen.history),
        "trend": lambda folder: trends(folder, chosen.days, chosen.turns),
        "year": lambda folder: year(folder, chosen.turns),
    }
    for name in [chosen.only] if chosen.only else work:
        if name != "live" and not which("influxd"):
            print("influxd is not installed: trends are left out")
            continue
        with tempfile.TemporaryDirectory() as folder:
            figures = work[name](Path(folder))
        print(json.dumps({name: figures}, indent=1), flush=True)
        results.save("store", {**results.saved("store"), name: figures})


if __name__ == "__main__":
    main()
