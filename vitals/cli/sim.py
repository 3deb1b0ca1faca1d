"""`vitals sim`: simulated wearables, and what goes wrong with them."""

import argparse
import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vitals import ConfigError, config
from vitals.cli.stages import until_told
from vitals.clock import now
from vitals.metrics import Metrics
from vitals.simulation import Sim, SimFault, SimWearable


def main(chosen: argparse.Namespace) -> int:
    """Run the wearables until a signal comes, or only say what there is."""
    if chosen.list:
        show()
    else:
        asyncio.run(until_told(serve(settings(chosen), chosen.seconds)))
    return 0


def show() -> None:
    """Print the scenarios and the faults."""
    from firmware_sim import adapters, faults, scenario

    print("Scenarios, for --scenario NAME:")
    for name in scenario.names():
        print(f"  {name:22}{scenario.load(name).about}")
    print("\nKeys of a wearable, for --set DEVICE:KEY=VALUE (DEVICE may be `all`),")
    print("are those of [[sim.wearables]] in deploy/vitals.toml.")
    print("\nFaults, for --fault DEVICE:KIND[@AT][+FOR][/EVERY][*PROBABILITY][=AMOUNT]")
    print("(DEVICE may be `all`; times in simulated seconds) and for the file's")
    print("[[sim.wearables.faults]]:")
    for kind, what in faults.KINDS.items():
        print(f"  {kind:22}{what}")
    print(f"\nFaults of the gateway's radio (DEVICE is `{adapters.NAME}`,")
    print("in the file [[sim.faults]]):")
    for kind, what in adapters.KINDS.items():
        print(f"  {kind:22}{what}")


def settings(chosen: argparse.Namespace) -> Sim:
    """Give what the command line asks for.

    Raises
    ------
    ConfigError
        There is no such file, scenario, device or fault.
    """
    from firmware_sim import scenario
    from firmware_sim.adapters import NAME, check
    from firmware_sim.faults import parse

    if chosen.speed is not None and chosen.speed <= 0:
        raise ConfigError("--speed takes a number above 0")
    if chosen.scenario:
        sim = scenario.load(chosen.scenario).sim
    else:
        sim = config.load(Path(chosen.config)).sim
    sim = replace(
        sim,
        speed=chosen.speed or sim.speed,
        port=sim.port if chosen.port is None else chosen.port,
        ledger=chosen.ledger or sim.ledger,
        bonds=chosen.bonds or sim.bonds,
        wearables=_changed(sim.wearables, chosen.set),
    )
    faults = [parse(word) for word in chosen.fault]
    adapter = tuple(fault for device, fault in faults if device == NAME)
    check(adapter)
    others = [(device, fault) for device, fault in faults if device != NAME]
    return replace(
        sim,
        faults=sim.faults + adapter,
        wearables=_troubled(sim.wearables, others),
    )


def _changed(
    wearables: Sequence[SimWearable], words: Sequence[str]
) -> tuple[SimWearable, ...]:
    """Give the wearables with the keys that the command line sets."""
    from firmware_sim.cast import device_name

    said: dict[str, dict[str, str]] = {}
    for word in words:
        device, _, setting = word.partition(":")
        key, _, value = setting.partition("=")
        said.setdefault(device, {})[key] = value
    _exist("--set", said, wearables)
    return tuple(
        _with(one, said.get("all", {}) | said.get(device_name(one), {}))
        for one in wearables
    )


def _with(wearable: SimWearable, settings: Mapping[str, str]) -> SimWearable:
    """Give a wearable with other settings, as if its file had said so."""
    if not settings:
        return wearable
    table = msgspec.to_builtins(wearable) | settings
    try:
        return msgspec.convert(table, SimWearable, strict=False)
    except msgspec.ValidationError as error:
        words = " ".join(f"{key}={value}" for key, value in settings.items())
        raise ConfigError(f"--set {words}: {error}") from error


def _exist(
    option: str, devices: Iterable[str], wearables: Sequence[SimWearable]
) -> None:
    """Refuse a device that is not there."""
    from firmware_sim.cast import device_name

    named = {device_name(wearable) for wearable in wearables}
    for device in devices:
        if device != "all" and device not in named:
            there = ", ".join(sorted(named)) or "none"
            raise ConfigError(f"{option} {device}: no such device; there is {there}")


def _troubled(
    wearables: Sequence[SimWearable], faults: Sequence[tuple[str, SimFault]]
) -> tuple[SimWearable, ...]:
    """Give each wearable its faults of the command line beside those of its file."""
    from firmware_sim.cast import device_name

    _exist("--fault", (device for device, _ in faults), wearables)
    return tuple(
        replace(
            wearable,
            faults=wearable.faults
            + tuple(
                f for device, f in faults if device in ("all", device_name(wearable))
            ),
        )
        for wearable in wearables
    )


async def serve(sim: Sim, seconds: float | None) -> None:
    """Run the wearables, and say how a gateway reaches them."""
    from firmware_sim.service import simulation

    async with simulation(sim, Metrics(), now) as running:
        port = await running.serve(sim.host, sim.port)
        print(_hint(sim, port), flush=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await running.forever()


def _hint(sim: Sim, port: int) -> str:
    """Give the part of a gateway's configuration that reads these wearables."""
    from firmware_sim.cast import device_name
    from firmware_sim.identity import irk

    lines = [
        "# for a gateway:",
        "[gateway]",
        f'adapter = "tcp-client:{sim.host}:{port}"',
    ]
    for wearable in sim.wearables:
        lines += [
            "[[gateway.wearables]]",
            f'device = "{device_name(wearable)}"',
            f'subject = "{wearable.person}"',
            f'address = "{wearable.address}"',
        ]
        lines += [f'passkey = "{wearable.passkey}"'] if wearable.passkey else []
        if wearable.private_s:
            lines += [f'irk = "{irk(sim.seed, wearable.address).hex()}"']
    return "\n".join(lines)
