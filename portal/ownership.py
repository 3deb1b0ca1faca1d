"""Readings of which nobody has said whose they are, and who may say so here.

A reading may be claimed for a patient by themselves and by those who work their alerts,
and only one of a wearable that has measured this patient before: what an unknown device
waits with is nobody's business.  Everything else goes by `vitals assign`.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from portal.authorisation import Person, decide
from portal.board import Board
from portal.house import House
from vitals import wire
from vitals.assignments import Assignments, Unassigned
from vitals.model import Answer, Assign, Instant
from vitals.wire import Message

PATIENCE_S = 3.0  # that a gateway gets to answer
WHY = "said on the patient's page"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reading that may be this patient's."""

    gateway: str
    reading: Unassigned


def may_claim(person: Person, subject: str) -> bool:
    """Tell whether somebody may say that a reading is this patient's."""
    if person.role == "patient":
        return decide(person, "read", subject) == "allowed"
    return decide(person, "act", subject) == "allowed"


def waiting(board: Board, subject: str) -> list[Waiting]:
    """Give the readings that may be this patient's, the newest first."""
    known = {reading.device for reading in board.latest(subject)}
    found = [
        Waiting(gateway, reading)
        for gateway, said in board.assignments.items()
        for reading in said.waiting
        if reading.device in known | _had(said, subject)
    ]
    return sorted(found, key=lambda one: -one.reading.t)


async def claim(
    house: House, person: Person, subject: str, one: Waiting
) -> Answer | Literal["sent"]:
    """Tell the gateway whose a reading is; give its answer, if it comes soon."""
    name = uuid4().hex
    word = Assign(
        device=one.reading.device,
        subject=subject,
        since=one.reading.t,
        until=one.reading.t,
        by=person.name,
        why=WHY,
        user=one.reading.user,
        t=house.clock(),
        id=name,
    )
    topic = wire.gateway_topic(one.gateway, "command")
    with house.board.asking(name) as answer:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await house.bus.publish(Message(topic, wire.encode(word)))
                return await answer
        except TimeoutError:
            return "sent"


def find(
    board: Board, subject: str, gateway: str, device: str, t: Instant
) -> Waiting | None:
    """Give the waiting reading that somebody means; None: it waits no longer."""
    wanted = (gateway, device, t)
    return next(
        (
            one
            for one in waiting(board, subject)
            if (one.gateway, one.reading.device, one.reading.t) == wanted
        ),
        None,
    )


def _had(said: Assignments, subject: str) -> set[str]:
    """Give the wearables that somebody has given to this patient before."""
    return {line.device for line in said.trail if line.subject == subject}
