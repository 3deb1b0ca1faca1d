"""HTTP POSTs that are either accepted or an error, in threads of their own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPMessage
from typing import IO, ParamSpec, TypeVar
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from alerts.channels.notices import AT_ONCE

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S = 5.0
LARGEST = 65_536  # octets of an answer that are read


class Threads:
    """A channel's own threads: one that hangs must not use up those of our database.

    Parameters
    ----------
    patience_s
        After which a call counts as failed, although its thread may still be at it.
    """

    def __init__(self, name: str, patience_s: float) -> None:
        self._patience_s = patience_s
        self._threads = ThreadPoolExecutor(AT_ONCE, name)

    async def call(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that blocks.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._patience_s):
            return await loop.run_in_executor(
                self._threads, lambda: function(*args, **kwargs)
            )

    def close(self) -> None:
        """Give up what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Send, and give what a status of 2xx came with.

    Raises
    ------
    OSError, HTTPException, ValueError
        It was not accepted, or we cannot know; the text may hold the URL.
    """
    request = Request(url, body, dict(headers), method="POST")
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return bytes(answer.read(LARGEST))
    except HTTPError as error:
        error.close()
        raise


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


# No redirects: a POST that is sent elsewhere arrives there as a GET, says 200 and has
# told nobody.
_OPENER = build_opener(_Stay, ProxyHandler({}))
