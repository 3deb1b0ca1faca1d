"""How the API answers: structs as JSON, and what the OpenAPI document says of it."""

from typing import Annotated, Any

from fastapi import Path, Query, Response
from msgspec import Struct

from portal.problems import MEDIA_TYPE, Invalid
from portal.times import instant
from portal.views import encode
from vitals.model import Instant

Subject = Annotated[
    str,
    Path(
        description="The patient's pseudonym.",
        pattern=r"^[a-z0-9_-]{1,64}$",
        examples=["p-1"],
    ),
]
Cursor = Annotated[
    str | None,
    Query(description="`next` of the page before.", max_length=512, examples=[None]),
]
Limit = Annotated[int, Query(description="At most this many.", ge=1, le=1000)]
From = Annotated[
    str | None,
    Query(
        alias="from",
        description="Start, inclusive, RFC 3339. Default: 24 hours before `to`.",
        max_length=40,
        examples=["2026-11-21T07:00:00Z"],
    ),
]
To = Annotated[
    str | None,
    Query(
        description="End, exclusive, RFC 3339. Default: now.",
        max_length=40,
        examples=["2026-11-21T08:00:00Z"],
    ),
]
DAY_MS = 86_400_000


def answer(noun: Struct, status: int = 200) -> Response:
    """Answer with a noun."""
    return Response(encode(noun), status, media_type="application/json")


def interval(
    start: str | None, stop: str | None, now: Instant
) -> tuple[Instant, Instant]:
    """Read `from` and `to`.

    Raises
    ------
    Invalid
        One of them is no time, or they are the wrong way round.
    """
    end = moment("to", stop) if stop is not None else now
    begin = (
        moment("from", start) if start is not None else Instant(max(0, end - DAY_MS))
    )
    if begin >= end:
        raise Invalid("from", "it must be before `to`")
    return begin, end


def moment(where: str, text: str) -> Instant:
    """Read one of them."""
    try:
        return instant(text)
    except ValueError as error:
        raise Invalid(where, str(error)) from error


def says(
    noun: type[Struct], example: dict[str, Any], status: int = 200
) -> dict[int | str, Any]:
    """Document an answer: its schema and an example."""
    schema = {"$ref": f"#/components/schemas/{noun.__name__}"}
    content = {"application/json": {"schema": schema, "example": example}}
    return {status: {"description": _first_line(noun), "content": content}}


def streams(media_type: str, description: str) -> dict[int | str, Any]:
    """Document an answer that is not JSON."""
    return {200: {"description": description, "content": {media_type: {}}}}


def fails(*statuses: int) -> dict[int | str, Any]:
    """Document the problems that a route may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {s: {"description": WHY[s], "content": content} for s in statuses}


WHY = {
    401: "Nobody is logged in, or the token has ended",
    403: "You may see this, but not do that",
    404: "There is no such thing that you may see",
    409: "It is too late for that",
    413: "The body is larger than 64 KiB",
    422: "A parameter or the body breaks its rule",
    429: "Too many attempts; `Retry-After` says when",
    503: "A part of the system is away",
}


def _first_line(noun: type[Struct]) -> str:
    """Describe a noun."""
    return (noun.__doc__ or "").splitlines()[0]
