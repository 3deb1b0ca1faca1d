"""A new ingest is started before the old one is stopped."""

import asyncio
import contextlib
import signal
import time

import pytest

from ingest.ledger import open_ledger
from vitals import HeartRate, Reading, wire
from vitals.config import Mqtt
from vitals.mqtt import MqttBus

pytestmark = pytest.mark.slow

NOON = 1_763_726_400_000  # 2025-11-21T12:00Z


def publish(port, seqs):
    def message(seq):
        record = HeartRate(t=NOON + seq * 1000, gateway="gw-1", seq=seq, hr=72)
        return wire.pack(Reading("p-1", "strap-1", record))

    async def main():
        async with MqttBus(Mqtt(port=port)) as bus:
            await bus.ready()
            await asyncio.gather(*(bus.publish(message(seq)) for seq in seqs))

    asyncio.run(main())


def stored(influxd):
    found = influxd.query("SELECT count(q) FROM heart_rate")
    return found[0]["values"][0][1] if found else 0


def tally(data):
    with contextlib.closing(open_ledger(data)) as ledger:
        return ledger.tally()


def wait(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_upgrade_while_records_come_loses_and_doubles_nothing(
    mosquitto, influxd, vitals, processes, tmp_path, end
):
    config, data = tmp_path / "vitals.toml", tmp_path / "data"
    config.write_text(
        f'data = "{data}"\n[mqtt]\nport = {mosquitto}\n'
        f'[store]\nkind = "influx"\nurl = "{influxd.url}"\n'
    )
    command = "run", "ingest", "--config", str(config)
    vitals("old", *command)
    while stored(influxd) < 1:  # it has subscribed once the first arrives
        publish(mosquitto, [1])
        time.sleep(0.5)
    vitals("new", *command)
    publish(mosquitto, range(2, 500))
    wait(lambda: "standing by" in processes.log("new"))
    publish(mosquitto, range(500, 800))
    processes.kill("old", end)
    publish(mosquitto, range(800, 1000))
    wait(lambda: stored(influxd) == 999)
    wait(lambda: tally(data) == (0, 999))  # promised a moment after it is stored
    processes.kill("new", signal.SIGTERM)
    assert tally(data) == (0, 999)
