"""Wearables that want a bond, and wearables that hide."""

import asyncio

import pytest
from bleak import BleakScanner
from bleak.exc import BleakError, BleakGATTProtocolError

from firmware_sim.identity import irk
from gateway.bumble import BumbleScanner
from gateway.identity import Identities, resolvable
from gateway.pairing import NotPaired, Pairing
from vitals.errors import ConfigError
from vitals.gatt import battery, device_information, heart_rate

ADDRESS = "C0:00:00:00:00:01"
PASSKEY = {"security": "passkey", "passkey": "012345"}


def knows(passkey=""):
    return {"pairing": Pairing(ADDRESS, passkey)}


@pytest.mark.parametrize("options", [{"security": "encrypted"}, PASSKEY])
def test_values_are_kept_from_who_has_no_bond(jump, house, home, options):
    async def main():
        async with house(home(("strap", options))) as place:
            async with await place.client() as client:
                assert await client.read_gatt_char(device_information.MODEL)
                for value in battery.LEVEL, heart_rate.BODY_SENSOR_LOCATION:
                    with pytest.raises(BleakGATTProtocolError):
                        await client.read_gatt_char(value)
                with pytest.raises(BleakGATTProtocolError):
                    await client.start_notify(heart_rate.MEASUREMENT, print)
                with pytest.raises(BleakGATTProtocolError):
                    await client.write_gatt_char(heart_rate.CONTROL_POINT, b"\1", True)
                await asyncio.sleep(5)
        assert place.metrics.counters["sim_sent_total"] == 0

    jump(main())


def test_an_open_wearable_keeps_nothing_from_anybody(jump, house, home):
    """The control of the test above."""

    async def main():
        async with house(home(("strap", {}))) as place:
            async with await place.client() as client:
                assert await client.read_gatt_char(battery.LEVEL)
                await client.start_notify(heart_rate.MEASUREMENT, lambda *_: None)

    jump(main())


@pytest.mark.parametrize(
    ("typed", "made"), [("012345", True), ("543210", False), ("", False)]
)
def test_only_its_passkey_makes_a_bond(jump, house, home, typed, made):
    async def main():
        async with house(home(("strap", PASSKEY))) as place:
            async with await place.client(**knows(typed)) as client:
                if made:
                    assert await client.read_gatt_char(battery.LEVEL)
                else:
                    with pytest.raises(NotPaired):
                        await client.read_gatt_char(battery.LEVEL)

    jump(main())


@pytest.mark.parametrize("kept", [True, False])
def test_a_bond_survives_a_restart_where_there_is_a_file_for_it(
    jump, house, home, tmp_path, kept
):
    files = {"bonds": str(tmp_path / "bonds.json")} if kept else {}
    config = home(("strap", PASSKEY), **files)
    ours = tmp_path / "ours.json"

    async def main(passkey):
        async with house(config, bonds=ours) as place:
            async with await place.client(pairing=Pairing(ADDRESS, passkey)) as client:
                return await client.read_gatt_char(battery.LEVEL)

    assert jump(main("012345"))
    if kept:
        assert jump(main(""))
    else:
        with pytest.raises(BleakError):
            jump(main(""))


def test_one_that_hides_changes_its_address_and_its_key_tells(jump, house, home):
    known = Identities({ADDRESS: irk(1, ADDRESS)})

    async def main():
        async with house(home(("strap", {"private_s": 60}))):
            seen = []
            for _ in range(5):
                found = await BleakScanner.discover(
                    2, backend=BumbleScanner, bluez={"adapter": "air"}
                )
                seen += [device.address for device in found]
                await asyncio.sleep(60)
            assert len(set(seen)) == len(seen) == 5
            assert all(map(resolvable, seen))
            assert {known.of(address) for address in seen} == {ADDRESS}

    jump(main())


def test_a_cuff_that_hides_is_found_in_its_window_only(jump, house, home):
    cuff = {"private_s": 60, "every_s": 300, "window_s": 30, "stored": 1}

    async def main():
        async with house(home(("cuff", cuff))) as place:
            device, radio = place.sim.wearables[0].device, place.radio()
            advertised = []
            for _ in range(1800):
                advertised.append(radio.le_legacy_advertiser.enabled)
                await asyncio.sleep(1)
            assert 100 < sum(advertised) < 220
            assert resolvable(str(device.random_address))

    jump(main())


def test_a_passkey_belongs_to_who_asks_for_one(jump, house, home):
    async def main(options):
        async with house(home(("strap", options))):
            pass

    for options in {"security": "passkey"}, {"passkey": "012345"}:
        with pytest.raises(ConfigError, match=r"wearables.0.passkey"):
            jump(main(options))
