"""Ways to reach people; each returns once the other side has accepted a notice."""

import asyncio
import hashlib
import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPMessage
from typing import IO, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from msgspec import Struct, json

from vitals.errors import ConfigError, Unavailable
from vitals.model import Alert, Instant

LOG = logging.getLogger(__name__)

# Look at it.
CALLS = frozenset(
    {"opened", "alarm", "rise", "relapse", "unshelve", "release", "expire", "escalate"}
)
ALL_CLEAR = frozenset({"returned"})
SEEN = frozenset({"acknowledge", "false_alarm"})

TIMEOUT_S = 5.0
AT_ONCE = 4  # requests of one webhook


class Notice(Struct, frozen=True, kw_only=True):
    """One change of one alert that one channel has to tell one recipient."""

    alert: str
    version: int
    channel: str
    why: str  # one of CALLS, ALL_CLEAR or SEEN
    body: bytes  # the whole alert as JSON, as it was then
    created: Instant
    attempts: int  # that failed so far
    to: str = ""  # a name of `alerts.people`; "" = the whole house

    @property
    def key(self) -> str:
        """The same whenever this notice is repeated, and for no other."""
        key = f"{self.alert}-{self.version}"
        return f"{key}.{self.to}" if self.to else key


class Channel(Protocol):
    """One way to reach people."""

    name: str
    hears: frozenset[str]  # values of `alerts.cases.Change.why`

    async def tell(self, notice: Notice) -> None:
        """Return once the notice is accepted.

        Raises
        ------
        Unavailable
            It was not, or we cannot know; it will be told again.
        """

    def close(self) -> None:
        """Give up what is under way."""


class LogChannel:
    """The log: for the operator, without a name or a vital sign."""

    name = "log"
    hears = CALLS | ALL_CLEAR

    async def tell(self, notice: Notice) -> None:
        """Write one line."""
        alert = json.decode(notice.body, type=Alert)
        LOG.info(
            "alert %s %s %s %s", alert.id, alert.condition, alert.priority, alert.state
        )
        LOG.debug("alert %s of %s: %s", alert.id, alert.subject, alert.value)

    def close(self) -> None:
        """Nothing is ever under way."""


class Webhook:
    """Any HTTP server: gets the whole alert as JSON, signed when there is a secret.

    The receiver sees the same `Idempotency-Key` whenever a notice is repeated, and
    `X-Vitals-Signature: sha256=` with the hex HMAC-SHA256 of the body.

    Raises
    ------
    ConfigError
        The URL is not one of http or https.
    """

    name = "webhook"
    hears = CALLS | ALL_CLEAR | SEEN

    def __init__(self, url: str, secret: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("alerts.webhook: must be a URL of http:// or https://")
        self._url, self._secret = url, secret.encode()
        # No redirects: a POST that is sent elsewhere arrives there as a GET, says 200
        # and has told nobody.
        self._opener = build_opener(_Stay, ProxyHandler({}))
        # Its own threads: a server that hangs must not use up those of our database.
        self._threads = ThreadPoolExecutor(AT_ONCE, "webhook")

    async def tell(self, notice: Notice) -> None:
        """POST the alert; a status of 2xx is acceptance."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):
                await loop.run_in_executor(self._threads, self._post, notice)
        except (OSError, HTTPException, ValueError) as error:
            # The text of the error may hold the URL, and a URL may hold a secret.
            status = getattr(error, "code", "")
            raise Unavailable(f"webhook: {type(error).__name__} {status}") from error

    def close(self) -> None:
        """Give up what is under way; it stays in the outbox."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _post(self, notice: Notice) -> None:
        """Send, and wait for the status line."""
        request = Request(self._url, notice.body, self._headers(notice), method="POST")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S):
                pass  # the opener raises for every status but 2xx
        except HTTPError as error:
            error.close()
            raise

    def _headers(self, notice: Notice) -> dict[str, str]:
        """Give the headers of a notice."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key}
        if self._secret:
            signature = hmac.new(self._secret, notice.body, hashlib.sha256).hexdigest()
            headers["X-Vitals-Signature"] = f"sha256={signature}"
        return headers


class _Stay(HTTPRedirectHandler):
    """Takes a redirect for what it is here: not accepted."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Go nowhere, so that the status becomes an error."""
