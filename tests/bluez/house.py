"""The real gateway, on the real Linux Bluetooth stack, with simulated wearables.

One gateway process lives through everything that its stack does to it.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bumble import core
from bumble.gatt import Descriptor
from msgspec import structs

from firmware_sim.identity import irk
from firmware_sim.service import simulation
from firmware_sim.uart import attach
from tests.bluez.machine import machine
from vitals import DeviceStatus, GatewayStatus, broker, config, wire
from vitals.clock import now
from vitals.gatt import heart_rate
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus
from vitals.simulation import Sim, SimPerson, SimWearable

SILENCE_S = 4.0
LATENCY_S = 0.01  # without any, Linux now and then loses an answer after pairing
KINDS = ("strap", "strap", "strap", "cuff", "thermometer", "thermometer")
WORN = {f"{kind}-{n}": f"C0:00:00:00:00:0{n}" for n, kind in enumerate(KINDS, 1)}
SHY, PASSKEY, HIDES_S = "thermometer-6", "012345", 20.0
SHYNESS = {"security": "passkey", "passkey": PASSKEY, "private_s": HIDES_S}
SIM = Sim(
    people=(SimPerson(name="pat"),),
    wearables=tuple(
        SimWearable(
            kind=kind,
            address=address,
            person="pat",
            name=name,
            every_s=1.0,
            **(SHYNESS if name == SHY else {}),
        )
        for (name, address), kind in zip(WORN.items(), KINDS, strict=True)
    ),
)
PATIENCE_S = 150.0  # a machine that has more to do is slower, not broken
FAREWELL_S = 10.0
CCCD = "00002902-0000-1000-8000-00805f9b34fb"


@asynccontextmanager
async def house(image, folder):
    """Build it, with every wearable heard; it is gone after the block."""
    port = broker.free_port()
    async with AsyncExitStack() as stack:
        vm = await stack.enter_async_context(machine(image))
        wearing = structs.replace(SIM, ledger=str(folder / "ledger"))
        sim = await stack.enter_async_context(simulation(wearing, Metrics(), now))
        sim.air.latency_s = LATENCY_S
        adapter = await attach(sim.air, str(vm.hci))
        mosquitto = broker.find_mosquitto()
        await stack.enter_async_context(
            broker.child(mosquitto, folder / "broker", port)
        )
        mqtt = config.Mqtt(port=port)
        bus = await stack.enter_async_context(MqttBus(mqtt, "listener"))
        built = House(vm, sim, adapter, bus, folder, port)
        stack.push_async_callback(built.close)
        await vm.ready()
        yield built


class House:
    """What a test may touch."""

    def __init__(self, vm, sim, adapter, bus, folder, port):
        self.vm, self.sim, self.adapter = vm, sim, adapter
        self.folder, self._port = folder, port
        self.wearables = {w.name: w for w in sim.wearables}
        self.pairings = Counter()
        for wearable in sim.wearables:
            wearable.device.on("connection", partial(self._connected, wearable.name))
        self.records = defaultdict(dict)  # kinds, by device and number
        self.bonded = defaultdict(set)  # whether their links were, by device
        self.statuses, self.gateway = {}, GatewayStatus(online=False, t=0)
        self._inbox = bus.subscribe(wire.EVERYTHING)
        self._listener = asyncio.ensure_future(self._listen())
        self.process, self._children = None, []
        self.broken = False

    # The gateway.

    async def start(self):
        """Start the gateway, and wait until it has heard everybody."""
        if not self._children:
            await self._stage("ingest")
        self.process = await self._stage("gateway")
        await self.everybody_speaks()

    async def _stage(self, name):
        log = (self.folder / f"{name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vitals", "run", name),
            *("--config", str(self._configuration())),
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.vm.bus_address},
            stdout=log,
            stderr=log,
        )
        log.close()
        self._children.append(process)
        return process

    def _configuration(self):
        lines = [f'data = "{self.folder}"', "[mqtt]", f"port = {self._port}"]
        lines += ["[gateway]", f"silence_s = {SILENCE_S}"]
        for device, address in WORN.items():
            lines += ["[[gateway.wearables]]", f'device = "{device}"']
            lines += [f'address = "{address}"', 'subject = "p-1"']
            if device == SHY:
                key = irk(SIM.seed, address).hex()
                lines += [f'passkey = "{PASSKEY}"', f'irk = "{key}"']
        path = self.folder / "vitals.toml"
        path.write_text("\n".join(lines))
        return path

    @property
    def lives(self):
        """Whether the gateway has never ended."""
        return self.process.returncode is None

    def log(self):
        return (self.folder / "gateway.log").read_text()

    async def kill(self):
        """End the gateway as the out-of-memory killer does."""
        self.process.kill()
        await self.process.wait()

    async def close(self):
        for child in reversed(self._children):
            await end(child)
        self._listener.cancel()

    # The wearables.

    def secure(self, name):
        """Let a strap be subscribed to on encrypted links only."""
        server = self.wearables[name].device.gatt_server
        subscription = server.get_descriptor_attribute(
            *map(core.UUID, (heart_rate.SERVICE, heart_rate.MEASUREMENT, CCCD))
        )
        subscription.permissions |= Descriptor.WRITE_REQUIRES_ENCRYPTION

    def _connected(self, name, link):
        link.on("pairing", lambda *_: self.pairings.update([name]))

    def links(self, name):
        return list(self.wearables[name].device.connections.values())

    def sent(self, name, characteristic):
        """Count the values that a wearable handed to the radio."""
        lines = map(json.loads, (self.folder / "ledger").read_text().splitlines())
        mine = (x for x in lines if x["device"] == name)
        return sum(x["characteristic"] in characteristic for x in mine)

    # What the gateway says.

    async def _listen(self):
        while True:
            for delivery in await self._inbox.take():
                self._note(delivery.message)
                delivery.ack()

    def _note(self, message):
        device = message.topic.split("/")[-2]
        if wire.is_record(message.topic):
            for reading in wire.unpack(message):
                self.records[reading.device][reading.record.seq] = reading.kind
                self.bonded[reading.device].add(reading.record.link == "bonded")
        elif message.topic == wire.gateway_topic("gw-1", "status"):
            self.gateway = wire.read(GatewayStatus, message.payload)
        elif device in WORN and message.topic.endswith("/status"):
            self.statuses[device] = wire.read(DeviceStatus, message.payload)

    def heard(self):
        """Count the records of each wearable."""
        return {device: len(self.records[device]) for device in WORN}

    def kinds(self, device):
        """Count a wearable's records of each kind."""
        return Counter(self.records[device].values())

    async def everybody_speaks(self, devices=tuple(WORN)):
        """Wait for two new records of each; give the seconds that it took."""
        assert not self.broken, "it never recovered from what was done before"
        begin, before = time.monotonic(), self.heard()

        def spoke():
            return all(self.heard()[d] >= before[d] + 2 for d in devices)

        await until(spoke, f"{devices} speaking", self)
        return time.monotonic() - begin


async def end(child):
    """Ask a process to end; whoever does not listen is made to."""
    if child.returncode is None:
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), FAREWELL_S)
        except TimeoutError:
            child.kill()
    await child.wait()


async def until(true, what, house, seconds=PATIENCE_S):
    try:
        async with asyncio.timeout(seconds):
            while not true():
                assert not house.vm.crash, house.vm.crash
                await asyncio.sleep(0.05)
    except TimeoutError:
        house.broken = True
        log = "\n".join([*house.vm.lines[-30:], house.log()[-4000:]])
        raise AssertionError(f"no {what} within {seconds} s\n{log}") from None
