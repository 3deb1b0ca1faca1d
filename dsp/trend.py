"""What is remembered of where a signal is going, and what it is held to.

The arrays of `kernels.trends`, beside `arrays`.  A row is that of the patient's signal.
"""

from typing import NamedTuple

import numpy as np

from dsp.arrays import NEVER, Records
from vitals.codes import Metric
from vitals.detection import Dsp, Forecast, Rate

POINTS = 16  # latest means that a line is laid through
# Latest of them, that must go on like this, for a leap is no trend, and lie past the
# middle between the bounds: who comes home from beyond the other one does not leave.
LATELY = 5
GOES_ON = 0.5  # share of the slope that these must have
FORECAST_LOW, FORECAST_HIGH, FALLING, RISING = range(4)  # sides

TREND = np.dtype(
    [
        ("last", "i8"),  # time of the latest good value; NEVER: none
        ("start", "i8"),  # of the stretch that is being averaged
        ("sum", "f8"),  # of its values
        ("lag", "i8"),  # of their times since its start
        ("n", "i8"),
        ("seen", "i8"),  # missing and bad ones too
        ("count", "i8"),  # means taken since the latest gap
        ("t", "i8", POINTS),  # ring of means: time, value, good values, values
        ("x", "f8", POINTS),
        ("good", "i8", POINTS),
        ("all", "i8", POINTS),
        ("run", "i8", 4),  # judgements in a row that said so, by side
        ("on", "i1", 4),  # 1: an episode is open
        ("begin", "i8", 4),
    ],
    align=True,
)
"""What is remembered of a trend; (R,), owned by the watch, updated by `trends`."""

COURSE = np.dtype(
    [
        ("width", "i8"),  # ms that are averaged; 0: every value stands for itself
        ("gap", "i8"),  # ms without a value and the past is another time's
        ("horizon", "i8"),  # ms to look ahead; 0: not at all
        ("least", "i8"),  # means before anything is said
        ("confirm", "i8"),  # forecasts in a row that count
        ("noise", "f8"),  # least deviation from the line, in the signal's unit
        ("z", "f8"),  # deviations that are the width of the band, on either side
        ("by", "f8"),  # a change that is fast ...
        ("within", "i8"),  # ... in so many ms; NaN by: none is
    ],
    align=True,
)
"""What a signal's trend is held to; (C,), by the signal's place in `SIGNALS`."""

TURN = np.dtype(
    [
        ("sample", "i8"),  # index into the block
        ("side", "i8"),
        ("what", "i8"),  # BEGIN or END
        ("begin", "i8"),
        ("value", "f8"),  # expected at the horizon; or the change
        ("bound", "f8"),
        ("level", "f8"),  # of the line, now; per ms; deviation about it
        ("slope", "f8"),
        ("lately", "f8"),  # the slope through the latest LATELY means
        ("spread", "f8"),
        ("middle", "f8"),  # mean of the times, ms from now; their squares' sum about it
        ("sxx", "f8"),
        ("points", "i8"),
        ("good", "i8"),
        ("seen", "i8"),
        ("t", "i8", POINTS),  # the means, oldest first; NEVER: none
        ("x", "f8", POINTS),
    ],
    align=True,
)
"""What `trends` has to say; (4 n,) for n samples, owned by the caller."""


class Course(NamedTuple):
    """How a signal that is watched for its trend is averaged."""

    metric: Metric
    width_s: float
    gap_s: float
    least: int
    noise: float


COURSES = (
    Course(Metric.HEART_RATE, 30, 120, 8, 2.0),
    Course(Metric.BODY_TEMPERATURE, 300, 1800, 8, 0.05),
    Course(Metric.SYSTOLIC, 0, 3 * 86_400, 6, 4.0),
)
"""The signals whose trend can be watched, and how each is averaged (ours)."""

FORECASTS = {
    "body_temperature": Forecast(horizon_s=7200),
}
"""How far ahead is looked where the configuration says nothing (ours, measured)."""


def trends(rows: int) -> Records:
    """Give the trends of signals of which nothing has been seen."""
    fresh = np.zeros(rows, TREND)
    fresh["last"] = NEVER
    return fresh


def courses(settings: Dsp, columns: dict[str, int]) -> Records:
    """Give what each column's trend is held to; nothing where it is not watched."""
    held = np.zeros(len(columns), COURSE)
    held["by"] = np.nan
    for course in COURSES:
        name = course.metric.value
        forecast = settings.forecasts.get(name, FORECASTS.get(name, Forecast()))
        rate = settings.rates.get(name, Rate())
        held[columns[name]] = (
            int(course.width_s * 1000),
            int(course.gap_s * 1000),
            int(forecast.horizon_s * 1000),
            course.least,
            forecast.confirm,
            course.noise,
            forecast.z,
            rate.by or np.nan,
            int(rate.within_s * 1000),
        )
    return held
