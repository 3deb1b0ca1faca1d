"""What we measure: one row per kind of record, per metric and per quality flag."""

from enum import Enum, StrEnum
from typing import Self


class Kind(StrEnum):
    """The closed list of record kinds; the last level of a record's topic."""

    HEART_RATE = "heart_rate"
    BLOOD_PRESSURE = "blood_pressure"
    BODY_TEMPERATURE = "body_temperature"
    OXYGEN_SATURATION = "oxygen_saturation"
    GLUCOSE = "glucose"
    BATTERY = "battery"


class Metric(Enum):
    """One measurable quantity.

    This table is the only place where a metric's code, unit and plausible range are
    written.  *Plausible* means that a living human can have it and a working sensor
    report it; it says nothing about healthy.  Clinical limits are a patient's plan.
    """

    # wire name, kind, field of the record, LOINC ("": none), UCUM, plausible from, to
    HEART_RATE = "heart_rate", Kind.HEART_RATE, "hr", "8867-4", "/min", 20, 300
    RR_INTERVAL = "rr_interval", Kind.HEART_RATE, "rr", "8637-1", "ms", 170, 3000
    # Computed of the intervals in a window (ingest.variability): no field, and of RMSSD
    # LOINC has no code.
    RMSSD = "rmssd", Kind.HEART_RATE, "", "", "ms", 0, 3000
    SDNN = "sdnn", Kind.HEART_RATE, "", "80404-7", "ms", 0, 3000
    SYSTOLIC = "systolic", Kind.BLOOD_PRESSURE, "sys", "8480-6", "mm[Hg]", 40, 300
    DIASTOLIC = "diastolic", Kind.BLOOD_PRESSURE, "dia", "8462-4", "mm[Hg]", 20, 200
    MEAN_ARTERIAL_PRESSURE = (
        "mean_arterial_pressure", Kind.BLOOD_PRESSURE, "map", "8478-0", "mm[Hg]",
        25, 250,
    )  # fmt: skip
    PULSE = "pulse", Kind.BLOOD_PRESSURE, "pulse", "8867-4", "/min", 20, 300
    BODY_TEMPERATURE = (
        "body_temperature", Kind.BODY_TEMPERATURE, "temp", "8310-5", "Cel", 25, 45
    )  # fmt: skip
    OXYGEN_SATURATION = (
        "oxygen_saturation", Kind.OXYGEN_SATURATION, "spo2", "2708-6", "%", 40, 100
    )  # fmt: skip
    GLUCOSE = "glucose", Kind.GLUCOSE, "glucose", "15074-8", "mmol/L", 0.5, 60

    kind: Kind
    field: str
    loinc: str
    unit: str
    low: float
    high: float

    def __new__(
        cls, value: str, kind: Kind, field: str, loinc: str, unit: str, *span: float
    ) -> Self:
        """Give the member its wire name as value and the rest as attributes."""
        metric = object.__new__(cls)
        metric._value_ = value
        metric.kind, metric.field, metric.loinc, metric.unit = kind, field, loinc, unit
        metric.low, metric.high = span
        return metric

    @property
    def derived(self) -> bool:
        """Whether no record has it: it is computed of what many have."""
        return not self.field

    def plausible(self, value: float) -> bool:
        """Tell whether `value`, in `unit`, can come from a living human."""
        return self.low <= value <= self.high


class Flag(StrEnum):
    """Why a record, or the values that it lacks, should be read with care."""

    OFF_BODY = "off_body"
    ARTEFACT = "artefact"
    IMPLAUSIBLE = "implausible"
    FROZEN = "frozen"
    MOTION = "motion"
    CUFF_LOOSE = "cuff_loose"
    BAD_POSITION = "bad_position"
    IRREGULAR_PULSE = "irregular_pulse"
    NOT_A_NUMBER = "not_a_number"
    NOT_AT_THIS_RESOLUTION = "not_at_this_resolution"
    POSITIVE_INFINITY = "positive_infinity"
    NEGATIVE_INFINITY = "negative_infinity"
    RESERVED = "reserved"
    OUT_OF_RANGE = "out_of_range"
    CLOCK_UNSYNCED = "clock_unsynced"
    LATE = "late"

    @property
    def bit(self) -> int:
        """Give the bit in the stored bitmask; never renumbered."""
        return 1 << _ORDER[self]


UNRELIABLE = frozenset(
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
"""A value with one of these is kept and shown, and nothing is concluded from it.

The other flags concern the record's time, or only the values that are null.
"""

_ORDER = {flag: place for place, flag in enumerate(Flag)}

SITES = (
    "armpit", "body", "ear", "finger", "gi", "mouth", "rectum", "toe", "tympanum",
)  # fmt: skip
"""Body sites in the order of Temperature Type (0x2A1D): index + 1 is its value."""
