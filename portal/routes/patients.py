"""Patients, and what they are like now."""

from fastapi import APIRouter, Response

from portal.authorisation import ALERTS, Person, scope, shared_with, visible
from portal.house import Caller, House, InHouse, check_view
from portal.pressure import course
from portal.routes.alerts import shown
from portal.routes.answers import Cursor, Limit, Subject, answer, fails, says
from portal.routes.examples import PATIENT, PATIENTS
from portal.sharing import let_through, shows
from portal.views import (
    AdherenceView,
    PatientList,
    PatientSummary,
    PatientView,
    of_adherence,
    of_device,
    of_reading,
    of_streams,
    when,
)
from portal.witness import looked

router = APIRouter(prefix="/api/v1/patients", tags=["patients"])


@router.get("", responses=says(PatientList, PATIENTS) | fails(401, 422))
async def patients(
    house: InHouse, caller: Caller, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the patients whom you may see: you, those assigned to or shared with you."""
    everybody = visible(caller) | shared_with(caller)
    found = [s for s in sorted(everybody) if cursor is None or s > cursor]
    page = found[:limit]
    items = [await _summary(house, caller, subject) for subject in page]
    more = page[-1] if len(found) > limit else None
    return answer(PatientList(items, more))


@router.get("/{subject}", responses=says(PatientView, PATIENT) | fails(401, 404))
async def patient(house: InHouse, caller: Caller, subject: Subject) -> Response:
    """Show a patient: newest record per device and kind, wearables, open alerts."""
    seen = check_view(caller, subject)
    readings = let_through(await house.latest(subject), seen)
    devices = house.board.devices(subject) if seen is None else {}
    alerts = house.board.open_alerts([subject]) if shows(seen, ALERTS) else []
    streams = await house.streams() if seen is None else ()
    theirs = (s for s in streams if subject in s.subjects)
    view = PatientView(
        subject=subject,
        name=house.people.names.of(subject) or None,
        latest=[of_reading(reading) for reading in readings],
        devices=[of_device(subject, *item) for item in devices.items()],
        adherence=await _adherence(house, subject) if seen is None else None,
        completeness=of_streams(theirs),
        alerts=[shown(caller, alert) for alert in alerts],
    )
    return answer(view)


async def _adherence(house: House, subject: str) -> AdherenceView | None:
    """Show what came of a patient's schedule; None: they have none."""
    found = await course(house, subject)
    return of_adherence(found.adherence) if found.planned else None


async def _summary(house: House, caller: Person, subject: str) -> PatientSummary:
    """Show a patient in the list."""
    seen = scope(caller, subject)
    readings = let_through(await house.latest(subject), seen)
    alerts = house.board.open_alerts([subject]) if shows(seen, ALERTS) else []
    looked(caller, "read" if seen is None else "view", [subject])
    return PatientSummary(
        subject=subject,
        name=house.people.names.of(subject) or None,
        latest=when(readings[0].record.t if readings else None),
        open_alerts=len(alerts),
        priority=alerts[0].priority if alerts else None,
    )
