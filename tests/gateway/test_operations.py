"""The real gateway process, a real broker, simulated wearables: what operators do.

Add a wearable, take one away, break the file, switch Home Assistant on and off, look
whether all is well; while the others' heartbeats go on.
"""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5

from firmware_sim.service import simulation
from vitals import DeviceStatus, GatewayStatus, broker, config, wire
from vitals.clock import now
from vitals.metrics import Metrics
from vitals.model import GatewayCommand
from vitals.mqtt import MqttBus
from vitals.simulation import Sim, SimPerson, SimWearable
from vitals.wire import Message

MOSQUITTO = broker.find_mosquitto()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MOSQUITTO, reason="no mosquitto: apt install mosquitto"),
]
KINDS = {"strap-1": "strap", "strap-2": "strap", "cuff-1": "cuff"}
ADDRESSES = {device: f"C0:00:00:00:00:0{n}" for n, device in enumerate(KINDS, 1)}
SIM = Sim(
    people=(SimPerson(name="pat"),),
    wearables=tuple(
        SimWearable(
            kind=kind,
            address=ADDRESSES[device],
            person="pat",
            name=device,
            every_s=0.5 if kind == "strap" else 2,
        )
        for device, kind in KINDS.items()
    ),
)


class House:
    """A broker, a simulation, a configuration file that a test edits."""

    def __init__(self, folder, mqtt, radio, bus, sim):
        self.folder, self.mqtt, self.radio = folder, mqtt, radio
        self.bus, self.sim = bus, sim
        self.statuses, self.seqs, self.announced, self.gateway = {}, {}, {}, None
        self._inbox = bus.subscribe(wire.EVERYTHING)
        self._home = bus.subscribe("homeassistant/#")

    @property
    def path(self):
        return self.folder / "vitals.toml"

    def write(self, *devices, home_assistant=False):
        lines = [f'data = "{self.folder / "data"}"', "[portal]", "port = 0"]
        lines += ["[mqtt]", f"port = {self.mqtt}", "[gateway]"]
        lines += [f'adapter = "tcp-client:127.0.0.1:{self.radio}"']
        lines += [f"home_assistant = {str(home_assistant).lower()}"]
        for device in devices:
            lines += ["[[gateway.wearables]]", f'device = "{device}"']
            lines += ['subject = "p-1"', f'address = "{ADDRESSES[device]}"']
        self.path.write_text("\n".join(lines))

    async def listen(self):
        """Take everything that is published, for ever."""
        await asyncio.gather(self._note(self._inbox), self._note(self._home))

    async def _note(self, inbox):
        while True:
            for delivery in await inbox.take():
                self._take(delivery.message)
                delivery.ack()

    def _take(self, message):
        topic, payload = message.topic, message.payload
        if topic.startswith("homeassistant/"):
            self.announced[topic] = payload
        elif wire.is_record(topic):
            for reading in wire.unpack(message):
                said = self.seqs.setdefault(reading.device, [])
                said.append(reading.record.seq)
        elif topic == wire.gateway_topic("gw-1", "status"):
            self.gateway = wire.read(GatewayStatus, payload)
        elif topic.endswith("/status"):
            device = topic.split("/")[-2]
            self.statuses[device] = wire.read(DeviceStatus, payload)

    def links(self):
        """Who is connected, as the wearables know."""
        names = (w.device for w in self.sim.wearables if w.device.connections)
        return {device.name for device in names}

    def count(self, device):
        return len(set(self.seqs.get(device, ())))


@asynccontextmanager
async def house(folder, beside):
    port = broker.free_port()
    async with (
        broker.child(MOSQUITTO, folder / "broker", port),
        MqttBus(config.Mqtt(port=port)) as bus,
        simulation(SIM, Metrics(), now) as sim,
    ):
        await bus.ready()
        radio = await sim.serve("127.0.0.1", 0)
        found = House(folder, port, radio, bus, sim)
        async with beside(found.listen()):
            yield found


@asynccontextmanager
async def gateway(found):
    """The real process; gives it and what it logs."""
    command = [sys.executable, "-m", "vitals", "run", "gateway"]
    child = await asyncio.create_subprocess_exec(
        *command, "--config", str(found.path), stderr=asyncio.subprocess.PIPE
    )
    log = []
    reading = asyncio.create_task(_read(child.stderr, log))
    try:
        yield child, log
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()
        await reading
        print("".join(log))


async def _read(stream, log):
    while line := await stream.readline():
        log.append(line.decode())


async def until(true, what, seconds=60):
    try:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{what} did not happen within {seconds} s")


