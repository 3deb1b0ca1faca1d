"""What a page shows of one patient: tiles with arrows, and charts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.store import Point
from portal import cards, chart, tiles
from portal.ages import DAY, HOUR, MINUTE
from portal.chart import Frame, Mark
from portal.house import House
from portal.texts import Texts
from portal.tiles import Shown, Tile
from vitals.codes import Kind, Metric
from vitals.model import Alert, Instant, Plan
from vitals.phrases import number, unit

Span = Literal["1h", "24h", "7d", "30d"]
SPANS: dict[Span, int] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
FEWEST = 5  # points worth a drawing on a card
POINTS = 240  # more than a phone has columns for
FINEST = 5_000  # ms; a band of several heart beats, not a line through each
NARROWEST = 2 * MINUTE  # time axis
GAPS = {Kind.BODY_TEMPERATURE: HOUR, Kind.OXYGEN_SATURATION: 10 * MINUTE}
LEAST = {Kind.HEART_RATE: 20.0, Kind.BLOOD_PRESSURE: 40.0, Kind.BODY_TEMPERATURE: 2.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title and what it says in words."""

    kind: Kind
    title: str
    unit: str
    svg: str  # "": nothing was measured
    low: str
    mean: str
    high: str


async def numbers(house: House, subject: str, texts: Texts) -> list[Tile]:
    """Give the tiles of a patient."""
    now = house.clock()
    found = tiles.tiles(await house.latest(subject), texts, now)
    return list(await asyncio.gather(*(_arrow(house, subject, t, now) for t in found)))


async def figures(
    house: House, subject: str, kinds: Sequence[Kind], span: Span, texts: Texts
) -> list[Figure]:
    """Give the charts of a patient."""
    stop = Instant(house.clock())
    start = Instant(max(0, stop - SPANS[span]))
    if span == "1h":
        start = await _first(house, subject, kinds, start, stop)
    past = await asyncio.to_thread(house.alerts.alerts, "all", [subject], None, 200)
    marked = {a.id: a for a in [*past[0], *house.board.open_alerts([subject])]}
    frames = _Frames(house.board.plan(subject) or Plan(), start, stop)
    shown = (s for s in tiles.SHOWN if s.kind in kinds)
    alerts = list(marked.values())
    return [await _figure(house, subject, s, (frames, alerts), texts) for s in shown]


async def spark(house: House, alert: Alert) -> str:
    """Draw the half hour before now of what an alert is about; "" if nothing is."""
    metric = cards.metric_of(alert)
    if metric is None:
        return ""
    stop = house.clock()
    start = Instant(max(0, stop - HOUR // 2))
    start = await _first(house, alert.subject, [metric.kind], start, stop)
    points = await _trend(house, alert.subject, metric, start, stop, 90)
    if len(points) < FEWEST:
        return ""
    return chart.sparkline(points, Frame(start, stop, height=44, least=10))


async def _first(
    house: House, subject: str, kinds: Sequence[Kind], start: Instant, stop: Instant
) -> Instant:
    """Give when the first record was measured, so that a new patient's axis is full."""
    found = await asyncio.gather(
        *(
            asyncio.to_thread(
                house.history.records, subject, kind, start, stop, None, 1
            )
            for kind in kinds
        )
    )
    first = min((page[0].record.t for page, _ in found if page), default=start)
    return Instant(max(start, min(first, stop - NARROWEST)))


@dataclass(frozen=True, slots=True)
class _Frames:
    """The frames of one patient's charts."""

    plan: Plan
    start: Instant
    stop: Instant

    def of(self, shown: Shown) -> Frame:
        """Give the frame of one chart."""
        metrics = [
            m for m in Metric if m.kind is shown.kind and m.field in shown.fields
        ]
        found = [self.plan.limits.get(metric.value) for metric in metrics]
        sides = [side for limit in found if limit for side in (limit.low, limit.high)]
        return Frame(
            self.start,
            self.stop,
            place=self.plan.time_zone,
            limits=tuple(side for side in sides if side is not None),
            gap_ms=self._gap(shown.kind),
            least=LEAST.get(shown.kind, 4.0),
        )

    def _gap(self, kind: Kind) -> int:
        """Give the longest silence without a gap; on a short axis, less of a heart."""
        longest = GAPS.get(kind, 2 * MINUTE)
        if kind is not Kind.HEART_RATE:
            return longest
        return min(longest, max(15_000, (self.stop - self.start) // 20))


async def _figure(
    house: House,
    subject: str,
    shown: Shown,
    drawn: tuple[_Frames, list[Alert]],
    texts: Texts,
) -> Figure:
    """Draw one chart."""
    frame = drawn[0].of(shown)
    points = await _trend(house, subject, shown.metric, frame.start, frame.stop, POINTS)
    marks = [_mark(alert, texts) for alert in drawn[1] if _about(alert, shown.kind)]
    svg, feet = "", list(points)
    if points and shown.kind is Kind.BLOOD_PRESSURE:
        feet = await _trend(
            house, subject, Metric.DIASTOLIC, frame.start, frame.stop, POINTS
        )
        svg = chart.sticks(frame, points, feet, marks)
    elif points:
        svg = chart.curve(frame, points, marks)
    return _in_words(shown, svg, points, feet, texts)


def _in_words(
    shown: Shown, svg: str, points: list[Point], feet: list[Point], texts: Texts
) -> Figure:
    """Say a chart's extremes and mean; blood pressure has two of each."""
    pairs = [points, feet] if shown.kind is Kind.BLOOD_PRESSURE else [points]

    def say(of: list[float]) -> str:
        return "/".join(number(value, shown.digits) for value in of)

    full = [found for found in pairs if found]
    return Figure(
        kind=shown.kind,
        title=texts(shown.kind),
        unit=unit(shown.metric.unit),
        svg=svg,
        low=say([min(p.min for p in found) for found in full]),
        mean=say([_mean(found) for found in full]),
        high=say([max(p.max for p in found) for found in full]),
    )


async def _arrow(house: House, subject: str, tile: Tile, now: Instant) -> Tile:
    """Add to a tile which way it goes."""
    shown = tile.shown
    start = Instant(max(0, now - shown.look_back_s * 1000))
    points = await _trend(house, subject, shown.metric, start, now, 30)
    return tiles.with_trend(tile, points)


async def _trend(
    house: House, subject: str, metric: Metric, start: Instant, stop: Instant, n: int
) -> list[Point]:
    """Read a trend."""
    if metric is Metric.HEART_RATE:
        n = min(n, (stop - start) // FINEST + 2)
    return await asyncio.to_thread(house.history.trend, subject, metric, start, stop, n)


def _mean(points: list[Point]) -> float:
    """Give the mean over all values."""
    return sum(p.mean * p.n for p in points) / sum(p.n for p in points)


def _about(alert: Alert, kind: Kind) -> bool:
    """Tell whether an alert belongs on a chart."""
    metric = cards.metric_of(alert)
    return metric is not None and metric.kind is kind


def _mark(alert: Alert, texts: Texts) -> Mark:
    """Mark an alert on a chart."""
    return Mark(
        Instant(alert.since), alert.priority, cards.title(alert.condition, texts)
    )
