"""Who did what to a patient's limits and alerts, as AuditEvents.  Pure."""

from hashlib import blake2b

from alerts.history import AlertEvent
from portal.fhir import terms
from portal.fhir.identity import mark, patient_id
from portal.fhir.issues import DECISIONS, remark
from portal.fhir.resources import (
    Agent,
    AuditEvent,
    Coding,
    Entity,
    Meta,
    Reference,
    Source,
    encode,
)
from portal.people import Change
from portal.times import rfc3339
from vitals.model import Instant

LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_AMENDED = Coding(LIFECYCLE, "amend", "Amend (Update) Record Lifecycle Event")
_LIMITS = Coding(terms.DECISIONS, "limits", "Limits changed")
_US = Source(Reference(display="Vitals"))


def of_change(change: Change) -> AuditEvent:
    """Tell of a change of limits: who, when, why, from what to what."""
    old, new = (encode(plan.limits).decode() for plan in (change.old, change.new))
    text = f"limits from {old} to {new}"
    return _event(change.subject, change.t, change.who, _LIMITS, (change.why, text))


def of_decision(subject: str, event: AlertEvent) -> AuditEvent:
    """Tell what a clinician decided about an alert."""
    subtype = Coding(terms.DECISIONS, event.what, DECISIONS[event.what])
    about = f"DetectedIssue/{event.alert}"
    return _event(subject, event.t, event.by, subtype, (remark(event), ""), about)


def _event(
    subject: str,
    t: Instant,
    who: str,
    subtype: Coding,
    words: tuple[str, str],
    about: str = "",
) -> AuditEvent:
    why, text = words
    person = Reference(f"Patient/{patient_id(subject)}")
    entities = [Entity(what=person, description=text.strip() or None)]
    if about:
        entities.append(Entity(what=Reference(about)))
    name = f"{subject}/{t}/{who}/{subtype.code}/{why}/{text}/{about}"
    digest = blake2b(name.encode(), digest_size=10).hexdigest()
    return AuditEvent(
        id=f"{mark(subject)}-{digest}",
        meta=Meta(version_id="1", last_updated=rfc3339(t)),
        type=_AMENDED,
        subtype=(subtype,),
        action="U",
        recorded=rfc3339(t),
        outcome="0",
        outcome_desc=why.strip() or None,
        agent=(Agent(who=Reference(display=who or "Vitals"), requestor=True),),
        source=_US,
        entity=tuple(entities),
    )
