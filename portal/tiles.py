"""The big numbers: the newest value of each kind, which way it goes, how old it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ingest.store import Point
from portal.ages import lasting
from portal.texts import Texts
from portal.units import Measure, of_metric
from vitals.codes import Kind, Metric
from vitals.model import Instant, Reading
from vitals.phrases import number

Trend = Literal["rising", "falling", "steady", ""]
LOOK_BACK_S = 3600  # what the arrow is about
AHEAD_MS = 60_000  # a value from later than this is as bad as an old one


@dataclass(frozen=True, slots=True)
class Shown:
    """How a kind of record is shown to people."""

    kind: Kind
    metric: Metric  # of the arrow
    fields: tuple[str, ...]  # of the record, joined by "/"
    digits: int
    stale_s: int  # older than this is struck through (CLINICAL 5: warn at 15 min)
    step: float  # a change below this is steady, in the metric's unit
    look_back_s: int = LOOK_BACK_S


DAY_S = 86_400
SHOWN = (
    Shown(Kind.HEART_RATE, Metric.HEART_RATE, ("hr",), 0, 120, 5, 1800),
    Shown(
        Kind.BLOOD_PRESSURE, Metric.SYSTOLIC, ("sys", "dia"), 0, 14 * 3600, 8, 3 * DAY_S
    ),
    Shown(
        Kind.BODY_TEMPERATURE, Metric.BODY_TEMPERATURE, ("temp",), 1, 900, 0.3, 6 * 3600
    ),
    Shown(Kind.OXYGEN_SATURATION, Metric.OXYGEN_SATURATION, ("spo2",), 0, 900, 2),
    Shown(Kind.GLUCOSE, Metric.GLUCOSE, ("glucose",), 1, 12 * 3600, 1, DAY_S),
)
"""Each has a tile, and a chart."""

VARIABILITY = tuple(
    Shown(Kind.HEART_RATE, metric, (), 0, 900, 5)
    for metric in (Metric.RMSSD, Metric.SDNN)
)
"""Charts alone: no record holds it."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a tile; `field` lets the page's script renew it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A value as a person reads it."""

    shown: Shown
    title: str
    numbers: tuple[Number, ...]  # empty: the device gave no value
    measure: Measure
    t: Instant
    stale: bool
    notes: tuple[str, ...] = ()  # why to read it with care
    quality: str = ""  # in a word; "" where the notes say it
    trend: Trend = ""
    compared: str = ""  # with what the arrow compares


def tiles(readings: Sequence[Reading], texts: Texts, now: Instant) -> list[Tile]:
    """Give a tile per kind that has ever been measured; `readings` newest first."""
    newest: dict[Kind, Reading] = {}
    for reading in readings:
        newest.setdefault(reading.kind, reading)
    return [
        _tile(shown, newest[shown.kind], texts, now)
        for shown in SHOWN
        if shown.kind in newest
    ]


def with_trend(tile: Tile, points: Sequence[Point], texts: Texts) -> Tile:
    """Add the arrow to a tile; nothing is said of a stale or missing value."""
    if tile.stale or not tile.numbers:
        return tile
    found = trend(points, tile.shown.step)
    past = lasting(texts, tile.shown.look_back_s * 1000)
    compared = texts("trend.compared", past=past) if found else ""
    return replace(tile, trend=found, compared=compared)


def trend(points: Sequence[Point], step: float) -> Trend:
    """Say which way a metric goes: the newest sixth against what was before."""
    recent = max(1, len(points) // 6)
    if len(points) <= recent:
        return ""
    before = sum(p.mean for p in points[:-recent]) / (len(points) - recent)
    change = sum(p.mean for p in points[-recent:]) / recent - before
    if abs(change) < step:
        return "steady"
    return "rising" if change > 0 else "falling"


def _tile(shown: Shown, reading: Reading, texts: Texts, now: Instant) -> Tile:
    """Show the newest reading of a kind."""
    record = reading.record
    values = [(field, getattr(record, field)) for field in shown.fields]
    measure = of_metric(shown.metric, texts.units, shown.digits)
    missing = any(value is None for _, value in values)
    found = [
        Number(f, number(measure(v), measure.digits))
        for f, v in values
        if v is not None
    ]
    return Tile(
        shown=shown,
        title=texts(shown.kind),
        numbers=() if missing else tuple(found),
        measure=measure,
        t=Instant(record.t),
        stale=not -AHEAD_MS <= now - record.t <= shown.stale_s * 1000,
        notes=tuple(texts.get(f"flag.{flag}", flag) for flag in record.q),
        quality="" if record.q or missing else texts("quality.good"),
    )
