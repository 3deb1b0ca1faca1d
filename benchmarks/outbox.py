"""python -m benchmarks.outbox: an outage with ten wearables, and what comes after it.

The broker goes away, 200,000 heart rates gather on the gateway's disk, the broker comes
back.  Real mosquitto, `vitals run ingest` with SQLite, and in this process the gateway
from the recorder to the uplink, with live readings beside the drain.

With --week the outage is a whole week of the ten wearables' time: 6,048,000 records.
"""

import argparse
import asyncio
import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results
from benchmarks.gateway import process, rss_mb, stage
from gateway.decode import Circumstance, decode
from gateway.notification import Notification
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.uplink import Uplink
from vitals import BloodPressure, Reading, broker, config, wire
from vitals.gatt import blood_pressure, heart_rate
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus

WEARABLES = 10
DAY_S = 86_400
WEEK = 7 * DAY_S * WEARABLES  # records
DOCS = Path(__file__).parent.parent / "docs" / "outbox.md"
NOON = 1_763_726_400_000  # 2025-11-21T12:00Z


def beat(second, wearable):
    """Give what a strap said: through our own decoder, as on the air."""
    beats = (700 + second % 300, 690 + second % 290)
    rate = 60 + second % 40
    measured = heart_rate.HeartRateMeasurement(rate, rr_intervals=beats)
    raw = measured.build()
    circumstance = Circumstance(NOON + second * 1000)
    record = decode(heart_rate.MEASUREMENT, raw, circumstance)
    reading = Reading(f"p-{wearable}", f"strap-{wearable}", record)
    return Notification(reading, heart_rate.MEASUREMENT, raw, time.monotonic())


