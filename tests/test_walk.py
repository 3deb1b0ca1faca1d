"""One heartbeat from the air to the clinician's phone and the patient's chart.

The real rooms on the bus in memory, in jumping time; the limits are short.
"""

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import msgspec
import pytest

import alerts.service
import dsp.service
import gateway.service
import ingest.service
from alerts.history import AlertHistory
from firmware_sim.service import simulation
from ingest.ledger import Ledger
from ingest.store import open_history, open_store
from portal.app import create_app
from portal.board import Board
from portal.events import EventLog
from portal.house import House, Sources
from portal.notes import Notes
from portal.people import People
from portal.service import follow
from tests import warp
from vitals import config
from vitals.bus import MemoryBus
from vitals.detection import Dsp
from vitals.metrics import Metrics
from vitals.model import Limit
from vitals.simulation import Course, SimPerson, SimWearable

STRAP = "C0:00:00:00:00:01"
HOLD_S = 2
LATE_S = 1
BEGIN = 1_763_726_400_000  # 2025-11-21T12:00Z


class Clock:
    """The time of a loop, ms since 1970."""

    loop = None

    def __call__(self):
        return BEGIN + round(1000 * self.loop.time()) if self.loop else BEGIN


@pytest.fixture
def now():
    return Clock()


@pytest.fixture
def webhook(now):
    """A hospital's web server; gives its address and what it was told."""
    told = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((now(), msgspec.json.decode(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", told
        server.shutdown()


async def until(true, what, seconds=60):
    try:
        async with asyncio.timeout(seconds):
            while not (found := await true()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{what} did not happen within {seconds} s")
    return found


@pytest.mark.slow
def test_a_racing_heart_reaches_the_clinician_and_the_chart(
    beside, tmp_path, webhook, now
):
    url, told = webhook

    async def main():
        now.loop = asyncio.get_running_loop()
        bus, metrics = MemoryBus(), Metrics()
        course = (Course(at_s=1, for_s=60, state="racing"),)
        sim = config.Sim(
            people=(SimPerson(name="anna", course=course),),
            wearables=(SimWearable(kind="strap", address=STRAP, person="anna"),),
        )
        limits = {"heart_rate": Limit(high=120, hold_s=HOLD_S)}
        people = People(tmp_path / "people.db")
        people.add("dr-chen", "a long password", "clinician", subjects=["p-anna"])
        people.add("anna", "another password", "patient", subject="p-anna")
        store = open_store(config.Store(), tmp_path)
        sources = Sources(
            open_history(config.Store(), tmp_path),
            AlertHistory(tmp_path),
            people,
            Notes(tmp_path / "notes.db"),
        )
        board = Board(EventLog(now()))
        app = create_app(House(bus, board, sources, metrics, now))
        worn = config.Wearable(device="strap-1", subject="p-anna", address=STRAP)
        door = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://portal"
        )
        async with simulation(sim, metrics, now) as simulated, door:
            port = await simulated.serve("127.0.0.1", 0)
            box = config.Gateway(
                name="gw-1", adapter=f"tcp-client:127.0.0.1:{port}", wearables=(worn,)
            )
            rooms = (
                ingest.service.run(
                    bus, store, Ledger(tmp_path / "ledger.db"), metrics, now
                ),
                dsp.service.run(
                    bus, Dsp(limits=limits), tmp_path, metrics, now, now.loop.time
                ),
                alerts.service.run(
                    bus, config.Alerts(webhook=url), tmp_path, metrics, now
                ),
                follow(board, bus, metrics),
                gateway.service.run(bus, box, tmp_path, metrics, now),
            )
            async with beside(*rooms):
                await watch(door, told)

    warp.run(main())
    # Persistence and no more: from the first beat over the limit to the webhook.
    [(at, body), *_] = told
    assert body["condition"] == "heart_rate_high"
    assert at - msgspec_time(body["since"]) <= (HOLD_S + LATE_S) * 1000


async def log_in(door, name, password):
    form = {"username": name, "password": password}
    answer = await door.post("/api/v1/token", data=form)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def watch(door, told):
    doctor = await log_in(door, "dr-chen", "a long password")
    patient = await log_in(door, "anna", "another password")

    async def open_alerts():
        answer = await door.get("/api/v1/alerts?state=open", headers=doctor)
        return answer.json()["items"]

    [alert, *_] = await until(open_alerts, "the alert in the clinician's list")
    assert (alert["condition"], alert["priority"]) == ("heart_rate_high", "high")
    assert alert["state"] == "unacknowledged"

    async def hooked():
        return told

    await until(hooked, "the alert at the webhook")

    path = f"/api/v1/alerts/{alert['id']}/acknowledge"
    done = await door.post(path, json={"comment": "called her"}, headers=doctor)
    assert done.json()["state"] == "acknowledged", done.text
    assert done.json()["acknowledged_by"] == "dr-chen"

    async def points():
        path = "/api/v1/patients/p-anna/trends/heart_rate?points=60"
        return (await door.get(path, headers=patient)).json()["points"]

    trend = await until(points, "the trend")
    assert max(point["max"] for point in trend) > 120


def msgspec_time(value):
    """Give an alert's time in ms, whichever way it was written."""
    if isinstance(value, int):
        return value
    from datetime import datetime

    return datetime.fromisoformat(value).timestamp() * 1000
