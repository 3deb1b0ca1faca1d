"""`vitals sim`: simulated wearables, and what goes wrong with them."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from vitals import ConfigError, config
from vitals.cli.stages import until_told
from vitals.clock import now
from vitals.config import Sim, SimFault, SimWearable
from vitals.metrics import Metrics


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


def _troubled(
    wearables: Sequence[SimWearable], faults: Sequence[tuple[str, SimFault]]
) -> tuple[SimWearable, ...]:
    """Give each wearable its faults of the command line beside those of its file."""
    from firmware_sim.cast import device_name

    named = {device_name(wearable) for wearable in wearables}
    for device, fault in faults:
        if device != "all" and device not in named:
            there = ", ".join(sorted(named)) or "none"
            raise ConfigError(
                f"--fault {device}:{fault.kind}: no such device; there is {there}"
            )
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
    return "\n".join(lines)
