"""`vitals whatif`: how many alerts other limits would have given.

The records of the past go through the detectors and the desk of today twice, under the
limits in force and under the new ones: `rehearsal`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vitals import ConfigError, Instant, Unavailable, config
from vitals.cli.export import place
from vitals.cli.progress import Progress
from vitals.cli.rehearsal import Rehearsal, Rehearsed, blocks, past
from vitals.clock import monotonic, now
from vitals.comparison import Comparison, Outcome
from vitals.detection import Dsp
from vitals.model import Limit, Night, Plan
from vitals.plurals import several

if TYPE_CHECKING:
    from ingest.store import History

DAY = 86_400_000  # ms


class Proposal(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of new limits; what it does not name stays as it is."""

    limits: dict[str, Limit] = {}  # by metric
    night: Night | None = None
    off: tuple[str, ...] | None = None  # detectors that are switched off

    def over(self, plan: Plan) -> Plan:
        """Give a plan under these limits."""
        changed = replace(plan, limits={**plan.limits, **self.limits})
        night = self.night or plan.night
        return replace(
            changed, night=night, off=plan.off if self.off is None else self.off
        )


def main(chosen: argparse.Namespace) -> int:
    """Compare limits, and print what comes out."""
    from ingest.store import open_history

    data, store = place(chosen)
    settings, whence = settings_of(chosen, data)
    plan = in_force(data, chosen.patient)
    new = proposal(Path(chosen.limits)).over(plan)
    history = open_history(store, data)
    try:
        found = compare(history, settings, chosen.patient, (plan, new), chosen.days)
    finally:
        history.close()
    text = msgspec.json.encode(found).decode() if chosen.json else table(found)
    print(
        f"limits in force: those of the patient's plan, else {whence}", file=sys.stderr
    )
    print(text)
    if not found.records:
        raise Unavailable(f"no records of {chosen.patient} in these days")
    return 0


class Demo(Struct, frozen=True):
    """What a demo wrote of itself."""

    dsp: Dsp = Dsp()


def settings_of(chosen: argparse.Namespace, data: Path) -> tuple[config.Config, str]:
    """Give the configuration that belongs to a data folder, and what it is called."""
    if not chosen.data:
        return config.load(Path(chosen.config)), f"those of {chosen.config}"
    try:
        demo = msgspec.json.decode((data / "demo.json").read_bytes(), type=Demo)
    except FileNotFoundError:
        whence = f"the defaults: {data} has none; --config FILE asks with that file's"
        return config.Config(), whence
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{data / 'demo.json'}: {error}") from error
    return config.Config(dsp=demo.dsp), f"those of the demo in {data}"


def proposal(path: Path) -> Proposal:
    """Read a file of new limits.

    Raises
    ------
    ConfigError
        It cannot be read, or says what no plan can.
    """
    from dsp.limits import COLUMN

    try:
        text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        decode = msgspec.json.decode if text[:1] == b"{" else msgspec.toml.decode
        found = decode(text, type=Proposal)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if unknown := [name for name in found.limits if name not in COLUMN]:
        raise ConfigError(f"{path}: limits.{unknown[0]}: one of {', '.join(COLUMN)}")
    return found


def in_force(data: Path, subject: str) -> Plan:
    """Give the plan that was logged last for a patient."""
    if not (data / "people.db").exists():
        return Plan()
    from portal.people import People

    people = People(data / "people.db")
    try:
        return people.plan(subject)
    finally:
        people.close()


def compare(
    history: "History",
    settings: config.Config,
    subject: str,
    plans: tuple[Plan, Plan],
    days: float,
) -> Comparison:
    """Live through the last days under two plans at once."""
    end = now()
    begin = Instant(int(end - days * DAY))
    sides = [Rehearsal(settings, {subject: plan}) for plan in plans]
    records = 0
    with Progress("hours of history", int(days * 24), monotonic) as progress:
        for block in blocks(past(history, subject, begin, end)):
            for side in sides:
                side.take(block)
            records += len(block)
            hours = (block[-1].record.t - begin) // 3_600_000
            progress.add(max(0, hours - progress.done))
        progress.add(int(days * 24) - progress.done)
    before, after = (outcome(side.found, days) for side in sides)
    return Comparison(subject, begin, end, records, before, after)


def outcome(found: Sequence[Rehearsed], days: float) -> Outcome:
    """Sum up a rehearsal."""
    counts = Counter(one.alert.condition for one in found)
    by_condition = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    return Outcome(len(found), round(len(found) / days, 3), by_condition)


def table(found: Comparison) -> str:
    r"""Lay a comparison out for a terminal.

    >>> a, b = Outcome(6, 0.2, {"pulse_high": 6}), Outcome(0, 0.0, {})
    >>> print(table(Comparison("p-1", 0, 30 * DAY, 900, a, b)))
    p-1: 30 days, 900 records
                              limits now     new limits
    alerts                             6              0
    a day                           0.20           0.00
    pulse_high                         6              0
    """
    before, after = found.now, found.new
    days = (found.end - found.begin) / DAY
    rows: list[tuple[object, ...]] = [
        ("", "limits now", "new limits"),
        ("alerts", before.alerts, after.alerts),
        ("a day", f"{before.per_day:.2f}", f"{after.per_day:.2f}"),
    ]
    for condition in dict.fromkeys((*before.by_condition, *after.by_condition)):
        counts = (side.by_condition.get(condition, 0) for side in (before, after))
        rows.append((condition, *counts))
    records = several(found.records, "record")
    head = f"{found.subject}: {several(days, 'day')}, {records}"
    lines = (f"{a:<22}{b:>14} {c:>14}".rstrip() for a, b, c in rows)
    return "\n".join((head, *lines))
