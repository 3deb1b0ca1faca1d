"""Tells people by HTTP that stages fell silent.

Apart from `heartbeat`: HTTP costs a gateway memory, and most need it never.
"""

import asyncio
import logging
from collections.abc import Iterable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from vitals.config import Watchdog
from vitals.errors import ConfigError
from vitals.metrics import Metrics
from vitals.watch import Word

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0  # of one request
TRIES = 12  # of one word; after them the next word is due soon anyway
AGAIN_S = 5.0  # between two tries


class Post:
    """Tells everybody whose address is known."""

    def __init__(
        self, addresses: Iterable[str], settings: Watchdog, metrics: Metrics
    ) -> None:
        self._addresses = [_checked(address) for address in addresses]
        self._settings, self._metrics = settings, metrics
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
                await asyncio.sleep(AGAIN_S)
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
        raise ConfigError("watchdog.url_file: write one http:// or https:// URL a line")
    return address
