"""What is watched, and the limits of a patient for whom nobody has set any.

A limit counts *at or beyond*: that is how its sources print it ("180/120 or greater").
Every number here is a default that the configuration and then the patient's plan
override, side by side: a side that neither names keeps its default.  To switch a side
off, put it where no patient can be.

The defaults are no medical advice; `source` says where each comes from, "ours" that it
is an engineering choice which a clinician has not confirmed.
"""

from collections.abc import Mapping
from math import nan
from typing import NamedTuple

from vitals.codes import Kind, Metric
from vitals.errors import ConfigError
from vitals.model import Limit


class Signal(NamedTuple):
    """A metric that is watched; values in the metric's unit."""

    metric: Metric
    low: float | None
    high: float | None
    hold_s: tuple[float, float]  # beyond low, beyond high, before it counts
    margin: float  # this far back inside before it may end
    gap_s: (
        float  # [OURS] a longer silence and the hold starts again, however long it is
    )
    spread: float | None  # least deviation of the baseline; None: no baseline
    source: str

    @property
    def spot(self) -> bool:
        """Whether readings are so rare that each counts by itself: no hold applies."""
        return self.metric.kind in (Kind.BLOOD_PRESSURE, Kind.GLUCOSE)


NEWS2 = "NEWS2 (RCP 2017), the bands that score 3"
CRISIS = "heart.org, when to call 911 about high blood pressure: 180/120 or greater"

SIGNALS = (
    Signal(Metric.HEART_RATE, 40, 131, (60, 60), 3, 30, 8, f"{NEWS2}; hold: ours"),
    Signal(
        Metric.SYSTOLIC, 90, 180, (0, 0), 4, 0, None, f"low: {NEWS2}; high: {CRISIS}"
    ),
    Signal(Metric.DIASTOLIC, None, 120, (0, 0), 3, 0, None, CRISIS),
    Signal(
        Metric.MEAN_ARTERIAL_PRESSURE, None, None, (0, 0), 3, 0, None, "plan only"
    ),
    Signal(Metric.PULSE, 40, 131, (0, 0), 3, 0, None, NEWS2),
    # A skin patch starts cold: low must last.  One fever reading of any thermometer
    # counts.  Readings may be an hour apart and still belong together.
    Signal(
        Metric.BODY_TEMPERATURE, 35.0, 38.5, (900, 0), 0.3, 3600, 0.15,
        f"low: {NEWS2}; high: ours, between the bands that score 1 and 2",
    ),
    # NEWS2 scores 3 from 91 %; home oximeters err by 2 %.
    Signal(Metric.OXYGEN_SATURATION, 90, None, (60, 60), 1, 30, 1, "ours, NEWS2 - 1"),
    Signal(Metric.GLUCOSE, None, None, (0, 0), 0.3, 0, None, "plan only"),
)  # fmt: skip
"""The signals, in the order of the columns of every state array; append only."""

COLUMN = {signal.metric.value: place for place, signal in enumerate(SIGNALS)}
"""A signal's column by its metric's wire name."""

SILENCE_S = {
    Kind.HEART_RATE: 60.0,
    Kind.BODY_TEMPERATURE: 900.0,
    Kind.OXYGEN_SATURATION: 60.0,
}
"""A device that streams is silent after this long (ours); a spot device never is."""

CONFIRM = {Metric.SYSTOLIC: 15.0}
"""A single reading of a spot device less far beyond its limit waits for a second one
(ours: below 75 mmHg nobody waits for the cuff to be put on again)."""

SPARSE = frozenset({Kind.BODY_TEMPERATURE})
"""Kinds that a device may send once a day: only after two in time is it silent."""

WARM_SPAN_S = 600.0  # of data, before a baseline is trusted (ours)
WARM_COUNT = 60  # samples, before it is (ours)
UNUSUAL_HOLD_S = 30.0  # far from the baseline, before it counts (ours)


class Bounds(NamedTuple):
    """The limits in force for one signal of one patient: (low, high)."""

    bound: tuple[float, float]  # NaN: none
    hold: tuple[int, int]  # ms
    night: tuple[float, float]  # the bound in the patient's night


def bounds(signal: Signal, *said: Limit | None) -> Bounds:
    """Lay what was said, weakest first, over a signal's defaults.

    >>> bounds(SIGNALS[0], Limit(high=120, hold_s=10), Limit(low=45, night_low=38))
    Bounds(bound=(45, 120), hold=(60000, 60000), night=(38, 120))
    """
    low: Turn = (signal.low, None)
    high: Turn = (signal.high, None)
    hold = signal.hold_s
    for limit in said:
        if limit is not None:
            low = _over(low, limit.low, limit.night_low)
            high = _over(high, limit.high, limit.night_high)
            hold = (0.0, 0.0) if signal.spot else (limit.hold_s, limit.hold_s)
    bound = _number(low[0]), _number(high[0])
    night = [
        d if n is None else n for d, n in zip(bound, (low[1], high[1]), strict=True)
    ]
    return Bounds(
        bound, (int(hold[0] * 1000), int(hold[1] * 1000)), (night[0], night[1])
    )


Turn = tuple[float | None, float | None]  # by day, by night; None by night: as by day


def _over(known: Turn, day: float | None, night: float | None) -> Turn:
    """Lay one side over another: who names the day alone means the night, too."""
    if day is not None:
        return day, night
    return known if night is None else (known[0], night)


def _number(value: float | None) -> float:
    return nan if value is None else value


def spared(found: Bounds, own: Limit | None, steps: float | None) -> Bounds:
    """Leave a high bound to the two steps of a crisis, if it is at theirs or beyond.

    One that the patient's `own` plan names is never left: whoever set it wants to know.

    >>> spared(Bounds((90, 180), (0, 0), (90, 180)), Limit(low=85), 180).bound
    (90, nan)
    """
    if steps is None or not found.bound[1] >= steps:
        return found
    if own is not None and own.high is not None:
        return found
    low, high = found.night
    named = own is not None and own.night_high is not None
    night = high if named or not high >= steps else nan
    return Bounds((found.bound[0], nan), found.hold, (low, night))


def check(limits: Mapping[str, Limit]) -> Mapping[str, Limit]:
    """Give the limits back if every one names a signal.

    Raises
    ------
    ConfigError
        A name is no signal's.
    """
    for name in limits:
        if name not in COLUMN:
            known = ", ".join(COLUMN)
            raise ConfigError(f"dsp.limits.{name}: no such signal; there are {known}")
    return limits


def patience(said: Mapping[str, float]) -> dict[Kind, int]:
    """Give how long each kind may be silent, ms; 0 is for ever.

    Raises
    ------
    ConfigError
        A name is no kind's.
    """
    for name in said:
        if name not in list(Kind):
            known = ", ".join(Kind)
            raise ConfigError(f"dsp.silence_s.{name}: no such kind; there are {known}")
    seconds = {**SILENCE_S, **{Kind(name): s for name, s in said.items()}}
    return {kind: int(seconds.get(kind, 0) * 1000) for kind in Kind}


def doubts(said: Mapping[str, float]) -> dict[int, float]:
    """Give how far beyond its limit one reading counts alone, by column."""
    wanted = {**{m.value: by for m, by in CONFIRM.items()}, **said}
    return {COLUMN[name]: by for name, by in wanted.items() if by}
