"""For administrators: who may log in, a new patient, the audit log."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from portal import administration
from portal.house import Caller, InHouse, check_house
from portal.people_views import EntryList, MadeView, PersonList, PersonView
from portal.problems import Invalid
from portal.routes.answers import Cursor, Limit, answer, fails, says
from portal.routes.examples import ENTRY, MADE, PERSON
from portal.routes.grants import lines
from vitals.errors import ConfigError

router = APIRouter(prefix="/api/v1", tags=["people"])


class PatientBody(BaseModel):
    """A new patient."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1, max_length=100)
    time_zone: str = Field("UTC", max_length=60)
    language: Literal["en", "zh"] = "en"
    team: list[str] = Field(
        default_factory=list, max_length=100, description="Names of nurses and doctors."
    )


NewPatient = Annotated[
    PatientBody,
    Body(examples=[{"name": "Wang Min", "time_zone": "Asia/Shanghai", "team": []}]),
]


@router.get(
    "/people",
    responses=says(PersonList, {"items": [PERSON], "next": None})
    | fails(401, 404, 422),
)
async def people(
    house: InHouse, caller: Caller, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List who may log in, by name."""
    check_house(caller, "people")
    everybody = await asyncio.to_thread(house.people.list)
    found = [p for p in everybody if cursor is None or p.name > cursor]
    items = [PersonView(p.name, p.role, sorted(p.subjects)) for p in found[:limit]]
    return answer(PersonList(items, items[-1].name if len(found) > limit else None))


@router.post(
    "/patients",
    status_code=201,
    responses=says(MadeView, MADE, 201) | fails(401, 404, 413, 422),
)
async def new_patient(house: InHouse, caller: Caller, body: NewPatient) -> Response:
    """Make a patient; the answer is their fresh pseudonym."""
    check_house(caller, "people")
    said = administration.Patient(
        name=" ".join(body.name.split()),
        time_zone=body.time_zone,
        language=body.language,
        team=tuple(body.team),
    )
    try:
        subject = await administration.new_patient(house, caller, said, "")
    except ConfigError as error:
        raise Invalid("body", str(error)) from error
    return answer(MadeView(subject, said.name), 201)


@router.get(
    "/audit",
    responses=says(EntryList, {"items": [ENTRY], "next": None}) | fails(401, 404, 422),
)
async def audit(
    house: InHouse, caller: Caller, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List who saw or changed what, the newest first."""
    check_house(caller, "people")
    return answer(await lines(house, None, cursor, limit))
