"""The routes of bulk export: kick-off, status, files."""

from email.utils import formatdate
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from portal.authorisation import Person, visible
from portal.fhir.answers import base, negotiated, sight, strict
from portal.fhir.export import KEEP_S, TYPES, Exports, Job, Order
from portal.fhir.outcomes import MEDIA_TYPE, outcome
from portal.fhir.parameters import Search, read, span
from portal.fhir.resources import encode
from portal.fhir.shelves import SHELVES
from portal.house import Caller, House, InHouse
from portal.problems import Problem
from portal.times import rfc3339
from portal.witness import looked
from vitals.errors import MalformedData
from vitals.model import Instant

router = APIRouter(prefix="/fhir")

NDJSON = "application/fhir+ndjson"
FORMATS = {NDJSON, "application/ndjson", "ndjson"}
AGAIN_S = "2"  # that a client should wait before it asks again
_KNOWN = {"_type", "_since", "_outputFormat", "_typeFilter", "_format"}


@router.get("/Patient/$export", dependencies=[Depends(negotiated)])
async def kick_off(request: Request, house: InHouse, caller: Caller) -> Response:
    """Begin to write down all of the patients whom the caller may see."""
    exports = _exports(house)
    order = _order(request, house.clock())
    if exports.busy(caller.name):
        detail = "An export is running; try again when it is done."
        raise Problem(429, detail, {"Retry-After": "60"})
    looked(caller, "read", visible(caller))
    job = exports.start(caller.name, sight(house, caller), order)
    headers = {"Content-Location": f"{base(request)}/bulk/{job.id}"}
    return Response(status_code=202, headers=headers)


@router.get("/bulk/{name}")
async def status(
    request: Request, house: InHouse, caller: Caller, name: str
) -> Response:
    """Say how far a job is, or where its files are."""
    job = _job(house, caller, name)
    if job.failed:
        return Response(outcome(500, job.failed), 500, media_type=MEDIA_TYPE)
    if job.outputs is None:
        headers = {"X-Progress": f"{job.written} resources", "Retry-After": AGAIN_S}
        return Response(status_code=202, headers=headers)
    manifest = {
        "transactionTime": rfc3339(job.order.t),
        "request": job.order.request,
        "requiresAccessToken": True,
        "output": [
            {
                "type": output.type,
                "url": f"{base(request)}/bulk/{job.id}/{output.type}.ndjson",
                "count": output.count,
            }
            for output in job.outputs
        ],
        "error": [],
    }
    end = formatdate(job.order.t / 1000 + KEEP_S, usegmt=True)
    return Response(encode(manifest), 200, {"Expires": end}, "application/json")


@router.get("/bulk/{name}/{kind}.ndjson")
async def file(house: InHouse, caller: Caller, name: str, kind: str) -> Response:
    """Give one file."""
    path = _exports(house).path(_job(house, caller, name), kind)
    if path is None:
        raise Problem(404, "There is no such file.")
    return FileResponse(path, media_type=NDJSON)


@router.delete("/bulk/{name}")
async def drop(house: InHouse, caller: Caller, name: str) -> Response:
    """End a job, and remove its files."""
    _exports(house).drop(_job(house, caller, name))
    return Response(status_code=202)


def _order(request: Request, now: Instant) -> Order:
    """Read what is to be exported."""
    asked = request.query_params
    if strict(request) and (unknown := set(asked) - _KNOWN):
        raise MalformedData(f"{min(unknown)[:80]!r} is not known here")
    if asked.get("_outputFormat", NDJSON).replace(" ", "+") not in FORMATS:
        raise MalformedData("_outputFormat: there is ndjson only")
    names = asked["_type"].split(",") if "_type" in asked else list(TYPES)
    if wrong := [name for name in names if name not in TYPES]:
        raise MalformedData(f"_type: there is no {wrong[0][:40]!r} here")
    searches = {name: _search(name, now) for name in names}
    for text in asked.getlist("_typeFilter"):
        name, _, query = text.partition("?")
        if name not in searches:
            raise MalformedData(f"_typeFilter: {name[:40]!r} is not exported")
        searches[name] = _search(name, now, query)
    since = span(asked["_since"])[0] if "_since" in asked else 0
    return Order(
        request=str(request.url), searches=searches, since=Instant(since), t=now
    )


def _search(kind: str, now: Instant, query: str = "") -> Search:
    """Give the search whose pages are a file."""
    parameters = [name for name in SHELVES[kind].parameters if name != "_sort"]
    search = read(parse_qsl(query), parameters, strict=True)
    if kind == "Observation":
        search.newest_first, search.stop = False, min(search.stop, Instant(now + 1))
    return search


def _exports(house: House) -> Exports:
    if house.exports is None:
        raise Problem(404, "Nothing can be exported here.")
    return house.exports


def _job(house: House, caller: Person, name: str) -> Job:
    """Give one of the caller's own jobs, all of whose patients are theirs still."""
    job = _exports(house).job(name)
    if job is None or job.owner != caller.name or not job.subjects <= visible(caller):
        raise Problem(404, "There is no such export.")
    return job
