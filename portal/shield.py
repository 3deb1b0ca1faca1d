"""What every request passes: a limit on its body, no forged posts, safe headers."""

import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.house import COOKIE
from portal.problems import Problem, refusal
from vitals.metrics import Metrics

LARGEST = 64 * 1024  # octets of a request's body
SAFE = {"GET", "HEAD", "OPTIONS"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Shield:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        guarded = _with_headers(scope, send)
        if refused := _refusal(scope):
            answer = refusal(scope["path"], *refused)
            await answer(scope, receive, guarded)
        else:
            await self.app(scope, _limited(receive), guarded)
        self.metrics.count("portal_requests_total")
        if not scope["path"].endswith("/events"):
            self.metrics.observe(
                "portal_request_seconds", [time.perf_counter() - begun]
            )


TOO_LARGE = f"A body has at most {LARGEST} octets."


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """Say why a request is refused before anybody reads it."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 18:
        return 400, "Content-Length is not a number."
    if int(length) > LARGEST:
        return 413, TOO_LARGE
    if (
        scope["method"] not in SAFE
        and _forgeable(scope, headers)
        and not _ours(headers)
    ):
        return 403, "This was not sent from one of our own pages."
    return None


def _forgeable(scope: Scope, headers: Headers) -> bool:
    """Tell whether a browser could have been tricked into sending this."""
    # A link in a message is its own proof, and no cookie counts there: ntfy's buttons
    # post it from a telephone's lock screen.
    if scope["path"].startswith("/l/"):
        return False
    # Only a page of ours can make a browser send a bearer token, and with one the
    # cookie counts for nothing (`house.token_of`).
    scheme, _, _ = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return False
    return COOKIE in headers.get("cookie", "") or not scope["path"].startswith("/api/")


def _ours(headers: Headers) -> bool:
    """Tell whether the browser says that the request comes from our own page."""
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == headers.get("host")


def _limited(receive: Receive) -> Receive:
    """Count a body that does not say its length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST:
            raise Problem(413, TOO_LARGE)
        return message

    return counted


def _with_headers(scope: Scope, send: Send) -> Send:
    """Add the headers that every answer carries; only our own files may be kept."""
    kept = scope["path"].startswith("/static/")

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            if not kept:
                headers["Cache-Control"] = "no-store"
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await send(message)

    return sending
