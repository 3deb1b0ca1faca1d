"""The doctor and the radio: switches, D-Bus, BlueZ, adapters, and who is heard."""

import asyncio
import shutil
import sys
from contextlib import asynccontextmanager

import pytest
from dbus_fast import Variant

from firmware_sim.service import simulation
from gateway.adapter import objects
from gateway.survey import survey
from vitals import DeviceStatus, GatewayStatus, Unavailable
from vitals.cli import scan
from vitals.cli.doctor import fleet, radio
from vitals.clock import now
from vitals.config import Gateway, Wearable
from vitals.gatt import heart_rate
from vitals.metrics import Metrics
from vitals.simulation import Sim, SimPerson, SimWearable

NOON = 1_763_726_400_000
STRAP, CUFF, ABSENT = (f"C0:00:00:00:00:0{n}" for n in (1, 2, 9))
SIM = Sim(
    people=(SimPerson(name="pat"),),
    wearables=(
        SimWearable(kind="strap", address=STRAP, person="pat", name="hr-1"),
        SimWearable(kind="cuff", address=CUFF, person="pat", name="bp-1"),
    ),
)
CONF = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""
needs_dbus = pytest.mark.skipif(
    not shutil.which("dbus-daemon"), reason="no dbus-daemon: apt install dbus"
)


def wearable(device, address):
    return Wearable(device=device, subject="p-1", address=address)


# -- switches --------------------------------------------------------------------------


def switch(root, name, **said):
    folder = root / name
    folder.mkdir(parents=True)
    for key, value in ({"type": "bluetooth", "soft": "0", "hard": "0"} | said).items():
        (folder / key).write_text(f"{value}\n")


@pytest.mark.parametrize(
    ("said", "level", "words"),
    [
        ({}, "ok", "not blocked"),
        ({"soft": "1"}, "PROBLEM", "rfkill unblock bluetooth"),
        ({"hard": "1"}, "PROBLEM", "switch on the machine"),
        ({"type": "wlan", "soft": "1"}, "ok", "no switch"),
    ],
)
def test_a7_a_blocked_radio_is_said_with_its_remedy(tmp_path, said, level, words):
    switch(tmp_path, "rfkill0", type="wlan")
    switch(tmp_path, "rfkill1", **said)
    found = radio.rfkill(tmp_path)
    assert found.level == level
    assert words in found.text


def test_a_machine_without_rfkill_is_no_problem(tmp_path):
    assert radio.rfkill(tmp_path / "none").level == "ok"


# -- BlueZ -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "level"),
    [
        ("bluetoothctl: 5.66", "ok"),
        ("bluetoothctl: 5.63", "ok"),
        ("bluetoothctl: 5.50\n", "warning"),
        ("", "warning"),
    ],
)
def test_an_old_bluez_is_a_warning(printed, level):
    assert radio.version(printed).level == level


def known(**powered):
    return {"/org/bluez": {"org.bluez.AgentManager1": {}}} | {
        f"/org/bluez/{name}": {"org.bluez.Adapter1": {"Powered": Variant("b", on)}}
        for name, on in powered.items()
    }


@pytest.mark.parametrize(
    ("there", "wanted", "level", "words"),
    [
        ({}, "", "PROBLEM", "dtoverlay=disable-bt"),
        ({"hci0": True}, "", "ok", "hci0 is on"),
        ({"hci0": False}, "", "PROBLEM", "bluetoothctl power on"),
        ({"hci0": True, "hci1": True}, "hci1", "ok", "hci1"),
        ({"hci0": True}, "hci7", "PROBLEM", "one of hci0"),
    ],
)
def test_a7_a_missing_or_dark_adapter_is_said_with_its_remedy(
    there, wanted, level, words
):
    found = radio.adapter(radio.adapters(known(**there)), wanted)
    assert found.level == level
    assert words in found.text


def test_without_a_d_bus_that_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(FileNotFoundError) as error:
        run(objects())
    found = radio.missing(error.value)
    assert (found.name, found.level) == ("D-Bus", "PROBLEM")
    assert "apt install dbus" in found.text


@asynccontextmanager
async def child(*command, says):
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line.startswith(says.encode()), line
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def system_bus(folder, monkeypatch):
    address = f"unix:path={folder}/bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    conf = folder / "dbus.conf"
    conf.write_text(CONF.format(address=address))
    options = [f"--config-file={conf}", "--nofork", "--nopidfile", "--print-address"]
    async with child("dbus-daemon", *options, says="unix:"):
        yield address


@needs_dbus
@pytest.mark.slow
def test_a_bus_without_bluez_says_what_to_start(run, tmp_path, monkeypatch):
    async def main():
        async with system_bus(tmp_path, monkeypatch):
            with pytest.raises(OSError, match="ServiceUnknown") as error:
                await objects()
            return radio.missing(error.value)

    found = run(main())
    assert (found.name, found.level) == ("BlueZ", "PROBLEM")
    assert "systemctl enable --now bluetooth" in found.text


