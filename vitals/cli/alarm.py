"""`vitals alarm`: a test alarm, maintenance, and standing in for somebody."""

import argparse
import asyncio
import getpass
from pathlib import Path
from typing import Any

from vitals import ConfigError, Unavailable, clock, config, wire
from vitals.bus import Inbox
from vitals.model import Alert, AlertCommand, Instant
from vitals.mqtt import MqttBus
from vitals.wire import Message

BROKER_S = 10.0
ANSWER_S = 10.0
DESK = "desk"  # the alert whose commands are about no alert


def test(chosen: argparse.Namespace) -> None:
    """Raise a test alarm, and print whom it was told."""
    alert = asyncio.run(_say(chosen, "test", answered=True))
    told = ", ".join(alert.escalation.get("told", ())) if alert else ""
    print(f"test alarm {alert.id if alert else ''}: told {told or 'nobody'}")
    print("it is over by itself in a minute")


def out(chosen: argparse.Namespace) -> None:
    """Take a device out of service."""
    asyncio.run(
        _say(chosen, "out_of_service", device=chosen.device, until=_end(chosen))
    )
    print(f"{chosen.device} of {chosen.subject} is out of service")


def in_(chosen: argparse.Namespace) -> None:
    """Put a device into service again."""
    asyncio.run(_say(chosen, "in_service", device=chosen.device))
    print(f"{chosen.device} of {chosen.subject} is in service")


def relieve(chosen: argparse.Namespace) -> None:
    """Let somebody stand in.

    Raises
    ------
    ConfigError
        The engine would refuse it: one of the two is nobody.
    """
    named = {p.name for p in config.load(Path(chosen.config)).alerts.people}
    if unknown := {chosen.to, _by(chosen)} - named:
        raise ConfigError(f"nobody in alerts.people is called {min(unknown)}")
    asyncio.run(_say(chosen, "relieve", to=chosen.to, until=_end(chosen)))
    print(f"{chosen.to} stands in for {_by(chosen)}")


async def _say(
    chosen: argparse.Namespace,
    action: Any,  # noqa: ANN401 - AlertCommand checks it
    answered: bool = False,
    **more: Any,  # noqa: ANN401
) -> Alert | None:
    """Give the alert engine a command; give the test alarm where one is awaited.

    Raises
    ------
    Unavailable
        It does not answer; the broker keeps the command for it.
    """
    settings = config.load(Path(chosen.config))
    now = clock.now()
    word = AlertCommand(
        action=action, by=_by(chosen), t=now, comment=chosen.comment, **more
    )
    topic = wire.of(chosen.subject, "alert", DESK, "command")
    async with MqttBus(settings.mqtt) as bus:
        inbox = bus.subscribe(wire.of(chosen.subject, "alert", "+"))
        await bus.ready(BROKER_S)
        await bus.publish(Message(topic, wire.encode(word)))
        return await _raised(inbox, now) if answered else None


async def _raised(inbox: Inbox, since: Instant) -> Alert:
    """Wait for the test alarm on the bus."""
    try:
        async with asyncio.timeout(ANSWER_S):
            while True:
                for delivery in await inbox.take():
                    delivery.ack()
                    if found := _test_alarm(delivery.message, since):
                        return found
    except TimeoutError as error:
        text = "the alert engine does not answer: does it run?"
        raise Unavailable(text) from error


def _test_alarm(message: Message, since: Instant) -> Alert | None:
    """Give the alert of a message when it is a test alarm of ours."""
    if not message.payload:
        return None
    alert = wire.read(Alert, message.payload)
    ours = alert.condition == "test_alarm" and alert.t >= since
    return alert if ours else None


def _end(chosen: argparse.Namespace) -> Instant:
    return Instant(clock.now() + round(chosen.hours * 3_600_000))


def _by(chosen: argparse.Namespace) -> str:
    return str(chosen.by or getpass.getuser())
