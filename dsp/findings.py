"""What the detectors of rare readings have found, as anomalies with their evidence."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from dsp.circumstances import DETECTOR, FALL, STANDING, START, Sight
from dsp.crisis import CRISIS, PENDING, Crisis, Steps, patience
from dsp.crisis import DETECTOR as DETECTOR_CRISIS
from dsp.crisis import Turn as Step
from dsp.episodes import grounds, identity
from dsp.occasions import CONDITION, Course
from dsp.occasions import DETECTOR as SCHEDULE
from dsp.occasions import Turn as Missed
from dsp.pressure import UNIT, Pressure, shown
from dsp.pressure_sentences import (
    asked,
    critical,
    fallen,
    kept,
    missed,
    mmhg,
    not_started,
    passed,
    relieved,
    stood,
    stopped,
    unusable,
)
from dsp.sentences import UNWATCHED, Both
from vitals.model import Anomaly, Instant

CUFF, UNUSABLE = "cuff", "measurement_unusable"


class Word(NamedTuple):
    """Whose it is, and on which record's word."""

    subject: str
    device: str
    late: bool
    received: int | None = None
    recorded: bool = True  # False: no record says so, that is the point


class Finding(NamedTuple):
    """An episode of one cuff or thermometer that begins, changes or ends."""

    detector: str
    condition: str
    begin: Instant
    t: Instant
    over: bool
    said: Both
    evidence: dict[str, Any]
    value: float | None = None
    unit: str = UNIT
    confidence: float = 1.0
    kind: Literal["physiological", "technical"] = "physiological"
    quality: float | None = None  # share of good readings; None: as sure as it is


def tell(word: Word, found: Finding) -> Anomaly:
    """Make the anomaly of a finding."""
    name = found.detector, found.condition, word.device, found.begin
    share = found.confidence if found.quality is None else found.quality
    evidence: dict[str, Any] = {
        "device": word.device,
        "from": found.begin,
        "to": found.t,
        **found.evidence,
        "quality": round(share, 3),
    }
    if word.recorded:
        evidence["received"] = word.received
    evidence["text"], evidence["text_zh"] = found.said
    return Anomaly(
        id=identity(word.subject, *name),
        subject=word.subject,
        detector=found.detector,
        condition=found.condition,
        kind=found.kind,
        begin=found.begin,
        t=max(found.t, found.begin),
        over=found.over,
        value=None if found.value is None else float(found.value),
        unit=found.unit if found.value is not None else "",
        confidence=round(found.confidence, 3),
        late=word.late,
        evidence=evidence,
    )


def crisis(
    word: Word, turn: Step, steps: Steps, recent: Sequence[Pressure], off: bool = False
) -> Anomaly:
    """Tell of a step of a crisis; `off`: it ends because nobody watches any more."""
    state, latest = turn.state, recent[-1]
    bounds = list(steps.bounds)
    share = state.good / state.seen
    evidence: dict[str, Any] = {
        "values": [shown(p) for p in recent],
        "limit": bounds,
        "worst": [state.worst.sys, state.worst.dia],
        "readings": state.good,
        "age_s": max(0, turn.t - state.last) / 1000,
    }
    if state.others:
        evidence["others"] = list(state.others)
    return tell(
        word,
        Finding(
            DETECTOR_CRISIS,
            turn.condition,
            state.begin,
            turn.t,
            turn.over,
            UNWATCHED if off else _say_step(turn, steps, latest),
            evidence,
            _beyond(state, steps),
            # One reading is less sure than two (ours).
            confidence=share / 2 if state.alone else share,
        ),
    )


def _say_step(turn: Step, steps: Steps, latest: Pressure) -> Both:
    state, bounds = turn.state, "/".join(f"{b:.4g}" for b in steps.bounds)
    found = mmhg(latest.sys, latest.dia)
    worst = mmhg(state.worst.sys, state.worst.dia)
    minutes = steps.again / 60_000, steps.soon / 120_000
    waited = patience(state, steps) / 60_000
    if turn.condition == PENDING and not state.raised:
        return asked(found, bounds, minutes, turn.over)
    if turn.condition == CRISIS and turn.over:
        return relieved(found, bounds, worst)
    return critical(found, bounds, waited if state.alone else None)


