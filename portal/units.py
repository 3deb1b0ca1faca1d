"""The units that a reader prefers; everything is kept and judged in UCUM's."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ingest.store import Point
from vitals.codes import Metric

Pressure = Literal["mmHg", "kPa"]
Temperature = Literal["C", "F"]
PRESSURES: tuple[Pressure, ...] = ("mmHg", "kPa")
TEMPERATURES: tuple[Temperature, ...] = ("C", "F")
MMHG_PER_KPA = 7.50062

LABELS = {"/min": "/min", "mm[Hg]": "mmHg", "Cel": "°C", "ms": "ms"}
"""UCUM as people write it; what is not here is written as it is."""


class Measure(NamedTuple):
    """How a metric is shown: `value * factor + offset`, rounded, with a label."""

    label: str
    digits: int
    factor: float = 1.0
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        """Give a value in the reader's unit."""
        return value * self.factor + self.offset

    def point(self, point: Point) -> Point:
        """Give a point in the reader's unit."""
        low, mean, high = self(point.min), self(point.mean), self(point.max)
        return Point(point.t, low, mean, high, point.n, point.quality)


@dataclass(frozen=True, slots=True)
class Units:
    """What a reader has chosen."""

    pressure: Pressure = "mmHg"
    temperature: Temperature = "C"

    def measure(self, ucum: str, digits: int = 0) -> Measure:
        """Say how values in a unit are shown, with this many digits if unchanged.

        >>> round(Units(pressure="kPa").measure("mm[Hg]")(120), 1)
        16.0
        >>> round(Units(temperature="F").measure("Cel", 1)(37), 1)
        98.6
        """
        if ucum == "mm[Hg]" and self.pressure == "kPa":
            return Measure("kPa", 1, 1 / MMHG_PER_KPA)
        if ucum == "Cel" and self.temperature == "F":
            return Measure("°F", 1, 1.8, 32.0)
        return Measure(LABELS.get(ucum, ucum), digits)


def of_metric(metric: Metric, units: Units, digits: int = 0) -> Measure:
    """Say how a metric is shown."""
    return units.measure(metric.unit, digits)
