"""A stage's word that it works, and a look-out for those of others.

`beat` runs beside each stage on the server; `look_out` beside a gateway and the portal,
which tell somebody by a way of their own when the stages fall silent (`vitals.watch`).
"""

import asyncio
import logging
from collections.abc import Callable

from vitals import wire
from vitals.bus import Bus, Inbox
from vitals.clock import Clock, monotonic
from vitals.config import Watchdog, secrets
from vitals.errors import MalformedData
from vitals.metrics import Metrics
from vitals.model import Instant, StageStatus
from vitals.watch import Watch
from vitals.wire import Message

log = logging.getLogger(__name__)

EVERY_S = 20.0  # between two words of a stage
LOOK_S = 5.0  # between two looks


async def beat(
    bus: Bus,
    stage: str,
    clock: Clock,
    every_s: float = EVERY_S,
    head: Callable[[], str] = str,
) -> None:
    """Say that a stage works, until cancelled; `head` gives its ledger's, if any."""
    topic = wire.stage_topic(stage)
    while True:
        word = wire.encode(StageStatus(online=True, t=clock(), head=head()))
        await bus.publish(Message(topic, word, retain=True))
        await asyncio.sleep(every_s)


async def look_out(
    bus: Bus, by: str, settings: Watchdog, metrics: Metrics, clock: Clock
) -> None:
    """Tell somebody when stages fall silent, until cancelled.

    Raises
    ------
    ConfigError
        The file of addresses cannot be read, or holds something else.
    """
    addresses = secrets(settings.url_file)
    if not addresses:
        return
    from vitals.posting import Post

    post = Post(addresses, settings, metrics)
    inbox = bus.subscribe(wire.STAGE_STATUSES)
    milliseconds = int(settings.silent_s * 1000), int(settings.again_s * 1000)
    watch = Watch(by, settings.stages, *milliseconds, clock(), _steady())
    try:
        async with asyncio.TaskGroup() as telling:
            while True:
                await _hear(inbox, watch, clock)
                online = bus.online.is_set()
                for word in watch.check(clock(), _steady(), online=online):
                    log.error("%s", word.text)
                    telling.create_task(post(word))
    finally:
        bus.unsubscribe(inbox)


async def _hear(inbox: Inbox, watch: Watch, clock: Clock) -> None:
    """Take the stages' words for a moment."""
    try:
        async with asyncio.timeout(LOOK_S):
            for delivery in await inbox.take():
                delivery.ack()
                _take(delivery.message, watch, clock())
    except TimeoutError:
        return


def _take(message: Message, watch: Watch, now: Instant) -> None:
    """Take one word; one that nobody understands is none."""
    stage = wire.levels(message.topic)[1]
    try:
        status = wire.read(StageStatus, message.payload)
    except MalformedData as error:
        log.warning("watchdog: %s said what is no status: %s", stage, error)
        return
    watch.hear(stage, status, now, _steady())


def _steady() -> int:
    return int(monotonic() * 1000)
