"""The gateway through bleak's own, unmodified BlueZ backend: a private D-Bus,
`org.bluez` in front of the simulated radio, and the real gateway process."""

import asyncio
import logging
import shutil
import sys
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from bleak import BleakClient, BleakScanner
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, Service
from bumble.hci import Address
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig
from dbus_fast.aio import MessageBus

from firmware_sim.air import Air
from firmware_sim.bluez.service import BlueZ
from firmware_sim.identity import irk
from firmware_sim.service import simulation
from gateway.agent import Agent
from gateway.attendant import Attendant
from gateway.identity import Identities, keys_of
from gateway.radio import Radio
from gateway.roaming import Roaming
from tests.conftest import background
from vitals import DeviceStatus, Kind, broker, config, wire
from vitals.clock import now
from vitals.gatt import heart_rate
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus
from vitals.simulation import Sim, SimPerson, SimWearable

DAEMON = shutil.which("dbus-daemon")
MOSQUITTO = broker.find_mosquitto()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DAEMON, reason="no dbus-daemon: apt install dbus"),
]
CONF = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""
KINDS = {
    "strap": Kind.HEART_RATE,
    "cuff": Kind.BLOOD_PRESSURE,
    "thermometer": Kind.BODY_TEMPERATURE,
}
ADDRESSES = {kind: f"C0:00:00:00:00:0{n}" for n, kind in enumerate(KINDS, 1)}
STRANGER = "C0:00:00:00:00:99"
SECRET = heart_rate.BODY_SENSOR_LOCATION
SIM = Sim(
    people=(SimPerson(name="pat"),),
    wearables=tuple(
        SimWearable(
            kind=kind, address=address, person="pat", every_s=1, name=f"my {kind}"
        )
        for kind, address in ADDRESSES.items()
    ),
)


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """The address of a bus that is to be, and what bleak takes for the system's."""
    address = f"unix:path={tmp_path}/bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    return address


