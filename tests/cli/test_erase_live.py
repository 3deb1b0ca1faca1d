"""A patient is erased while the house runs: the broker and the stages forget, too."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from alerts import service as engine
from alerts.history import AlertHistory
from dsp import service as detectors
from dsp.snapshot import Snapshot
from ingest.ledger import Ledger
from ingest.service import run as ingesting
from ingest.store import open_store
from portal.board import Board, follow
from portal.events import EventLog
from portal.people import People
from tests.cli.test_erase import OTHER, OURS
from vitals import HeartRate, Reading, broker, config, wire
from vitals.cli.retained import told
from vitals.clock import now
from vitals.heartbeat import beat
from vitals.metrics import Metrics
from vitals.model import DeviceStatus, Limit, Plan
from vitals.mqtt import MqttBus
from vitals.wire import Message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto"),
]
RATES = {OURS: 151.625, OTHER: 152.375}
ROOT = Path(__file__).parent.parent.parent
QUICK = config.Dsp(
    limits={"heart_rate": Limit(high=120, hold_s=0)},
    silence_s={"heart_rate": 3600},  # however slow the machine is
)
TOML = """
data = "{data}"
[mqtt]
port = {port}
[gateway]
wearables = [{{ device = "strap", address = "C0:00:00:00:00:01", subject = "{worn}" }}]
"""


async def vitals(*arguments):
    """Run the command; give its exit code and what it says."""
    command = [sys.executable, "-m", "vitals", *map(str, arguments)]
    return await asyncio.to_thread(
        lambda: subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
    )


async def until(fact):
    """Wait until something is so."""
    while not await asyncio.to_thread(fact):
        await asyncio.sleep(0.05)


class House:
    """What runs of a house, on one broker and one folder."""

    def __init__(self, folder, mqtt):
        self.data, self.mqtt = folder / "data", mqtt
        self.data.mkdir()
        self.toml = folder / "vitals.toml"
        self.wear(OTHER)
        self.store = open_store(config.Store(), self.data)
        self.ledger = Ledger(self.data / "ledger.db")
        self.alerts = AlertHistory(self.data)
        self.people = People(self.data / "people.db")
        self.board = Board(EventLog(now()))

    def wear(self, subject):
        """Say in the configuration whose the strap is."""
        said = {"data": self.data, "port": self.mqtt.port, "worn": subject}
        self.toml.write_text(TOML.format(**said))

    def stages(self, buses):
        """Give what runs, each stage on a bus of its own."""
        metrics, data = Metrics(), self.data
        works = {
            "ingest": lambda bus: ingesting(bus, self.store, self.ledger, metrics, now),
            "dsp": lambda bus: detectors.run(bus, QUICK, data, metrics, now),
            "alerts": lambda bus: engine.run(bus, config.Alerts(), data, metrics, now),
            "portal": lambda bus: follow(self.board, bus, metrics),
        }
        for (name, work), bus in zip(works.items(), buses, strict=True):
            yield from (work(bus), beat(bus, name, now))

    def open(self):
        """Give whose alerts are open."""
        return {alert.subject for alert in self.alerts.alerts("open", None)[0]}

    def close(self):
        for one in (self.store, self.ledger, self.alerts, self.people):
            one.close()


async def live(bus, house):
    """Let two people's hearts race, with a plan and a wearable each."""
    for subject in (OURS, OTHER):
        plan = Plan(t=now(), limits={"heart_rate": Limit(high=110, hold_s=5)})
        status = DeviceStatus(t=now(), connected=True, gateway="gw-1")
        for leaf, noun in (("plan", plan), ("strap/status", status)):
            topic = wire.of(subject, *leaf.split("/"))
            await bus.publish(Message(topic, wire.encode(noun), retain=True))
    began, n = now() - 300_000, 0
    while house.open() != {OURS, OTHER}:  # a stage that starts has missed the first
        n += 1
        for subject in (OURS, OTHER):
            record = HeartRate(t=began + n * 1000, hr=RATES[subject])
            await bus.publish(wire.pack(Reading(subject, "strap", record)))
        await asyncio.sleep(0.1)
    await until(lambda: house.store.subjects() == [OURS, OTHER])
    await asyncio.sleep(1)  # until all is written


@pytest.mark.slow
def test_d15_a_house_that_runs_forgets_one_and_goes_on_with_all(run, beside, tmp_path):
    async def main():
        async with broker.embedded(tmp_path / "broker") as (mqtt, _):
            house = House(tmp_path, mqtt)
            names = "ingest", "dsp", "alerts", "portal"
            async with (
                MqttBus(mqtt) as bus,
                MqttBus(mqtt, f"vitals-{names[0]}") as first,
                MqttBus(mqtt, f"vitals-{names[1]}") as second,
                MqttBus(mqtt, f"vitals-{names[2]}") as third,
                MqttBus(mqtt, f"vitals-{names[3]}") as fourth,
                beside(*house.stages([first, second, third, fourth])),
            ):
                await live(bus, house)
                await forgets(bus, house)
            house.close()

    run(main())


async def forgets(bus, house):
    asked = "patient", "erase", OURS, "--config", house.toml
    done = await vitals(*asked, "--yes")
    assert done.returncode == 1  # the strap is connected, says its gateway
    assert f"{OURS} still wears strap" in done.stderr
    assert len(await retained(bus, OURS)) == 3  # plan, status, alert
    here = house.data.rglob("*")
    assert [path for path in here if path.is_file() and holds(path, b"151.625")]

    done = await vitals(*asked, "--yes", "--anyway")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"erased: {OURS}" in done.stdout
    assert await retained(bus, OURS) == []
    assert len(await retained(bus, OTHER)) == 3
    assert house.open() == {OTHER}
    assert house.store.subjects() == [OTHER]
    assert house.board.plan(OURS) is None
    assert house.board.latest(OURS) == house.board.open_alerts([OURS]) == []
    assert house.board.plan(OTHER)
    assert house.board.open_alerts([OTHER])
    await still_works(bus, house)


async def retained(bus, subject):
    return (await told(bus, subject, now())).topics


async def still_works(bus, house):
    """The stages go on, and write down nothing of whom they have forgotten."""
    before = house.store.count()
    record = HeartRate(t=now(), hr=152.0)
    await bus.publish(wire.pack(Reading(OTHER, "strap", record)))
    await until(lambda: house.store.count() > before)
    await asyncio.sleep(detectors.SAVE_S + 1)  # until the detectors have saved again
    assert Snapshot(house.data / "dsp.npz").knows(OTHER)
    here = house.data.rglob("*")
    assert not [path for path in here if path.is_file() and holds(path, b"151.625")]
    assert not Snapshot(house.data / "dsp.npz").knows(OURS)


def holds(path, octets):
    try:
        return octets in path.read_bytes()
    except FileNotFoundError:  # the house runs: a file was renamed meanwhile
        return False


def test_a_wearable_in_the_configuration_and_a_broker_that_is_away(run, tmp_path):
    async def main():
        house = House(tmp_path, config.Mqtt(port=broker.free_port()))
        house.people.names.give(OURS, "Wang")
        asked = "patient", "erase", OURS, "--config", house.toml
        house.wear(OURS)
        done = await vitals(*asked)
        assert done.returncode == 0
        assert "the broker was not asked" in done.stdout
        assert "they still wear strap" in done.stdout
        done = await vitals(*asked, "--yes", "--anyway")
        assert done.returncode == 1  # what it retains would come back
        assert house.people.names.of(OURS) == "Wang"
        house.close()

    run(main())
