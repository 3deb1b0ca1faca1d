"""Readings as InfluxDB's line protocol, and back.

A measurement per kind of record, tagged with subject and device; RR intervals lie in
`rr_interval` as well, each at its own time.  The fields are the record's own, so that
it can be rebuilt exactly, and four of ours: `q`, a bitmask of the quality flags;
`flags`, their words, where the bitmask would lose something; `ok`, 1 when trends may
show it; and `<name>_missing`, 1 when a value did not come that should have.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from zlib import crc32

from msgspec import convert
from msgspec.json import decode

from ingest.samples import METRICS, intervals, lacks, trusted
from vitals import Flag, Kind, Metric, Reading, Record, wire
from vitals.model import RECORDS

MILLISECOND = 1_000_000  # ns
INTERVALS = "rr_interval"  # measurement of the intervals; their field is `value`
STRIDE = 64  # intervals of one record before two records' keys may meet

_OWN = frozenset({"t", "q", "rr"})
_NAMES = {
    kind: tuple(name for name in record.__struct_fields__ if name not in _OWN)
    for kind, record in RECORDS.items()
}
_BIT = {str(flag): flag.bit for flag in Flag}


def lines(reading: Reading) -> str:
    """Give the lines of one reading, without a newline at the end.

    The same reading gives the same points; readings that differ do not share one: the
    digits below a millisecond are the record's own.
    """
    record = reading.record
    own = _own(record)
    tags = f"subject={tag(reading.subject)},device={tag(reading.device)}"
    stamp = record.t * MILLISECOND + own % MILLISECOND
    found = [f"{reading.kind},{tags} {','.join(_fields(reading))} {stamp}"]
    rr = getattr(record, "rr", ())
    ok = int(trusted(record.q))
    for place, (t, value) in enumerate(intervals(record.t, rr)):
        stamp = t * MILLISECOND + (own * STRIDE + place) % MILLISECOND
        found.append(f"{INTERVALS},{tags} value={value!r},ok={ok}i {stamp}")
    return "\n".join(found)


def places(reading: Reading) -> list[tuple[str, int]]:
    """Give the measurement and time, ns, of each of a reading's lines."""
    record = reading.record
    own, rr = _own(record), getattr(record, "rr", ())
    found = [(str(reading.kind), record.t * MILLISECOND + own % MILLISECOND)]
    for place, (t, _) in enumerate(intervals(record.t, rr)):
        stamp = t * MILLISECOND + (own * STRIDE + place) % MILLISECOND
        found.append((INTERVALS, stamp))
    return found


def reading(kind: Kind, row: Mapping[str, Any]) -> Reading:
    """Rebuild a reading from a row: its columns by name, `time` in ns."""
    values = {name: row.get(name) for name in _NAMES[kind]}
    values["t"] = row["time"] // MILLISECOND
    values["q"] = decode(row["flags"]) if row.get("flags") else _words(row["q"])
    if row.get("rr"):
        values["rr"] = [float(text) for text in row["rr"].split(",")]
    record: Record = convert(values, RECORDS[kind])
    return Reading(row["subject"], row["device"], record)


def column(metric: Metric) -> tuple[str, str]:
    """Give the measurement and field that hold a metric."""
    if metric is Metric.RR_INTERVAL:
        return INTERVALS, "value"
    return metric.kind, metric.field


@lru_cache(65536)
def tag(value: str) -> str:
    r"""Escape the value of a tag.

    >>> print(tag("p 7,x=1"))
    p\ 7\,x\=1
    """
    return re.sub(r"([,= \\])", r"\\\1", value)


def text(value: str) -> str:
    r"""Quote a string for a field.

    >>> print(text('a "b" c'))
    "a \"b\" c"
    """
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _own(record: Record) -> int:
    """Give the number that tells records of one millisecond apart.

    Those of one gateway differ by their `seq`.  Two gateways that hear one device give
    numbers that have nothing to do with each other: they meet once in a million.
    """
    if record.gateway is not None and record.seq is not None:
        return record.seq + crc32(record.gateway.encode())
    return crc32(wire.encode(record))


def _fields(reading: Reading) -> Iterator[str]:
    """Give the fields of a record's line."""
    record = reading.record
    for name in _NAMES[reading.kind]:
        value = getattr(record, name)
        if value is not None:
            yield f"{name}={_value(value)}"
    bits = _bits(record.q)
    yield f"q={bits}i,ok={int(trusted(record.q))}i"
    if record.q and _words(bits) != list(record.q):
        yield f"flags={text(wire.encode(record.q).decode())}"
    if rr := getattr(record, "rr", ()):
        yield f'rr="{",".join(map(repr, rr))}"'
    for metric in METRICS[reading.kind]:
        if getattr(record, metric.field) is None and lacks(reading, metric):
            yield f"{metric.field}_missing=1i"


def _value(value: float | int | str) -> str:
    """Write one value of a field; a field never changes its type."""
    if isinstance(value, str):
        return text(value)
    return f"{value}i" if isinstance(value, int) else repr(value)


def _bits(flags: Iterable[str]) -> int:
    """Give the bitmask of those flags that we know."""
    bits = 0
    for flag in flags:
        bits |= _BIT.get(flag, 0)
    return bits


def _words(bits: int) -> list[str]:
    """Give the flags of a bitmask, in their order."""
    return [flag for flag, bit in _BIT.items() if bits & bit]
