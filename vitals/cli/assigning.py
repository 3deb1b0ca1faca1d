"""`vitals check-in`, `assign`, `assignments`: whose readings are whose."""

import argparse
import asyncio
import getpass
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from vitals import Instant, MalformedData, Unavailable, VitalsError, config, wire
from vitals.assignments import Assigned, Assignments, Unassigned
from vitals.clock import now
from vitals.model import Answer, Assign, CheckIn
from vitals.mqtt import MqttBus
from vitals.wire import Message

BROKER_S = 3
ANSWER_S = 10
TOLD_S = 2  # a retained word comes at once, or there is none


def check_in(chosen: argparse.Namespace) -> None:
    """Let a shared wearable measure somebody from now on."""
    said = CheckIn(
        device=chosen.device,
        subject=chosen.subject,
        by=chosen.by or getpass.getuser(),
        t=now(),
        minutes=chosen.minutes,
        why=chosen.why,
        id=uuid4().hex,
    )
    print(asyncio.run(_ask(chosen, said)))


def assign(chosen: argparse.Namespace) -> None:
    """Correct whose the readings of a time are."""
    if chosen.since and not chosen.until:
        raise MalformedData("--from needs --to")
    since = moment(chosen.at or chosen.since)
    until = moment(chosen.at or chosen.until)
    said = Assign(
        device=chosen.device,
        subject=None if chosen.subject == "-" else chosen.subject,
        since=since,
        until=Instant(until + (999 if chosen.at else 0)),
        by=chosen.by or getpass.getuser(),
        why=chosen.why,
        user=chosen.user,
        t=now(),
        id=uuid4().hex,
    )
    print(asyncio.run(_ask(chosen, said)))


def show(chosen: argparse.Namespace) -> None:
    """Print what waits for an owner, and the newest of the audit trail."""
    noun = asyncio.run(_told(chosen))
    print("\n".join(text(noun)))


def moment(said: str) -> Instant:
    """Read a time: RFC 3339, or as the shell's user would write it, in UTC.

    >>> moment("1970-01-01 00:01"), moment("1970-01-01T01:01:00+01:00")
    (60000, 60000)
    """
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise MalformedData(f"{said!r} is no time; write 2026-01-31T08:05Z") from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return Instant(round(found.timestamp() * 1000))


def text(noun: Assignments) -> Iterable[str]:
    """Give a gateway's word in lines."""
    yield f"{len(noun.waiting)} readings wait: nobody has said whose they are"
    yield from map(_waiting, noun.waiting)
    yield "who said what, newest first:"
    yield from map(_line, noun.trail)


def _waiting(one: Unassigned) -> str:
    slot = "" if one.user is None else f" slot {one.user}"
    doubt = "" if one.sure else " (arrived then; its own time is not known)"
    return f"  {_time(one.t)} {one.device} {one.kind}{slot}{doubt}"


def _line(one: Assigned) -> str:
    until = "" if one.until is None else f" to {_time(one.until)}"
    span = f"of {_time(one.since)}" if one.what == "reading" else ""
    span = span or f"from {_time(one.since) if one.since else 'the beginning'}{until}"
    slot = "" if one.user is None else f" slot {one.user}"
    who = f"{one.old or 'nobody'} -> {one.subject or 'nobody'}"
    why = f" ({one.why})" if one.why else ""
    what = one.what.replace("_", "-")
    return f"  {_time(one.t)} {one.by}: {what} {one.device}{slot} {span}: {who}{why}"


def _time(t: int) -> str:
    return datetime.fromtimestamp(t // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _gateway(chosen: argparse.Namespace) -> tuple[config.Config, Callable[[str], str]]:
    """Give the configuration, and how the gateway's topics are called."""
    settings = config.load(Path(chosen.config))
    name = chosen.gateway or settings.gateway.name
    return settings, lambda leaf: wire.gateway_topic(name, leaf)


async def _ask(chosen: argparse.Namespace, said: CheckIn | Assign) -> str:
    """Give a gateway a command; give its answer.

    Raises
    ------
    VitalsError
        It will not do it, and says why.
    Unavailable
        It does not answer; the broker keeps the command for it.
    """
    settings, topic = _gateway(chosen)
    async with MqttBus(settings.mqtt) as bus:
        inbox = bus.subscribe(topic("answer"))
        await bus.ready(BROKER_S)
        await bus.publish(Message(topic("command"), wire.encode(said)))
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    for delivery in await inbox.take():
                        answer = wire.read(Answer, delivery.message.payload)
                        delivery.ack()
                        if answer.id == said.id:
                            return _judged(answer)
        except TimeoutError as error:
            raise Unavailable(
                "the gateway does not answer: does it run?  The broker keeps the"
                " command for it, and `vitals assignments` shows what became of it"
            ) from error


def _judged(answer: Answer) -> str:
    if not answer.ok:
        raise VitalsError(answer.text)
    return answer.text


async def _told(chosen: argparse.Namespace) -> Assignments:
    settings, topic = _gateway(chosen)
    async with MqttBus(settings.mqtt) as bus:
        inbox = bus.subscribe(topic("assignments"))
        await bus.ready(BROKER_S)
        try:
            async with asyncio.timeout(TOLD_S):
                [delivery] = await inbox.take(1)
        except TimeoutError as error:
            advice = "has it ever run with this broker?"
            raise Unavailable(f"no gateway of that name has told; {advice}") from error
        return wire.read(Assignments, delivery.message.payload)