def test_a20_a_list_that_changes_is_followed_and_the_others_notice_nothing(
    run, beside, tmp_path
):
    async def main():
        async with house(tmp_path, beside) as found:
            found.write("strap-1", "cuff-1")
            async with gateway(found) as (process, log):
                await until(lambda: found.links() == {"strap-1", "cuff-1"}, "links")
                await until(lambda: found.count("strap-1") > 2, "heartbeats")
                await follow(found, process)
                await refuse(found, process, log)
                await obey(found)
                before = found.count("strap-1")
                await until(lambda: found.count("strap-1") > before + 2, "going on")
            assert sorted(set(found.seqs["strap-1"])) == list(
                range(1, found.count("strap-1") + 1)
            )
            assert found.statuses["strap-1"].reconnects == 0

    async def follow(found, process):
        """SIGHUP: one is added, one is let go."""
        found.write("strap-1", "strap-2")
        process.send_signal(signal.SIGHUP)
        await until(lambda: found.links() == {"strap-1", "strap-2"}, "the new list")
        await until(lambda: found.count("strap-2") > 2, "the new one's heartbeats")
        await until(lambda: not found.statuses["cuff-1"].connected, "the farewell")

    async def refuse(found, process, log):
        """A broken file: one line, and all stays as it is."""
        found.path.write_text(found.path.read_text() + "\nnmae = 'x'")
        process.send_signal(signal.SIGHUP)
        await until(lambda: any("stay as they were" in line for line in log), "no")
        assert sum("stay as they were" in line for line in log) == 1
        assert found.links() == {"strap-1", "strap-2"}

    async def obey(found):
        """The same by a command over MQTT."""
        found.write("strap-1", "cuff-1")
        command = wire.encode(GatewayCommand(action="reload", t=now()))
        topic = wire.gateway_topic("gw-1", "command")
        await found.bus.publish(Message(topic, command))
        await until(lambda: found.links() == {"strap-1", "cuff-1"}, "the old list")

    run(main())


def test_a15_a16_a22_battery_signal_and_health_are_published_and_shown(
    run, beside, tmp_path
):
    async def main():
        async with house(tmp_path, beside) as found:
            found.write("strap-1")
            async with gateway(found):
                await until(lambda: found.count("strap-1") > 2, "heartbeats")
                await until(lambda: "strap-1" in found.statuses, "a status")
                await until(lambda: found.statuses["strap-1"].battery, "its battery")
                await until(lambda: found.gateway, "the gateway's status")
                text = await doctor(found)
            await until(lambda: not found.gateway.online, "the last word")
            return found.statuses["strap-1"], found.gateway, text

    async def doctor(found):
        command = [sys.executable, "-m", "vitals", "doctor", "--seconds", "1"]
        child = await asyncio.create_subprocess_exec(
            *command, "--config", str(found.path), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
        return " ".join(said.decode().split())

    strap, box, text = run(main())
    print(text)
    assert strap.connected
    assert -100 < strap.rssi < -30
    assert 0 < strap.battery <= 100
    assert strap.last
    assert (strap.malformed, strap.reconnects) == (0, 0)
    assert (box.dropped, box.malformed) == (0, 0)
    assert "gateway ok gw-1: " in text
    assert "queued, 0 dropped, 0 malformed" in text
    assert "wearable ok strap-1: connected, -" in text
    assert "last reading" in text


def test_a10_records_are_published_at_qos_1_and_the_last_will_is_retained(
    run, beside, tmp_path
):
    status = wire.gateway_topic("gw-1", "status")

    async def main():
        async with house(tmp_path, beside) as found, witness(found.mqtt) as seen:
            found.write("strap-1")
            async with gateway(found) as (child, _):
                await until(lambda: found.count("strap-1") > 2, "heartbeats")
                await until(lambda: found.gateway, "the gateway's status")
                assert found.gateway.online
                child.kill()  # no word of its own any more
                await until(lambda: not found.gateway.online, "the last will")
            async with witness(found.mqtt, status) as later:  # who comes too late
                await until(lambda: later, "what the broker kept")
        records = [said for said in seen if wire.is_record(said.topic)]
        return {said.qos for said in records}, later

    grades, [kept] = run(main(), 60)
    assert grades == {1}
    assert (kept.qos, kept.retain) == (1, True)
    assert not wire.read(GatewayStatus, kept.payload).online


@asynccontextmanager
async def witness(port, topic="vitals/v1/#"):
    """A client that is none of ours, and what it is told."""
    seen = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.on_message = lambda *said: seen.append(said[-1])
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield seen
    finally:
        client.disconnect()
        client.loop_stop()


def test_home_assistant_is_told_of_real_wearables_and_forgets_them_again(
    run, beside, tmp_path
):
    def told(found):
        return json.loads(found.announced["homeassistant/device/strap-1/config"])

    async def main():
        async with house(tmp_path, beside) as found:
            found.write("strap-1", home_assistant=True)
            async with gateway(found):
                await until(lambda: found.announced, "an announcement")
                await until(lambda: len(told(found)["components"]) == 4, "all of it")
                await until(lambda: "model" in told(found)["device"], "its model")
            topics = {c["state_topic"] for c in told(found)["components"].values()}
            shard = wire.shard("p-1")
            assert topics == {
                f"vitals/v1/{shard}/p-1/strap-1/{leaf}"
                for leaf in ("heart_rate", "battery", "status")
            }
            found.write("strap-1", home_assistant=False)
            async with gateway(found):
                await until(lambda: not any(found.announced.values()), "taking back")

    run(main())
