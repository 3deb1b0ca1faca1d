"""Answers what other limits would have given, for whoever asks on the bus.

It runs beside dsp, where the detectors are compiled; each question is a process of its
own, so that watching patients never waits for it.
"""

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from vitals import wire
from vitals.bus import Bus
from vitals.errors import MalformedData
from vitals.model import Answer, WhatIf
from vitals.wire import Message

log = logging.getLogger(__name__)

PATIENCE_S = 300.0  # for one answer
WAITING = 8  # questions; who asks more is told so
NICE = 10  # patients go first


async def serve(bus: Bus, where: Sequence[str]) -> None:
    """Answer questions one by one, until cancelled.

    `where` are the options of `vitals whatif` that say where the data lies.
    """
    inbox = bus.subscribe(wire.stage_topic("dsp", "whatif"))
    waiting: deque[WhatIf] = deque()
    asked = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_answer(bus, waiting, asked, where))
        while True:
            for delivery in await inbox.take():
                delivery.ack()
                if refused := _queue(delivery.message, waiting):
                    await _say(bus, refused)
                asked.set()


def _queue(message: Message, waiting: deque[WhatIf]) -> Answer | None:
    """Put a question behind the others, or refuse it."""
    try:
        question = wire.read(WhatIf, message.payload)
    except MalformedData as error:
        log.warning("whatif: refused: %s", error)
        return None
    if len(waiting) >= WAITING:
        text = "too many questions are waiting; ask again in a minute"
        return Answer(id=question.id, ok=False, text=text)
    waiting.append(question)
    return None


async def _answer(
    bus: Bus, waiting: deque[WhatIf], asked: asyncio.Event, where: Sequence[str]
) -> None:
    while True:
        await asked.wait()
        asked.clear()
        while waiting:
            await _say(bus, await _rehearse(waiting.popleft(), where))


async def _say(bus: Bus, answer: Answer) -> None:
    topic = wire.stage_topic("dsp", "answer")
    await bus.publish(Message(topic, wire.encode(answer)))


async def _rehearse(question: WhatIf, where: Sequence[str]) -> Answer:
    """Run `vitals whatif`; what it says is the answer, whether it could or not."""
    words = "whatif", "--json", "--patient", question.subject, "--limits", "-"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vitals", *words, "--days", str(question.days), *where),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, complaint = await child.communicate(proposal(question))
    except TimeoutError:
        return Answer(id=question.id, ok=False, text="it took too long; ask fewer days")
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        text = last.removeprefix("vitals: ")
        return Answer(id=question.id, ok=False, text=text or "it failed")
    return Answer(id=question.id, ok=True, text=said.decode().strip())


def proposal(question: WhatIf) -> bytes:
    """Write a question's limits as `vitals whatif` reads them."""
    named = ("limits", "night", "off")
    table = {n: v for n in named if (v := getattr(question, n)) is not None}
    return msgspec.json.encode(table)


def place(path: Path | None, data: Path) -> tuple[str, str]:
    """Give the options that say where the data lies."""
    return ("--config", str(path)) if path else ("--data", str(data))
