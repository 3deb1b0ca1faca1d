"""The bleak backend on Bumble, through bleak, against real simulated wearables."""

import asyncio
import random
import resource
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, Service
from bumble.hci import Address
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

from firmware_sim.air import Air
from firmware_sim.service import simulation
from gateway.bumble import BumbleClient, BumbleScanner, Central
from gateway.identity import resolvable
from gateway.pairing import NotPaired, Pairing
from tests import warp
from vitals.gatt import (
    battery,
    blood_pressure,
    device_information,
    health_thermometer,
    heart_rate,
    uuid,
)
from vitals.metrics import Metrics
from vitals.simulation import Sim, SimPerson, SimWearable

ADAPTER = {"bluez": {"adapter": "air"}}
SCAN = {"backend": BumbleScanner, **ADAPTER}
CLIENT = {"backend": BumbleClient, **ADAPTER}
STRAP, CUFF, THERMOMETER = (f"C0:00:00:00:00:0{n}" for n in (1, 2, 3))
SIM = Sim(
    people=(SimPerson(name="pat"),),
    wearables=(
        SimWearable(kind="strap", address=STRAP, person="pat", name="hr-1"),
        SimWearable(kind="cuff", address=CUFF, person="pat", every_s=2),
        SimWearable(kind="thermometer", address=THERMOMETER, person="pat", every_s=2),
    ),
    speed=20.0,
)


@pytest.fixture
def run():
    """Run a coroutine in jumping time: no machine is too slow for what it says."""
    return warp.run


@pytest.fixture(autouse=True)
def no_errors(caplog):
    """Neither Bumble nor the loop may have had to swallow an error."""
    yield
    names = {r.name for r in caplog.get_records("call") if r.levelname == "ERROR"}
    assert not {n for n in names if n.startswith(("bumble", "asyncio"))}


@asynccontextmanager
async def air(config=SIM):
    """A simulation, and our adapter "air" in it."""
    async with simulation(config, Metrics(), lambda: 1_700_000_000_000) as sim:
        central = await Central.plug("air", sim.air.host("gateway"))
        try:
            yield sim
        finally:
            await central.close()


async def subscribe(client, characteristic, **options):
    values = asyncio.Queue()
    await client.start_notify(
        characteristic, lambda _, v: values.put_nowait(bytes(v)), **options
    )
    return values


def test_a_scan_finds_by_service_and_tells_name_and_rssi(run):
    async def main():
        async with air():
            found = await BleakScanner.discover(
                0.3, return_adv=True, service_uuids=[heart_rate.SERVICE], **SCAN
            )
            ((device, said),) = found.values()
            assert (device.address, device.name, said.local_name) == (
                STRAP,
                *["hr-1"] * 2,
            )
            assert said.service_uuids == [heart_rate.SERVICE]
            assert -60 < said.rssi < -40
            everything = await BleakScanner.discover(0.3, **SCAN)
            assert {d.address for d in everything} == {STRAP, CUFF, THERMOMETER}

    run(main())


def test_what_a_wearable_offers_can_be_read_and_written(run):
    async def main():
        async with air():
            async with BleakClient(STRAP, **CLIENT) as client:
                rate = client.services.get_characteristic(heart_rate.MEASUREMENT)
                assert client.mtu_size == 247
                assert rate.max_write_without_response_size == 244
                assert rate.properties == ["notify"]
                assert rate.get_descriptor(uuid(0x2902))
                location = await client.read_gatt_char(heart_rate.BODY_SENSOR_LOCATION)
                assert location == b"\x01"
                serial = await client.read_gatt_char(device_information.SERIAL)
                assert serial == b"hr-1"
                (level,) = await client.read_gatt_char(battery.LEVEL)
                assert 0 < level <= 100
            async with BleakClient(THERMOMETER, **CLIENT) as client:
                interval = health_thermometer.INTERVAL
                await client.write_gatt_char(interval, b"\x05\x00", response=True)
                assert await client.read_gatt_char(interval) == b"\x05\x00"

    run(main())


def test_a_refused_write_is_the_wearables_att_error(run):
    async def main():
        async with air(), BleakClient(STRAP, **CLIENT) as client:
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.write_gatt_char(heart_rate.CONTROL_POINT, b"\x05", True)
            assert refused.value.code == 0x80

    run(main())


