import asyncio
from itertools import pairwise

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakDeviceNotFoundError
from bumble import core
from bumble.hci import Address, HCI_Read_RSSI_Command

from firmware_sim.air import Air
from gateway.bumble import BumbleClient, BumbleScanner, Central
from vitals.gatt import battery, heart_rate

ADAPTER = {"bluez": {"adapter": "air"}}


async def heard(seconds, **options):
    found = await BleakScanner.discover(
        seconds, return_adv=True, backend=BumbleScanner, **ADAPTER, **options
    )
    return {address: said for address, (_, said) in found.items()}


def test_names_come_with_scan_responses_and_rssi_with_distance(jump, house, home):
    async def main():
        config = home(("strap", {"name": "near"}), *[("cuff", {})] * 20)
        async with house(config):
            said = await heard(5.0)
            assert said["C0:00:00:00:00:01"].local_name == "near"
            near = said["C0:00:00:00:00:01"].rssi
            far = said["C0:00:00:00:00:15"].rssi
            assert -60 < near < -40
            assert -80 < far < -60

    jump(main())


def test_the_rssi_wavers_the_same_way_each_time(jump):
    assert Air(1).dice.random() == Air(1).dice.random()


def test_advertising_keeps_its_interval_in_units_of_0_625_ms(jump, house, home):
    async def main():
        times = []
        async with house(home(("strap", {}))) as h:
            h.central.device.on(
                "advertisement",
                lambda _: times.append(asyncio.get_running_loop().time()),
            )
            await heard(10.0)
        gaps = [b - a for a, b in pairwise(times)]
        assert min(gaps) >= 0.1
        assert max(gaps) <= 0.111
        assert max(gaps) - min(gaps) > 0.005

    jump(main())


def test_the_link_of_who_vanishes_is_lost_and_can_be_made_again(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h:
            gone = asyncio.Event()
            client = await h.client(disconnected_callback=lambda _: gone.set())
            await client.connect()
            began = asyncio.get_running_loop().time()
            h.radio().vanish(0.3)
            await gone.wait()
            assert asyncio.get_running_loop().time() - began == pytest.approx(0.3, 0.1)
            assert h.sim.wearables[0].device.connections == {}
            assert await h.find(timeout=1.0) is None
            h.radio().appear()
            await client.connect()
            await client.disconnect()

    jump(main())


def test_connecting_to_nobody_ends_and_the_next_attempt_is_free(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h:
            with pytest.raises(core.TimeoutError):
                await h.central.device.connect_le(
                    Address("C0:00:00:00:00:77"), timeout=1.0
                )
            async with await h.client() as client:
                assert client.is_connected

    jump(main(), limit_s=60)


def test_a_short_absence_does_not_cost_the_link(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h, await h.client() as client:
            h.radio().vanish(2.0)
            await asyncio.sleep(1.0)
            h.radio().appear()
            await asyncio.sleep(5.0)
            assert await client.read_gatt_char(battery.LEVEL)

    jump(main())


def test_one_wearable_goes_to_one_of_two_centrals(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h:
            other = await Central.plug("other", h.sim.air.host("other"))
            for adapter in ("air", "other"):  # both know it, and dial at once
                await BleakScanner.discover(
                    1.0, backend=BumbleScanner, bluez={"adapter": adapter}
                )
            clients = [
                BleakClient(
                    h.sim.wearables[0].address,
                    backend=BumbleClient,
                    timeout=5.0,
                    bluez={"adapter": adapter},
                )
                for adapter in ("air", "other")
            ]
            results = await asyncio.gather(
                *(c.connect() for c in clients), return_exceptions=True
            )
            lost = [r for r in results if r]
            assert [type(r) for r in lost] == [BleakDeviceNotFoundError]
            assert sum(c.is_connected for c in clients) == 1
            for client in clients:
                await client.disconnect()
            await other.close()

    jump(main())


def test_the_strength_of_a_link_can_be_read(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h, await h.client():
            (link,) = h.central.device.connections.values()
            command = HCI_Read_RSSI_Command(handle=link.handle)
            answer = await h.central.device.host.send_sync_command(command)
            assert answer.rssi == h.radio().rssi

    jump(main())


def test_a_link_keeps_the_address_that_it_began_with(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h, await h.client() as client:
            h.radio().random_address = Address("C0:FF:00:00:00:99")
            assert await client.read_gatt_char(heart_rate.BODY_SENSOR_LOCATION)

    jump(main())


def test_an_unplugged_adapter_ends_its_links(jump, house, home):
    async def main():
        async with house(home(("strap", {}))) as h:
            client = await h.client()
            await client.connect()
            h.central.device.host.hci_sink.sink.unplug()
            await asyncio.sleep(0.01)
            assert h.sim.wearables[0].device.connections == {}
            assert await_nothing(h.sim.air, h.central)

    jump(main())


def await_nothing(air, central):
    """Nobody is offered advertisements any more."""
    return not air.centrals and central.device.host.hci_sink.sink not in air.controllers
