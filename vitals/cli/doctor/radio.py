"""Checks of the radio: rfkill, D-Bus, BlueZ, the adapter, and who is heard."""

import asyncio
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from vitals import DeviceStatus, Instant, VitalsError, config
from vitals.cli.doctor.finding import Finding, ok, problem, warning

RFKILL = Path("/sys/class/rfkill")
OLDEST = (5, 63)  # of BlueZ: before it bleak misses what wearables offer
WEAK = -85  # dBm
LONG_MS = 24 * 3_600_000  # without a reading
ADAPTER = "org.bluez.Adapter1"


class Adapter(Struct, frozen=True):
    """A Bluetooth adapter as BlueZ knows it."""

    name: str  # "hci0"
    powered: bool


def rfkill(root: Path = RFKILL) -> Finding:
    """Check that no switch keeps Bluetooth off."""
    switches = [
        switch
        for switch in (sorted(root.iterdir()) if root.is_dir() else [])
        if _read(switch / "type") == "bluetooth"
    ]
    if any(_read(switch / "hard") == "1" for switch in switches):
        advice = "turn on the switch on the machine, or in its firmware"
        return problem("rfkill", f"Bluetooth is off by hardware; {advice}")
    if any(_read(switch / "soft") == "1" for switch in switches):
        return problem("rfkill", "Bluetooth is blocked; sudo rfkill unblock bluetooth")
    if not switches:
        return ok("rfkill", "no switch for Bluetooth here")
    return ok("rfkill", "not blocked")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def version(printed: str) -> Finding:
    """Check BlueZ's version, as `bluetoothctl --version` prints it."""
    found = re.search(r"(\d+)\.(\d+)", printed)
    if not found:
        advice = "apt install bluez (5.63 or newer is wanted)"
        return warning("BlueZ", f"its version is not to be had; {advice}")
    if (int(found[1]), int(found[2])) < OLDEST:
        advice = "5.63 or newer is wanted: Debian 12 has 5.66"
        return warning("BlueZ", f"{found[0]} is old; {advice}")
    return ok("BlueZ", found[0])


def ask_version() -> str:
    """Ask the program that comes with BlueZ; "" when it is not there."""
    try:
        done = subprocess.run(
            ["bluetoothctl", "--version"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def missing(error: OSError) -> Finding:
    """Say what the failed question to BlueZ means."""
    words = str(error)
    if "ServiceUnknown" in words or "NameHasNoOwner" in words:
        advice = "apt install bluez; sudo systemctl enable --now bluetooth"
        return problem("BlueZ", f"it does not run; {advice}")
    if "AccessDenied" in words:
        advice = "see /etc/dbus-1/system.d/bluetooth.conf"
        return problem("BlueZ", f"D-Bus does not let us speak to it; {advice}")
    if isinstance(error, TimeoutError):
        return problem("BlueZ", "it does not answer; sudo systemctl restart bluetooth")
    advice = "apt install dbus (in a container: mount /run/dbus)"
    why = error.strerror or words
    return problem("D-Bus", f"not reachable: {why}; {advice}")


def adapters(objects: Mapping[str, Mapping[str, Any]]) -> list[Adapter]:
    """Find the adapters among BlueZ's objects: properties by path and interface."""
    return [
        Adapter(path.rpartition("/")[2], bool(found[ADAPTER]["Powered"].value))
        for path, found in sorted(objects.items())
        if ADAPTER in found
    ]


def adapter(there: Sequence[Adapter], wanted: str) -> Finding:
    """Check that the adapter is there, with its power on."""
    if not there:
        advice = "plug one in; on a Pi take dtoverlay=disable-bt out of config.txt"
        return problem("adapter", f"BlueZ has none; {advice}")
    names = ", ".join(one.name for one in there)
    found = next((one for one in there if wanted in ("", one.name)), None)
    if found is None:
        return problem("adapter", f"no {wanted}; set gateway.adapter to one of {names}")
    if not found.powered:
        return problem("adapter", f"{found.name} is off; bluetoothctl power on")
    return ok("adapter", f"{found.name} is on")


def check(wanted: config.Gateway) -> Iterator[Finding]:
    """Check all that lies between us and the air."""
    from gateway.radio import native

    for other in wanted.adapters:
        if not native(other):
            yield ok("radio", f"{other}, without BlueZ")
    system = [one for one in wanted.adapters if native(one)]
    if not system:
        return
    from gateway.adapter import objects

    yield rfkill()
    try:
        there = asyncio.run(objects())
    except OSError as error:
        yield missing(error)
        return
    yield version(ask_version())
    for one in system:
        yield adapter(adapters(there), one)


def heard(wanted: config.Gateway, seconds: float) -> dict[str, int] | Finding:
    """Listen for our wearables; give dBm by address, or why nobody can be heard."""
    from gateway.identity import Identities, keys_of
    from gateway.survey import survey

    known = Identities(keys_of({one.address: one.irk for one in wanted.wearables}))
    addresses = {wearable.address.upper() for wearable in wanted.wearables}
    try:
        found = asyncio.run(survey(wanted.adapters, seconds, addresses, known))
    except VitalsError as error:
        return problem("radio", str(error))
    return {one.address: one.rssi for one in found if one.address in addresses}


def wearables(
    wanted: config.Gateway,
    rssi: Mapping[str, int] | None,
    told: Mapping[str, DeviceStatus],
    now: Instant,
    low: float,
) -> Iterator[Finding]:
    """Check each wearable: connected to its gateway, or heard just now.

    Parameters
    ----------
    rssi
        Of who was heard, in dBm by address; None when we could not listen.
    low
        A battery at so many % is to be changed.
    """
    for one in wanted.wearables:
        status = told.get(one.device)
        signal = (rssi or {}).get(one.address.upper())
        if status and status.connected:
            yield _connected(one.device, status, now, low)
        elif signal is not None:
            yield _faint(one.device, signal)
        elif rssi is not None:
            advice = (
                "is it on, worn, near, and not connected to a phone?"
                " (a cuff is heard after a measurement only)"
            )
            yield warning("wearable", f"{one.device}: not heard; {advice}")


def _faint(device: str, signal: int) -> Finding:
    text = f"{device}: heard at {signal} dBm"
    if signal < WEAK:
        return warning("wearable", f"{text}, which is weak; bring it nearer")
    return ok("wearable", text)


def _connected(device: str, status: DeviceStatus, now: Instant, low: float) -> Finding:
    """Say what its gateway knows of it."""
    words = ["connected"]
    words += [f"{status.rssi} dBm"] if status.rssi is not None else []
    words += [f"battery {status.battery:.0f} %"] if status.battery is not None else []
    words += [f"last reading {age(now - status.last)} ago"] if status.last else []
    text = f"{device}: {', '.join(words)}"
    if status.battery is not None and status.battery <= low:
        return warning("wearable", f"{text}; change its battery or charge it")
    if status.last and now - status.last > LONG_MS:
        return warning("wearable", f"{text}; is it worn?")
    return ok("wearable", text)


def age(ms: int) -> str:
    """Say how long in the largest unit that fits.

    >>> age(90_000)
    '1 min'
    """
    seconds = max(0, ms) // 1000
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
