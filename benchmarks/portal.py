"""python -m benchmarks.portal: the trend route and the live events under many readers.

Trend: 30 days at 1 Hz in the SQLite store, 50 clients at one request a second each,
`points=500`, over the real server with log-in, audit and encoding; first everybody asks
for days of their own, so that nothing can be kept, then all for the same.

Live: 200 patients listen, 400 records a second come over the bus; the server's CPU time
for each, beside the same server sending the same events by FastAPI's own SSE, turn by
turn.  Then one reader goes away 20 times and comes back with `Last-Event-ID`: what it
has missed.

Pages: the server's CPU time for a patient's Today and a worklist of 30 patients.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results
from benchmarks.store import beat, rates
from vitals import wire
from vitals.clock import now
from vitals.model import Alert, HeartRate, Reading
from vitals.wire import Message

START = 1_763_683_200_000  # as benchmarks.store has it
DAYS, CLIENTS, SECONDS = 30, 50, 20
LISTENERS, RATE, LIVE_S, TURNS = 200, 400, 6, 3
RECONNECTS = 20
WARD, TROUBLED, PAGES = (
    30,
    15,
    40,
)  # patients, those with an alert, times a page is read
PATIENCE_S = 10  # for what is still on its way
BATCH = 20_000
TICK = os.sysconf("SC_CLK_TCK")


def fill(folder, days):
    """Write the month."""
    from ingest.sqlite import SqliteStore

    store = SqliteStore(folder / "store.db")
    seconds = enumerate(rates(days))
    while chunk := list(itertools.islice(seconds, BATCH)):
        store.write([beat(second, value) for second, value in chunk])
    store.close()


# -- the server, a process of its own -------------------------------------------------


async def serve(folder):
    """Serve the portal; a line on stdin is a number of seconds to publish for."""
    from fastapi import Request
    from fastapi.sse import EventSourceResponse, ServerSentEvent

    import portal.service as service
    from portal.house import house
    from tests.portal.conftest import Place, day
    from vitals import config

    place = Place(folder, now)
    tokens = {}
    for n in range(LISTENERS):
        place.people.add(f"u{n}", None, "patient", f"p-{n}")
        tokens[f"p-{n}"] = place.people.issue_token(f"u{n}", 9999)
    everybody = [f"w-{n}" for n in range(WARD)]
    place.people.add("ward", None, "doctor", subjects=everybody)
    place.people.add("today", None, "patient", everybody[0])
    for name in ("ward", "today"):
        tokens[name] = place.people.issue_token(name, 9999)
    for subject in everybody:
        place.store.write(day(subject, now()))

    def create_app(whole):
        app = real(whole)

        @app.get("/rival/{subject}", response_class=EventSourceResponse)
        async def rival(request: Request, subject: str):
            log = house(request).board.events
            with log.follow(frozenset({subject}), "") as follower:
                while not log.closed:
                    await follower.woken.wait()
                    for event in log.take(follower):
                        yield ServerSentEvent(
                            raw_data=event.data.decode(),
                            event=event.name,
                            id=log.id(event.number),
                        )

        return app

    real, service.create_app = service.create_app, create_app
    address = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        service.run(
            place.bus,
            config.Portal(port=0),
            place.sources,
            place.metrics,
            now,
            address.set_result,
        )
    )
    print(json.dumps({"url": await address, "tokens": tokens}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "alerts":
            await trouble(place.bus, everybody[:TROUBLED])
        else:
            await publish(place.bus, float(line))
        print("done", flush=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def publish(bus, seconds):
    """Publish records at the rate, to one patient after the other."""
    begun = time.perf_counter()
    for n in range(int(seconds * RATE)):
        record = HeartRate(t=now(), hr=60.0 + n % 40, gateway="gw", seq=n + 1)
        await bus.publish(wire.pack(Reading(f"p-{n % LISTENERS}", "strap", record)))
        ahead = n / RATE - (time.perf_counter() - begun)
        if ahead > 0:
            await asyncio.sleep(ahead)
    await asyncio.sleep(0.5)


async def trouble(bus, subjects):
    """Open an alert of each."""
    for subject in subjects:
        alert = Alert(
            id=f"a-{subject}", subject=subject, condition="heart_rate_high",
            kind="physiological", priority="high", state="unacknowledged",
            since=now() - 240_000, t=now(), value=148.0, unit="/min",
            evidence={"limit": 120.0, "baseline": 68.2},
        )  # fmt: skip
        topic = wire.of(subject, "alert", alert.id)
        await bus.publish(Message(topic, wire.encode(alert), retain=True))
    await asyncio.sleep(0.5)


# -- the readers ----------------------------------------------------------------------


class Server:
    """The server's process as its readers see it."""

    def __init__(self, process, told):
        self.process, self.tokens = process, told["tokens"]
        self.host, port = told["url"].removeprefix("http://").rsplit(":", 1)
        self.port = int(port)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / TICK

    async def publish(self, seconds):
        """Let the server publish records for so long, or open its "alerts"."""
        self.process.stdin.write(f"{seconds}\n".encode())
        await self.process.stdin.drain()
        await self.process.stdout.readline()

    async def get(self, path, subject, **headers):
        """Ask; give the streams."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        await self.ask(writer, path, subject, **headers)
        return reader, writer

    async def ask(self, writer, path, subject, **headers):
        lines = [f"GET {path} HTTP/1.1", "Host: portal"]
        lines.append(f"Authorization: Bearer {self.tokens[subject]}")
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()


@contextlib.asynccontextmanager
async def server(folder):
    command = [sys.executable, "-m", "benchmarks.portal", "--serve", str(folder)]
    pipe = asyncio.subprocess.PIPE
    limit = 1 << 20
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, limit=limit
    )
    try:
        yield Server(process, json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


async def take(reader):
    """Read an answer on a connection that stays."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def trend_client(there, paths, delay, seconds, found):
    """Ask once a second, on one connection."""
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection(there.host, there.port)
    for n in range(seconds):
        begun = time.perf_counter()
        await there.ask(writer, next(paths), "p-1")
        await take(reader)
        took = time.perf_counter() - begun
        found.append(took)
        await asyncio.sleep(max(0, 1 - took) if n < seconds - 1 else 0)
    writer.close()


