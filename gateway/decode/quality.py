"""A device's numbers and doubts as values and quality flags.  Pure."""

from vitals import Flag, Metric
from vitals.gatt.numbers import Number, Special

REASONS = {
    Special.NAN: Flag.NOT_A_NUMBER,
    Special.NRES: Flag.NOT_AT_THIS_RESOLUTION,
    Special.POSITIVE_INFINITY: Flag.POSITIVE_INFINITY,
    Special.NEGATIVE_INFINITY: Flag.NEGATIVE_INFINITY,
    Special.RESERVED: Flag.RESERVED,
}


def number(flags: list[Flag], value: Number, scale: float = 1) -> float | None:
    """Give a device's number, or None and why it has none."""
    if isinstance(value, Special):
        flags.append(REASONS[value])
        return None
    return round(value * scale, 1) if scale != 1 else value


def judge(flags: list[Flag], metric: Metric, value: float | None) -> None:
    """Flag what no living human has."""
    if value is not None and not metric.plausible(value):
        flags.append(Flag.IMPLAUSIBLE)


def once(flags: list[Flag]) -> tuple[Flag, ...]:
    """Drop repeated flags, keep their order."""
    return tuple(dict.fromkeys(flags))
