import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alerts.database import Database
from alerts.history import AlertHistory
from vitals.model import AlertCommand, Anomaly

NOW = 1_700_000_000_000


@pytest.fixture
def racing():
    """Make the word of a limit detector: racing(seconds, ...)."""

    def make(t=0, *, begin=0, value=150.0, **more):
        fields = {
            "id": "a-1",
            "subject": "p-7",
            "detector": "limit",
            "condition": "heart_rate_high",
            "kind": "physiological",
            "unit": "/min",
        } | more
        return Anomaly(
            begin=NOW + begin * 1000, t=NOW + round(t * 1000), value=value, **fields
        )

    return make


@pytest.fixture
def silent():
    """Make the word of the silence detector."""

    def make(t=0, *, device="strap-1", kind="heart_rate", **more):
        fields = {"id": f"s-{device}-{kind}"} | more
        return Anomaly(
            subject="p-7",
            detector="silent",
            condition="device_silent",
            kind="technical",
            begin=NOW,
            t=NOW + t * 1000,
            evidence={"device": device, "kind": kind},
            **fields,
        )

    return make


@pytest.fixture
def says():
    """Make a clinician's decision: says("acknowledge", seconds)."""

    def make(action, t=0, **more):
        return AlertCommand(
            action=action, **{"by": "dr-li", "t": NOW + t * 1000} | more
        )

    return make


class Receiver:
    """A real HTTP server; `behave(n)` gives answer n: a status, or seconds to hang."""

    def __init__(self, behave, answer=b""):
        self.got = []  # (headers, body) of every request that came whole
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers.get("Content-Length", 0))
                if len(body := self.rfile.read(size)) < size:
                    return  # the sender was killed
                receiver.got.append((dict(self.headers), body))
                status = behave(len(receiver.got))
                if isinstance(status, float):
                    time.sleep(status)
                    return
                text = b"" if status == 204 else answer
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()


@pytest.fixture
def receiver():
    """Start webhook receivers; all are stopped at the end."""
    started = []

    def start(behave=lambda n: 204, answer=b""):
        started.append(Receiver(behave, answer))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def clock():
    """A clock that the test sets: clock.now += 1000."""

    class Clock:
        now = NOW

        def __call__(self):
            return self.now

    return Clock()


async def until(fact, seconds=60):
    """Wait for what other tasks and threads bring about."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.005)


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def history(tmp_path, database):
    """The alerts as who only reads them sees them."""
    history = AlertHistory(tmp_path)
    yield history
    history.close()