async def fill(recorder, path, records):
    """Let an outage happen; give what it takes on the disk."""
    before, start = path.stat().st_size, time.perf_counter()
    for first in range(0, records, 1000):
        numbers = range(first, first + 1000)
        values = [beat(n // WEARABLES, n % WEARABLES) for n in numbers]
        await asyncio.gather(*map(recorder.put, values))
    took = time.perf_counter() - start
    await recorder.ask(Outbox.fold)
    octets = (path.stat().st_size - before) / records
    return {
        "records": records,
        "octets_per_record": round(octets, 1),
        "octets_per_record_by_the_docs": documented(),
        "file_mb": round((path.stat().st_size - before) / (1 << 20), 1),
        "file_mb_by_the_docs": round(documented() * records / (1 << 20), 1),
        "week_of_ten_mb": round(octets * WEEK / (1 << 20)),
        "days_of_ten_in_1024_mb": round((1 << 30) / octets / WEARABLES / DAY_S, 1),
        "recorded_per_s": round(records / took),
    }


def documented():
    """Give what docs/outbox.md says that a record takes, octets."""
    [octets] = re.findall(r"a record \| (\d+) octets", DOCS.read_text())
    return int(octets)


def cuff(number):
    """Give a spot reading: its wearable waits until it is confirmed."""
    t = NOON + number
    record = BloodPressure(t=t, received=t, device_t=t, sys=120, dia=80)
    raw = number.to_bytes(18, "little")
    return Notification(Reading("p-0", "cuff", record), blood_pressure.MEASUREMENT, raw)


async def confirmed(path):
    """Time, one after the other, from hearing a spot reading to confirming it."""
    recorder = Recorder(Outbox(path, "gw-1"), Metrics())
    work, took = asyncio.ensure_future(recorder.run()), []
    for number in range(1000):
        start = time.perf_counter()
        await recorder.put(cuff(number))
        took.append((time.perf_counter() - start) * 1000)
    work.cancel()
    await asyncio.wait([work])
    recorder.close()
    took.sort()
    return {
        "confirm_p50_ms": round(took[500], 2),
        "confirm_p99_ms": round(took[990], 2),
    }


def written(group_ms):
    """Count, with strace, what ten straps write to the disk in a minute."""
    script = f"""
import sys
from pathlib import Path
from benchmarks.outbox import WEARABLES, beat
from gateway.outbox import Outbox
box, seconds, groups = Outbox(Path(sys.argv[1]), "gw-1"), 60, {1000 / group_ms!r}
waiting = []
for number in range(seconds * WEARABLES):
    waiting.append(beat(number // WEARABLES, number % WEARABLES))
    if (number + 1) * groups // WEARABLES > number * groups // WEARABLES:
        rows = box.add(waiting)
        box.release([row.id for row in rows])
        waiting = []
        if box.unfolded:
            box.fold()
box.fold()
"""
    with tempfile.TemporaryDirectory() as name:
        log, path = Path(name) / "calls", Path(name) / "gateway.db"
        files = ["-P", path, "-P", f"{path}-wal"]
        strace = ["strace", "-qq", "-o", log, *files, "-e", "trace=pwrite64,fdatasync"]
        subprocess.run([*strace, sys.executable, "-c", script, path], check=True)
        text = log.read_text()
    octets = sum(map(int, re.findall(r"^pwrite64.* = (\d+)$", text, re.M)))
    return {
        "mb_a_day": round(octets * DAY_S / 60 / (1 << 20)),
        "syncs_a_second": round(text.count("fdatasync") / 60, 1),
    }


class Watch:
    """When each live record was published, and committed."""

    def __init__(self):
        self.said, self.seen = {}, {}

    async def follow(self, bus):
        inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES)
        while True:
            for delivery in await inbox.take():
                now = time.monotonic()
                for reading in wire.unpack(delivery.message):
                    key = reading.device, reading.record.t
                    if key in self.said:
                        self.seen.setdefault(key, now)
                delivery.ack()

    async def talk(self, recorder, first):
        """Let ten wearables say something every second."""
        for number in range(10**9):
            one = beat((first + number) // WEARABLES, number % WEARABLES)
            one = Notification(
                one.reading, one.characteristic, one.raw, time.monotonic()
            )
            key = one.reading.device, one.reading.record.t
            self.said[key] = time.monotonic()
            recorder.put(one)
            await asyncio.sleep(1 / WEARABLES)

    def latencies(self):
        found = sorted(self.seen[key] - at for key, at in self.said.items())
        return {
            "live_records": len(found),
            "live_publish_p50_ms": round(found[len(found) // 2] * 1000),
            "live_publish_p99_ms": round(found[int(len(found) * 0.99)] * 1000),
            "live_publish_max_ms": round(found[-1] * 1000),
        }


class Broker:
    """A mosquitto that can go away."""

    def __init__(self, folder):
        self.folder, self.port = folder, broker.free_port()
        self.program = broker.find_mosquitto() or sys.exit("apt install mosquitto")
        owner = f"user {folder.owner()}\n"
        text = broker.CONF.format(port=self.port, data=folder) + owner
        (folder / "mosquitto.conf").write_text(text)
        self._running = contextlib.ExitStack()

    def start(self):
        command = self.program, "-c", str(self.folder / "mosquitto.conf")
        child = process(self.folder, "mosquitto", *command)
        self._running.enter_context(child)

    def stop(self):
        self._running.close()


async def outage(path, mosquitto, records):
    """Take the broker away, and bring it back; give how the backlog goes."""
    metrics, watch = Metrics(), Watch()
    settings = config.Mqtt(port=mosquitto.port)
    recorder = Recorder(Outbox(path, "gw-1"), metrics, group_s=0)
    committed = lambda: metrics.counters["gateway_committed_total"]  # noqa: E731
    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(MqttBus(settings, "vitals-gateway-gw-1"))
        observer = await stack.enter_async_context(MqttBus(settings))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        uplink = Uplink("gw-1", recorder, bus, metrics)
        tasks = [group.create_task(recorder.run()), group.create_task(uplink.run())]
        tasks.append(group.create_task(watch.follow(observer)))
        await bus.ready(30)
        recorder.put(beat(-1, 0))
        while not committed():
            await asyncio.sleep(0.1)
        await asyncio.to_thread(mosquitto.stop)
        figures = await fill(recorder, path, records)
        talk = group.create_task(watch.talk(recorder, records + WEARABLES))
        await asyncio.sleep(2)
        before = rss_mb("self")
        await asyncio.to_thread(mosquitto.start)
        await bus.ready(30)
        await observer.ready(30)
        watch.said.clear()  # what was said before waited for the broker, too
        start, largest = time.perf_counter(), before
        while committed() < records:
            await asyncio.sleep(0.1)
            largest = max(largest, rss_mb("self"))
        took = time.perf_counter() - start
        await asyncio.sleep(2)
        talk.cancel()
        await asyncio.sleep(config.Store().commit_s + 3)  # ingest may wait so long
        figures["left"] = await recorder.ask(Outbox.count)
        figures["dropped"] = await recorder.ask(lambda box: box.gone)
        for task in tasks:
            task.cancel()
    recorder.close()
    return figures | {
        "drain_s": round(took, 1),
        "drained_per_s": round(records / took),
        "rss_before_mb": round(before, 1),
        "rss_most_mb": round(largest, 1),
        **watch.latencies(),
    }


def stored(folder):
    """Count the numbers that ingest has, the gaps between them, and the rows."""
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as db:
        [(gaps,)] = db.execute("SELECT count(*) - count(DISTINCT device) FROM durable")
        [(held,)] = db.execute("SELECT sum(last - first + 1) FROM durable")
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as db:
        [(rows,)] = db.execute("SELECT count(*) FROM record")
    return {"stored": held, "gaps": gaps, "rows": rows}


def measure(records):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mosquitto = Broker(folder)
        text = f'data = "{folder}"\n[mqtt]\nport = {mosquitto.port}\n'
        (folder / "vitals.toml").write_text(text)
        mosquitto.start()
        try:
            with stage(folder, "ingest", folder / "vitals.toml"):
                path = folder / "gateway.db"
                figures = asyncio.run(outage(path, mosquitto, records))
        finally:
            mosquitto.stop()
        return figures | stored(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--week", action="store_true", help="only that")
    chosen = parser.parse_args()
    if chosen.week:
        figures = measure(WEEK)
        results.save("outbox_week", figures)
        print(json.dumps(figures, indent=1))
        return
    figures = measure(chosen.records)
    with tempfile.TemporaryDirectory() as name:
        figures |= asyncio.run(confirmed(Path(name) / "gateway.db"))
    figures["written"] = {f"{ms} ms": written(ms) for ms in (100, 250, 1000)}
    results.save("outbox", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
