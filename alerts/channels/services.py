"""The home of apprise: e-mail, SMS gateways, ntfy, Telegram and some 170 more."""

import logging
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from alerts import sheets
from alerts.letters import Letter
from alerts.wording import say
from vitals.errors import ConfigError, Unavailable
from vitals.model import Priority

if TYPE_CHECKING:
    from apprise import AppriseResult

NTFY: Mapping[Priority, str] = {"high": "max", "medium": "high", "low": "default"}
LONGEST = 200  # characters of a reason
SHORTEST = 3  # characters of a URL's part that is a secret


class Service:
    """Sends letters by whatever an apprise URL names.

    Raises
    ------
    ConfigError
        apprise does not know it; its text is not repeated.
    """

    shared = False
    patience_s = 30.0  # a mail server may take its time

    def __init__(self, url: str) -> None:
        self._url, self._apprise = url, _load()
        plugin = self._apprise.Apprise.instantiate(url)
        if plugin is None:
            raise ConfigError(
                "apprise cannot use the URL in it; `apprise --details` lists the forms"
            )
        self._schema = url.partition(":")[0].lower()

    def send(self, letter: Letter) -> None:
        """Send, and return once it is accepted; blocks."""
        told = self._told(letter)
        if not told:
            raise Unavailable(self._reason(told))

    def _told(self, letter: Letter) -> "AppriseResult":
        """Hand a letter to apprise, e-mail as HTML with its text beside it."""
        apprise = self._apprise
        # Made anew for each letter: its buttons are its own, and nothing is throttled.
        plugin = apprise.Apprise.instantiate(self._parts(letter))
        mail = self._schema.startswith("mailto")
        to = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        to.add(plugin)
        told: AppriseResult = to.notify(
            title=letter.sheet.title,
            body=sheets.html(letter.sheet) if mail else sheets.text(letter.sheet),
            body_format=apprise.NotifyFormat.HTML
            if mail
            else apprise.NotifyFormat.TEXT,
        )
        return told

    def _parts(self, letter: Letter) -> dict[str, Any]:
        """Give the URL's parts, with those that this letter brings."""
        parts = dict(self._apprise.plugins.url_to_dict(self._url) or {})
        # A POST that is sent elsewhere arrives there as a GET, and has told nobody.
        parts["redirect"] = False
        if self._schema in ("ntfy", "ntfys"):
            offer = letter.offer
            parts["priority"] = NTFY[letter.sheet.priority]
            parts["click"] = offer.open or None
            parts["actions"] = _buttons(letter) or None
        return parts

    def _reason(self, told: "AppriseResult") -> str:
        """Say why it was not accepted, without what the URL holds."""
        said = [str(entry.message) for entry in told.logs()]
        return masked(f"{self._schema}: {'; '.join(said) or 'refused'}", self._url)


def masked(text: str, url: str) -> str:
    """Give a text without any part of a URL but its scheme, which is no secret.

    >>> masked("no answer from mail.example for bob", "mailto://bob:pw1@mail.example")
    'no answer from … for …'
    """
    _, _, rest = url.partition("://")
    found = {rest, unquote(rest)}
    for whole in tuple(found):
        found |= set(re.split(r"[/:@?&=,;+]", whole))
    for part in sorted(found, key=len, reverse=True):
        for shape in (part, unquote(part)):
            if len(shape) >= SHORTEST:
                text = text.replace(shape, "…")
    return " ".join(text.split())[:LONGEST]


def _buttons(letter: Letter) -> str:
    """Give ntfy's action buttons: acting posts, looking opens a page."""
    tongue, offer = letter.sheet.language, letter.offer
    acts = (
        (say(tongue, "acknowledge"), offer.acknowledge),
        (say(tongue, "snooze", n=offer.minutes), offer.snooze),
    )
    buttons = [f"http, {n}, {a}, method=POST, clear=true" for n, a in acts if a]
    if offer.open:
        buttons.append(f"view, {say(tongue, 'open')}, {offer.open}")
    # As octets of UTF-8, which a header's text would not hold.
    return "; ".join(buttons).encode().decode("latin-1")


def _load() -> Any:  # noqa: ANN401 - a module
    """Import apprise, with every service it has, and keep its words to ourselves."""
    # Their logs have addresses and, when they debug, whole messages.
    for name in ("apprise", "urllib3", "requests", "oauthlib"):
        log = logging.getLogger(name)
        log.propagate, log.level = False, logging.WARNING
        if not log.handlers:
            log.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its imghdr
        import apprise

        apprise.Apprise.instantiate("json://localhost")  # it loads them when asked
    return apprise
