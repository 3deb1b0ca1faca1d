"""SIGKILL at any moment: a message may be repeated, none is ever lost."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alerts.database import Database
from alerts.history import AlertHistory
from vitals import wire
from vitals.model import Anomaly

pytestmark = pytest.mark.slow

ENGINE = Path(__file__).with_name("engine.py")
ROOT = ENGINE.parents[2]
EPISODES = 60


def episode(n, now):
    """An anomaly that begins and goes on; every third one ends and clears by itself."""
    low = n % 3 == 0
    told = {
        "id": f"e-{n}",
        "subject": f"p-{n}",
        "detector": "limit",
        "condition": "heart_rate_unusual" if low else "heart_rate_high",
        "kind": "physiological",
        "begin": now,
    }
    yield Anomaly(t=now + 3 * n, value=150, **told)
    yield Anomaly(t=now + 3 * n + 1, value=151, **told)
    if low:
        yield Anomaly(t=now + 3 * n + 2, over=True, **told)


class Night:
    """An engine that is killed again and again while a webhook listens."""

    def __init__(self, folder, server, order, seed=1):
        self.folder, self.server, self.order = folder, server, order
        self.random, self.kills = random.Random(seed), 0
        now = time.time_ns() // 1_000_000
        news = [a for n in range(EPISODES) for a in episode(n, now)]
        lines = [
            wire.of(a.subject, "anomaly").encode() + b" " + wire.encode(a) for a in news
        ]
        self.lines = len(lines)
        (folder / "news").write_bytes(b"\n".join(lines))

    def start(self):
        args = [sys.executable, ENGINE, self.folder, self.server.url, self.order]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(args, env=environment)

    def acked(self):
        path = self.folder / "acked"
        return int(path.read_text()) if path.exists() else 0

    def told(self):
        return [(h["Idempotency-Key"], body) for h, body in self.server.got]

    def kill(self):
        """Let the engine live for a moment after it has shown that it works."""
        engine, before = self.start(), (self.acked(), len(self.server.got))
        deadline = time.monotonic() + 5
        while (self.acked(), len(self.server.got)) == before:
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.06))
        engine.kill()
        engine.wait()
        self.kills += 1
        time.sleep(0.02)  # the receiver may still be reading

    def finish(self, seconds=60):
        """Let it work in peace until there is nothing left to do."""
        engine, deadline = self.start(), time.monotonic() + seconds
        while self.busy() and time.monotonic() < deadline:
            time.sleep(0.1)
        engine.kill()
        engine.wait()
        assert not self.busy()

    def busy(self):
        """Tell whether the bus or the outbox still holds something."""
        database = Database(self.folder)
        query = "SELECT 1 FROM deliveries WHERE state = 'pending'"
        pending = database.rows(query)
        database.close()
        return bool(pending) or self.acked() < self.lines

    def unwritten(self):
        """What people have been told of and the history has not."""
        history = AlertHistory(self.folder)
        ids = {json.loads(body)["id"] for _, body in self.told()}
        missing = {i for i in ids if history.alert(i) is None}
        history.close()
        return missing

    def untold(self):
        """The episodes that nobody was called for, or of whose end nobody heard."""
        said = {(a["id"], a["state"]) for a in (json.loads(b) for _, b in self.told())}
        due = {(f"e-{n}", "unacknowledged") for n in range(EPISODES)}
        due |= {(f"e-{n}", "normal") for n in range(0, EPISODES, 3)}
        return due - said

    def retained(self):
        """What a broker would keep in the end: the alerts that are shown as open."""
        kept = {}
        for line in (self.folder / "published").read_bytes().splitlines():
            with contextlib.suppress(ValueError):  # torn by a kill
                topic, payload, retain = json.loads(line)
                kept |= {topic: payload} if retain and "/alert/" in topic else {}
        return {topic.split("/")[-1] for topic, payload in kept.items() if payload}


@pytest.fixture
def night(tmp_path, receiver):
    def make(order, behave=lambda n: 204):
        return Night(tmp_path, receiver(behave), order)

    return make


def test_kills_at_any_moment_repeat_a_message_at_most(night):
    night = night("right", lambda n: 503 if n % 4 == 0 else 204)
    while night.kills < 25 and night.acked() < night.lines:
        night.kill()
        assert night.unwritten() == set()
    assert night.kills >= 10
    night.finish()
    assert night.untold() == set()
    bodies = {}
    for key, body in night.told():
        assert bodies.setdefault(key, body) == body
    history = AlertHistory(night.folder)
    alerts, _ = history.alerts("all", None, None, 1000)
    assert len(alerts) == EPISODES
    assert all(
        len(history.events(a.id)) == (2 if a.state == "normal" else 1) for a in alerts
    )
    history.close()
    assert night.retained() == {a.id for a in alerts if a.state != "normal"}


def test_negative_control_telling_before_the_transaction_is_caught(night):
    night = night("tell_first")
    while night.kills < 25 and not night.unwritten():
        night.kill()
    assert night.unwritten()


def test_negative_control_acknowledging_before_the_transaction_is_caught(night):
    night = night("ack_first")
    while night.kills < 25 and night.acked() < night.lines:
        night.kill()
    night.finish()
    assert night.untold()