def spans(days):
    """Give paths of the trend of nearly all days, all of different buckets of 2 h."""
    from portal.times import rfc3339

    bucket, edge = 7_200_000, 36
    for early, late in itertools.product(range(edge), range(edge)):
        start = rfc3339(START + early * bucket)
        stop = rfc3339(START + days * 86_400_000 - late * bucket)
        query = f"from={start}&to={stop}&points=500"
        yield f"/api/v1/patients/p-1/trends/heart_rate?{query}"


async def trends(there, paths):
    """Measure the trend route."""
    found = []
    clients = (
        trend_client(there, paths, n / CLIENTS, SECONDS, found) for n in range(CLIENTS)
    )
    before, begun = there.cpu_s(), time.perf_counter()
    await asyncio.gather(*clients)
    took = sorted(found)
    return {
        "clients": CLIENTS,
        "requests": len(took),
        "per_s": round(len(took) / (time.perf_counter() - begun), 1),
        "p50_ms": round(statistics.median(took) * 1000, 1),
        "p95_ms": round(took[int(len(took) * 0.95)] * 1000, 1),
        "cpu_ms": round((there.cpu_s() - before) / len(took) * 1000, 2),
    }


async def pages(there):
    """Give the server's CPU time, in ms, for each page."""
    await there.publish("alerts")
    cost = {}
    for name, who in (("today", "today"), ("worklist", "ward")):
        reader, writer = await asyncio.open_connection(there.host, there.port)
        for n in range(PAGES + 3):
            if n == 3:  # the first ones warm the server
                before = there.cpu_s()
            kinds = {"Accept": "text/html", "Accept_Encoding": "gzip"}
            await there.ask(writer, "/", who, **kinds)
            await take(reader)
        cost[name] = round((there.cpu_s() - before) / PAGES * 1000, 1)
        writer.close()
    return {"patients": WARD, "cpu_ms": cost}