@asynccontextmanager
async def process(*command, says=""):
    """A child process that is stopped in the end; wait for what it says first."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        if says:
            line = await asyncio.wait_for(child.stdout.readline(), 60)
            assert line.startswith(says.encode()), line
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


def daemon(folder, address):
    conf = folder / "dbus.conf"
    conf.write_text(CONF.format(address=address))
    options = ["--nofork", "--nopidfile", "--print-address"]
    return process(DAEMON, f"--config-file={conf}", *options, says="unix:")


def bluez(bus, port):
    adapter = f"tcp-client:127.0.0.1:{port}"
    module = [sys.executable, "-m", "firmware_sim.bluez"]
    return process(*module, bus, adapter, says="ready")


def gateway(folder, port):
    """The real process, as an installation runs it; no adapter means BlueZ."""
    lines = [f'data = "{folder}"', "[mqtt]", f"port = {port}", "[gateway]"]
    for kind, address in ADDRESSES.items():
        lines += ["[[gateway.wearables]]", f'device = "{kind}"', 'subject = "p-1"']
        lines += [f'address = "{address}"']
    path = folder / "vitals.toml"
    path.write_text("\n".join(lines))
    command = [sys.executable, "-m", "vitals", "run", "gateway"]
    return process(*command, "--config", str(path))


async def until(true, what, seconds=60):
    try:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{what} did not happen within {seconds} s")


class Listener:
    """What the gateway publishes: sequence numbers by stream, statuses by device."""

    def __init__(self, mqtt):
        self.seqs, self.statuses = defaultdict(set), {}
        self.kinds = defaultdict(set)
        self._inbox = mqtt.subscribe(wire.EVERYTHING)

    async def run(self):
        while True:
            for delivery in await self._inbox.take():
                self._note(delivery.message)
                delivery.ack()

    def _note(self, message):
        if wire.is_record(message.topic):
            for reading in wire.unpack(message):
                self.seqs[reading.device].add(reading.record.seq)
                self.kinds[reading.kind].add(reading.device)
        elif message.topic.endswith("/status") and "gateway" not in message.topic:
            device = message.topic.split("/")[-2]
            self.statuses[device] = wire.read(DeviceStatus, message.payload)

    @property
    def recorded(self):
        return sum(map(len, self.seqs.values()))


@pytest.mark.skipif(not MOSQUITTO, reason="no mosquitto: apt install mosquitto")
def test_every_value_arrives_through_bluez_and_a_lost_link_comes_back(
    run, beside, bus, tmp_path
):
    metrics, port = Metrics(), broker.free_port()

    async def main():
        async with (
            daemon(tmp_path, bus),
            simulation(SIM, metrics, now) as sim,
            broker.child(MOSQUITTO, tmp_path / "broker", port),
            MqttBus(config.Mqtt(port=port), "listener") as mqtt,
            bluez(bus, await sim.serve("127.0.0.1", 0)),
        ):
            heard = Listener(mqtt)
            async with beside(heard.run()), gateway(tmp_path, port):
                await watch(sim, heard)

    async def watch(sim, heard):
        await until(lambda: len(heard.seqs) == 3, "three devices heard")
        for wearable in sim.wearables:
            wearable.radio.vanish()
            wearable.radio.drop_links()  # between two values: none is under way
        await until(lambda: links(sim) == 0, "the loss of all links")
        await until(
            lambda: metrics.counters["sim_sent_total"] == heard.recorded,
            "what was under way",
        )
        for wearable in sim.wearables:
            wearable.radio.appear()
        await go_on(heard, set(ADDRESSES))
        await until(
            lambda: all(s.reconnects == 1 for s in heard.statuses.values()),
            "word of the reconnection",
        )
        await sim.stop()
        await until(
            lambda: heard.recorded == metrics.counters["sim_sent_total"], "every value"
        )
        for device, kind in KINDS.items():
            assert heard.kinds[kind] == {device}
        for device, seqs in heard.seqs.items():
            assert seqs == set(range(1, len(seqs) + 1)), device
            assert heard.statuses[device].name == f"my {device}"

    run(main())


def links(sim):
    return sum(len(wearable.device.connections) for wearable in sim.wearables)


@pytest.mark.parametrize(
    ("adapter", "there", "problem"),
    [
        ("", (), "cannot scan with BlueZ"),  # no D-Bus
        ("", ("bus",), "cannot scan with BlueZ"),
        ("hci7", ("bus", "bluez"), "cannot scan with hci7"),
    ],
    ids=["no D-Bus", "no BlueZ", "no such adapter"],
)
def test_what_is_missing_is_said_once_and_tried_again(
    run, beside, bus, tmp_path, caplog, adapter, there, problem
):
    caplog.set_level(logging.WARNING, "gateway")

    async def main():
        async with AsyncExitStack() as stack:
            sim = await stack.enter_async_context(simulation(SIM, Metrics(), now))
            port = await sim.serve("127.0.0.1", 0)
            if "bus" in there:
                await stack.enter_async_context(daemon(tmp_path, bus))
            if "bluez" in there:
                await stack.enter_async_context(bluez(bus, port))
            await seek(adapter)

    async def seek(adapter):
        radio = Radio(adapter)
        async with beside(radio.run(), ignored(radio.seen(ADDRESSES["strap"]))) as jobs:
            await until(lambda: radio.problem, "the problem")
            await asyncio.sleep(1.5)  # another try
            assert not jobs[0].done()
        assert radio.problem.startswith(problem)

    run(main())
    (line,) = [r.getMessage() for r in caplog.records if r.name == "gateway.radio"]
    assert line.startswith(problem)
    assert line.endswith("; trying again")
    assert "\n" not in line
    print(line)


async def ignored(awaitable):
    await awaitable


def test_bluez_that_comes_late_is_found(run, beside, bus, tmp_path, caplog):
    async def main():
        async with simulation(SIM, Metrics(), now) as sim:
            radio = Radio("")
            async with beside(radio.run()) as _:
                seen = asyncio.ensure_future(radio.seen(ADDRESSES["strap"]))
                await until(lambda: radio.problem, "the problem")
                port = await sim.serve("127.0.0.1", 0)
                async with daemon(tmp_path, bus), bluez(bus, port):
                    device = await asyncio.wait_for(seen, 60)
                    assert device.address == ADDRESSES["strap"]
                    await until(lambda: not radio.problem, "relief")

    run(main())


@asynccontextmanager
async def secret(bus):
    """BlueZ, and in its air a wearable whose one value needs an encrypted link."""
    medium = Air()
    config = DeviceConfiguration(name="secret", address=Address(ADDRESSES["strap"]))
    device = Device(config=config, host=medium.host("secret"))
    device.keystore = MemoryKeyStore()
    just_works = PairingConfig(
        mitm=False, identity_address_type=PairingConfig.AddressType.RANDOM
    )
    device.pairing_config_factory = lambda _: just_works
    readable = Characteristic.READABLE | Characteristic.READ_REQUIRES_ENCRYPTION
    value = Characteristic(SECRET, Characteristic.Properties.READ, readable, b"secret")
    device.add_service(Service("180D", [value]))
    await device.power_on()
    await device.start_advertising(auto_restart=True)
    connection = await MessageBus(bus).connect()
    await BlueZ(connection, medium.host("bluez")).start()
    try:
        yield
    finally:
        connection.disconnect()
        medium.close()


@pytest.mark.parametrize(
    ("known", "value"),
    [(ADDRESSES["strap"], b"secret"), (ADDRESSES["cuff"], None), (None, None)],
    ids=["our own wearable", "a stranger", "no agent"],
)
def test_a_protected_value_is_read_where_our_agent_consents(
    run, beside, bus, tmp_path, known, value
):
    async def read():
        found = await BleakScanner.find_device_by_address(ADDRESSES["strap"], 60)
        async with BleakClient(found) as client:
            async with asyncio.timeout(60 if value else 2):
                return bytes(await client.read_gatt_char(SECRET))

    async def main():
        agent = Agent()
        agent.know(
            [config.Wearable(device="it", subject="p-1", address=known or STRANGER)]
        )
        agents = [agent.run()] if known else []
        async with daemon(tmp_path, bus), secret(bus), beside(*agents):
            if value:
                assert await read() == value
            else:
                with pytest.raises(TimeoutError):  # BlueZ leaves its caller waiting
                    await read()

    run(main())


@pytest.mark.skipif(not MOSQUITTO, reason="no mosquitto: apt install mosquitto")
@pytest.mark.parametrize(
    ("end", "devices"),
    [
        (asyncio.subprocess.Process.terminate, set(ADDRESSES)),
        # Who is killed says nothing: only the silence of what streams gives it away.
        (asyncio.subprocess.Process.kill, {"strap"}),
    ],
    ids=["restarted", "killed"],
)
def test_a_new_bluez_is_taken_up(run, beside, bus, tmp_path, end, devices):
    port = broker.free_port()

    async def main():
        async with (
            daemon(tmp_path, bus),
            simulation(SIM, Metrics(), now) as sim,
            broker.child(MOSQUITTO, tmp_path / "broker", port),
            MqttBus(config.Mqtt(port=port), "listener") as mqtt,
        ):
            radio, heard = await sim.serve("127.0.0.1", 0), Listener(mqtt)
            async with beside(heard.run()), gateway(tmp_path, port):
                async with bluez(bus, radio) as old:
                    await until(lambda: len(heard.seqs) == 3, "three devices heard")
                    end(old)
                    await old.wait()
                await until(lambda: links(sim) == 0, "the loss of all links")
                async with bluez(bus, radio):
                    await go_on(heard, devices)

    run(main())


async def go_on(heard, devices):
    before = {device: len(heard.seqs[device]) for device in devices}
    await until(
        lambda: all(len(heard.seqs[d]) >= n + 3 for d, n in before.items()),
        "going on",
        40,
    )


HIDING = SimWearable(
    kind="strap",
    address=ADDRESSES["strap"],
    person="pat",
    security="passkey",
    passkey="012345",
    private_s=2,
)


@asynccontextmanager
async def attended(wearable, **options):
    """A gateway of this process through BlueZ; give the readings, and its counters."""
    radio, metrics, readings = Radio(""), Metrics(), []
    worn = config.Wearable(
        device="it", subject="p-1", address=wearable.address, **options
    )
    radio.identities = Identities(keys_of({worn.address: worn.irk}))
    agent = Agent(lambda path: radio.paths.get(path))
    agent.know([worn])
    recorder = Recorded(readings)
    attendant = Attendant(worn, Roaming(worn, [radio]), recorder, metrics, now)
    async with background(radio.run(), agent.run(), attendant.run()):
        yield readings, metrics.counters


class Recorded:
    """Takes what would go to disk."""

    def __init__(self, readings):
        self._readings = readings

    def put(self, said):
        self._readings.append(said.reading.record)
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


@asynccontextmanager
async def through_bluez(tmp_path, bus, *wearables):
    sim_ = msgspec.structs.replace(SIM, wearables=wearables)
    async with daemon(tmp_path, bus), simulation(sim_, Metrics(), now) as sim:
        async with bluez(bus, await sim.serve("127.0.0.1", 0)):
            yield sim


def test_a18_a19_one_that_hides_behind_a_passkey_is_bonded_through_bluez(
    run, bus, tmp_path
):
    key = irk(SIM.seed, HIDING.address).hex()

    async def main():
        async with through_bluez(tmp_path, bus, HIDING) as sim:
            device, addresses = sim.wearables[0].device, set()
            async with attended(HIDING, passkey="012345", irk=key) as (heard, counters):
                for links_ in (1, 2):
                    before = len(heard)
                    await until(lambda n=before: len(heard) > n + 2, "values")
                    assert counters["gateway_connections_total"] == links_
                    addresses.add(str(device.random_address))
                    sim.wearables[0].radio.drop_links()
                    await asyncio.sleep(2)  # for another address
                # Somebody else, with its address, its name and its passkey:
                device.keystore = MemoryKeyStore()
                sim.wearables[0].radio.drop_links()
                before = len(heard)
                await asyncio.sleep(5)
                assert len(heard) == before
        assert {record.link for record in heard} == {"bonded"}
        assert len(addresses) == 2
        assert counters["gateway_pairings_failed_total"] == 0

    run(main())


def test_a18_with_a_wrong_passkey_bluez_hands_over_nothing(run, bus, tmp_path):
    wearable = msgspec.structs.replace(HIDING, private_s=None)

    async def main():
        async with through_bluez(tmp_path, bus, wearable):
            async with attended(wearable, passkey="999999") as (heard, counters):
                failed = "gateway_pairings_failed_total"
                await until(lambda: counters[failed], "a refusal")
                await asyncio.sleep(1)
        assert heard == []

    run(main())


def test_a18_who_asks_for_no_passkey_is_not_paired_where_one_is_configured(
    run, bus, tmp_path
):
    """It agrees to Just Works: it is somebody else."""
    wearable = msgspec.structs.replace(
        HIDING, private_s=None, security="open", passkey=""
    )

    async def main():
        async with through_bluez(tmp_path, bus, wearable):
            async with attended(wearable, passkey="012345") as (heard, counters):
                failed = "gateway_pairings_failed_total"
                await until(lambda: counters[failed], "a refusal")
                await asyncio.sleep(1)
        assert heard == []

    run(main())
