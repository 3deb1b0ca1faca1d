"""Errors as RFC 9457 problem details, and as a page where a person is looking."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec.json import encode
from starlette.exceptions import HTTPException

from portal.fhir import outcomes
from vitals.errors import MalformedData, Unavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
Page = Callable[[Request, int, str], Response]


class Problem(HTTPException):
    """An answer that is not what was asked for, and why, in one line."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)


class Invalid(Problem):
    """A parameter that breaks its rule."""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(422, f"{where}: {detail}")


def problem(
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Write problem details."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return Response(encode(body), status, headers, MEDIA_TYPE)


def refusal(
    path: str,
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Write what went wrong as whoever asks there expects it."""
    if not path.startswith(outcomes.ROOT):
        return problem(status, detail, errors, headers)
    # FHIR keeps 422 for resources that break a rule; a bad question is a 400.
    status = 400 if status == 422 else status
    body = outcomes.outcome(status, detail)
    return Response(body, status, headers, outcomes.MEDIA_TYPE)


def install(app: FastAPI, page: Page) -> None:
    """Let every error of the application leave as problem details or as a page."""

    def answer(
        request: Request,
        status: int,
        detail: str,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        if for_a_person(request):
            return page(request, status, detail)
        return refusal(request.url.path, status, detail, errors, headers)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        return answer(request, error.status_code, error.detail, None, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [_plain(found) for found in error.errors()]
        detail = "; ".join(f"{e['where']}: {e['what']}" for e in errors[:3])
        return answer(request, 422, detail, errors)

    async def malformed(request: Request, error: Exception) -> Response:
        return answer(request, 422, str(error))

    async def away(request: Request, error: Exception) -> Response:
        log.warning("cannot answer %s: %s", request.url.path, error)
        return answer(request, 503, "A part of the system is away; try again soon.")

    async def broken(request: Request, error: Exception) -> Response:
        return answer(request, 500, "This is our mistake; it has been logged.")

    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: refused,
        RequestValidationError: invalid,
        MalformedData: malformed,
        Unavailable: away,
        OSError: away,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def for_a_person(request: Request) -> bool:
    """Tell whether somebody is looking at a page rather than calling the API."""
    if request.url.path.startswith(("/api/", "/fhir/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def _plain(error: dict[str, Any]) -> dict[str, str]:
    """Say where and what, without echoing the input."""
    where = ".".join(str(level) for level in error["loc"])
    return {"where": where, "what": str(error["msg"])}
