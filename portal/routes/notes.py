"""Notes and symptoms beside the values."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from portal.authorisation import Person, decide
from portal.house import Caller, House, InHouse, check
from portal.notes import LONGEST, About, Note
from portal.problems import Invalid, Problem
from portal.routes.answers import (
    Cursor,
    From,
    Limit,
    Subject,
    To,
    answer,
    fails,
    interval,
    moment,
    says,
)
from portal.views import NoteList, NoteView, of_note
from vitals.model import Instant

router = APIRouter(prefix="/api/v1/patients", tags=["notes"])

Number = Annotated[int, Path(ge=1, lt=1 << 63, description="The note.", examples=[7])]
AHEAD_MS = 60_000  # a clock may be ahead by this


class NoteBody(BaseModel):
    """A new note; without `t` it is about now."""

    model_config = ConfigDict(extra="forbid", strict=True)
    about: About
    text: str = Field(min_length=1, max_length=LONGEST)
    t: str | None = Field(None, max_length=40)


class CorrectionBody(BaseModel):
    """What a note says from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str = Field(min_length=1, max_length=LONGEST)


EXAMPLE = {"about": "symptom", "text": "dizzy when getting up"}
NEW = Body(examples=[EXAMPLE])
SHOWN = {**EXAMPLE, "id": 7, "t": "2026-11-21T07:00:00.000Z", "by": "wang"}
SHOWN |= {"written": "2026-11-21T07:05:00.000Z", "earlier": []}


@router.get(
    "/{subject}/notes",
    responses=says(NoteList, {"items": [SHOWN], "next": None}) | fails(401, 404, 422),
)
async def notes(  # noqa: PLR0913
    house: InHouse,
    caller: Caller,
    subject: Subject,
    start: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Response:
    """Read what was written about an interval, the newest first."""
    check(caller, "read", subject)
    begin, end = interval(start, to, Instant(house.clock() + AHEAD_MS))
    try:
        found, more = await asyncio.to_thread(
            house.notes.of, subject, begin, end, cursor, limit
        )
    except ValueError as error:
        raise Invalid("cursor", "it is not one that we gave") from error
    return answer(NoteList([of_note(note) for note in found], more))


@router.post(
    "/{subject}/notes",
    status_code=201,
    responses=says(NoteView, SHOWN, 201) | fails(401, 403, 404, 413, 422),
)
async def add(
    house: InHouse, caller: Caller, subject: Subject, body: Annotated[NoteBody, NEW]
) -> Response:
    """Write a note; the same note about the same moment again changes nothing."""
    t = moment("t", body.t) if body.t else house.clock()
    note = await written(house, caller, subject, (t, body.about, body.text))
    return answer(of_note(note), 201)


@router.post(
    "/{subject}/notes/{note}/corrections",
    status_code=201,
    responses=says(NoteView, SHOWN, 201) | fails(401, 403, 404, 413, 422),
)
async def correct(
    house: InHouse,
    caller: Caller,
    subject: Subject,
    note: Number,
    body: Annotated[CorrectionBody, Body(examples=[{"text": "dizzy at noon"}])],
) -> Response:
    """Correct a note of your own; what it said before stays beside it."""
    found = await corrected(house, caller, (subject, note), body.text)
    return answer(of_note(found), 201)


def may_write(person: Person, subject: str) -> bool:
    """Tell whether somebody may write about this patient: they, and who acts."""
    if person.role == "patient":
        return decide(person, "read", subject) == "allowed"
    return decide(person, "act", subject) == "allowed"


async def written(
    house: House, person: Person, subject: str, said: tuple[Instant, About, str]
) -> Note:
    """Keep a note, on the disk when this returns.

    Raises
    ------
    Problem
        The person may not write here, or the moment is still to come.
    """
    check(person, "read", subject)
    if not may_write(person, subject):
        raise Problem(403, f"A {person.role} may not do this.")
    t, about, text = said
    now = house.clock()
    if t > now + AHEAD_MS:
        raise Invalid("t", "it is still to come")
    if not (plain := text.strip()):
        raise Invalid("text", "it says nothing")
    note = Note(
        subject=subject, t=t, about=about, text=plain, by=person.name, written=now
    )
    return await asyncio.to_thread(house.notes.add, note)


async def corrected(
    house: House, person: Person, which: tuple[str, int], text: str
) -> Note:
    """Let a clinician's own note of a patient say something else.

    Raises
    ------
    Problem
        There is no such note, or it is not theirs to correct.
    """
    subject, number = which
    check(person, "read", subject)
    if decide(person, "act", subject) != "allowed":
        raise Problem(403, f"A {person.role} may not do this.")
    found = await asyncio.to_thread(house.notes.find, subject, number)
    if found is None:
        raise Problem(404, "There is no such note.")
    if found.by != person.name:
        raise Problem(403, "A note is corrected by who wrote it.")
    if not (plain := text.strip()):
        raise Invalid("text", "it says nothing")
    correct = house.notes.correct
    return await asyncio.to_thread(correct, found, plain, house.clock())
