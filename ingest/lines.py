"""Readings as InfluxDB's line protocol, and back.

A measurement per kind of record, tagged with subject and device; RR intervals lie in
`rr_interval` as well, each at its own time.  The fields are the record's own, so that
it can be rebuilt exactly, and four of ours: `q`, a bitmask of the quality flags;
`flags`, their words, where the bitmask would lose something; `ok`, 1 when trends may
show it; and `<name>_missing`, 1 when a value did not come that should have.

Every record passes through `lines`, which does little for those that are as usual.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from msgspec import convert
from msgspec.json import decode

from ingest.samples import LONGEST, METRICS, intervals, lacks, trusted
from vitals import Flag, Kind, Metric, Reading, Record, wire
from vitals.model import MOST_INTERVALS, RECORDS, HeartRate

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
    if isinstance(record, HeartRate) and (usual := _usual(reading, record)):
        return usual
    own = _own(record)
    tags = _tags(reading.subject, reading.device)
    ok = f"ok={1 if not record.q or trusted(record.q) else 0}i"
    shape = _SHAPES[type(record)]
    fields = f"{_common(record)}{_values(reading, shape.fields)}{_quality(record.q)}"
    stamp = record.t * MILLISECOND + own % MILLISECOND
    rr = getattr(record, "rr", ())
    if not rr:
        return f"{shape.measurement}{tags}{fields}{ok} {stamp}"
    texts = ",".join(map(repr, rr))
    whole = f'{shape.measurement}{tags}{fields}{ok},rr="{texts}" {stamp}'
    first = own * STRIDE
    for place, (t, value) in enumerate(intervals(record.t, rr), first):
        stamp = t * MILLISECOND + place % MILLISECOND
        whole += f"\n{INTERVALS}{tags}value={value!r},{ok} {stamp}"
    return whole


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
        # An older version took more of them; the newest are those up to `t`.
        newest = row["rr"].split(",")[-MOST_INTERVALS:]
        values["rr"] = [float(text) for text in newest]
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


class _Field(NamedTuple):
    """How one field of a kind of record is written."""

    name: str
    text: Callable[[Any], str]
    metric: Metric | None  # of which it is the value


class _Shape(NamedTuple):
    """How the records of one kind are written."""

    measurement: str
    fields: tuple[_Field, ...]  # those that only this kind has


@lru_cache(65536)
def _tags(subject: str, device: str) -> str:
    """Give what stands between a measurement and its fields."""
    return f",subject={tag(subject)},device={tag(device)} "


def _usual(reading: Reading, record: HeartRate) -> str:
    """Give the lines of a record if it is as nearly all are, else "".

    A good heart rate with a number and intervals is said as `lines` would say it, in
    half the time.
    """
    gateway, seq, received, hr = record.gateway, record.seq, record.received, record.hr
    if gateway is None or seq is None or received is None or hr is None or record.q:
        return ""
    rr, t = record.rr, record.t
    if not rr or record.device_t is not None or record.energy is not None:
        return ""
    start, middle, interval, number = _frame(
        reading.subject, reading.device, gateway, record.link
    )
    own, stamp = seq + number, t * MILLISECOND
    texts = text = repr(rr[-1])
    first, older = own * STRIDE, ""
    if len(rr) == 2 and 0 <= rr[1] <= LONGEST <= t:  # else `intervals` holds it within
        texts = f"{rr[0]!r},{text}"
        ended = int(t - rr[1]) * MILLISECOND + (first + 1) % MILLISECOND
        older = f"{interval}{rr[0]!r},ok=1i {ended}"
    elif len(rr) > 1:
        texts, older = ",".join(map(repr, rr)), _older(interval, t, rr, first + 1)
    return (
        f"{start}{seq}i,received={received}{middle}{hr!r},q=0i,ok=1i,"
        f'rr="{texts}" {stamp + own % MILLISECOND}'
        f"{interval}{text},ok=1i {stamp + first % MILLISECOND}{older}"
    )


def _older(interval: str, t: int, rr: tuple[float, ...], place: int) -> str:
    """Give the lines of the intervals before the newest, which have their places."""
    found = ""
    for ended, value in intervals(t, rr)[1:]:
        found += (
            f"{interval}{value!r},ok=1i {ended * MILLISECOND + place % MILLISECOND}"
        )
        place += 1
    return found


@lru_cache(16384)
def _frame(
    subject: str, device: str, gateway: str, link: str | None
) -> tuple[str, str, str, int]:
    """Give what stands between the numbers of a stream, and its gateway's number."""
    tags = _tags(subject, device)
    middle = "i,hr=" if link is None else f'i,link="{link}",hr='
    interval = f"\n{INTERVALS}{tags}value="
    start = f'{Kind.HEART_RATE}{tags}gateway="{gateway}",seq='
    return start, middle, interval, _number(gateway)


def _own(record: Record) -> int:
    """Give the number that tells records of one millisecond apart.

    Those of one gateway differ by their `seq`.  Two gateways that hear one device give
    numbers that have nothing to do with each other: they meet once in a million.
    """
    if record.gateway is not None and record.seq is not None:
        return record.seq + _number(record.gateway)
    return crc32(wire.encode(record))


@lru_cache(65536)
def _number(gateway: str) -> int:
    return crc32(gateway.encode())


def _common(record: Record) -> str:
    """Give the fields that every kind has, each with a comma behind it."""
    found = "" if record.gateway is None else f'gateway="{record.gateway}",'
    if record.seq is not None:
        found += f"seq={record.seq}i,"
    if record.received is not None:
        found += f"received={record.received}i,"
    if record.link is not None:
        found += f'link="{record.link}",'
    if record.device_t is not None:
        found += f"device_t={record.device_t}i,"
    return found


def _values(reading: Reading, fields: Iterable[_Field]) -> str:
    """Give the fields that only this kind has, each with a comma behind it."""
    found = ""
    for name, write, metric in fields:
        value = getattr(reading.record, name)
        if value is not None:
            found += f"{name}={write(value)},"
        elif metric is not None and lacks(reading, metric):
            found += f"{name}_missing=1i,"
    return found


def _quality(flags: Sequence[str]) -> str:
    """Give the fields of the quality flags, each with a comma behind it."""
    if not flags:
        return "q=0i,"
    bits = _bits(flags)
    if _words(bits) == list(flags):
        return f"q={bits}i,"
    return f"q={bits}i,flags={text(wire.encode(flags).decode())},"


def _bits(flags: Iterable[str]) -> int:
    """Give the bitmask of those flags that we know."""
    bits = 0
    for flag in flags:
        bits |= _BIT.get(flag, 0)
    return bits


def _words(bits: int) -> list[str]:
    """Give the flags of a bitmask, in their order."""
    return [flag for flag, bit in _BIT.items() if bits & bit]


def _field(kind: Kind, name: str) -> _Field:
    """Describe one field: it never changes its type, which the record's class names."""
    declared = str(RECORDS[kind].__annotations__[name])
    write = repr if "float" in declared else text if "str" in declared else "{}i".format
    metric = next((m for m in METRICS[kind] if m.field == name), None)
    return _Field(name, write, metric)


_SHAPES = {
    record: _Shape(
        str(kind),
        tuple(_field(kind, n) for n in record.__annotations__ if n not in _OWN),
    )
    for kind, record in RECORDS.items()
}
