"""What may have personal limits, and between which a patient without any is watched.

These are the detectors' own numbers; a test holds both lists together.
"""

from vitals.codes import Metric

DEFAULTS: dict[Metric, tuple[float | None, float | None]] = {
    Metric.HEART_RATE: (40, 131),
    Metric.SYSTOLIC: (90, 180),
    Metric.DIASTOLIC: (None, 120),
    Metric.MEAN_ARTERIAL_PRESSURE: (None, None),
    Metric.PULSE: (40, 131),
    Metric.BODY_TEMPERATURE: (35.0, 38.5),
    Metric.OXYGEN_SATURATION: (90, None),
    Metric.GLUCOSE: (None, None),
}
"""(low, high) by metric, in its unit; None: no default on that side."""

REST_S = 300  # sitting, before the first reading (Taiwan consensus, PMC7677637)
BETWEEN_S = 60  # from one reading to the next (the same)
