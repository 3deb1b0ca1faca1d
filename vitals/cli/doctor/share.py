"""Masks what a text says about people and their machines, so that it can be posted."""

import os
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from vitals import VitalsError, config

PUBLIC = frozenset(
    {"", "root", "vitals", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}
)

PATTERNS = (  # of what may stand in an error's words
    (re.compile(r"(?<=://)[^/@\s]+(?=@)"), "<login>"),
    (
        re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[:_-][0-9A-Fa-f]{2}){5}\b"),
        "<address>",
    ),
    (re.compile(r"(?<=/home/)[^/\s]+|(?<=/Users/)[^/\s]+"), "<user>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<mail>"),
    (re.compile(r"\b(?!127\.0\.0\.1\b|0\.0\.0\.0\b)\d{1,3}(?:\.\d{1,3}){3}\b"), "<ip>"),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])"), "<ip>"),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:)+:[0-9a-f:]*(?![\w:])"), "<ip>"),
)


class Mask:
    """Replaces what is known to be private, and what looks like it."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        """Take words and what each becomes; the longest go first."""
        known = {word: by for word, by in words if word.lower() not in PUBLIC}
        longest = sorted(known.items(), key=lambda pair: -len(pair[0]))
        self._words = [
            (re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])", re.IGNORECASE), by)
            for word, by in longest
        ]

    def __call__(self, text: str) -> str:
        """Give the text without what is private."""
        for pattern, by in (*self._words, *PATTERNS):
            text = pattern.sub(by, text)
        return text


def machine() -> Iterator[tuple[str, str]]:
    """Give what this machine's and its user's names become."""
    name = socket.gethostname()
    yield from ((one, "<host>") for one in {name, name.partition(".")[0]})
    users = {os.environ.get(key, "") for key in ("USER", "LOGNAME", "SUDO_USER")}
    yield from ((one, "<user>") for one in {*users, Path.home().name})


def private(settings: config.Config) -> Iterator[tuple[str, str]]:
    """Give what the private words of a configuration become."""
    mqtt, gateway, store = settings.mqtt, settings.gateway, settings.store
    for place, wearable in enumerate(gateway.wearables, 1):
        yield wearable.address, f"<address-{place}>"
        yield wearable.device, f"<device-{place}>"
        for subject in wearable.subjects:
            yield subject, f"<subject-{place}>"
        yield from ((s, "<secret>") for s in (wearable.passkey, wearable.irk))
        yield _secret(wearable.passkey_file), "<secret>"
    for adapter in gateway.adapters:
        yield adapter.partition(":")[2].rpartition(":")[0], "<radio-host>"
    yield gateway.name, "<gateway>"
    yield mqtt.host, "<broker>"
    yield mqtt.username, "<login>"
    yield store.database, "<database>"
    yield store.organisation, "<organisation>"
    yield settings.portal.host, "<portal>"
    yield urlsplit(settings.portal.public_url).hostname or "", "<portal>"
    for person in settings.alerts.people:
        yield person.name, "<person>"
    for channel in settings.alerts.channels:
        yield _secret(channel.url_file), "<secret>"
    yield settings.alerts.webhook, "<webhook>"
    for url in (store.url, settings.alerts.webhook):
        yield urlsplit(url).hostname or "", "<host>"
        yield from ((part, "<secret>") for part in urlsplit(url).path.split("/"))
    files = mqtt.password_file, store.authorization_file
    for path in (*files, settings.alerts.webhook_secret_file):
        yield _secret(path), "<secret>"


def _secret(path: str) -> str:
    try:
        return config.secret(path)
    except VitalsError:
        return ""
