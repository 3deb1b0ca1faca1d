"""`vitals scan`: who is nearby, and which of them are ours."""

import argparse
import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.identity import Identities, keys_of
from gateway.survey import Heard, survey
from vitals import config
from vitals.gatt import uuid

SERVICES = {
    uuid(0x180D): "heart rate",
    uuid(0x1810): "blood pressure",
    uuid(0x1809): "thermometer",
    uuid(0x1822): "oximeter",
    uuid(0x1808): "glucose",
}
FARTHEST, NEAREST = -100, -40  # dBm: an empty and a full bar
BAR = 6
LONGEST = 20  # of a name
STRANGERS = "Unknown devices are listed, never joined."
HINT = "To read one, add it under [[gateway.wearables]]."


def main(chosen: argparse.Namespace) -> int:
    """Listen for some time, then list who was heard."""
    path = Path(chosen.config)
    wanted = config.load(path).gateway if path.exists() else config.Gateway()
    adapters = wanted.adapters if chosen.adapter is None else (chosen.adapter,)
    known = Identities(keys_of({one.address: one.irk for one in wanted.wearables}))
    print(f"listening for {chosen.seconds:g} s ...", flush=True)
    found = asyncio.run(survey(adapters, chosen.seconds, known=known))
    ours = {one.address.upper(): one.device for one in wanted.wearables}
    print(listing(found, ours))
    return 0


def listing(found: Iterable[Heard], ours: Mapping[str, str]) -> str:
    """Give the table: those with a service that we read first, then by signal.

    Parameters
    ----------
    ours
        Device names by address.
    """
    ranked = sorted(found, key=lambda one: (not _services(one), -one.rssi))
    rows = [_row(one, ours.get(one.address, "")) for one in ranked]
    head = f"{'name':<{LONGEST}}  {'address':<17}  {'signal':<15}  offers"
    table = [head, *rows] if rows else ["nobody is heard: is it on, and near?"]
    silent = [device for address, device in ours.items() if address not in _all(found)]
    missing = [f"configured, not heard: {', '.join(silent)}"] if silent else []
    return "\n".join([*table, *missing, STRANGERS, HINT])


def _all(found: Iterable[Heard]) -> set[str]:
    return {one.address for one in found}


def _services(one: Heard) -> list[str]:
    return [SERVICES[service] for service in one.services if service in SERVICES]


def _row(one: Heard, device: str) -> str:
    words = [", ".join(_services(one)), f"= {device}" if device else ""]
    name = _printable(one.name) or "-"
    bar = f"{_bar(one.rssi)} {one.rssi:>4} dBm"
    said = " ".join(filter(None, words))
    return f"{name:<{LONGEST}}  {one.address:<17}  {bar}  {said}".rstrip()


def _printable(name: str) -> str:
    """Give a name that cannot play with the terminal: anybody may send one."""
    clean = "".join(c if c.isprintable() else "?" for c in name)
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 1]}…"


def _bar(rssi: int) -> str:
    """Draw a signal's strength.

    >>> _bar(-40), _bar(-70), _bar(-128)
    ('██████', '███   ', '      ')
    """
    share = (rssi - FARTHEST) / (NEAREST - FARTHEST)
    full = max(0, min(BAR, round(share * BAR)))
    return "█" * full + " " * (BAR - full)
