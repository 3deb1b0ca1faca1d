"""What a page shows of one patient: tiles with arrows, and charts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.store import Point
from portal import cards, chart, plots, tiles
from portal.ages import DAY, HOUR, MINUTE
from portal.chart import Frame, Mark
from portal.house import House
from portal.targets import Target, by_day, by_night, in_force, targets
from portal.texts import Texts
from portal.tiles import Shown, Tile
from portal.trends import Asked
from portal.units import Measure, of_metric
from portal.usual import HOURS, since, usual
from portal.wall import Wall
from vitals.codes import Kind, Metric
from vitals.model import Alert, Instant, Plan
from vitals.phrases import number

Span = Literal["1h", "24h", "7d", "30d", "1y"]
SPANS: dict[Span, int] = {
    "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY,
}  # fmt: skip
DASH = "\N{EN DASH}"
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
    name: str  # of it in the page: the kind, or a metric that is computed of the kind's
    title: str
    unit: str
    svg: str  # "": nothing was measured
    low: str
    mean: str
    high: str
    target: str = ""  # in words, as is what is usual
    usual: str = ""
    plot: str = ""  # JSON for the page's script


async def numbers(house: House, subject: str, texts: Texts) -> list[Tile]:
    """Give the tiles of a patient."""
    now = house.clock()
    found = tiles.tiles(await house.latest(subject), texts, now)
    # One thread for all of them: going there costs more than most of what is read.
    return await asyncio.to_thread(_with_arrows, house, subject, found, now, texts)


async def figures(  # noqa: PLR0913
    house: House,
    subject: str,
    kinds: Sequence[Kind],
    span: Span,
    texts: Texts,
    points: int = POINTS,
    variability: bool = False,
) -> list[Figure]:
    """Give the charts of a patient, of at most so many points each.

    Variability is drawn where there is some: most wearables give no intervals.
    """
    stop = Instant(house.clock())
    start = Instant(max(0, stop - SPANS[span]))
    if span == "1h":
        start = await _first(house, subject, kinds, start, stop)
    past = await asyncio.to_thread(house.alerts.alerts, "all", [subject], None, 200)
    marked = {a.id: a for a in [*past[0], *house.board.open_alerts([subject])]}
    written, _ = await asyncio.to_thread(house.notes.of, subject, start, stop)
    notes = [Mark(note.t, "note", note.text) for note in written]
    plan = in_force(house.board.plan(subject) or Plan(), house.limits)
    paper = _Paper(house, subject, plan, (start, stop), texts, points)
    more = tiles.VARIABILITY if variability else ()
    order = sorted((*tiles.SHOWN, *more), key=lambda s: list(Kind).index(s.kind))
    alerts = list(marked.values())
    found = [await _figure(paper, s, alerts, notes) for s in order if s.kind in kinds]
    return [figure for figure in found if figure.svg or figure.name == figure.kind]


async def spark(house: House, alert: Alert) -> str:
    """Draw the half hour before now of what an alert is about; "" if nothing is."""
    metric = cards.metric_of(alert)
    if metric is None:
        return ""
    stop = house.clock()
    start = Instant(max(0, stop - HOUR // 2))
    start = await _first(house, alert.subject, [metric.kind], start, stop)
    points = await _trend(house, alert.subject, metric, (start, stop), 90)
    if len(points) < FEWEST:
        return ""
    return chart.sparkline(points, Frame(start, stop, height=44, least=10))


async def _first(
    house: House, subject: str, kinds: Sequence[Kind], start: Instant, stop: Instant
) -> Instant:
    """Give when the first record was measured, so that a new patient's axis is full."""
    pages = await asyncio.to_thread(
        lambda: [
            house.history.records(subject, kind, start, stop, None, 1) for kind in kinds
        ]
    )
    first = min((page[0].record.t for page, _ in pages if page), default=start)
    return Instant(max(start, min(first, stop - NARROWEST)))