def _beyond(state: Crisis, steps: Steps) -> float | None:
    """Give the worst value that is at crisis level: the systolic, if it is."""
    worst = state.worst
    if worst.sys is not None and worst.sys >= steps.bounds[0]:
        return worst.sys
    return worst.dia


def circumstance(
    word: Word,
    sight: Sight,
    begin: Instant,
    recent: Sequence[Pressure],
    *,
    over: bool = False,
) -> Anomaly:
    """Tell of a condition that a reading shows first, or no longer."""
    now, before = recent[-1], sight.before
    evidence = {
        "values": [shown(p) for p in recent if p.t >= sight.since],
        "limit": sight.limit,
        "baseline": None if before is None else [before.sys, before.dia],
        "baseline_t": None if before is None else before.t,
        "age_s": 0.0,
    }
    said = _say_sight(sight, now)
    if over:
        said = passed(mmhg(now.sys, now.dia))
    return tell(
        word,
        Finding(
            DETECTOR[sight.condition],
            sight.condition,
            begin,
            now.t,
            over,
            said,
            evidence,
            now.sys if now.sys is not None else now.dia,
        ),
    )


def _say_sight(sight: Sight, now: Pressure) -> Both:
    found, before = mmhg(now.sys, now.dia), sight.before or now
    bounds = "/".join(f"{b:.4g}" for b in sight.limit)
    if sight.condition == START:
        return not_started(found, bounds)
    if sight.condition == FALL:
        by = (before.sys or 0) - (now.sys or 0)
        return fallen(found, by, (before.pulse or 0, now.pulse or 0))
    if sight.condition == STANDING:
        return stood(found, mmhg(before.sys, before.dia))
    return stopped(found, bounds)


def unreliable(
    word: Word, flags: Sequence[str], begin: Instant, t: Instant, *, over: bool
) -> Anomaly:
    """Tell that a cuff's reading cannot be relied on, or the next one can."""
    good = float(over)
    return tell(
        word,
        Finding(
            CUFF,
            UNUSABLE,
            begin,
            t,
            over,
            unusable(flags, over),
            {"kind": "blood_pressure", "flags": list(flags), **grounds(good, 0.0)},
            kind="technical",
            quality=good,
        ),
    )


def occasion(turn: Missed, late: bool) -> Anomaly:
    """Tell that an occasion of a schedule is missed, or that one is kept again."""
    state, own, schedule = turn.state, turn.occasion, turn.state.schedule
    due = 2 * schedule.days
    said = UNWATCHED
    if own is not None and not turn.over:
        taken = state.readings[_index(own.day, own.part)]
        said = missed(own, schedule.days, (taken, schedule.readings))
    elif own is not None or state.next >= due:
        said = kept(state.done, due)
    evidence: dict[str, Any] = {
        "from": state.begin,
        "to": turn.t,
        "missed": state.missed,
        "done": state.done,
        "due": due,
    }
    evidence |= grounds(None, _age_s(state, turn.t))
    if own is not None:
        taken = state.readings[_index(own.day, own.part)]
        evidence["quality"] = round(min(taken / schedule.readings, 1.0), 3)
        evidence |= {"day": own.day, "part": own.part}
        evidence |= {"window_from": own.begin, "window_to": own.end}
    evidence["adherence"] = _adherence(state)
    evidence["text"], evidence["text_zh"] = said
    return Anomaly(
        id=identity(state.subject, SCHEDULE, CONDITION, state.begin),
        subject=state.subject,
        detector=SCHEDULE,
        condition=CONDITION,
        kind="technical",
        begin=state.begin,
        t=turn.t,
        over=turn.over,
        value=float(state.missed),
        unit="1",
        late=late,
        evidence=evidence,
    )


def _index(day: int, part: str) -> int:
    return 2 * (day - 1) + (part == "evening")


def _age_s(state: Course, t: int) -> float | None:
    """Give how old the latest reading was; None: there has been none."""
    return None if state.last is None else max(0, t - state.last) / 1000


def _adherence(state: Course) -> float | None:
    """Give the share of occasions that were done until the first of those missed."""
    past = [n >= state.schedule.readings for n in state.readings]
    past = past[: max(state.next - state.missed, 0)]
    return round(sum(past) / len(past), 3) if past else None
