"""What of a patient's data a grant lets through; everything else was never measured."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from portal.authorisation import ALERTS
from vitals.codes import Kind, Metric
from vitals.model import RECORDS, Reading, Record

Scope = frozenset[str] | None
"""Metrics' wire names and "alerts"; None: everything."""

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
    >>> redacted(beat, frozenset({"heart_rate"})).record
    HeartRate(t=0, hr=72)
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


def let_event(name: str, data: bytes, scope: frozenset[str]) -> bytes | None:
    """Give what may be seen of a live event; None: nothing."""
    if name == "alert":
        return data if ALERTS in scope else None
    if name not in ("record", "batch"):
        return None
    said = msgspec.json.decode(data)
    kept = fields(Kind(said["kind"]), scope)
    if name == "record" and kept:
        values = {k: v for k, v in said["values"].items() if k in kept}
        return msgspec.json.encode(said | {"values": values})
    return data if kept else None