def test_notifications_come_until_they_are_stopped_and_again(run):
    async def main():
        async with air(), BleakClient(STRAP, **CLIENT) as client:
            values = await subscribe(client, heart_rate.MEASUREMENT)
            assert (await values.get())[0] & 0b110 == 0b110
            await client.stop_notify(heart_rate.MEASUREMENT)
            await asyncio.sleep(0.01)
            before = values.qsize()
            await asyncio.sleep(0.2)
            assert values.qsize() == before
            values = await subscribe(client, heart_rate.MEASUREMENT)
            await values.get()

    run(main())


def test_indications_come_one_after_the_other(run):
    async def main():
        async with air(), BleakClient(CUFF, **CLIENT) as client:
            values = await subscribe(client, blood_pressure.MEASUREMENT)
            for _ in range(3):
                assert len(await values.get()) == 19

    run(main())


def test_a_callback_that_fails_costs_nobody_a_confirmation(run):
    async def main():
        errors = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        async with air(), BleakClient(CUFF, **CLIENT) as client:
            got = []

            def callback(_, value):
                got.append(value)
                raise ValueError("mine")

            await client.start_notify(blood_pressure.MEASUREMENT, callback)
            while len(got) < 3:
                await asyncio.sleep(0.01)
        assert len(errors) == len(got)

    run(main())


class Confirmations:
    """Listens to a wearable's radio for ATT confirmations."""

    def __init__(self, wearable):
        self.times = []
        server = wearable.device.gatt_server
        plain = server.on_att_handle_value_confirmation

        def noted(*arguments):
            self.times.append(asyncio.get_running_loop().time())
            plain(*arguments)

        server.on_att_handle_value_confirmation = noted


def test_an_indication_is_confirmed_only_after_it_is_stored(run):
    async def main():
        async with air() as sim, BleakClient(CUFF, **CLIENT) as client:
            confirmed = Confirmations(sim.wearables[1])
            came, stored = [], []

            async def store(value):
                came.append(asyncio.get_running_loop().time())
                await asyncio.sleep(0.2)
                stored.append(bytes(value))
                assert len(confirmed.times) == len(stored) - 1

            values = await subscribe(
                client, blood_pressure.MEASUREMENT, confirm_after=store
            )
            while len(confirmed.times) < 2:
                await asyncio.sleep(0.01)
            assert confirmed.times[0] - came[0] >= 0.2
            assert stored[:2] == [values.get_nowait(), values.get_nowait()]

    run(main())


def test_without_confirm_after_the_confirmation_does_not_wait(run):
    """The control of the test above: its 0.2 s are not there by themselves."""

    async def main():
        async with air() as sim, BleakClient(CUFF, **CLIENT) as client:
            confirmed = Confirmations(sim.wearables[1])
            values = await subscribe(client, blood_pressure.MEASUREMENT)
            await values.get()
            came = asyncio.get_running_loop().time()
            while not confirmed.times:
                await asyncio.sleep(0.001)
            assert confirmed.times[0] - came < 0.1

    run(main())


def test_an_indication_that_could_not_be_stored_is_never_confirmed(run, caplog):
    async def main():
        async with air() as sim, BleakClient(CUFF, **CLIENT) as client:
            confirmed = Confirmations(sim.wearables[1])
            tries = []

            async def store(value):
                tries.append(bytes(value))
                raise OSError("disk full")

            await subscribe(client, blood_pressure.MEASUREMENT, confirm_after=store)
            await asyncio.sleep(0.6)
            assert len(tries) == 1  # nothing newer comes before it is confirmed
            assert confirmed.times == []
            await client.disconnect()
        async with air(), BleakClient(CUFF, **CLIENT) as client:
            values = await subscribe(client, blood_pressure.MEASUREMENT)
            await values.get()

    run(main())
    assert "not confirmed" in caplog.text


def test_what_is_stored_after_the_link_was_lost_is_not_confirmed_to_nobody(run):
    async def main():
        async with air() as sim:
            stored = asyncio.Event()

            async def store(value):
                await asyncio.sleep(0.3)
                stored.set()

            client = BleakClient(CUFF, **CLIENT)
            await client.connect()
            confirmed = Confirmations(sim.wearables[1])
            values = await subscribe(
                client, blood_pressure.MEASUREMENT, confirm_after=store
            )
            await values.get()
            sim.wearables[1].radio.vanish(0.05)
            await stored.wait()
            await asyncio.sleep(0.05)
            assert confirmed.times == []

    run(main())


def test_a_lost_link_says_so_and_reads_fail_as_bleak_errors(run):
    async def main():
        async with air() as sim:
            gone = asyncio.Event()
            client = BleakClient(STRAP, lambda _: gone.set(), **CLIENT)
            await client.connect()
            reading = asyncio.gather(
                *(client.read_gatt_char(battery.LEVEL) for _ in range(3)),
                return_exceptions=True,
            )
            sim.wearables[0].radio.vanish(0.1)
            await gone.wait()
            assert not client.is_connected
            for result in await reading:
                assert isinstance(result, (BleakError, bytearray))
            with pytest.raises(BleakError):
                await client.read_gatt_char(battery.LEVEL)

    run(main())


