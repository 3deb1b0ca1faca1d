"""Patients, and what they are like now."""

from fastapi import APIRouter, Response

from portal.authorisation import visible
from portal.house import Caller, House, InHouse, check
from portal.pressure import course
from portal.routes.answers import Cursor, Limit, Subject, answer, fails, says
from portal.routes.examples import PATIENT, PATIENTS
from portal.views import (
    PatientList,
    PatientSummary,
    PatientView,
    of_adherence,
    of_alert,
    of_device,
    of_reading,
    when,
)

router = APIRouter(prefix="/api/v1/patients", tags=["patients"])


@router.get("", responses=says(PatientList, PATIENTS) | fails(401, 422))
async def patients(
    house: InHouse, caller: Caller, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the patients whom you may see: yourself, or those assigned to you."""
    after = (s for s in sorted(visible(caller)) if cursor is None or s > cursor)
    found = list(after)
    page = found[:limit]
    items = [await _summary(house, subject) for subject in page]
    more = page[-1] if len(found) > limit else None
    return answer(PatientList(items, more))


@router.get("/{subject}", responses=says(PatientView, PATIENT) | fails(401, 404))
async def patient(house: InHouse, caller: Caller, subject: Subject) -> Response:
    """Show a patient: newest record per device and kind, wearables, open alerts."""
    check(caller, "read", subject)
    found = await course(house, subject)
    view = PatientView(
        subject=subject,
        latest=[of_reading(reading) for reading in await house.latest(subject)],
        devices=[
            of_device(subject, *item) for item in house.board.devices(subject).items()
        ],
        adherence=of_adherence(found.adherence) if found.planned else None,
        alerts=[of_alert(alert) for alert in house.board.open_alerts([subject])],
    )
    return answer(view)


async def _summary(house: House, subject: str) -> PatientSummary:
    """Show a patient in the list."""
    readings = await house.latest(subject)
    alerts = house.board.open_alerts([subject])
    return PatientSummary(
        subject=subject,
        latest=when(readings[0].record.t if readings else None),
        open_alerts=len(alerts),
        priority=alerts[0].priority if alerts else None,
    )
