"""The numbers that a record adds to its subject's trends, each at its own time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from msgspec.structs import fields

from vitals import Flag, Instant, Kind, Metric, Reading
from vitals.model import RECORDS

UNTRUSTED = frozenset(
    {
        Flag.OFF_BODY,
        Flag.ARTEFACT,
        Flag.IMPLAUSIBLE,
        Flag.FROZEN,
        Flag.MOTION,
        Flag.CUFF_LOOSE,
        Flag.BAD_POSITION,
    }
)
"""A record with one of these keeps its numbers, and no trend shows them."""

MISSING = frozenset(
    {
        Flag.NOT_A_NUMBER,
        Flag.NOT_AT_THIS_RESOLUTION,
        Flag.POSITIVE_INFINITY,
        Flag.NEGATIVE_INFINITY,
        Flag.RESERVED,
        Flag.OUT_OF_RANGE,
    }
)
"""Why a device did not give a value that it otherwise gives."""

LONGEST = 60_000  # ms that one record's RR intervals may reach back

METRICS = {
    kind: tuple(
        m
        for m in Metric
        if m.kind is kind and m is not Metric.RR_INTERVAL and not m.derived
    )
    for kind in Kind
}
"""The metrics of a kind of record that have one number in it."""

_REQUIRED = {
    kind: frozenset(field.name for field in fields(record) if field.required)
    for kind, record in RECORDS.items()
}

# `Instant` itself is a call that does nothing: noticeable, so often.
_instant = cast(Callable[[float], Instant], int)


class Sample(NamedTuple):
    """One number for a trend; None when it is missing or not to be trusted."""

    metric: Metric
    t: Instant
    value: float | None  # in metric.unit


def samples(reading: Reading) -> Iterator[Sample]:
    """Give the numbers of a reading.

    A number that no living human can have is not to be trusted, whatever its flags say.
    """
    record = reading.record
    good = trusted(record.q)
    for metric in METRICS[reading.kind]:
        value = getattr(record, metric.field)
        if value is not None:
            sound = good and metric.plausible(value)
            yield Sample(metric, Instant(record.t), value if sound else None)
        elif lacks(reading, metric):
            yield Sample(metric, Instant(record.t), None)
    for t, value in intervals(record.t, getattr(record, "rr", ())):
        sound = good and Metric.RR_INTERVAL.plausible(value)
        yield Sample(Metric.RR_INTERVAL, t, value if sound else None)


def trusted(flags: tuple[str, ...]) -> bool:
    """Tell whether a record with these quality flags may be seen in trends."""
    return UNTRUSTED.isdisjoint(flags)


def lacks(reading: Reading, metric: Metric) -> bool:
    """Tell whether a value that is None counts as missing.

    A value that a device of this kind must give does; one that it may leave out only
    when the device says why.
    """
    required = metric.field in _REQUIRED[reading.kind]
    return required or not MISSING.isdisjoint(reading.record.q)


def intervals(t: int, rr: tuple[float, ...]) -> list[tuple[Instant, float]]:
    """Give each RR interval with the time at which it ended, newest first.

    They are back to back and the last ends at `t`.  A list that reaches back further
    than `LONGEST`, or forward, is nonsense and is held within that span.

    >>> intervals(10_000, (800.0, 900.5))
    [(10000, 900.5), (9099, 800.0)]
    """
    if len(rr) == 1:
        return [(_instant(t), rr[0])]
    ended, earliest, found = float(t), max(t - LONGEST, 0), []
    for value in reversed(rr):
        found.append((_instant(ended), value))
        ended -= value
        if not earliest <= ended <= t:
            ended = max(min(ended, t), earliest)
    return found
