"""Answers to browsers, compressed where they can read that."""

import gzip

from fastapi import Request

LEVEL = 6


def packs(request: Request) -> bool:
    """Tell whether the browser reads gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def packed(request: Request, data: bytes) -> tuple[bytes, dict[str, str]]:
    """Give a body as it is sent to this browser, and the headers that say how."""
    if not packs(request):
        return data, {"Vary": "Accept-Encoding"}
    squeezed = gzip.compress(data, LEVEL, mtime=0)
    return squeezed, {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
