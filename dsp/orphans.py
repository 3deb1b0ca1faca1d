"""Episodes that an older version has left open: they are ended, and nothing more.

A ward of another layout cannot go on from what was saved.  But somebody may still be
looking at an alert whose end only we can tell, by the id that it was given then.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import numpy as np
from msgspec import Struct

from dsp.arrays import HIGH, I1, ON, One, Records
from dsp.block import BAD, quality
from dsp.episodes import SUFFIX, identity, late
from dsp.limits import COLUMN, SIGNALS, bounds
from dsp.sentences import ORPHANED
from vitals.detection import Dsp
from vitals.model import Anomaly, Instant, Plan, Reading

FIRST = "1/"  # begins the layout in which a row was a patient, and a column a signal


class Orphan(Struct, frozen=True):
    """One open episode: whose, of what, and where it ends."""

    subject: str
    column: int  # signal
    side: int
    begin: Instant
    worst: float
    end: float | None  # a value back here ends it; None: any does

    @property
    def condition(self) -> str:
        """The name of what was wrong."""
        name = SIGNALS[self.column].metric.value
        return f"{name}_{SUFFIX.get(self.side, 'unusual')}"

    def over(self, reading: Reading) -> bool:
        """Tell whether a fresh reading ends it."""
        metric = SIGNALS[self.column].metric
        if reading.kind is not metric.kind or quality(reading.record) & BAD:
            return False
        value = getattr(reading.record, metric.field)
        if (
            value is None
            or not metric.plausible(value)
            or reading.record.t < self.begin
        ):
            return False
        if self.end is None:
            return True
        return bool(value <= self.end if self.side % 2 else value >= self.end)


def adopt(
    readings: Sequence[Reading], fresh: I1, orphans: list[Orphan], late_ms: float
) -> Iterator[tuple[int, Anomaly]]:
    """End the orphans that readings end, and take them off the list."""
    for i in np.flatnonzero(fresh).tolist() if orphans else ():
        for orphan in [o for o in orphans if o.subject == readings[i].subject]:
            if orphan.over(readings[i]):
                orphans.remove(orphan)
                yield i, _end(orphan, readings[i], late_ms)


def orphans(
    patients: Sequence[str], state: Records, plans: Mapping[str, Plan], settings: Dsp
) -> list[Orphan]:
    """Give the open episodes of a state of the first layout, (patients, signals)."""
    found = []
    for row, column, side in np.argwhere(state["phase"] >= ON).tolist():
        s, subject = state[row, column], patients[row]
        plan = plans.get(subject)
        end = _end_of(s, column, side, plan, settings)
        begin, worst = Instant(int(s["begin"][side])), float(s["worst"][side])
        found.append(Orphan(subject, column, side, begin, worst, end))
    return found


def _end_of(
    s: One, column: int, side: int, plan: Plan | None, settings: Dsp
) -> float | None:
    """Give where an open episode ends: inside its limit, or near the usual."""
    signal, name = SIGNALS[column], SIGNALS[column].metric.value
    sign = 1 if side % 2 else -1
    if side > HIGH:
        far = settings.baseline_z * max(float(s["var"]) ** 0.5, signal.spread or 0.0)
        end = float(s["mean"]) + sign * far / 2
    else:
        said = plan.limits.get(name) if plan else None
        bound = bounds(signal, settings.limits.get(name), said).bound[side]
        end = bound - sign * signal.margin
    return None if isnan(end) else end


def _end(orphan: Orphan, reading: Reading, late_ms: float) -> Anomaly:
    """Make the anomaly that ends an orphan, under the id of the first layout."""
    detector = "limit" if orphan.side <= HIGH else "baseline"
    name = orphan.subject, detector, orphan.condition, orphan.begin
    return Anomaly(
        id=identity(*name),
        subject=orphan.subject,
        detector=detector,
        condition=orphan.condition,
        kind="physiological",
        begin=orphan.begin,
        t=reading.record.t,
        over=True,
        value=orphan.worst,
        unit=SIGNALS[orphan.column].metric.unit,
        late=late(reading.record, late_ms),
        evidence={
            "device": reading.device,
            "received": reading.record.received,
            "text": ORPHANED[0],
            "text_zh": ORPHANED[1],
        },
    )


def first_layout() -> str:
    """Give the name of the layout of which `orphans` can be told."""
    return FIRST + "/".join(COLUMN)
