"""What detectors go by: `[dsp]` of the configuration, and its tables."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta, field

from vitals.codes import SITES, Kind, Metric
from vitals.model import Limit
from vitals.sections import Percent, Positive, Section

CONFIRMED = "systolic", "diastolic", "mean_arterial_pressure", "pulse", "glucose"
LIMITED = tuple(m.value for m in Metric if not m.derived and m != Metric.RR_INTERVAL)
TRENDS = "heart_rate", "body_temperature", "systolic"  # that can be followed

# One beat that a strap has missed doubles an interval: the rate's limit has a hold.
INTERVAL = (
    "dsp.limits.rr_interval: intervals have no limit; limit heart_rate"
    " (60000 / ms = beats a minute). An irregular rhythm is watched without one"
)

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


class Dsp(Section, frozen=True):
    """What the detectors hold a patient to who has no plan of their own."""

    limits: dict[str, Limit] = field(default_factory=dict)  # over the defaults
    silence_s: dict[str, Positive] = field(default_factory=dict)  # by kind
    off_body_s: Positive = 60.0
    late_s: Positive = 600.0  # older evidence wakes nobody
    battery_low: Percent = 20.0  # at or below it somebody is told
    battery_critical: Percent = 10.0  # and told again
    battery_margin: Percent = 5.0  # so far above a level it is charged
    tick_s: Positive = 1.0
    baseline_beats: Positive = 3600.0  # samples the personal baseline remembers
    baseline_z: Positive = 6.0  # deviations that count as unusual
    irregular_hold_s: Positive = 300.0  # of irregular rhythm, before it counts
    decline_score: Positive = 7.5  # of all signs together, that counts
    forecasts: dict[str, Forecast] = field(default_factory=dict)  # by metric
    rates: dict[str, Rate] = field(default_factory=dict)  # by metric
    session_recovery_s: Positive = 300.0  # after exercise: not at rest yet
    session_keeps_limits: bool = False  # True: ordinary ones hold in exercise, too
    session_hold_s: Positive = 10.0  # at or above a session's limit, before it counts
    session_signal_s: Positive = 30.0  # without a heart rate in a session: it is lost
    session_drop: Positive = 12.0  # /min in 60 s after a session; no more is slow
    # By metric: a single reading less far beyond its limit waits for a second one.
    confirm: dict[str, Annotated[float, Meta(ge=0, le=1e6)]] = field(
        default_factory=dict
    )
    pressure: Pressure = Pressure()
    fever: dict[str, Positive] = field(default_factory=dict)  # Cel by site
    fever_margin: Positive = 0.3  # so far below, it is over
    fever_settle_s: Positive = 900.0  # a patch on the skin is not believed before
    fever_hold_s: Positive = 600.0  # and its fever must last


def complaints(dsp: Dsp) -> Iterator[str]:
    """Say which keys of the detectors' tables name nothing."""
    if Metric.RR_INTERVAL.value in dsp.limits:
        yield INTERVAL
    yield from _unknown("dsp.limits", dsp.limits, LIMITED)
    yield from _unknown("dsp.forecasts", dsp.forecasts, TRENDS)
    yield from _unknown("dsp.rates", dsp.rates, TRENDS)
    yield from _unknown("dsp.silence_s", dsp.silence_s, list(Kind))
    yield from _unknown("dsp.fever", dsp.fever, SITES)
    yield from _unknown("dsp.confirm", dsp.confirm, CONFIRMED)


def _unknown(path: str, keys: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    for key in keys:
        if key not in known:
            yield f"{path}.{key}: unknown; one of {', '.join(known)}"