@dataclass(frozen=True, slots=True)
class _Paper:
    """What all charts of a page have in common."""

    house: House
    subject: str
    plan: Plan
    span: tuple[Instant, Instant]
    texts: Texts
    points: int

    def measure(self, shown: Shown) -> Measure:
        """Say in which unit a chart is drawn."""
        return of_metric(shown.metric, self.texts.units, shown.digits)

    def frame(self, shown: Shown, usually: tuple[float, float] | None) -> Frame:
        """Give the frame of one chart, in the reader's unit."""
        measure = self.measure(shown)
        found = [
            _shown(target, measure)
            for metric in metrics(shown)
            for target in targets(self.plan, metric, *self.span)
        ]
        return Frame(
            *self.span,
            targets=tuple(found),
            usual=usually and (measure(usually[0]), measure(usually[1])),
            gap_ms=self._gap(shown.kind),
            least=LEAST.get(shown.kind, 4.0) * measure.factor,
            wall=Wall(self.texts, self.plan.time_zone),
        )

    def _gap(self, kind: Kind) -> int:
        """Give the longest silence without a gap; on a short axis, less of a heart."""
        longest = GAPS.get(kind, 2 * MINUTE)
        if kind is not Kind.HEART_RATE:
            return longest
        return min(longest, max(15_000, (self.span[1] - self.span[0]) // 20))

    async def trend(self, metric: Metric) -> Sequence[Point]:
        """Read a trend."""
        return await _trend(self.house, self.subject, metric, self.span, self.points)

    async def usual(self, metric: Metric) -> tuple[float, float] | None:
        """Give what is usual for this person, in the metric's unit."""
        now = self.span[1]
        hours = since(now, self.plan.baseline_since), now
        return usual(await _trend(self.house, self.subject, metric, hours, HOURS))


def metrics(shown: Shown) -> list[Metric]:
    """Give the metrics that a chart shows."""
    if shown.metric.derived:
        return [shown.metric]
    return [m for m in Metric if m.kind is shown.kind and m.field in shown.fields]


def _shown(target: Target, measure: Measure) -> Target:
    """Give limits in the reader's unit."""
    low, high = (
        side if side is None else measure(side) for side in (target.low, target.high)
    )
    return Target(target.begin, target.end, low, high)


async def _figure(
    paper: _Paper, shown: Shown, alerts: Sequence[Alert], notes: Sequence[Mark]
) -> Figure:
    """Draw one chart."""
    measure, two = paper.measure(shown), shown.kind is Kind.BLOOD_PRESSURE
    name = shown.metric.value if shown.metric.derived else str(shown.kind)
    usually = None if two else await paper.usual(shown.metric)
    frame = paper.frame(shown, usually)
    series = [[measure.point(p) for p in await paper.trend(m)] for m in metrics(shown)]
    about = [a for a in alerts if _about(a, shown.kind)]
    marks = [*(_mark(alert, paper.texts) for alert in about), *notes]
    return Figure(
        kind=shown.kind,
        name=name,
        title=paper.texts(f"metric.{name}" if shown.metric.derived else name),
        unit=measure.label,
        svg=_drawn(frame, series, marks),
        **_in_words(measure, series),
        target=_target(paper, shown),
        usual=_range(frame.usual, measure.digits) if frame.usual else "",
        plot=plots.plot(frame, metrics(shown), measure, series, marks),
    )


def _drawn(
    frame: Frame, series: Sequence[Sequence[Point]], marks: Sequence[Mark]
) -> str:
    """Draw one metric as a curve, two as sticks; "" when nothing was measured."""
    if not series[0]:
        return ""
    if len(series) == 1:
        return chart.curve(frame, series[0], marks)
    return chart.sticks(frame, series[0], series[1], marks)


def _in_words(measure: Measure, series: Sequence[list[Point]]) -> dict[str, str]:
    """Say a chart's extremes and mean; blood pressure has two of each."""
    full = [found for found in series if found]

    def say(of: list[float]) -> str:
        return "/".join(number(value, measure.digits) for value in of)

    return {
        "low": say([min(p.min for p in found) for found in full]),
        "mean": say([_mean(found) for found in full]),
        "high": say([max(p.max for p in found) for found in full]),
    }


def _target(paper: _Paper, shown: Shown) -> str:
    """Say the limits in force, by day and by night."""
    found = []
    for part, say in (("", by_day), ("chart.target.night", by_night)):
        sides = [_sides(say(paper.plan, m), paper, shown) for m in metrics(shown)]
        words = " / ".join(side for side in sides if side)
        if words and words not in found:
            found.append(f"{paper.texts(part)} {words}" if part else words)
    if len(found) == 2 and found[1].endswith(f" {found[0]}"):  # the same by night
        found.pop()
    return ", ".join(found)


def _sides(
    limits: tuple[float | None, float | None], paper: _Paper, shown: Shown
) -> str:
    """Write a range that may be open on a side."""
    measure = paper.measure(shown)
    low, high = (
        None if side is None else number(measure(side), measure.digits)
        for side in limits
    )
    if low and high:
        return f"{low}{DASH}{high}"
    if high:
        return paper.texts("chart.up_to", high=high)
    return paper.texts("chart.from", low=low) if low else ""


def _range(sides: tuple[float, float], digits: int) -> str:
    """Write a range."""
    return DASH.join(number(side, digits) for side in sides)


def _with_arrows(
    house: House, subject: str, found: Sequence[Tile], now: Instant, texts: Texts
) -> list[Tile]:
    """Add to tiles which way they go."""
    return [
        tiles.with_trend(tile, _past(house, subject, tile.shown, now), texts)
        for tile in found
    ]


def _past(house: House, subject: str, shown: Shown, now: Instant) -> Sequence[Point]:
    """Read what an arrow compares."""
    start = Instant(max(0, now - shown.look_back_s * 1000))
    return _read(house, subject, shown.metric, (start, now), 30)


async def _trend(
    house: House, subject: str, metric: Metric, span: tuple[Instant, Instant], n: int
) -> Sequence[Point]:
    """Read a trend."""
    return await asyncio.to_thread(_read, house, subject, metric, span, n)


def _read(
    house: House, subject: str, metric: Metric, span: tuple[Instant, Instant], n: int
) -> Sequence[Point]:
    """Read a trend, in a thread."""
    if metric is Metric.HEART_RATE:
        n = min(n, (span[1] - span[0]) // FINEST + 2)
    return house.trends.points(Asked(subject, metric, *span, n))


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
