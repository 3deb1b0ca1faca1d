"""Limits tried on the past before they are saved: the detectors are asked."""

import asyncio
import secrets
from collections.abc import Mapping

import msgspec

from portal.house import House
from portal.plans import plan_of
from portal.problems import Problem
from vitals import wire
from vitals.comparison import Comparison
from vitals.model import Answer, Limit, WhatIf
from vitals.wire import Message

DAYS = 30.0
MOST_DAYS = 90.0
AWAY = "The detectors have not answered in time; is `vitals dsp` running?"


async def rehearse(
    house: House, subject: str, limits: Mapping[str, Limit], days: float
) -> Comparison:
    """Ask how many alerts these limits would have given beside those in force.

    Raises
    ------
    Problem
        503 without a bus, 504 without an answer in time, 409 when the detectors say
        that they cannot tell, and why.
    """
    if not house.bus.online.is_set():
        raise Problem(503, "The message broker is away; try again soon.")
    plan = await plan_of(house, subject)
    # A limit left out falls back to the default, as it does when it is saved.
    asked = {**dict.fromkeys(plan.limits, Limit()), **limits}
    name = f"limits-{secrets.token_hex(8)}"
    answer = await _ask(
        house, WhatIf(id=name, subject=subject, limits=asked, days=days)
    )
    if not answer.ok:
        raise Problem(409, f"The detectors cannot tell: {answer.text[:200]}")
    return _read(answer)


async def _ask(house: House, question: WhatIf) -> Answer:
    """Put a question to the detectors and wait."""
    message = Message(wire.stage_topic("dsp", "whatif"), wire.encode(question))
    with house.board.asking(question.id) as answered:
        try:
            async with asyncio.timeout(house.rehearsal_s):
                await house.bus.publish(message)
                return await answered
        except TimeoutError as error:
            raise Problem(504, AWAY) from error


def _read(answer: Answer) -> Comparison:
    """Read what the detectors say."""
    try:
        return msgspec.json.decode(answer.text, type=Comparison)
    except msgspec.MsgspecError as error:
        raise Problem(409, "The detectors' answer cannot be understood.") from error
