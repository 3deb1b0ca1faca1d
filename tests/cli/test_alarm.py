"""`vitals alarm`, with the alert engine on a real broker."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from alerts import service
from alerts.database import Database
from alerts.ledger import entries
from tests.alerts.conftest import until
from vitals import broker, wire
from vitals.clock import now
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus
from vitals.staff import Person

NAMED = '[[alerts.people]]\nname = "anna"\n[[alerts.people]]\nname = "ben"\n'
ROOT = Path(__file__).parent.parent.parent


async def vitals(*arguments):
    """Run the command; give its exit code and what it says."""
    command = [sys.executable, "-m", "vitals", "alarm", *map(str, arguments)]
    return await asyncio.to_thread(
        lambda: subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=240
        )
    )


@pytest.mark.slow
@pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto")
def test_c22_a_test_alarm_says_whom_it_reached_and_duty_is_changed_by_hand(
    run, beside, tmp_path
):
    settings = Alerts(people=(Person(name="anna"), Person(name="ben")))

    async def main():
        async with broker.embedded(tmp_path / "broker") as (mqtt, _):
            toml = tmp_path / "vitals.toml"
            toml.write_text(f"[mqtt]\nport = {mqtt.port}\n" + NAMED)
            last = "--by", "anna", "--config", toml
            async with MqttBus(mqtt, "alerts") as bus, MqttBus(mqtt) as other:
                engine = service.run(bus, settings, tmp_path, Metrics(), now)
                works = other.subscribe(wire.stage_topic("alerts"))
                async with beside(engine):
                    await works.take()  # it has subscribed before it says so
                    done = await vitals("test", "--subject", "p-7", *last)
                    assert (done.returncode, done.stderr) == (0, "")
                    assert "told anna, ben" in done.stdout
                    strap = "strap-1", "--subject", "p-7"
                    done = await vitals("out", *strap, "--hours", 2, *last)
                    assert "strap-1 of p-7 is out of service" in done.stdout
                    await vitals("in", *strap, *last)
                    done = await vitals("relieve", "bob", *last)
                    assert "nobody in alerts.people is called bob" in done.stderr
                    done = await vitals("relieve", "ben", "--why", "dentist", *last)
                    assert done.stdout == "ben stands in for anna\n"
                    database = Database(tmp_path)
                    await until(lambda: len(said(database)) == 3)
                    database.close()

    run(main())
    database = Database(tmp_path)
    assert said(database) == ["out_of_service", "in_service", "relieve"]
    assert entries(database)[-1].why == "dentist"
    database.close()


def said(database):
    """Give what was changed by hand."""
    return [e.what for e in entries(database) if e.what != "settings"]
