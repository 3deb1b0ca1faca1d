"""The channel to other programs: any HTTP server gets the whole alert, signed."""

import hashlib
import hmac
from http.client import HTTPException
from urllib.parse import urlsplit

from alerts.channels.notices import ALL_CLEAR, CALLS, SEEN, Notice
from alerts.channels.posting import TIMEOUT_S, Threads, post
from vitals.errors import ConfigError, Unavailable


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
        self._threads = Threads(self.name, 2 * TIMEOUT_S)

    async def tell(self, notice: Notice) -> None:
        """POST the alert; a status of 2xx is acceptance."""
        try:
            await self._threads.call(self._post, notice)
        except (OSError, HTTPException, ValueError) as error:
            # The text of the error may hold the URL, and a URL may hold a secret.
            status = getattr(error, "code", "")
            raise Unavailable(f"webhook: {type(error).__name__} {status}") from error

    def close(self) -> None:
        """Give up what is under way; it stays in the outbox."""
        self._threads.close()

    def _post(self, notice: Notice) -> None:
        """Send, and wait for the status line."""
        post(self._url, notice.body, self._headers(notice))

    def _headers(self, notice: Notice) -> dict[str, str]:
        """Give the headers of a notice."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key}
        if self._secret:
            signature = hmac.new(self._secret, notice.body, hashlib.sha256).hexdigest()
            headers["X-Vitals-Signature"] = f"sha256={signature}"
        return headers
