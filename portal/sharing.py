"""What of a patient's data a grant lets through; everything else was never measured."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from portal.authorisation import ALERTS
from vitals.codes import Kind, Metric
from vitals.model import HOUSE, RECORDS, Reading, Record

Scope = frozenset[str] | None
"""Metrics' wire names and "alerts"; None: everything."""

TEAM = "care_team"  # whoever of the staff, to those who need not know who
_CALLED = "told", "next", "to"  # of an alert's escalation: people

_COMMON = frozenset(Record.__struct_fields__)
_EMPTY: dict[str, Any] = {"rr": ()}


def shows(scope: Scope, what: str) -> bool:
    """Tell whether a metric, or the alerts, may be seen."""
    return scope is None or what in scope


def kinds(scope: Scope) -> list[Kind]:
    """Give the kinds of which something may be seen."""
    return [kind for kind in Kind if scope is None or fields(kind, scope)]


def fields(kind: Kind, scope: frozenset[str]) -> frozenset[str]:
    """Give the fields of a kind's records that may be seen."""
    seen = (m for m in Metric if m.kind is kind and m.value in scope)
    return frozenset(metric.field for metric in seen if not metric.derived)


def redacted(reading: Reading, scope: Scope) -> Reading | None:
    """Give a reading without what may not be seen; None: nothing is left.

    >>> from vitals.model import HeartRate
    >>> beat = Reading("p-1", "strap", HeartRate(t=0, hr=72, rr=(832.0,), energy=9))
    >>> left = redacted(beat, frozenset({"heart_rate"})).record
    >>> left.hr, left.rr, left.energy
    (72, (), None)
    """
    if scope is None:
        return reading
    kept = fields(reading.kind, scope)
    if not kept:
        return None
    values = set(RECORDS[reading.kind].__struct_fields__) - _COMMON - kept
    hidden = {name: _EMPTY.get(name) for name in values}
    return replace(reading, record=replace(reading.record, **hidden))


def let_through(readings: Iterable[Reading], scope: Scope) -> list[Reading]:
    """Give what may be seen of readings."""
    return [seen for one in readings if (seen := redacted(one, scope))]


def nameless(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an alert says, to whom does not work it: nobody of the staff by name.

    How far its call is stays: steps, times, and whether the care team or the whole
    house was told; so does what somebody has decided.  Who did, the log of their data
    says to the patient, and to nobody else.

    >>> nameless({"escalation": {"step": 1, "told": ["dr.chen", "wu"]}})
    {'escalation': {'step': 1, 'told': ['care_team']}}
    >>> nameless({"acknowledged_by": "dr.chen", "comment": "slept badly?"})
    {'acknowledged_by': 'care_team', 'comment': 'slept badly?'}
    """
    said = dict(alert)
    if "escalation" in said:
        call = said["escalation"].items()
        said["escalation"] = {k: _part(v) if k in _CALLED else v for k, v in call}
    if said.get("acknowledged_by"):
        said["acknowledged_by"] = TEAM
    if "false_alarm" in said.get("evidence", ()):
        said["evidence"] = {**said["evidence"], "false_alarm": TEAM}
    return said


def _part(people: object) -> object:
    """Give whose part it is to be called, instead of their names."""
    if isinstance(people, list | tuple):
        return list(dict.fromkeys(_part(name) for name in people))
    return HOUSE if people == HOUSE else TEAM


def let_event(name: str, data: bytes, scope: Scope) -> bytes | None:
    """Give what a reader who does not work alerts may see of a live event."""
    if name == "alert" and shows(scope, ALERTS):
        return msgspec.json.encode(nameless(msgspec.json.decode(data)))
    if scope is None:
        return data
    if name not in ("record", "batch"):
        return None
    said = msgspec.json.decode(data)
    kept = fields(Kind(said["kind"]), scope)
    if name == "record" and kept:
        values = {k: v for k, v in said["values"].items() if k in kept}
        return msgspec.json.encode(said | {"values": values})
    return data if kept else None
