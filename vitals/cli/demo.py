"""`vitals demo`: the whole house in one process, on simulated wearables."""

import argparse
import asyncio
import json
import secrets
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from vitals import ConfigError, Unavailable, VitalsError
from vitals.broker import embedded
from vitals.cli import stages, story
from vitals.cli.screen import Screen
from vitals.cli.stages import House
from vitals.clock import now
from vitals.metrics import Metrics
from vitals.mqtt import MqttBus

ROOMS = ("ingest", "dsp", "alerts", "portal")  # they listen before anybody speaks
DRAIN_S = 15.0  # at most, for what is under way at the end
PAGE_S = 20.0  # for the page to come up

NAMES = ("Anna Lindqvist", "Ben Okafor", "Chen Yulan", "Dora Weiss")
User = dict[str, str | None]


def main(chosen: argparse.Namespace) -> int:
    """Run the demo; exit code 0 unless something was lost or doubled."""
    if not 4 <= chosen.wearables <= 100:
        raise ConfigError("--wearables takes 4 to 100")
    if chosen.speed <= 0 or (chosen.seconds or 1) <= 0:
        raise ConfigError("--speed and --seconds take numbers above 0")
    if chosen.summary and not Path(chosen.summary).absolute().parent.is_dir():
        raise Unavailable(f"--summary {chosen.summary}: no such folder")
    if chosen.rr:
        _check_heart(chosen.rr)
    data = _folder(chosen.data)
    summary = asyncio.run(play(chosen, data))
    if chosen.summary:
        _write(Path(chosen.summary), summary)
    return int(summary["lost"] > 0 or summary["duplicates"] > 0)


async def play(chosen: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Run the story until its time is up or Ctrl-C; give the summary."""
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    screen = Screen(now)
    screen.say(f"loading the detectors; the data will lie in {data}")
    await asyncio.to_thread(_warm)
    async with embedded(data / "broker") as (mqtt, broker):
        settings = story.write(
            data,
            mqtt,
            chosen.wearables,
            rr=chosen.rr or "",
            ledger=chosen.ledger or "",
            speed=chosen.speed,
            port=chosen.port,
        )
        house = House(settings, Metrics())
        try:
            async with asyncio.TaskGroup() as group:
                rooms = group.create_task(_rooms(house, screen, broker))
                await screen.opened(PAGE_S)
                await _tell(house, screen, over, chosen.seconds)
                rooms.cancel()
        except* VitalsError as errors:
            raise stages.first(errors) from None
    summary = await asyncio.to_thread(summarize, house)
    screen.close(summary)
    return summary


async def _rooms(house: House, screen: Screen, broker: str) -> None:
    """Make the log-ins, then run the stages that listen, for ever."""
    *users, keeper = await asyncio.to_thread(_users, house)

    def told(url: str) -> None:
        dsp = msgspec.to_builtins(house.config.dsp)  # for `vitals whatif`
        said = {"url": url, "users": users, "admin": keeper, "dsp": dsp}
        _write(house.data / "demo.json", said)
        screen.open(url, [*users, keeper], broker)

    house.told_url = told
    house.told_set_up = lambda _: None  # the demo has an administrator
    await stages.run(house, ROOMS)


async def _tell(
    house: House, screen: Screen, over: asyncio.Event, seconds: float | None
) -> None:
    """Let the story happen, and show it."""
    from firmware_sim.service import simulation

    settings = house.config
    async with (
        simulation(settings.sim, house.metrics, house.clock) as sim,
        MqttBus(settings.mqtt) as bus,
        asyncio.TaskGroup() as group,
    ):
        port = await sim.serve("127.0.0.1", 0)
        near = replace(settings.gateway, adapter=f"tcp-client:127.0.0.1:{port}")
        reading = House(replace(settings, gateway=near), house.metrics)
        tasks = [
            group.create_task(screen.follow(bus)),
            group.create_task(stages.run(reading, ["gateway"])),
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)
        screen.say("the wearables stop; what is under way still arrives")
        await sim.stop()
        await _drain(house)
        for task in tasks:
            task.cancel()


async def _drain(house: House) -> None:
    """Wait until ingest has committed all that was sent."""
    counters = house.metrics.counters
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while counters["gateway_committed_total"] < counters["sim_sent_total"]:
                await asyncio.sleep(0.05)


def summarize(house: House) -> dict[str, Any]:
    """Compare what was sent with what is in the store."""
    from alerts.history import AlertHistory
    from ingest.store import open_history

    history = open_history(house.config.store, house.data)
    stored = [
        (reading.device, reading.record.gateway, reading.record.seq)
        for reading in history.export()
    ]
    history.close()
    alerts, _ = AlertHistory(house.data).alerts("all", None, None, 1000)
    sent = house.metrics.counters["sim_sent_total"]
    return {
        "sent": sent,
        "stored": len(stored),
        "lost": sent - len(set(stored)),
        "duplicates": len(stored) - len(set(stored)),
        "alerts": len(alerts),
        "wearables": len(house.config.gateway.wearables),
        "latency_ms": {
            "stored": _latency(house.metrics, "ingest_stored_seconds"),
            "alert": _latency(house.metrics, "alert_told_seconds"),
        },
    }


def _latency(metrics: Metrics, name: str) -> dict[str, float | None]:
    """Give p50 and p99 in ms."""

    def ms(q: float) -> float | None:
        seconds = metrics.quantile(name, q)
        return None if seconds is None else round(seconds * 1000, 1)

    return {"p50": ms(0.5), "p99": ms(0.99)}


def _users(house: House) -> list[User]:
    """Make the log-ins, with passwords made afresh."""
    from portal.people import People

    people = People(house.data / "people.db")
    subjects = story.subjects(house.config)
    doctor, *patients, keeper = passwords = [secrets.token_hex(5) for _ in range(4)]
    names = ("dr-chen", "anna", "ben", "admin")
    people.add("dr-chen", doctor, "clinician", subjects=subjects)
    for name, password, subject in zip(names[1:3], patients, subjects, strict=False):
        people.add(name, password, "patient", subject=subject)
    people.add("admin", keeper, "admin")
    for subject, name in zip(subjects, NAMES, strict=False):
        people.names.give(subject, name)
    people.close()
    return [
        {"name": name, "password": password, "role": role, "subject": subject}
        for name, password, role, subject in zip(
            names,
            passwords,
            ("clinician", "patient", "patient", "admin"),
            (None, *subjects[:2], None),
            strict=False,
        )
    ]


def _warm() -> None:
    """Load and compile what would make the first readings wait."""
    from dsp.ward import warm

    warm()


def _check_heart(path: str) -> None:
    """Refuse a recording that cannot be beaten before anything has begun."""
    from firmware_sim.physiology import read_intervals

    read_intervals(path)


def _folder(chosen: str | None) -> Path:
    """Give the data folder: empty, so that the summary counts this demo alone."""
    data = Path(chosen or tempfile.mkdtemp(prefix="vitals-demo-")).absolute()
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{data}: {error.strerror}; choose another --data") from error
    if (data / "store.db").exists():
        raise ConfigError(f"{data} holds an earlier demo; choose an empty folder")
    return data


def _write(path: Path, content: object) -> None:
    try:
        path.write_text(json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise Unavailable(f"{path}: cannot write it: {error.strerror}") from error
