"""The alerts stage in a process of its own, to be killed by `test_kill.py`.

    python engine.py FOLDER WEBHOOK ORDER

FOLDER/news holds the anomalies, one JSON a line; what the bus has been acknowledged is
counted in FOLDER/acked, and starts there again, as a broker's session does.  ORDER is
`right`, or a wrong one that the test must catch: `tell_first` tells people before the
transaction, `ack_first` acknowledges before it.
"""

import asyncio
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

from alerts.cases import Change
from alerts.channels import Webhook
from alerts.database import Database
from alerts.outbox import Outbox, Sender
from alerts.post import Post
from alerts.register import Register
from alerts.service import Office
from alerts.timeline import Timeline
from vitals import clock, wire
from vitals.bus import Delivery, Inbox
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.staff import Person, Step, Times
from vitals.wire import Message

SETTINGS = Alerts(
    people=(
        Person(name="anna", channels=("webhook",)),
        Person(name="dr-li", role="doctor", channels=("webhook",)),
    ),
    escalation=(
        Step(priority="high", roles=("nurse",)),
        Step(priority="high", roles=("doctor",), after_s=1),
        Step(priority="low", roles=("nurse",)),
    ),
    repeat_s=Times(high=86_400),
    settle_s=0,  # this bus keeps no plans, and echoes nothing
)
SLOW_S = 0.02  # widens every gap that a kill could fall into
WRONG_S = 300.0  # as much too early a wrong order is: the kill comes meanwhile


class FileBus:
    """A broker on a folder: at least once, in order, retained messages kept."""

    def __init__(self, folder, order):
        self.folder, self.order = folder, order
        self.online = asyncio.Event()

    async def publish(self, message):
        await asyncio.sleep(SLOW_S / 20)
        with (self.folder / "published").open("ab") as file:
            file.write(
                wire.encode([message.topic, message.payload, message.retain]) + b"\n"
            )

    def subscribe(self, *filters):
        inbox = Inbox()
        asyncio.get_running_loop().create_task(self._feed(inbox))
        return inbox

    def unsubscribe(self, inbox):
        pass

    async def _feed(self, inbox):
        acked = self.folder / "acked"
        done = int(acked.read_text() or 0) if acked.exists() else 0
        lines = (self.folder / "news").read_bytes().splitlines()
        for n, line in enumerate(lines[done:], start=done + 1):
            topic, payload = line.split(b" ", 1)

            def ack(_mid, n=n):
                (self.folder / "acked.new").write_text(str(n))
                (self.folder / "acked.new").replace(acked)

            if self.order == "ack_first":
                ack(0)
            inbox.put([Delivery(Message(topic.decode(), payload), ack)])
            await asyncio.sleep(SLOW_S / 4)


class SlowRegister(Register):
    """A register with time for a kill before and after its transaction."""

    before_s = SLOW_S

    def commit(self, news, now):
        if any(isinstance(one, Change) for one in news):
            time.sleep(self.before_s)
        super().commit(news, now)
        time.sleep(SLOW_S)


class HastyRegister(SlowRegister):
    """A register that tells people first."""

    url = ""

    def commit(self, news, now):
        for change in (one for one in news if isinstance(one, Change)):
            if change.why in Webhook.hears:
                headers = {"Idempotency-Key": f"{change.alert.id}-hasty"}
                urlopen(Request(self.url, wire.encode(change.alert), headers)).close()
        super().commit(news, now)


async def main(folder, url, order):
    database, metrics = Database(folder), Metrics()
    make = HastyRegister if order == "tell_first" else SlowRegister
    make.url, hook = url, Webhook(url)
    make.before_s = SLOW_S if order == "right" else WRONG_S
    own = {person.name: person.channels for person in SETTINGS.people}
    register = make(database, Post({hook.name: hook.hears}, own))
    sender = Sender(hook, Outbox(database), metrics, clock.now)
    bus = FileBus(folder, order)
    time_ = Timeline(clock.now, clock.elapsed)
    await Office(bus, register, [sender], metrics, time_).run(SETTINGS)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
