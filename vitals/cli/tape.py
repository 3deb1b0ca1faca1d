"""`vitals record` and `vitals replay`: what is on the bus, out and in again."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec import Struct

from vitals import Instant, MalformedData, Unavailable, config, wire
from vitals.bus import Inbox
from vitals.cli.stages import until_told
from vitals.clock import now
from vitals.mqtt import MqttBus
from vitals.wire import Message

BROKER_S = 3


class Line(Struct, frozen=True):
    """A message as a line of a recording."""

    t: Instant  # when it was on the bus
    topic: str
    payload: str
    retain: bool


def record(chosen: argparse.Namespace) -> None:
    """Write what is on the bus until told to stop."""
    settings = config.load(Path(chosen.config))
    with _open(chosen.file, "w") as file:
        asyncio.run(until_told(_record(settings.mqtt, file, chosen.seconds)))


async def _record(mqtt: config.Mqtt, file: TextIO, seconds: float | None) -> None:
    count = 0
    async with MqttBus(mqtt) as bus:
        inbox = bus.subscribe(wire.EVERYTHING)
        await bus.ready(BROKER_S)
        print("recording; Ctrl-C ends it", file=sys.stderr)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    count += await _write(inbox, file)
        except TimeoutError:
            pass
        finally:
            print(f"recorded {count} messages", file=sys.stderr)


async def _write(inbox: Inbox, file: TextIO) -> int:
    deliveries = await inbox.take()
    for delivery in deliveries:
        message = delivery.message
        text = message.payload.decode("utf-8", "replace")
        line = Line(now(), message.topic, text, message.retain)
        file.write(wire.encode(line).decode() + "\n")
        delivery.ack()
    file.flush()
    return len(deliveries)


def replay(chosen: argparse.Namespace) -> None:
    """Publish the records of a recording."""
    settings = config.load(Path(chosen.config))
    with _open(chosen.file, "r") as file:
        asyncio.run(until_told(_replay(settings.mqtt, file, chosen.speed)))


async def _replay(mqtt: config.Mqtt, file: TextIO, speed: float | None) -> None:
    count, last = 0, None
    async with MqttBus(mqtt) as bus:
        await bus.ready(BROKER_S)
        for line in lines(file):
            if speed and last is not None:
                await asyncio.sleep(max(0, line.t - last) / 1000 / speed)
            last = line.t
            await bus.publish(Message(line.topic, line.payload.encode()))
            count += 1
    print(f"replayed {count} messages with records", file=sys.stderr)


def lines(file: TextIO) -> Iterator[Line]:
    """Give the lines of a recording that carry records."""
    for number, text in enumerate(file, 1):
        try:
            line = msgspec.json.decode(text, type=Line)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise MalformedData(
                f"line {number} is no recorded message: {error}"
            ) from error
        if wire.is_record(line.topic):
            yield line


def _open(name: str, mode: str) -> contextlib.AbstractContextManager[TextIO]:
    if name == "-":
        return contextlib.nullcontext(sys.stdout if mode == "w" else sys.stdin)
    try:
        return Path(name).open(mode)  # type: ignore[return-value]
    except OSError as error:
        raise Unavailable(f"{name}: {error.strerror}") from error