def test_an_absent_wearable_fails_in_its_time_and_holds_nobody_up(run):
    async def main():
        async with air():
            absent = BleakClient("C0:00:00:00:00:77", timeout=0.5, **CLIENT)
            began = asyncio.get_running_loop().time()
            results = await asyncio.gather(
                absent.connect(),
                BleakClient(STRAP, **CLIENT).connect(),
                return_exceptions=True,
            )
            assert isinstance(results[0], BleakDeviceNotFoundError)
            assert results[1] is None
            assert asyncio.get_running_loop().time() - began < 1.5

    run(main())


def test_who_vanished_after_being_heard_fails_too_and_can_come_back(run):
    async def main():
        async with air() as sim:
            await BleakScanner.discover(0.3, **SCAN)
            sim.wearables[0].radio.vanish()
            with pytest.raises(BleakDeviceNotFoundError):
                await BleakClient(STRAP, timeout=0.3, **CLIENT).connect()
            sim.wearables[0].radio.appear()
            async with BleakClient(STRAP, timeout=10, **CLIENT) as client:
                assert client.is_connected

    run(main())


def test_many_connect_at_once(run):
    async def main():
        async with air():

            async def level(address):
                async with BleakClient(address, **CLIENT) as client:
                    return await client.read_gatt_char(battery.LEVEL)

            levels = await asyncio.gather(*map(level, (STRAP, CUFF, THERMOMETER)))
            assert all(len(level) == 1 for level in levels)

    run(main())


def test_a_cancelled_read_does_not_give_its_answer_to_the_next(run):
    async def main():
        async with air(), BleakClient(STRAP, **CLIENT) as client:
            dice = random.Random(1)
            answers = {device_information.SERIAL: b"hr-1"}
            answers[device_information.MODEL] = b"Strap 1"
            cut = 0
            for n in range(200):
                what = list(answers)[n % 2]
                reading = asyncio.ensure_future(client.read_gatt_char(what))
                for _ in range(dice.randrange(12)):
                    await asyncio.sleep(0)
                cut += reading.cancel()
                other = list(answers)[(n + 1) % 2]
                assert await client.read_gatt_char(other) == answers[other]
            assert cut > 100

    run(main())


def test_connecting_can_be_cancelled_at_any_moment(run):
    async def main():
        async with air() as sim:
            dice = random.Random(1)

            async def session():
                async with BleakClient(STRAP, **CLIENT) as client:
                    await subscribe(client, heart_rate.MEASUREMENT)
                    await asyncio.sleep(1)

            for _ in range(20):
                task = asyncio.ensure_future(session())
                await asyncio.sleep(dice.uniform(0, 0.06))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.sleep(0.3)
            assert sim.wearables[0].device.connections == {}
            async with BleakClient(STRAP, **CLIENT) as client:
                assert client.is_connected

    run(main())


def test_no_adapter_is_bleaks_error_and_the_next_try_is_a_new_one(run):
    async def main():
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            for adapter in (f"tcp-client:127.0.0.1:{port}", "nonsense", ""):
                client = BleakClient(
                    STRAP, backend=BumbleClient, bluez={"adapter": adapter}
                )
                for _ in range(2):
                    with pytest.raises(BleakBluetoothNotAvailableError):
                        await client.connect()

    run(main())


def test_when_the_radio_comes_back_it_is_opened_again(run):
    async def main():
        air_, port = Air(), 0
        for _ in range(2):
            server = await air_.serve("127.0.0.1", port)
            port = server.sockets[0].getsockname()[1]
            adapter = f"tcp-client:127.0.0.1:{port}"
            central = await Central.get(adapter)
            assert await Central.get(adapter) is central
            air_.close()
            await asyncio.sleep(0.05)
            air_ = Air()
        with pytest.raises(BleakBluetoothNotAvailableError):
            await Central.get(adapter)

    run(main())


SECRET = uuid(0x2A38)


