"""What the page's script draws a chart from: columns of whole numbers, which pack well.

Times are seconds since the frame's start, each told as the step from the one before;
values are counted in units of `10 ** -digits`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ingest.store import Point
from portal.chart import Frame, Mark
from portal.units import Measure
from vitals.codes import Metric


def plot(
    frame: Frame,
    metrics: Sequence[Metric],
    measure: Measure,
    series: Sequence[Sequence[Point]],
    marks: Iterable[Mark],
) -> str:
    """Give a chart as JSON; points and limits are in the reader's unit already."""
    digits = measure.digits + 1
    noun = {
        "metrics": [metric.value for metric in metrics],
        "digits": measure.digits,
        "factor": measure.factor,
        "offset": measure.offset,
        "unit": measure.label,
        "gap": frame.gap_ms / 1000,
        "least": frame.least,
        "start": frame.start / 1000,
        "stop": frame.stop / 1000,
        "usual": frame.usual,
        "targets": [
            [_second(t.begin), _second(t.end), t.low, t.high] for t in frame.targets
        ],
        "marks": [
            [_second(m.t), m.priority, m.title]
            for m in marks
            if frame.start <= m.t <= frame.stop
        ],
        "series": [_columns(frame, points, digits) for points in series],
    }
    return msgspec.json.encode(noun).decode()


def _columns(frame: Frame, points: Sequence[Point], digits: int) -> dict[str, Any]:
    """Give points by column."""
    seconds = [_second(p.t - frame.start) for p in points]
    steps = [later - t for t, later in zip([0, *seconds], seconds, strict=False)]
    scale = 10**digits
    return {
        "t": steps,
        "min": [round(p.min * scale) for p in points],
        "mean": [round(p.mean * scale) for p in points],
        "max": [round(p.max * scale) for p in points],
    }


def _second(t: int) -> int:
    return round(t / 1000)
