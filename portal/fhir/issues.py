"""An alert as DetectedIssue: R4 has no resource of its own for device alerts.  Pure."""

import re
from collections.abc import Iterable

from alerts.history import AlertEvent
from portal.fhir import terms
from portal.fhir.identity import device_id, patient_id
from portal.fhir.resources import (
    CodeableConcept,
    Coding,
    DetectedIssue,
    Evidence,
    Identifier,
    Meta,
    Mitigation,
    Reference,
)
from portal.fhir.terms import PARTS
from portal.times import rfc3339
from vitals.codes import Metric
from vitals.model import Alert, Instant

TEAM = "Care team"
DECISIONS = {
    "acknowledge": "Acknowledged",
    "snooze": "Snoozed",
    "handover": "Handed over",
    "false_alarm": "Called a false alarm",
}
# What the engine once wrote where somebody had said nothing: whom else it had called,
# which a patient need not know.
_CALLED = re.compile(r"told [A-Za-z0-9._@-]+(, [A-Za-z0-9._@-]+)*")


def issue(
    alert: Alert,
    events: Iterable[AlertEvent],
    evidence: tuple[str, ...] = (),
    named: bool = True,
) -> DetectedIssue:
    """Give an alert with what was done about it and the Observations behind it.

    Who did it is named to those who work alerts; to others it is the care team.
    """
    wearable = alert.evidence.get("device")
    rests_on = tuple(Reference(f"Observation/{name}") for name in evidence)
    text = alert.evidence.get("text")
    return DetectedIssue(
        id=alert.id,
        meta=_meta(alert),
        identifier=(Identifier(terms.ALERTS, alert.id),),
        status="cancelled" if "false_alarm" in alert.evidence else "final",
        code=_code(alert.condition),
        severity=terms.SEVERITY[alert.priority],
        patient=Reference(f"Patient/{patient_id(alert.subject)}"),
        identified_date_time=rfc3339(Instant(alert.since)),
        implicated=_device(alert.subject, wearable),
        evidence=(Evidence(rests_on),) if rests_on else (),
        detail=text if isinstance(text, str) and text.strip() else None,
        mitigation=tuple(_mitigation(e, named) for e in events if decided(e)),
    )


def decided(event: AlertEvent) -> bool:
    """Tell whether somebody did this, rather than the engine."""
    return event.what in DECISIONS and bool(event.by)


def remark(event: AlertEvent) -> str:
    """Give what somebody said of their decision; "": nothing."""
    said = event.comment.strip()
    return "" if _CALLED.fullmatch(said) else said


def part(condition: str) -> str | None:
    """Give the part that a condition is about; None: no vital sign.

    >>> part("systolic_high"), part("device_silent")
    ('bp', None)
    """
    metrics = (m for m in _PARTS if condition.startswith(f"{m.value}_"))
    return next((_PARTS[metric] for metric in metrics), None)


def moments(alert: Alert) -> list[int]:
    """Give the times of the values that an alert rests on."""
    values = alert.evidence.get("values")
    pairs = values if isinstance(values, list) else []
    times = (p[0] for p in pairs if isinstance(p, list | tuple) and len(p) == 2)
    return sorted(t for t in times if isinstance(t, int))


def _part(metric: Metric) -> str:
    if metric.unit == "mm[Hg]":
        return "bp"
    fits = (
        n for n, p in PARTS.items() if (p.kind, p.field) == (metric.kind, metric.field)
    )
    return next(fits)


_PARTS = {metric: _part(metric) for metric in Metric if not metric.derived}


def _meta(alert: Alert) -> Meta:
    state = Coding("urn:vitals:alert-state", alert.state)
    kind = Coding("urn:vitals:alert-kind", alert.kind)
    changed = rfc3339(Instant(alert.t))
    return Meta(version_id=str(alert.t), last_updated=changed, tag=(state, kind))


def _code(condition: str) -> CodeableConcept:
    words = condition.replace("_", " ").capitalize()
    return CodeableConcept((Coding(terms.CONDITIONS, condition),), words)


def _device(subject: str, name: object) -> tuple[Reference, ...]:
    if not isinstance(name, str) or not name:
        return ()
    return (Reference(f"Device/{device_id(subject, name)}", name),)


def _mitigation(event: AlertEvent, named: bool) -> Mitigation:
    words = DECISIONS[event.what]
    said = ": ".join(filter(None, (words, remark(event))))
    action = CodeableConcept((Coding(terms.DECISIONS, event.what, words),), said)
    who = event.by if named else TEAM
    return Mitigation(action, rfc3339(event.t), Reference(display=who))