async def listen(there, path, subject, counts):
    """Count who listens, and the records that come."""
    reader, writer = await there.get(path.format(subject), subject)
    await reader.readuntil(b"\r\n\r\n")
    counts[1] += 1
    try:
        while line := await reader.readline():
            counts[0] += line == b"event: record\n"
    finally:
        writer.close()


async def live(there, path):
    """Let all listen; give the server's CPU time for each record, and what is lost."""
    counts = [0, 0]
    tasks = [
        asyncio.create_task(listen(there, path, f"p-{n}", counts))
        for n in range(LISTENERS)
    ]
    while counts[1] < LISTENERS:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    before = there.cpu_s()
    await there.publish(LIVE_S)
    sent = int(LIVE_S * RATE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while counts[0] < sent:
                await asyncio.sleep(0.05)
    used = there.cpu_s() - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return used / sent * 1e6, sent - counts[0]


async def nobody(there):
    """Give the CPU time for each record when nobody listens."""
    before = there.cpu_s()
    await there.publish(LIVE_S)
    return (there.cpu_s() - before) / int(LIVE_S * RATE) * 1e6


async def come_and_go(there):
    """Read one patient's events over many connections; give what was lost or twice."""
    seen, last, connections = [], "", 0
    wanted = len([n for n in range(int(RECONNECTS * 0.6 * RATE)) if n % LISTENERS == 7])
    reader, writer = await there.get("/api/v1/events", "p-7")
    hello = await reader.readuntil(b": hello")
    last = hello.split(b"id: ")[1].split()[0].decode()
    publishing = asyncio.create_task(there.publish(RECONNECTS * 0.6))
    while not publishing.done() or len(seen) < wanted:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while line := await reader.readline():
                    if line.startswith(b"id: "):
                        last = line[4:].strip().decode()
                    if line.startswith(b"data: "):
                        seen.append(last)
        if connections >= RECONNECTS and publishing.done():
            break
        writer.close()
        await asyncio.sleep(0.1)
        connections += 1
        headers = {"Last_Event_ID": last} if last else {}
        reader, writer = await there.get("/api/v1/events", "p-7", **headers)
    writer.close()
    await publishing
    unique = set(seen)
    return {
        "reconnects": connections,
        "sent": wanted,
        "lost": wanted - len(unique),
        "twice": len(seen) - len(unique),
    }


async def measure(folder, days):
    async with server(folder) as there:
        trend = await trends(there, spans(days))
        print(trend, flush=True)
        again = await trends(there, itertools.repeat(next(spans(days))))
        print(again, flush=True)
        read = await pages(there)
        print(read, flush=True)
        turns = {"nobody": [], "ours": [], "fastapi": []}
        lost = 0
        for _ in range(TURNS):
            turns["nobody"].append(await nobody(there))
            for name, path in (("ours", "/api/v1/events"), ("fastapi", "/rival/{}")):
                cost, missing = await live(there, path)
                turns[name].append(cost)
                lost += missing if name == "ours" else 0
        median = {name: round(statistics.median(c), 1) for name, c in turns.items()}
        events = {
            "clients": LISTENERS,
            "per_s": RATE,
            "us_per_message": median,
            "us_sending": {
                name: round(median[name] - median["nobody"], 1)
                for name in ("ours", "fastapi")
            },
            "lost": lost,
        }
        print(events, flush=True)
        resumed = await come_and_go(there)
        print(resumed, flush=True)
    trend |= {"days": days, "again": again}
    return {"trend": trend, "pages": read, "events": events, "resumed": resumed}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--days", type=int, default=DAYS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve(Path(chosen.serve)))
        return
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), chosen.days)
        found = asyncio.run(measure(Path(name), chosen.days))
    results.save("portal", found)


if __name__ == "__main__":
    main()
