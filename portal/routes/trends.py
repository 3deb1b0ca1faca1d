"""Trends and raw records of a patient."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from portal.house import Caller, House, InHouse, check_view
from portal.problems import Invalid, Problem
from portal.routes.answers import (
    Cursor,
    From,
    Limit,
    Subject,
    To,
    answer,
    fails,
    interval,
    says,
    streams,
)
from portal.routes.examples import RECORD, TREND
from portal.sharing import Scope, let_through
from portal.times import rfc3339
from portal.trends import Asked
from portal.views import RecordList, Trend, of_reading
from vitals.codes import Kind, Metric
from vitals.errors import MalformedData
from vitals.model import RECORDS, Instant, Reading

router = APIRouter(prefix="/api/v1/patients", tags=["trends and records"])

METRICS = {metric.value: metric for metric in Metric}
MetricName = Annotated[
    str,
    Path(
        description="What to show.",
        json_schema_extra={"enum": sorted(METRICS)},
        examples=["heart_rate"],
    ),
]
Points = Annotated[
    int,
    Query(
        description="At most this many buckets; they are whole s, min or h.",
        ge=1,
        le=2000,
    ),
]
KindName = Annotated[Kind, Query(description="Which records.", examples=["heart_rate"])]
_COMMON = ("t", "device", "gateway", "seq", "q", "link", "received", "device_t")


@router.get(
    "/{subject}/trends/{metric}",
    responses=says(Trend, TREND) | fails(401, 404, 422, 503),
)
async def trend(  # noqa: PLR0913
    house: InHouse,
    caller: Caller,
    subject: Subject,
    metric: MetricName,
    start: From = None,
    to: To = None,
    points: Points = 500,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show a metric over time as buckets with exact extremes; gaps have no bucket."""
    if metric not in METRICS:
        raise Problem(404, f"There is no such metric; try one of {', '.join(METRICS)}.")
    check_view(caller, subject, metric)
    begin, end = interval(start, to, house.clock())
    asked = Asked(subject, METRICS[metric], begin, end, points)
    etag, body = await asyncio.to_thread(house.trends.give, asked, if_none_match or "")
    if body is None:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag})


@router.get(
    "/{subject}/records",
    responses=says(RecordList, {"items": [RECORD], "next": None})
    | fails(401, 404, 422, 503),
)
async def records(  # noqa: PLR0913
    house: InHouse,
    caller: Caller,
    subject: Subject,
    kind: KindName,
    start: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = 500,
) -> Response:
    """Page through the raw records, oldest first, exactly as they were measured."""
    scope = check_view(caller, subject)
    span = interval(start, to, house.clock())
    found, more = await _page(house, subject, kind, span, cursor, limit)
    seen = let_through(found, scope)
    return answer(RecordList([of_reading(reading) for reading in seen], more))


@router.get(
    "/{subject}/records.csv",
    response_class=StreamingResponse,
    responses=streams("text/csv", "A header and a row per record")
    | fails(401, 404, 422, 503),
)
async def table(
    house: InHouse,
    caller: Caller,
    subject: Subject,
    kind: KindName,
    start: From = None,
    to: To = None,
) -> Response:
    """Download all records of a kind in an interval as a table."""
    scope = check_view(caller, subject)
    span = interval(start, to, house.clock())
    first = await _page(house, subject, kind, span, None, 1000)
    pages = _pages(house, subject, kind, span, first)
    rows = _rows(pages, kind, scope)
    name = f'attachment; filename="{subject}-{kind}.csv"'
    return StreamingResponse(
        rows, media_type="text/csv", headers={"Content-Disposition": name}
    )


async def _page(
    house: House,
    subject: str,
    kind: Kind,
    span: tuple[Instant, Instant],
    cursor: str | None,
    limit: int,
) -> tuple[list[Reading], str | None]:
    """Read one page; a cursor that we did not give is the caller's error."""
    try:
        return await asyncio.to_thread(
            house.history.records, subject, kind, *span, cursor, limit
        )
    except (MalformedData, ValueError) as error:
        if cursor is None:
            raise
        raise Invalid("cursor", "it is not one that we gave") from error


async def _pages(
    house: House,
    subject: str,
    kind: Kind,
    span: tuple[Instant, Instant],
    first: tuple[list[Reading], str | None],
) -> AsyncIterator[list[Reading]]:
    """Give the records page by page."""
    found, cursor = first
    yield found
    while cursor is not None:
        found, cursor = await _page(house, subject, kind, span, cursor, 1000)
        yield found


async def _rows(
    pages: AsyncIterator[list[Reading]], kind: Kind, scope: Scope
) -> AsyncIterator[bytes]:
    """Write the table."""
    ours = [f for f in RECORDS[kind].__struct_fields__ if f not in _COMMON]
    yield _csv([[*_COMMON, *ours]])
    async for found in pages:
        yield _csv([_row(reading, ours) for reading in let_through(found, scope)])


def _row(reading: Reading, fields: list[str]) -> list[object]:
    """Give one row; lists are separated by spaces, a missing value is empty."""
    record = reading.record
    stamps = [
        t if t is None else rfc3339(t) for t in (record.received, record.device_t)
    ]
    head = [rfc3339(record.t), reading.device, record.gateway, record.seq]
    values = [getattr(record, field) for field in fields]
    flat = (" ".join(map(str, v)) if isinstance(v, tuple) else v for v in values)
    return [*head, " ".join(record.q), record.link, *stamps, *flat]


def _csv(rows: list[list[object]] | list[list[str]]) -> bytes:
    """Write rows as RFC 4180 text."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
