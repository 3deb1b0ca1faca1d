"""The gateway through the real stack: Linux, D-Bus, bluetoothd.  One gateway process
lives through all of it, in this order."""

import pytest

from tests.bluez.faults import FAULTS, recover
from tests.bluez.house import KINDS, SHY, WORN, until
from vitals import Kind
from vitals.gatt import blood_pressure, health_thermometer, heart_rate

pytestmark = [pytest.mark.bluez, pytest.mark.slow]

SPOKEN = {
    "strap": (Kind.HEART_RATE, heart_rate.MEASUREMENT),
    "cuff": (Kind.BLOOD_PRESSURE, blood_pressure.MEASUREMENT),
    "thermometer": (Kind.BODY_TEMPERATURE, health_thermometer.MEASUREMENT),
}


ELSEWHERE = "link_lost", "controller_frozen"


def test_a1_a2_a3_three_kinds_of_wearables_are_found_connected_and_heard(place, live):
    for name, kind in zip(WORN, KINDS, strict=True):
        spoken = {SPOKEN[kind][0], Kind.BATTERY}
        live(until(lambda n=name, s=spoken: s <= set(place.kinds(n)), spoken, place))
        assert len(place.links(name)) == 1


def test_a18_a_wearable_that_wants_encryption_is_paired_by_our_own_agent(place):
    [link] = place.links("strap-1")
    assert link.is_encrypted
    assert place.pairings["strap-1"] == 1
    assert True in place.bonded["strap-1"]
    assert place.bonded["strap-2"] == {False}


def test_a18_a19_one_that_hides_behind_a_passkey_is_met_and_bonded(place):
    [link] = place.links(SHY)
    assert link.is_encrypted
    assert place.bonded[SHY] == {True}


def test_a5_a_lost_link_loses_and_doubles_no_indicated_reading(place, live):
    live(recover(place, FAULTS["link_lost"]))
    for name in ("cuff-4", "thermometer-5", "thermometer-6"):
        kind, characteristic = SPOKEN[name.partition("-")[0]]

        def all_of_them(name=name, kind=kind, short=characteristic[4:8]):
            return place.kinds(name)[kind] == place.sent(name, short)

        live(until(all_of_them, f"every reading of {name}", place))


def test_a6_a_link_that_is_connected_but_silent_is_cycled(place, live):
    strap, resets = place.wearables["strap-2"], place.gateway.adapter_resets
    others = [name for name in WORN if name != "strap-2"]

    def noticed():
        return "strap-2 is connected but silent" in place.log()

    async def scene():
        strap.radio.vanish(supervision_s=1000)  # nobody tells either end
        await until(noticed, "word of the silence", place)
        await place.everybody_speaks(others)
        strap.radio.appear()
        strap.radio.drop_links()
        await place.everybody_speaks()

    live(scene())
    assert place.gateway.adapter_resets == resets  # it was not the adapter


@pytest.mark.parametrize("name", [n for n in FAULTS if n not in ELSEWHERE])
def test_a7_the_gateway_recovers_by_itself(place, live, name):
    whole, after = live(recover(place, FAULTS[name]))
    assert place.lives
    print(f"{name}: {whole:.1f} s, {after:.1f} s after its end")


def test_a7_a_hung_controller_is_reset_and_the_house_is_told(place, live):
    before = place.gateway.adapter_resets
    live(recover(place, FAULTS["controller_frozen"]))
    live(until(lambda: place.gateway.adapter_resets > before, "word of it", place))
    assert place.lives
    assert "is on again" in place.log()
    live(until(lambda: not place.gateway.problem, "relief", place))


def test_a18_a_bond_survives_all_this(place):
    [link] = place.links("strap-1")
    assert link.is_encrypted
    assert place.pairings == {"strap-1": 1, SHY: 1}
    assert place.bonded[SHY] == {True}


def test_links_that_a_killed_gateway_left_behind_are_taken_over(place, live):
    live(place.kill())
    before = {name: place.links(name) for name in WORN}
    assert all(before.values())  # BlueZ holds on to them
    live(place.start())
    assert {name: place.links(name) for name in WORN} == before
