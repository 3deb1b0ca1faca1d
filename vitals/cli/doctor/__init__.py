"""`vitals doctor`: what is wrong with this installation, and what to do about it.

Each check is a function that gives findings; it changes nothing.  `finding` prints
them, `share` masks them.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.synchrony import disciplined
from vitals import Instant, VitalsError, config
from vitals.cli.doctor import broker, fleet, machine, radio, share, store
from vitals.cli.doctor.finding import Finding, layout, ok
from vitals.clock import now


def main(chosen: argparse.Namespace) -> int:
    """Run every check; exit code 1 when one finds a problem."""
    mask = share.Mask(share.machine())
    _tell([machine.python(sys.version_info[:3]), machine.packages()], None)
    try:
        settings = config.load(Path(chosen.config))
    except VitalsError as error:
        raise type(error)(mask(str(error)) if chosen.share else error) from error
    mask = share.Mask([*share.private(settings), *share.machine()])
    findings = checks(settings, Path(chosen.config), chosen.seconds)
    return _tell(findings, mask if chosen.share else None)


def _tell(findings: Iterable[Finding], mask: share.Mask | None) -> int:
    """Print findings as they come; give the exit code."""
    code = 0
    for found in findings:
        text = mask(found.text) if mask else found.text
        print(layout([Finding(found.name, found.level, text)]), flush=True)
        code = 1 if found.level == "PROBLEM" else code
    return code


def checks(settings: config.Config, path: Path, seconds: float) -> Iterator[Finding]:
    """Run the checks one by one, from this machine outwards."""
    moment, data = now(), Path(settings.data)
    yield ok("configuration", str(path))
    yield from machine.secrets(settings)
    yield machine.watchdog(settings.watchdog)
    yield machine.data(data)
    yield machine.room(data)
    yield from machine.databases(data)
    yield from machine.ledger(data)
    yield machine.clock(moment, disciplined())
    told = broker.Statuses()
    yield from broker.check(settings.mqtt, told, moment)
    yield from fleet.gateways(told.gateways, moment)
    yield store.store(settings.store, data)
    yield from store.letters(data, moment)
    yield from store.port(settings.portal)
    yield from _air(settings, told, moment, seconds)


def _air(
    settings: config.Config, told: broker.Statuses, moment: Instant, seconds: float
) -> Iterator[Finding]:
    """Check the radio, where wearables are configured."""
    wanted, low = settings.gateway, settings.dsp.battery_low
    if not wanted.wearables:
        yield ok("radio", "no wearables configured here")
        return
    found = list(radio.check(wanted))
    yield from found
    rssi = None
    if not any(finding.level == "PROBLEM" for finding in found):
        heard = radio.heard(wanted, seconds)
        if isinstance(heard, Finding):
            yield heard
        else:
            rssi = heard
    yield from radio.wearables(wanted, rssi, told.devices, moment, low)
