"""Alerts in words: what a clinician decides on, and what a patient can do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from portal.ages import MINUTE, ago, lasting
from portal.texts import Texts
from portal.times import writable
from portal.units import Measure
from portal.wall import Wall
from vitals import phrases
from vitals.codes import Metric
from vitals.model import HOUSE, Alert, Instant
from vitals.phrases import number

_METRICS = {metric.value: metric for metric in Metric}
_IN_TEXT = {
    "limit",
    "hold_s",
    "device",
    "kind",
    "text_zh",
}  # which the detector's sentence says
_SHOWN_VALUES = 6
_SHOWN_NAMES = 6
_MEASURED = {"limit", "baseline", "values"}  # in the unit of the alert's metric
_SHARES = {"quality", "confidence", "adherence"}  # of 1
_FINE = (Metric.BODY_TEMPERATURE, Metric.GLUCOSE)  # whose tenths matter


@dataclass(frozen=True, slots=True)
class Card:
    """One alert as a person reads it."""

    alert: Alert
    title: str  # to the clinician
    name: str  # to the patient
    value: str  # "148 /min"; "" when there is none
    plain: str  # to the patient
    device: str  # that a technical alert is about; "" for the others
    state: str
    unseen: bool
    lasting: str
    since: str  # wall clock
    said: str  # the detector's sentence
    evidence: tuple[str, ...]
    seen_by: str  # "": nobody
    seen: Instant | None  # when; None: not known
    seen_at: str  # wall clock
    note: str  # until when it sleeps, who has it, what they said
    call: str  # whom it has told, and whom it tells next


def cards(
    alerts: Iterable[Alert],
    wall: Wall,
    now: Instant,
    seen: Mapping[str, Instant] | None = None,
) -> list[Card]:
    """Put alerts into words.

    Parameters
    ----------
    wall
        By which their times are told.
    seen
        When each was acknowledged, by its id, as far as that is known.
    """
    when = seen or {}
    return [card(alert, wall, now, when.get(alert.id)) for alert in alerts]


def card(alert: Alert, wall: Wall, now: Instant, seen: Instant | None = None) -> Card:
    """Put one alert into words."""
    texts = wall.texts
    end = alert.t if alert.state == "normal" else now
    return Card(
        alert=alert,
        title=title(alert.condition, texts),
        name=phrases.name(alert.condition, texts.language),
        value=_value(alert, texts),
        plain=phrases.plain(alert.condition, texts.language),
        device=_device(alert),
        state=texts(f"state.{alert.state}"),
        unseen=alert.state in ("unacknowledged", "returned_unacknowledged"),
        lasting=lasting(texts, end - alert.since),
        since=wall.lately(alert.since, now),
        said=_said(alert, texts),
        evidence=tuple(_evidence(alert, texts)),
        seen_by=alert.acknowledged_by or "",
        seen=seen,
        seen_at="" if seen is None else wall.lately(seen, now),
        note=_note(alert, wall, now),
        call=_call(alert, wall, now),
    )


def title(condition: str, texts: Texts) -> str:
    """Name a condition; one that we have no words for is shown as it is."""
    return phrases.title(condition, texts.language)


def metric_of(alert: Alert) -> Metric | None:
    """Give the metric that an alert is about, None for a technical one."""
    found = (m for name, m in _METRICS.items() if alert.condition.startswith(name))
    return next(found, None)


def _device(alert: Alert) -> str:
    """Give the wearable that somebody should see to."""
    technical = alert.kind == "technical"
    return str(alert.evidence.get("device", ""))[:64] if technical else ""


def _said(alert: Alert, texts: Texts) -> str:
    """Give the detector's sentence, in the reader's language if it can."""
    evidence = alert.evidence
    ours = evidence.get(f"text_{texts.language}", evidence.get("text", ""))
    return str(ours)[:300]


def _value(alert: Alert, texts: Texts) -> str:
    """Write the alert's value in the reader's unit."""
    if alert.value is None:
        return ""
    shown = _measure(metric_of(alert), alert.unit, texts)
    return f"{number(shown(alert.value), shown.digits)} {shown.label}".strip()


def _measure(metric: Metric | None, ucum: str, texts: Texts) -> Measure:
    """Say how values of an alert are shown."""
    return texts.units.measure(ucum, 1 if metric in _FINE else 0)


def _evidence(alert: Alert, texts: Texts) -> Iterable[str]:
    """Write what is in the evidence, whatever the detector put there."""
    evidence, metric = alert.evidence, metric_of(alert)
    spoken = _IN_TEXT if "text" in evidence else frozenset()
    for key, value in evidence.items():
        if key in spoken or key.startswith("text"):
            continue
        measured = metric if key in _MEASURED else None
        if shown := _one(key, value, measured, texts):
            label = texts.get(
                f"evidence.{key}", key.removesuffix("_s").replace("_", " ")
            )
            yield f"{label} {shown}"


def _one(key: str, value: object, metric: Metric | None, texts: Texts) -> str:
    """Write one piece of evidence; "" for what says nothing on a card."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        if key in _SHARES:
            return f"{value:.0%}"
        if value > 1e11:  # an instant
            return ""
        if key == "age_s" and value * 1000 < MINUTE:
            return ""  # just measured, as nearly always
        if key.endswith("_s"):
            return lasting(texts, value * 1000)
        return _plainly(value, metric, texts)
    if isinstance(value, str):
        return value[:80]
    if isinstance(value, list):
        return _several(value, metric, texts)
    return ""


def _plainly(value: float, metric: Metric | None, texts: Texts) -> str:
    """Write a number as finely as its metric is read, or as it is without one."""
    if metric is None or not isfinite(value):
        return f"{value:g}"
    shown = _measure(metric, metric.unit, texts)
    return number(shown(value), shown.digits)


def _several(values: list[Any], metric: Metric | None, texts: Texts) -> str:
    """Write the last of many numbers, or of many [time, number, ...]."""
    rows = [v[1:] if isinstance(v, list) else [v] for v in values[-_SHOWN_VALUES:]]
    shown = (
        "/".join(_plainly(v, metric, texts) for v in row if isinstance(v, int | float))
        for row in rows
    )
    return " ".join(filter(None, shown))


def _note(alert: Alert, wall: Wall, now: Instant) -> str:
    """Say what people have done about it."""
    parts, say = [], wall.texts
    if writable(until := alert.escalation.get("until")) and until > now:
        when = wall.lately(until, now)
        parts.append(f"{say('state.shelved')} {say('until')} {when}")
    if isinstance(to := alert.escalation.get("to"), str):
        parts.append(f"→ {to}")
    if alert.comment:
        parts.append(f"“{alert.comment}”")
    return " · ".join(parts)


def _call(alert: Alert, wall: Wall, now: Instant) -> str:
    """Say whom an open alert has told, and whom it tells next unless it is seen."""
    texts = wall.texts
    told, then = (_people(alert.escalation.get(k), texts) for k in ("told", "next"))
    parts = [texts("call.told", names=told)] if told else []
    due = alert.escalation.get("next_at")
    if then and writable(due):
        when = wall.lately(due, now)
        parts.append(texts("call.next", names=then, time=when))
    return " · ".join(parts)


def _people(names: object, texts: Texts) -> str:
    """Write who is told; the house is everybody whom it has."""
    if not isinstance(names, list):
        return ""
    return ", ".join(
        texts("call.house") if n == HOUSE else str(n)[:64] for n in names[:_SHOWN_NAMES]
    )


__all__ = ["Card", "ago", "card", "cards", "metric_of", "title"]