@needs_dbus
@pytest.mark.slow
def test_a_healthy_bluez_is_read_and_its_wearables_are_heard(
    run, tmp_path, monkeypatch
):
    """Everything that the doctor asks of a Pi, against org.bluez on a real D-Bus."""
    asked = Gateway(
        wearables=(wearable("strap-1", STRAP), wearable("cuff-9", ABSENT)),
    )

    async def main():
        async with system_bus(tmp_path, monkeypatch) as bus:
            async with simulation(SIM, Metrics(), now) as sim:
                port = await sim.serve("127.0.0.1", 0)
                module = [sys.executable, "-m", "firmware_sim.bluez", bus]
                async with child(*module, f"tcp-client:127.0.0.1:{port}", says="ready"):
                    return await asyncio.to_thread(look)

    def look():
        rows = list(radio.check(asked))
        heard = radio.heard(asked, 2)
        return rows, list(radio.wearables(asked, heard, {}, NOON, 20))

    rows, worn = run(main())
    assert [one.text for one in rows if one.name == "adapter"] == ["hci0 is on"]
    assert not [one for one in rows if one.level == "PROBLEM"]
    strap, cuff = worn
    assert strap.level == "ok"
    assert strap.text.startswith("strap-1: heard at -")
    assert cuff.level == "warning"
    assert "not connected to a phone" in cuff.text


# -- wearables and gateways ------------------------------------------------------------

WORN = Gateway(wearables=(wearable("strap-1", STRAP),))


def row(heard, **status):
    told = {"strap-1": DeviceStatus(t=NOON, **status)} if status else {}
    (found,) = radio.wearables(WORN, heard, told, NOON, 20)
    return found


def test_a15_a16_a22_a_connected_wearable_shows_signal_battery_and_last_reading():
    found = row({}, connected=True, rssi=-61, battery=81, last=NOON - 125_000)
    assert found.level == "ok"
    assert found.text == (
        "strap-1: connected, -61 dBm, battery 81 %, last reading 2 min ago"
    )


def test_a15_a_low_battery_is_a_warning():
    found = row({}, connected=True, battery=20)
    assert found.level == "warning"
    assert "change its battery" in found.text
    assert row({}, connected=True, battery=21).level == "ok"


def test_a_wearable_that_is_weak_or_long_silent_is_a_warning():
    assert row({STRAP: -91}).level == "warning"
    assert row({STRAP: -60}).level == "ok"
    old = NOON - 2 * 86_400_000
    assert "is it worn" in row({}, connected=True, last=old).text


def test_who_could_not_be_listened_for_is_not_called_missing():
    assert list(radio.wearables(WORN, None, {}, NOON, 20)) == []


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        ({}, "ok", "0 queued, 0 dropped, 0 malformed"),
        ({"online": False, "t": NOON - 7_200_000}, "warning", "away since 2 h ago"),
        ({"t": NOON - 300_000}, "warning", "last heard 5 min ago"),
        ({"queued": 20_000}, "warning", "does ingest run"),
        ({"disk": "cannot write"}, "PROBLEM", "cannot write"),
        ({"waiting": 3}, "warning", "3 readings wait: nobody has said whose"),
        ({"problem": "cannot scan with hci0"}, "PROBLEM", "cannot scan"),
    ],
)
def test_a22_a_gateways_queue_drops_disk_and_radio_are_shown(status, level, words):
    told = {"gw-1": GatewayStatus(**({"online": True, "t": NOON} | status))}
    (found,) = fleet.gateways(told, NOON)
    assert found.level == level
    assert words in found.text


# -- vitals scan -----------------------------------------------------------------------


def test_a_scan_lists_everybody_and_joins_nobody(run):
    async def main():
        async with simulation(SIM, Metrics(), now) as sim:
            port = await sim.serve("127.0.0.1", 0)
            found = await survey([f"tcp-client:127.0.0.1:{port}"], 1.5)
            assert not any(w.device.connections for w in sim.wearables)
            return found

    found = run(main())
    by_address = {one.address: one for one in found}
    assert by_address.keys() == {STRAP, CUFF}
    assert by_address[STRAP].name == "hr-1"
    assert heart_rate.SERVICE in by_address[STRAP].services
    text = scan.listing(found, {STRAP: "strap-1", ABSENT: "cuff-9"})
    print(text)
    assert "heart rate = strap-1" in text
    assert "blood pressure" in text
    assert "configured, not heard: cuff-9" in text
    assert "never joined" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_scan_stops_early_once_all_wanted_are_heard(run):
    async def main():
        async with simulation(SIM, Metrics(), now) as sim:
            port = await sim.serve("127.0.0.1", 0)
            began = asyncio.get_running_loop().time()
            await survey([f"tcp-client:127.0.0.1:{port}"], 15, {STRAP})
            return asyncio.get_running_loop().time() - began

    assert run(main()) < 5


def test_a_scan_without_a_radio_says_why(run):
    with pytest.raises(Unavailable, match="cannot scan with"):
        run(survey(["tcp-client:127.0.0.1:1"], 1))


def test_a_name_on_the_air_cannot_play_with_the_terminal():
    evil = scan.Heard("AA:BB:CC:DD:EE:FF", "\x1b[2J\u202eevil" * 9, -70, ())
    text = scan.listing([evil], {})
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80
