"""A stage's word that it works, and a look-out for those of others.

`beat` runs beside each stage on the server; `look_out` beside a gateway and the portal,
which tell somebody by a way of their own when the stages fall silent (`vitals.watch`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from vitals import wire
from vitals.bus import Bus, Inbox
from vitals.clock import Clock, monotonic
from vitals.config import Watchdog, secrets
from vitals.errors import ConfigError, MalformedData
from vitals.metrics import Metrics
from vitals.model import StageStatus
from vitals.watch import Watch, Word
from vitals.wire import Message

log = logging.getLogger(__name__)

EVERY_S = 20.0  # between two words of a stage
LOOK_S = 5.0  # between two looks
TIMEOUT_S = 10.0  # of one request
TRIES = 12  # of one word; after them the next word is due soon anyway

Tell = Callable[[Word], Awaitable[None]]


async def beat(bus: Bus, stage: str, clock: Clock, every_s: float = EVERY_S) -> None:
    """Say that a stage works, until cancelled."""
    topic = wire.stage_topic(stage)
    while True:
        word = wire.encode(StageStatus(online=True, t=clock()))
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
    addresses = [_checked(url) for url in secrets(settings.url_file)]
    if not addresses:
        return
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
                stage = wire.levels(delivery.message.topic)[1]
                status = wire.read(StageStatus, delivery.message.payload)
                watch.hear(stage, status, clock(), _steady())
    except (TimeoutError, MalformedData):
        return


class Post:
    """Tells everybody whose address is known."""

    def __init__(
        self, addresses: list[str], settings: Watchdog, metrics: Metrics
    ) -> None:
        self._addresses, self._settings, self._metrics = addresses, settings, metrics
        self._opener = build_opener(ProxyHandler({}))

    async def __call__(self, word: Word) -> None:
        """Return once each has accepted the word, or has been tried often."""
        async with asyncio.TaskGroup() as tasks:
            for place, address in enumerate(self._addresses, 1):
                tasks.create_task(self._insist(word, address, place))

    async def _insist(self, word: Word, address: str, place: int) -> None:
        for _ in range(TRIES):
            try:
                await asyncio.to_thread(self._post, word, address)
            except (OSError, HTTPException, ValueError) as error:
                # The text of an error may hold the address, and that is a secret.
                what = f"{type(error).__name__} {getattr(error, 'code', '')}"
                log.error("watchdog: address %d did not take the word: %s", place, what)
                self._metrics.count("watchdog_failed_total")
                await asyncio.sleep(LOOK_S)
            else:
                self._metrics.count("watchdog_told_total")
                return

    def _post(self, word: Word, address: str) -> None:
        if self._settings.form == "json":
            body, kind = msgspec.json.encode(word), "application/json"
        else:
            text = word.text_zh if self._settings.language == "zh" else word.text
            body, kind = text.encode(), "text/plain; charset=utf-8"
        request = Request(address, body, {"Content-Type": kind}, method="POST")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S):
                return
        except HTTPError as error:
            error.close()
            raise


def _checked(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("watchdog.url_file: each line is a URL of http:// or https:/")
    return address


def _steady() -> int:
    return int(monotonic() * 1000)