@asynccontextmanager
async def secured(passkey=None, private=False):
    """A wearable whose one value needs an encrypted link; give it and our adapter."""
    medium = Air()
    device = Device(
        config=DeviceConfiguration(
            name="secret",
            address=Address("C0:00:00:00:00:0A"),
            advertising_interval_min=20,
            advertising_interval_max=20,
            le_privacy_enabled=private,
            le_rpa_timeout=0,
            irk=bytes(range(16)),
        ),
        host=medium.host("secret"),
    )
    device.keystore = MemoryKeyStore()

    class Display(PairingDelegate):
        async def generate_passkey(self):
            return passkey

    shows = Display(PairingDelegate.DISPLAY_OUTPUT_ONLY)
    silent = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)
    device.pairing_config_factory = lambda _: PairingConfig(
        sc=True,
        mitm=passkey is not None,
        bonding=True,
        delegate=silent if passkey is None else shows,
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )
    readable = Characteristic.READABLE | Characteristic.READ_REQUIRES_ENCRYPTION
    value = Characteristic(
        UUID.from_16_bits(0x2A38), Characteristic.Properties.READ, readable, b"secret"
    )
    device.add_service(Service(UUID.from_16_bits(0x180D), [value]))
    device.advertising_data = bytes(AdvertisingData([(AdvertisingData.FLAGS, b"\x06")]))
    device.scan_response_data = bytes(
        AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, b"secret")])
    )
    await device.power_on()
    await device.start_advertising(auto_restart=True)
    central = await Central.plug("air", medium.host("gateway"))
    try:
        yield device, central
    finally:
        await central.close()
        medium.close()


async def find_secret():
    return await BleakScanner.find_device_by_name("secret", 2.0, **SCAN)


def test_a_protected_value_is_refused_until_we_pair_and_the_bond_stays(run):
    async def main():
        async with secured():
            device = await find_secret()
            async with BleakClient(device, **CLIENT) as client:
                with pytest.raises(BleakGATTProtocolError) as refused:
                    await client.read_gatt_char(SECRET)
                assert refused.value.code in (0x05, 0x0F)
                await client.pair()
                assert await client.read_gatt_char(SECRET) == b"secret"
            async with BleakClient(device, **CLIENT) as client:
                assert await client.read_gatt_char(SECRET) == b"secret"
            await BleakClient(device, **CLIENT).unpair()
            async with BleakClient(device, **CLIENT) as client:
                with pytest.raises(BleakGATTProtocolError):
                    await client.read_gatt_char(SECRET)

    run(main())


def typing(device, passkey):
    """A client that knows the passkey of its wearable."""
    return BleakClient(device, pairing=Pairing(device.address, passkey), **CLIENT)


def test_a_wrong_passkey_is_refused_and_the_right_one_is_not(run):
    async def main():
        async with secured(passkey=123456):
            device = await find_secret()
            async with typing(device, "111111") as client:
                with pytest.raises(NotPaired):
                    await client.pair()
            async with typing(device, "123456") as client:
                await client.pair()
                assert await client.read_gatt_char(SECRET) == b"secret"

    run(main())


def test_a_bond_outlives_a_change_of_the_private_address(run):
    async def main():
        async with secured(private=True) as (wearable, _):
            first = await find_secret()
            async with BleakClient(first, **CLIENT) as client:
                await client.pair()
            await wearable.stop_advertising()
            await wearable.update_rpa()
            radio = wearable.host.hci_sink.sink  # Bumble tells it the old address
            radio.random_address = wearable.random_address
            await wearable.start_advertising(auto_restart=True)
            second = await find_secret()
            assert resolvable(first.address)
            assert second.address == first.address  # it is recognised
            async with BleakClient(second, **CLIENT) as client:
                assert await client.read_gatt_char(SECRET) == b"secret"

    run(main())


def test_bonds_are_kept_in_a_file(run, tmp_path):
    keys = tmp_path / "keys.json"

    async def main():
        async with secured() as (_, central):
            await central.close()
            medium = central.device.host.hci_sink.sink.link
            mine = await Central.plug("air", medium.host("again"), bonds=keys)
            async with BleakClient(await find_secret(), **CLIENT) as client:
                await client.pair()
            await mine.close()

    run(main())
    assert "ltk" in keys.read_text()


FRUGAL = """
import sys
import bleak, msgspec, paho.mqtt.client, sqlite3
import gateway.bumble, gateway.memory
gateway.memory.trim()
print("cryptography" in sys.modules)
print(open("/proc/self/statm").read().split()[1])
"""


@pytest.mark.slow
def test_importing_the_backend_leaves_room_in_48_mb():
    for _ in range(2):  # the first may compile
        said = subprocess.run(
            [sys.executable, "-c", FRUGAL], capture_output=True, text=True, check=True
        ).stdout.split()
    assert said[0] == "False"
    assert int(said[1]) * resource.getpagesize() / 2**20 < 42
