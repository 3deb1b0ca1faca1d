"""What is found in exercise sessions, as anomalies with their evidence."""

from collections.abc import Mapping
from math import isnan
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from dsp.arrays import One
from dsp.episodes import grounds, identity
from dsp.seats import Seen, Slow
from dsp.sentences import Both
from dsp.session import KNOWN
from dsp.session_sentences import exercised, lost, recovering, striving
from vitals.codes import Metric
from vitals.model import Anomaly

DETECTOR = "session"
LIMIT, LOST = "session_limit", "session_signal_lost"
SUMMARY, SLOW = "session_summary", "heart_rate_recovery_slow"
UNIT = Metric.HEART_RATE.unit

Nature = Literal["physiological", "technical"]


class Spell(NamedTuple):
    """A condition's time, and what the latest word of it is worth."""

    begin: int  # ms
    t: int  # ms
    over: bool
    late: bool


class Effort(NamedTuple):
    """A heart rate at or above its session's limit."""

    worst: float  # /min
    limit: float  # /min
    hold_s: float
    share: float  # of its values that are good


def too_fast(seen: Seen, spell: Spell, effort: Effort) -> Anomaly:
    """Make the anomaly of a rate at or above its session's limit."""
    evidence = {"limit": effort.limit, "hold_s": effort.hold_s, "quality": effort.share}
    said = striving(effort.worst, effort.limit, spell.over)
    found = _anomaly(seen, (LIMIT, "physiological"), spell, said, evidence)
    return replace(found, value=effort.worst, unit=UNIT, confidence=effort.share)


def signal(seen: Seen, spell: Spell, patience_s: float) -> Anomaly:
    """Make the anomaly of a signal that is lost, or found again."""
    said = lost((spell.t - spell.begin) / 1000, spell.over)
    age_s = 0.0 if spell.over else (spell.t - spell.begin) / 1000
    evidence = {"kind": "heart_rate", "hold_s": patience_s, **grounds(0.0, age_s)}
    return _anomaly(seen, (LOST, "technical"), spell, said, evidence)


def summary(seen: Seen, log: One) -> Anomaly:
    """Make the notice of how a session went: over as soon as it is told."""
    names = "below", "inside", "above"
    below, inside, above = (round(int(log[name]) / 1000) for name in names)
    peak, session = _number(log["peak"]), seen.session
    share = round(float(log["good"] / max(int(log["seen"]), 1)), 3)
    asked = max(session.end - session.begin, 1)
    evidence = {
        "below_s": below,
        "in_s": inside,
        "above_s": above,
        "zone": [_number(log[side]) for side in ("low", "high")],
        "peak": peak,
        "recovery": drop(log),
        "heard": round((below + inside + above) * 1000 / asked, 3),
        "quality": share,
    }
    spell = Spell(session.begin, session.end + KNOWN, over=True, late=False)
    said = exercised(below, inside, above, peak)
    found = _anomaly(seen, (SUMMARY, "physiological"), spell, said, evidence)
    return replace(found, value=peak, unit=UNIT, confidence=share)


def recovery(seen: Seen, was: Slow, fallen: tuple[float, float], late: bool) -> Anomaly:
    """Make the anomaly of a heart that came down slowly, or well again.

    `fallen` is by how much, /min, and how much is slow.
    """
    by, least = fallen
    spell = Spell(was.begin, seen.session.end + KNOWN, by > least, late)
    evidence = {"limit": least, "since": was.session}
    said = recovering(by, least, spell.over)
    found = _anomaly(seen, (SLOW, "physiological"), spell, said, evidence)
    return replace(found, value=by, unit=UNIT)


def drop(log: One) -> float | None:
    """Give how far the heart came down in the minute after, /min; None: not known."""
    if not log["n"] or isnan(log["peak"]):
        return None
    return round(float(log["peak"] - log["sum"] / log["n"]), 1)


def _anomaly(
    seen: Seen,
    what: tuple[str, Nature],
    spell: Spell,
    said: Both,
    evidence: Mapping[str, Any],
) -> Anomaly:
    """Make an anomaly: `what` is the condition, and of which kind it is."""
    condition, kind = what
    device = {"device": seen.device} if seen.device else {}
    told = {"session": seen.session.id, "text": said[0], "text_zh": said[1]}
    return Anomaly(
        id=identity(seen.subject, DETECTOR, condition, seen.device, spell.begin),
        subject=seen.subject,
        detector=DETECTOR,
        condition=condition,
        kind=kind,
        begin=spell.begin,
        t=spell.t,
        over=spell.over,
        late=spell.late,
        evidence={**device, **told, **evidence},
    )


def _number(value: float) -> float | None:
    return None if isnan(value) else float(value)
