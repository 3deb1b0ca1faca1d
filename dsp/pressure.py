"""One blood pressure that can be relied on, and what it is compared with."""

from typing import Any, NamedTuple

from msgspec import Struct

from dsp.limits import COLUMN, SIGNALS
from vitals.codes import UNRELIABLE, Metric
from vitals.model import BloodPressure, Instant

Pair = tuple[float, float]  # systolic, diastolic; mmHg

UNIT = Metric.SYSTOLIC.unit
MARGIN: Pair = (
    SIGNALS[COLUMN[Metric.SYSTOLIC.value]].margin,
    SIGNALS[COLUMN[Metric.DIASTOLIC.value]].margin,
)
"""So far below what raised it, it is over: the limits' own."""


class Pressure(Struct, frozen=True, array_like=True):
    """The values of one good measurement; None: the cuff gave none."""

    t: Instant
    sys: float | None  # mmHg
    dia: float | None  # mmHg
    pulse: float | None = None  # /min


class Taken(NamedTuple):
    """One measurement as it came."""

    t: Instant
    pressure: Pressure | None  # None: it cannot be relied on
    late: bool = False
    flags: tuple[str, ...] = ()
    received: int | None = None


def pressure(record: BloodPressure) -> Pressure | None:
    """Give what can be relied on; None: nothing can.

    >>> pressure(BloodPressure(t=0, sys=128, dia=82, pulse=400))
    Pressure(t=0, sys=128.0, dia=82.0, pulse=None)
    >>> pressure(BloodPressure(t=0, sys=128, dia=82, q=("motion",)))
    """
    if UNRELIABLE.intersection(record.q):
        return None
    systolic = _plausible(Metric.SYSTOLIC, record.sys)
    diastolic = _plausible(Metric.DIASTOLIC, record.dia)
    if systolic is None and diastolic is None:
        return None
    if systolic is not None and diastolic is not None and systolic <= diastolic:
        return None
    pulse = _plausible(Metric.PULSE, record.pulse)
    return Pressure(Instant(record.t), systolic, diastolic, pulse)


def reaches(found: Pressure, pair: Pair) -> bool:
    """Tell whether either value is at or above its bound."""
    return (found.sys is not None and found.sys >= pair[0]) or (
        found.dia is not None and found.dia >= pair[1]
    )


def exceeds(found: Pressure, pair: Pair) -> bool:
    """Tell whether either value is above its bound."""
    return (found.sys is not None and found.sys > pair[0]) or (
        found.dia is not None and found.dia > pair[1]
    )


def below(found: Pressure, pair: Pair) -> bool:
    """Tell whether both values are below their bounds; a missing one is not."""
    if found.sys is None or found.dia is None:
        return False
    return found.sys < pair[0] and found.dia < pair[1]


def inside(found: Pressure, pair: Pair) -> bool:
    """Tell whether both values are back inside by the margin; a missing one is not."""
    if found.sys is None or found.dia is None:
        return False
    return found.sys <= pair[0] - MARGIN[0] and found.dia <= pair[1] - MARGIN[1]


def higher(one: Pressure, other: Pressure) -> Pressure:
    """Give the higher of two, value by value, at the later time."""
    return Pressure(
        max(one.t, other.t), _most(one.sys, other.sys), _most(one.dia, other.dia)
    )


def shown(found: Pressure) -> list[Any]:
    """Give it as evidence: [t, systolic, diastolic]."""
    return [found.t, found.sys, found.dia]


def _most(*values: float | None) -> float | None:
    return max((v for v in values if v is not None), default=None)


def _plausible(metric: Metric, value: float | None) -> float | None:
    """Give a value that a living human can have, None for any other."""
    good = value is not None and metric.plausible(value)
    return float(value) if value is not None and good else None
