"""`vitals check-in`, `assign`, `assignments`, with a gateway on a real broker."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands import Commands
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.registrar import Registrar
from tests.gateway.values import NOON, measured
from vitals import broker, config
from vitals.assignments import Assigned, Assignments, Unassigned
from vitals.cli.assigning import text
from vitals.clock import now
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus

ROOT = Path(__file__).parent.parent.parent


async def vitals(*arguments):
    """Run the command; give its exit code and what it says."""
    command = [sys.executable, "-m", "vitals", *map(str, arguments)]
    return await asyncio.to_thread(
        lambda: subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=240
        )
    )


@pytest.mark.slow
@pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto")
def test_a14_the_command_line_checks_in_corrects_and_shows(run, beside, tmp_path):
    async def main():
        async with broker.embedded(tmp_path / "broker") as (mqtt, _):
            toml = tmp_path / "vitals.toml"
            toml.write_text(f"[mqtt]\nport = {mqtt.port}\n")
            last = "--config", toml
            metrics = Metrics()
            recorder = Recorder(Outbox(tmp_path / "gateway.db", "gw-1"), metrics, 0)
            cuff = config.Wearable(
                device="cuff", address="C0:00:00:00:00:01", shared=("p-1", "p-2")
            )
            async with MqttBus(mqtt, "gateway") as bus:
                registrar = Registrar("gw-1", bus, recorder, metrics, now)
                handlers = {"check_in": registrar.check_in, "assign": registrar.assign}
                commands = Commands(bus, "gw-1", handlers, metrics)
                async with beside(recorder.run(), registrar.run(), commands.run()):
                    await bus.ready(10)
                    registrar.follow([cuff])
                    await recorder.put(measured(NOON))
                    await recorder.put(measured(now()))

                    done = await vitals("check-in", "cuff", "p-1", "--by", "al", *last)
                    assert (done.returncode, done.stderr) == (0, "")
                    assert "cuff measures p-1 for 10 minutes" in done.stdout

                    done = await vitals("check-in", "cuff", "p-9", *last)
                    assert done.returncode == 1
                    assert done.stderr.startswith("vitals: unknown subject p-9")
                    assert done.stderr.count("\n") == 1

                    when = "--at", "2025-11-21T12:00:00Z", "--why", "forgot"
                    done = await vitals("assign", "cuff", "p-2", *when, *last)
                    assert "1 readings moved" in done.stdout

                    done = await vitals("assignments", *last)
                    assert done.returncode == 0
                    assert "1 readings wait" in done.stdout
                    assert "nobody -> p-2 (forgot)" in done.stdout
                    assert "al: check-in cuff" in done.stdout

                    done = await vitals("assignments", "--gateway", "gw-2", *last)
                    assert done.returncode == 1
                    assert done.stderr.startswith("vitals: no gateway of that name")
            recorder.close()

    run(main())


def test_what_waits_and_who_said_what_is_shown_in_lines():
    waiting = [
        Unassigned(device="cuff", t=NOON, kind="blood_pressure", user=3, sure=False)
    ]
    noon, common = "2025-11-21T12:00:00Z", {"t": NOON, "by": "dr", "device": "cuff"}
    trail = [
        Assigned(what="reading", since=NOON, until=NOON, old="p-1", **common),
        Assigned(what="slot", since=0, user=1, subject="p-1", **common),
    ]
    assert [*text(Assignments(t=NOON, waiting=waiting, trail=trail))] == [
        "1 readings wait: nobody has said whose they are",
        f"  {noon} cuff blood_pressure slot 3"
        " (arrived then; its own time is not known)",
        "who said what, newest first:",
        f"  {noon} dr: reading cuff of {noon}: p-1 -> nobody",
        f"  {noon} dr: slot cuff slot 1 from the beginning: nobody -> p-1",
    ]
