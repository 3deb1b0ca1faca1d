"""What a patient writes, and what their clinician reads."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from portal.ages import DAY
from portal.authorisation import ALLOWED, decide
from portal.house import House, InHouse, check
from portal.notes import ABOUT, LONGEST, About
from portal.pages.common import Reader, Words, clock_there, page
from portal.problems import Problem
from portal.routes.answers import Subject
from portal.routes.notes import Number, corrected, may_write, written
from portal.texts import Texts
from portal.wall import read
from portal.zones import of_patient
from vitals.model import Instant

router = APIRouter()

SHOWN_MS = 365 * DAY


@router.get("/patients/{subject}/notes")
async def notes(
    request: Request, house: InHouse, reader: Reader, texts: Words, subject: Subject
) -> Response:
    """Show the notes of the last year and a form for a new one."""
    check(reader, "read", subject)
    now = house.clock()
    start, stop = Instant(max(0, now - SHOWN_MS)), Instant(now + 60_000)
    found, _ = await asyncio.to_thread(house.notes.of, subject, start, stop)
    return page(
        request,
        "notes.html",
        reader,
        subject=subject,
        notes=found,
        acts=decide(reader, "act", subject) == ALLOWED,
        wall=clock_there(house, subject, texts),
        about=ABOUT,
        longest=LONGEST,
        may=may_write(reader, subject),
    )


@router.post("/patients/{subject}/notes")
async def add(  # noqa: PLR0913
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    about: Annotated[About, Form()],
    text: Annotated[str, Form(min_length=1, max_length=LONGEST)],
    when: Annotated[str, Form(max_length=32)] = "",
) -> Response:
    """Keep a note and show it among the others."""
    t = _moment(house, subject, when, texts)
    await written(house, reader, subject, (t, about, text))
    return RedirectResponse(f"/patients/{subject}/notes", 303)


@router.post("/patients/{subject}/notes/{note}/correct")
async def correct(
    house: InHouse,
    reader: Reader,
    subject: Subject,
    note: Number,
    text: Annotated[str, Form(min_length=1, max_length=LONGEST)],
) -> Response:
    """Correct a note of one's own and show it among the others."""
    await corrected(house, reader, (subject, note), text)
    return RedirectResponse(f"/patients/{subject}/notes", 303)


def _moment(house: House, subject: str, when: str, texts: Texts) -> Instant:
    """Read what a browser's field for a local time says; "" is now."""
    now = house.clock()
    if not when:
        return now
    try:
        t = read(when, of_patient(house.board, subject))
    except ValueError as error:
        raise Problem(422, texts("notes.when.wrong")) from error
    if not now - SHOWN_MS < t <= now + 60_000:
        raise Problem(422, texts("notes.when.wrong"))
    return t
