"""Charts as SVG, drawn here: they need no script, print well and weigh 3 kB.

A chart is two drawings side by side, so that text keeps its size on every screen: the
axis in pixels, and the plot, whose curves stretch with the page (`preserveAspectRatio`)
while its lines keep their width (`non-scaling-stroke`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

from ingest.store import Point
from portal.ages import DAY, HOUR, MINUTE
from portal.targets import Target
from portal.texts import Texts
from portal.wall import Wall
from vitals.model import Instant

WIDE = 1000  # units from the start to the stop of a plot
TOP, BOTTOM = 14, 31  # px above for marks, below for times
TICKS_MS = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR,
    8 * HOUR, DAY, 2 * DAY, 4 * DAY, 10 * DAY, 30 * DAY, 100 * DAY,
)  # fmt: skip


ENGLISH = Wall(Texts("en"))
SHAPES = {"note": "M-6 1h12v12h-12z"}  # others are alerts
ALERT = "M-7 1h14l-7 12z"


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert on the time axis, or a note."""

    t: Instant
    priority: str  # or "note"
    title: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What a chart covers."""

    start: Instant
    stop: Instant
    height: int = 200  # px
    targets: tuple[Target, ...] = ()  # in the unit of what is drawn
    usual: tuple[float, float] | None = None
    gap_ms: int = 5 * MINUTE  # a longer silence is shown as a gap
    least: float = 4  # the axis spans at least this, in the metric's unit
    wall: Wall = ENGLISH  # of its labels


@dataclass(frozen=True, slots=True)
class Scale:
    """Values and instants to places in the plot."""

    frame: Frame
    low: float
    high: float
    step: float

    def x(self, t: int) -> float:
        """Give 0 to WIDE."""
        span = self.frame.stop - self.frame.start
        return min(max((t - self.frame.start) / span, 0), 1) * WIDE

    def y(self, value: float) -> float:
        """Give px from the top."""
        share = (value - self.low) / (self.high - self.low)
        return TOP + (self.frame.height - TOP - BOTTOM) * (1 - share)

    def ticks(self) -> list[float]:
        """Give the values that get a line."""
        count = round((self.high - self.low) / self.step)
        return [self.low + place * self.step for place in range(count + 1)]


def curve(frame: Frame, points: Sequence[Point], marks: Iterable[Mark] = ()) -> str:
    """Draw a band from least to greatest and the mean in it; gaps stay gaps."""
    scale = _scale(frame, [p.min for p in points] + [p.max for p in points])
    runs = list(_runs(points, frame.gap_ms))
    band = "".join(_band(scale, run) for run in runs)
    mean = "".join(_line(scale, run) for run in runs)
    drawn = f'<path class="band" d="{band}"/><path class="mean" d="{mean}"/>'
    return _figure(scale, drawn, marks)


def sticks(
    frame: Frame,
    tops: Sequence[Point],
    feet: Sequence[Point],
    marks: Iterable[Mark] = (),
) -> str:
    """Draw a stick from diastolic to systolic for every measurement."""
    scale = _scale(frame, [p.max for p in tops] + [p.min for p in feet])
    foot = {p.t: p.mean for p in feet}
    path = "".join(
        f"M{scale.x(p.t):.1f} {scale.y(p.mean):.1f}V{scale.y(foot[p.t]):.1f}"
        for p in tops
        if p.t in foot
    )
    # Two ranges on one axis would be read as one: their limits are lines alone.
    return _figure(scale, f'<path class="stick" d="{path}"/>', marks, filled=False)


def sparkline(points: Sequence[Point], frame: Frame) -> str:
    """Draw the mean alone, small, without axes."""
    if not points:
        return ""
    low, high = min(p.mean for p in points), max(p.mean for p in points)
    pad = max((high - low) * 0.1, frame.least / 2)
    span = frame.stop - frame.start
    height = frame.height

    def place(p: Point) -> str:
        y = (height - 4) * (1 - (p.mean - low + pad) / (high - low + 2 * pad)) + 2
        return f"{min(max((p.t - frame.start) / span, 0), 1) * WIDE:.1f} {y:.1f}"

    runs = (f"M{'L'.join(map(place, run))}h.1" for run in _runs(points, frame.gap_ms))
    return (
        f'<svg class="spark" viewBox="0 0 {WIDE} {height}" preserveAspectRatio="none"'
        f' aria-hidden="true"><path class="mean" d="{"".join(runs)}"/></svg>'
    )


def _figure(
    scale: Scale, drawn: str, marks: Iterable[Mark], filled: bool = True
) -> str:
    """Put the axis, the grid, the curves and the marks together."""
    height = scale.frame.height
    grid = _levels(scale, "grid", scale.ticks())
    ranges = _ranges(scale) if filled else ""
    limits = "".join(_limits(scale, target) for target in scale.frame.targets)
    plot = (
        f'<svg class="plot" width="100%" height="{height}">{ranges}{grid}'
        f'<svg width="100%" height="{height}" viewBox="0 0 {WIDE} {height}"'
        f' preserveAspectRatio="none" overflow="visible">{drawn}</svg>'
        f"{limits}{_times(scale)}{_marks(scale, marks)}</svg>"
    )
    return f'<div class="chart" aria-hidden="true">{_axis(scale)}{plot}</div>'


def _levels(scale: Scale, name: str, values: Iterable[float]) -> str:
    """Draw horizontal lines."""
    places = (f"{scale.y(value):.1f}" for value in values)
    return "".join(
        f'<line class="{name}" x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in places
    )


def _ranges(scale: Scale) -> str:
    """Fill where values are meant to be, and where they usually are."""
    found = [("target", t.begin, t.end, t.low, t.high) for t in scale.frame.targets]
    if usual := scale.frame.usual:
        found.append(("usual", scale.frame.start, scale.frame.stop, *usual))
    return "".join(_range(scale, *one) for one in found)


def _range(
    scale: Scale, name: str, begin: int, end: int, low: float | None, high: float | None
) -> str:
    """Fill a range of a while."""
    top = scale.high if high is None else min(max(high, scale.low), scale.high)
    foot = scale.low if low is None else max(min(low, scale.high), scale.low)
    left, right = scale.x(begin) / WIDE * 100, scale.x(end) / WIDE * 100
    return (
        f'<rect class="{name}" x="{left:.2f}%" width="{right - left:.2f}%"'
        f' y="{scale.y(top):.1f}" height="{scale.y(foot) - scale.y(top):.1f}"/>'
    )


def _limits(scale: Scale, target: Target) -> str:
    """Draw the limits of a while, those that the axis holds."""
    left, right = (scale.x(t) / WIDE * 100 for t in (target.begin, target.end))
    return "".join(
        f'<line class="limit" x1="{left:.2f}%" x2="{right:.2f}%"'
        f' y1="{scale.y(side):.1f}" y2="{scale.y(side):.1f}"/>'
        for side in (target.low, target.high)
        if side is not None and scale.low <= side <= scale.high
    )


def _axis(scale: Scale) -> str:
    """Write the values beside the grid."""
    texts = "".join(
        f'<text x="38" y="{scale.y(v) + 4:.1f}">{v:g}</text>' for v in scale.ticks()
    )
    return f'<svg class="axis" width="44" height="{scale.frame.height}">{texts}</svg>'


def _times(scale: Scale) -> str:
    """Write the times below the plot."""
    return "".join(_time(scale, t) for t in _time_ticks(scale.frame))


def _time(scale: Scale, t: int) -> str:
    """Write one time, centred below its instant."""
    share = scale.x(t) / WIDE * 100
    wall = scale.frame.wall
    daily = scale.frame.stop - scale.frame.start > 2 * DAY
    words = wall.day(t) if daily else wall.time(t)
    y = scale.frame.height - 5
    return f'<text x="{share:.2f}%" y="{y}">{words}</text>'


def _time_ticks(frame: Frame) -> Iterator[int]:
    """Give at most four round times in the frame, by the clock of its place."""
    span = frame.stop - frame.start
    width = next((w for w in TICKS_MS if span / w < 4), 100 * DAY)
    away = frame.wall.at(frame.stop).utcoffset()
    offset = int(away.total_seconds() * 1000) if away else 0
    first = -(-(frame.start + offset) // width) * width - offset
    yield from range(first, frame.stop - span // 25, width)  # the last must fit


def _marks(scale: Scale, marks: Iterable[Mark]) -> str:
    """Draw a triangle on top for each alert, a square for each note."""
    foot = scale.frame.height - BOTTOM
    return "".join(
        f'<svg x="{scale.x(m.t) / WIDE * 100:.2f}%" overflow="visible">'
        f'<line class="when {m.priority}" y1="{TOP}" y2="{foot}"/>'
        f'<path class="mark {m.priority}" d="{SHAPES.get(m.priority, ALERT)}"/>'
        f"<title>{escape(m.title)}</title></svg>"
        for m in marks
        if scale.frame.start <= m.t <= scale.frame.stop
    )


def _runs(points: Sequence[Point], gap_ms: int) -> Iterator[Sequence[Point]]:
    """Cut points where nothing was measured for too long."""
    steps = [later.t - earlier.t for earlier, later in pairwise(points)]
    longest = max(gap_ms, int(2.5 * min(steps, default=0)))
    begin = 0
    for place, step in enumerate(steps, 1):
        if step > longest:
            yield points[begin:place]
            begin = place
    if points:
        yield points[begin:]


def _line(scale: Scale, run: Sequence[Point]) -> str:
    """Trace the mean; a point alone becomes a dot by its round cap."""
    places = "L".join(f"{scale.x(p.t):.1f} {scale.y(p.mean):.1f}" for p in run)
    return f"M{places}h.1"


def _band(scale: Scale, run: Sequence[Point]) -> str:
    """Trace the greatest there and the least back."""
    there = [f"{scale.x(p.t):.1f} {scale.y(p.max):.1f}" for p in run]
    back = [f"{scale.x(p.t):.1f} {scale.y(p.min):.1f}" for p in reversed(run)]
    return f"M{'L'.join(there + back)}z"


def _scale(frame: Frame, values: Sequence[float]) -> Scale:
    """Choose a round axis that holds all values, and limits that are near."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    near = (high - low) * 0.5 + frame.least
    sides = [side for t in frame.targets for side in (t.low, t.high)]
    sides += frame.usual or ()
    limits = [v for v in sides if v is not None and low - near <= v <= high + near]
    low, high = min([low, *limits]), max([high, *limits])
    if high - low < frame.least:
        middle = (low + high) / 2
        low, high = middle - frame.least / 2, middle + frame.least / 2
    step = _round_step((high - low) / 3)
    bottom, top = floor(low / step - 0.1) * step, ceil(high / step + 0.1) * step
    return Scale(frame, bottom, top, step)


def _round_step(least: float) -> float:
    """Give 1, 2 or 5 times a power of ten, at least `least`.

    >>> _round_step(13), _round_step(0.3)
    (20.0, 0.4)
    """
    power = 10.0 ** floor(log10(least))
    return next(m * power for m in (1, 2, 4, 5, 10) if m * power >= least * (1 - 1e-9))
