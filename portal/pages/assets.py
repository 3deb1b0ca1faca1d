"""Our stylesheets, scripts and icon; browsers keep them until they change."""

import gzip
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter, Request, Response

from portal.pages.packing import packs
from portal.problems import Problem

router = APIRouter()

FOLDER = Path(__file__).parent.parent / "static"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
FILES = {p.name: p.read_bytes() for p in sorted(FOLDER.iterdir()) if p.suffix in TYPES}
PACKED = {name: gzip.compress(data, mtime=0) for name, data in FILES.items()}
TAGS = {name: blake2b(data, digest_size=6).hexdigest() for name, data in FILES.items()}


@router.get("/static/{name}")
async def asset(request: Request, name: str) -> Response:
    """Give one of the files; the table is all there is, so no path leads elsewhere."""
    if name not in FILES:
        raise Problem(404, "There is no such file.")
    small = packs(request)
    etag = f'"{TAGS[name]}{"-gzip" if small else ""}"'
    fresh = request.query_params.get("v") == TAGS[name]
    keep = "public, max-age=31536000, immutable" if fresh else "no-cache"
    headers = {"ETag": etag, "Cache-Control": keep, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if small:
        headers["Content-Encoding"] = "gzip"
    body = (PACKED if small else FILES)[name]
    return Response(body, 200, headers, TYPES[Path(name).suffix])


def address(name: str) -> str:
    """Give the address of a file that changes when the file does."""
    return f"/static/{name}?v={TAGS[name]}"


def early(*names: str) -> str:
    """Give a `Link` header: a browser fetches them before it has read the page."""
    return ", ".join(f"<{address(n)}>; {_HOW[Path(n).suffix]}" for n in names)


_HOW = {".css": "rel=preload; as=style", ".js": "rel=preload; as=script"}
