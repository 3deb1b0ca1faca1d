"""python -m benchmarks.feeder FOLDER PORT PER_S [--puback]: a gateway without a radio.

Outbox, recorder and uplink are the gateway's own; the notifications are made up.  A
line on stdout for every group that is on disk, which is when a wearable would be told:
how many values of this run.  `--puback` is the negative control: it forgets what the
broker has acknowledged.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from gateway.commands import Commands
from gateway.notification import Notification
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.service import Reporter
from gateway.uplink import Uplink
from vitals import HeartRate, Reading
from vitals.clock import now
from vitals.config import Mqtt
from vitals.gatt import heart_rate
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus

STRAPS = 10
TICK_S = 0.05


class Hasty(Uplink):
    """Takes the broker's acknowledgement for durability."""

    async def _publish(self, rows):
        await super()._publish(rows)
        await self._recorder.ask(Outbox.release, [row.id for row in rows])
        self._metrics.count("released_total", len(rows))


def said(number):
    """Give what a strap said now."""
    t, strap = now(), number % STRAPS
    record = HeartRate(t=t, received=t, hr=60.0 + number % 40, rr=(800.0,))
    reading = Reading(f"p-{strap}", f"strap-{strap}", record)
    raw = number.to_bytes(8, "little")
    return Notification(reading, heart_rate.MEASUREMENT, raw, time.monotonic())


async def talk(recorder, per_s):
    """Let the straps speak."""
    begun, number = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begun) * per_s)
        due = min(due, number + 2 * int(per_s * TICK_S) + STRAPS)
        values = [said(n) for n in range(number, due)]
        await asyncio.gather(*map(recorder.put, values))
        number += len(values)
        print(number, flush=True)
        await asyncio.sleep(TICK_S)


async def run(folder, port, per_s, kind):
    recorder = Recorder(Outbox(folder / "gateway.db", "gw-1"), Metrics(), 0.02)
    async with (
        MqttBus(Mqtt(port=port), "vitals-gateway-gw-1") as bus,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(recorder.run())
        uplink = kind("gw-1", recorder, bus, Metrics())
        tasks.create_task(uplink.run())
        handlers = {"resend": uplink.resend}
        tasks.create_task(Commands(bus, "gw-1", handlers, Metrics()).run())
        reporter = Reporter("gw-1", bus, recorder, [], Metrics(), now)
        tasks.create_task(reporter.run())
        if per_s:
            tasks.create_task(talk(recorder, per_s))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("per_s", type=float)
    parser.add_argument("--puback", action="store_true")
    chosen = parser.parse_args()
    kind = Hasty if chosen.puback else Uplink
    asyncio.run(run(chosen.folder, chosen.port, chosen.per_s, kind))


if __name__ == "__main__":
    sys.exit(main())
