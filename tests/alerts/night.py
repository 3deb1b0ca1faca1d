"""An engine that is killed again and again while a webhook listens."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from alerts.database import Database
from alerts.history import AlertHistory
from vitals import wire
from vitals.model import Anomaly

ENGINE = Path(__file__).with_name("engine.py")
ROOT = ENGINE.parents[2]
URGENT = """
SELECT count(*) FROM alerts
WHERE json_extract(CAST("case" AS TEXT), '$.alert.priority') = 'high'
"""
AHEAD = 400  # anomalies that wait at least, so that the engine is under load


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
    yield Anomaly(t=now, value=150, **told)
    yield Anomaly(t=now + 1, value=151, **told)
    if low:
        yield Anomaly(t=now + 2, over=True, **told)


class Night:
    """A folder with the news, an engine that works on it, and what people were told.

    Anna is told of every alert at once, Dr Li of what is urgent a second later, since
    nobody acknowledges anything.
    """

    def __init__(self, folder, server, order, episodes=60, seed=1):
        self.folder, self.server, self.order = folder, server, order
        self.random, self.kills = random.Random(seed), 0
        self.episodes = self.lines = 0
        self.feed(episodes)

    def feed(self, episodes):
        """Let more happen."""
        now, first = time.time_ns() // 1_000_000, self.episodes
        self.episodes += episodes
        numbers = range(first, self.episodes)
        news = [a for n in numbers for a in episode(n, now)]
        with (self.folder / "news").open("ab") as file:
            for a in news:
                topic = wire.of(a.subject, "anomaly").encode()
                file.write(topic + b" " + wire.encode(a) + b"\n")
        self.lines += len(news)

    def keep_busy(self, ahead=AHEAD):
        """See to it that there is more to do than one life of the engine takes."""
        if self.lines - self.acked() < ahead:
            self.feed(ahead)

    def start(self, order):
        args = [sys.executable, ENGINE, self.folder, self.server.url, order]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(args, env=environment)

    def acked(self):
        path = self.folder / "acked"
        return int(path.read_text()) if path.exists() else 0

    def told(self):
        return [(h["Idempotency-Key"], body) for h, body in self.server.got]

    def signs(self, patient):
        """Give what changes when the engine works; `patient`: on what is new."""
        return self.acked(), 0 if patient else len(self.server.got)

    def kill(self, most_s=0.06, patient=False):
        """Let the engine live for a moment after it has shown that it works."""
        engine, before = self.start(self.order), self.signs(patient)
        deadline = time.monotonic() + 60
        while self.signs(patient) == before:
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, most_s))
        engine.kill()
        engine.wait()
        self.kills += 1
        time.sleep(0.02)  # the receiver may still be reading

    def finish(self, seconds=600):
        """Let it work in peace, and rightly, until there is nothing left to do."""
        engine, deadline = self.start("right"), time.monotonic() + seconds
        while self.busy() and time.monotonic() < deadline:
            time.sleep(0.1)
        engine.kill()
        engine.wait()
        assert not self.busy()

    def busy(self):
        """Tell whether the bus or the outbox still holds something."""
        database = Database(self.folder)
        pending = database.rows("SELECT 1 FROM deliveries WHERE state = 'pending'")
        told = "SELECT count(*) FROM events WHERE what = 'escalate'"
        [[escalated]] = database.rows(told)
        [[urgent]] = database.rows(URGENT)
        database.close()
        return bool(pending) or self.acked() < self.lines or escalated < urgent

    def unwritten(self):
        """What people have been told of and the history has not."""
        history = AlertHistory(self.folder)
        ids = {json.loads(body)["id"] for _, body in self.told()}
        missing = {i for i in ids if history.alert(i) is None}
        history.close()
        return missing

    def untold(self):
        """Who was not called for what, or not told that it is over."""
        said = set()
        for key, body in self.told():
            alert = json.loads(body)
            said.add((alert["id"], alert["state"], key.partition(".")[2]))
        numbers = range(self.episodes)
        due = {(f"e-{n}", "unacknowledged", "anna") for n in numbers}
        due |= {(f"e-{n}", "normal", "anna") for n in numbers if n % 3 == 0}
        due |= {(f"e-{n}", "unacknowledged", "dr-li") for n in numbers if n % 3}
        return due - said

    def differing(self):
        """The keys that two different messages bore."""
        bodies = {}
        for key, body in self.told():
            bodies.setdefault(key, set()).add(body)
        return {key for key, found in bodies.items() if len(found) > 1}

    def retained(self):
        """What a broker would keep in the end: the alerts that are shown as open."""
        kept = {}
        for line in (self.folder / "published").read_bytes().splitlines():
            with contextlib.suppress(ValueError):  # torn by a kill
                topic, payload, retain = json.loads(line)
                kept |= {topic: payload} if retain and "/alert/" in topic else {}
        return {topic.split("/")[-1] for topic, payload in kept.items() if payload}
