"""python -m benchmarks.alerts: how soon people are told, and what open alerts cost.

A hundred anomalies a second, each of another patient, go through the whole stage: bus,
desk, SQLite on the disk, outbox, an HTTP server of its own process that notes when each
message came.  Then ten thousand alerts lie open, nobody acknowledges, and the desk lets
the time pass.
"""

import argparse
import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alerts import roster, service
from alerts.database import Database
from alerts.desk import Desk
from alerts.post import Post
from alerts.register import Register
from benchmarks import results
from benchmarks.gateway import rss_mb
from vitals import clock, wire
from vitals.bus import MemoryBus
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.model import Anomaly
from vitals.staff import Person
from vitals.wire import Message

RATE = 100  # /s
PEOPLE = (Person(name="anna"), Person(name="dr-li", role="doctor"))
LISTENER = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
LOCK, BOOK = threading.Lock(), open(sys.argv[1], "w")
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        now = time.time_ns() // 1000
        alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        with LOCK:
            print(alert["id"], now, file=BOOK, flush=True)
    def log_message(self, *args):
        pass
ThreadingHTTPServer.request_queue_size = 128
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def racing(n, now):
    return Anomaly(
        id=f"a-{n}", subject=f"p-{n}", detector="limit", condition="heart_rate_high",
        kind="physiological", begin=now, t=now, value=150.0, unit="/min",
        evidence={"device": "strap", "text": "The heart rate is above 130 /min."},
    )  # fmt: skip


async def poured(url, data, seconds):
    """Let anomalies pour in; give when each was published, µs."""
    bus, sent = MemoryBus(), {}
    settings = Alerts(webhook=url, people=PEOPLE)
    metrics = Metrics()
    stage = asyncio.create_task(service.run(bus, settings, data, metrics, clock.now))
    await asyncio.sleep(1)
    begun = time.monotonic()
    for n in range(RATE * seconds):
        await asyncio.sleep(max(0, begun + n / RATE - time.monotonic()))
        anomaly = racing(n, clock.now())
        sent[anomaly.id] = time.time_ns() // 1000
        topic = wire.of(anomaly.subject, "anomaly")
        await bus.publish(Message(topic, wire.encode(anomaly)))
    async with asyncio.timeout(60):
        while metrics.counters["alerts_told_total"] < 2 * len(
            sent
        ):  # the log hears too
            await asyncio.sleep(0.1)
    stage.cancel()
    await asyncio.gather(stage, return_exceptions=True)
    return sent


def delivery(seconds):
    """Measure from the anomaly to the first attempt, ms."""
    with tempfile.TemporaryDirectory() as name:
        book = Path(name) / "came"
        command = [sys.executable, "-c", LISTENER, str(book)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
            url = f"http://127.0.0.1:{listener.stdout.readline().strip()}/"
            sent = asyncio.run(poured(url, Path(name), seconds))
            listener.terminate()
        came = {}
        for line in book.read_text().splitlines():
            alert, when = line.split()
            came.setdefault(alert, int(when))
    took = sorted((came[alert] - when) / 1000 for alert, when in sent.items())
    return {
        "alerts": len(took),
        "rate_per_s": RATE,
        "p50_ms": round(statistics.median(took), 1),
        "p99_ms": round(took[int(len(took) * 0.99)], 1),
        "most_ms": round(took[-1], 1),
    }


def opened(count):
    """Measure what so many open alerts take of memory and time."""
    staff, now = roster.of(Alerts(people=PEOPLE)), clock.now()
    gc.collect()
    before = rss_mb(os.getpid())
    desk = Desk({}, roster=staff)
    for n in range(count):
        desk.observe(racing(n, now), now + n)
    gc.collect()
    after = rss_mb(os.getpid())
    idle = timed(lambda: desk.tick(now + count), 1000)
    due = now + 300_000 + count
    begun = time.perf_counter()
    changes = desk.tick(due)
    storm = (time.perf_counter() - begun) * 1000
    with tempfile.TemporaryDirectory() as name:
        written = write(Path(name), changes, due)
    return {
        "open": len(desk),
        "mb": round(after - before, 1),
        "idle_tick_us": round(idle, 2),
        "escalated": len(changes),
        "escalation_ms": round(storm),
        "written_ms": round(written),
    }


def write(data, changes, now):
    """Write so many changes down with their notices; give the ms."""
    database = Database(data)
    register = Register(database, Post({"webhook": frozenset({"escalate"})}))
    begun = time.perf_counter()
    register.commit(changes, now)
    took = (time.perf_counter() - begun) * 1000
    database.close()
    return took


def timed(deed, times):
    """Give the time of a deed, µs."""
    begun = time.perf_counter()
    for _ in range(times):
        deed()
    return (time.perf_counter() - begun) * 1e6 / times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    figures = {"open": opened(10_000), "delivery": delivery(chosen.seconds)}
    results.save("alerts", figures)
    print(figures)


if __name__ == "__main__":
    main()
