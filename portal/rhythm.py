"""The raw beat-to-beat intervals around an irregular rhythm, as a small drawing.  Pure.

Every interval that the sensor sent is a dot; nothing is filtered or filled in, so that
a reader judges what the detector was given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from portal.texts import Texts
from vitals.model import HeartRate, Instant, Reading

WIDE, HIGH = 1000, 150
LOW_MS, HIGH_MS = 250.0, 1750.0  # 240 to 34 beats a minute; a dot beyond is at the edge
GRID_MS = 500.0, 1000.0, 1500.0
FEWEST = 8  # beats worth a drawing


@dataclass(frozen=True, slots=True)
class Beat:
    """One interval between two beats."""

    t: float  # of the later beat, ms since 1970
    rr: float  # ms


def beats(readings: Iterable[Reading]) -> list[Beat]:
    """Give the beats of some readings; those of a record end at its time."""
    found = [
        Beat(end, rr)
        for one in readings
        if isinstance(one.record, HeartRate)
        for end, rr in _ends(one.record)
    ]
    return sorted(found, key=lambda beat: beat.t)


def _ends(record: HeartRate) -> Iterable[tuple[float, float]]:
    """Give when each interval of a record ended."""
    end = float(record.t)
    for rr in reversed(record.rr):
        yield end, rr
        end -= rr


def strip(
    found: Sequence[Beat], start: Instant, stop: Instant, at: Instant, texts: Texts
) -> str:
    """Draw intervals over time with a line at the alert; "" when there are too few."""
    inside = [beat for beat in found if start <= beat.t < stop]
    if len(inside) < FEWEST:
        return ""
    span = max(1, stop - start)

    def x(t: float) -> float:
        return (t - start) / span * WIDE

    dots = "".join(f"M{x(b.t):.1f} {_y(b.rr):.1f}h0" for b in inside)
    lines = "".join(f"M0 {_y(ms):.1f}H{WIDE}" for ms in GRID_MS)
    mark = (
        f'<path class="when" d="M{x(at):.1f} 0V{HIGH}"/>' if start < at < stop else ""
    )
    said = escape(texts("rr.said", n=len(inside), **_extremes(inside)))
    labels = "".join(
        f'<text x="44" y="{_y(ms) + 5:.1f}">{ms:g}</text>' for ms in GRID_MS
    )
    return (
        f'<div class="chart rr" role="img" aria-label="{said}">'
        f'<svg class="axis" width="50" height="{HIGH}" aria-hidden="true">'
        f"{labels}</svg>"
        f'<svg class="plot" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}"'
        ' preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{lines}"/>{mark}<path class="dots" d="{dots}"/>'
        "</svg></div>"
    )


def _extremes(found: Sequence[Beat]) -> dict[str, str]:
    shortest, longest = (pick(b.rr for b in found) for pick in (min, max))
    return {"low": f"{shortest:.0f}", "high": f"{longest:.0f}"}


def _y(rr: float) -> float:
    """Give the height of an interval; what is beyond the paper lies on its edge."""
    share = (min(HIGH_MS, max(LOW_MS, rr)) - LOW_MS) / (HIGH_MS - LOW_MS)
    return HIGH * (1 - share)
