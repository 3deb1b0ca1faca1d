"""`vitals doctor`: what is wrong with this installation, and what to do about it."""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vitals import Unavailable, VitalsError, config
from vitals.mqtt import MqttBus

ROOM = 1 << 30  # octets that should be free


def main(chosen: argparse.Namespace) -> int:
    """Run every check; exit code 1 when one fails."""
    print(f"python        ok      {sys.version.split()[0]}")
    settings = config.load(Path(chosen.config))
    print(f"configuration ok      {chosen.config}")
    checks: dict[str, Callable[[config.Config], str]] = {
        "data folder": _data,
        "clock": _clock,
        "broker": _broker,
        "store": _store,
        "radio": _radio,
    }
    return max([_report(name, check, settings) for name, check in checks.items()])


def _report(
    name: str, check: Callable[[config.Config], str], settings: config.Config
) -> int:
    """Run one check and print what it found."""
    try:
        print(f"{name:13} ok      {check(settings)}")
    except VitalsError as error:
        print(f"{name:13} PROBLEM {error}")
        return 1
    return 0


def _data(settings: config.Config) -> str:
    data = Path(settings.data)
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        advice = "create it for the user that runs vitals, or change `data`"
        raise Unavailable(f"{data}: {error.strerror}; {advice}") from error
    free = shutil.disk_usage(data).free
    if free < ROOM:
        raise Unavailable(f"{data}: only {free >> 20} MiB free; make room")
    return f"{data}, {free >> 30} GiB free"


def _clock(_: config.Config) -> str:
    if time.gmtime().tm_year < 2025:
        raise Unavailable("the clock is not set; wait for NTP or set it (timedatectl)")
    return time.strftime("%Y-%m-%d %H:%M:%S %Z")


def _broker(settings: config.Config) -> str:
    async def ask() -> str:
        async with MqttBus(settings.mqtt) as bus:
            await bus.ready(5)
            return "MQTT 5" if bus.protocol == 5 else "MQTT 3.1.1"

    version = asyncio.run(ask())
    return f"{settings.mqtt.host}:{settings.mqtt.port}, {version}"


def _store(settings: config.Config) -> str:
    try:
        from ingest.store import open_store
    except ImportError:
        return "not on this machine"
    store = open_store(settings.store, Path(settings.data))
    try:
        return f"{settings.store.kind}, {store.count()} records"
    finally:
        store.close()


def _radio(settings: config.Config) -> str:
    wanted = settings.gateway
    if not wanted.wearables:
        return "no wearables configured here"
    from gateway.radio import Radio

    async def listen() -> str:
        radio = Radio(wanted.adapter)
        task = asyncio.create_task(radio.run())
        addresses = [wearable.address.upper() for wearable in wanted.wearables]
        seekers = [asyncio.create_task(radio.seen(address)) for address in addresses]
        await asyncio.wait(seekers, timeout=5)
        for job in (task, *seekers):
            job.cancel()
        if radio.problem:
            raise Unavailable(f"{radio.problem}; is bluetoothd running? rfkill list")
        heard = sum(address in radio.rssi for address in addresses)
        return f"{heard} of {len(addresses)} wearables heard within 5 s"

    return asyncio.run(listen())
