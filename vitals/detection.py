"""What detectors go by: tables of `[dsp]` in the configuration."""

from typing import Annotated

from msgspec import Meta

from vitals.sections import Positive, Section

Mmhg = tuple[Positive, Positive]


class Forecast(Section, frozen=True):
    """How far ahead a signal's trend is followed, and how sure it must be."""

    horizon_s: Annotated[float, Meta(ge=0, le=30 * 86_400)] = 0.0  # 0: not at all
    z: Positive = 2.0  # deviations that the whole band has on either side
    confirm: Annotated[int, Meta(ge=1, le=100)] = 2  # forecasts in a row that count


class Rate(Section, frozen=True):
    """A change that is fast."""

    by: Annotated[float, Meta(ge=0, le=1e6)] = 0.0  # in the metric's unit; 0: none is
    within_s: Positive = 300.0


class Pressure(Section, frozen=True):
    """What the detectors of blood pressure go by; pairs are systolic, diastolic."""

    crisis: Mmhg = (180, 120)  # at or above either: measure again
    again_s: Positive = 60.0  # a second such reading counts from then on
    wait_s: Positive = 3600.0  # without a second reading for so long, the first counts
    extreme: Mmhg = (200, 130)  # at or above either, it does after `extreme_s`
    extreme_s: Positive = 600.0
    start: Mmhg = (180, 100)  # at rest above either: do not start a session
    before_s: Positive = 1800.0  # so long before a session it is rest
    stop: Mmhg = (250, 115)  # in a session at or above either: stop it
    exercise_fall: Positive = 10.0  # mmHg: more, while the pulse rises: stop it
    pulse_rise: Positive = 5.0  # /min at least, for the workload to have risen
    standing_fall: Mmhg = (20, 10)  # at or above either, after standing up
