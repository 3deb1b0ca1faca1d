"""The FHIR routes: metadata, read, search, `$lastn`."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from msgspec.structs import replace

from portal.authorisation import Person, visible
from portal.fhir import bundles, capability, shelves, subscribing
from portal.fhir.answers import (
    base,
    negotiated,
    origin,
    pairs,
    shown,
    sight,
    strict,
    written,
)
from portal.fhir.identity import subject_of
from portal.fhir.parameters import Search, read
from portal.fhir.resources import Resource, encode
from portal.fhir.shelves import SHELVES, Shelf, Sight
from portal.house import Caller, House, InHouse, check
from portal.problems import Problem
from portal.witness import looked

router = APIRouter(dependencies=[Depends(negotiated)])
Route = Callable[[Callable[..., Any]], Callable[..., Any]]


def _get(path: str) -> Route:
    """Serve GET and HEAD."""
    return router.api_route(path, methods=["GET", "HEAD"])


@_get("/fhir/metadata")
async def metadata(request: Request, house: InHouse) -> Response:
    """Say what this server can do; anybody may ask."""
    more = subscribing.capability(house)
    return written(capability.statement(base(request), SHELVES, more))


@_get("/.well-known/smart-configuration")
@_get("/fhir/.well-known/smart-configuration")
async def smart(request: Request) -> Response:
    """Say where to log in; anybody may ask."""
    body = encode(capability.smart(origin(request)))
    return Response(body, media_type="application/json")


@_get("/fhir/Observation/$lastn")
async def lastn(request: Request, house: InHouse, caller: Caller) -> Response:
    """Give the newest Observations of each code."""
    known = {*SHELVES["Observation"].parameters, "max"} - {"_sort"}
    search = read(await pairs(request), known, strict=strict(request))
    names = {name for name, _ in search.used}
    if not ({"patient", "subject"} & names and {"category", "code"} & names):
        raise Problem(400, "$lastn wants patient, and category or code.")
    seen = _seen(house, caller, search)
    found = await asyncio.to_thread(shelves.last, seen, search)
    return written(bundles.page(base(request), "Observation/$lastn", found, search))


@_get("/fhir/{kind}")
async def search(
    request: Request, house: InHouse, caller: Caller, kind: str
) -> Response:
    """Search one type of resource."""
    return await _search(request, house, caller, kind)


@router.post("/fhir/{kind}/_search")
async def search_by_form(
    request: Request, house: InHouse, caller: Caller, kind: str
) -> Response:
    """Search with a form, which no log of addresses keeps."""
    return await _search(request, house, caller, kind)


@_get("/fhir/{kind}/{name}")
async def one(
    request: Request, house: InHouse, caller: Caller, kind: str, name: str
) -> Response:
    """Read one resource."""
    return shown(request, await _found(house, caller, kind, name))


@_get("/fhir/{kind}/{name}/_history")
async def history(
    request: Request, house: InHouse, caller: Caller, kind: str, name: str
) -> Response:
    """Give the versions of a resource: the one that there is."""
    found = await _found(house, caller, kind, name)
    return written(bundles.history(base(request), found))


@_get("/fhir/{kind}/{name}/_history/{version}")
async def version(
    request: Request, house: InHouse, caller: Caller, kind: str, name: str, version: str
) -> Response:
    """Read a version of a resource."""
    found = await _found(house, caller, kind, name)
    if found.meta is None or found.meta.version_id != version:
        raise Problem(404, "There is no such version; only the latest is kept.")
    return shown(request, found)


async def _search(
    request: Request, house: House, caller: Person, kind: str
) -> Response:
    shelf = _shelf(kind)
    asked = read(await pairs(request), shelf.parameters, strict=strict(request))
    seen = _seen(house, caller, asked)
    if asked.ids is not None:
        found, more = await asyncio.to_thread(_picked, shelf, seen, asked), None
    else:
        found, more = await asyncio.to_thread(shelf.page, seen, asked)
    cursor = f"{more[0]}.{more[1]}" if more else ""
    return written(bundles.page(base(request), kind, found, asked, cursor))


def _picked(shelf: Shelf, seen: Sight, search: Search) -> list[Resource]:
    """Give resources by their ids; those that are not there are left out."""
    found = (shelf.find(seen, name) for name in search.ids or ())
    return [resource for resource in found if resource is not None][: search.count]


async def _found(house: House, caller: Person, kind: str, name: str) -> Resource:
    """Give a resource that the caller may read; others do not exist."""
    shelf = _shelf(kind)
    found = await asyncio.to_thread(shelf.find, sight(house, caller), name)
    if found is None:
        raise Problem(404, f"There is no such {kind}.")
    looked(caller, "read", {_whose(found)} & visible(caller))
    return found


def _whose(found: Resource) -> str:
    """Give whose resource it is."""
    of = getattr(found, "subject", None) or getattr(found, "patient", None)
    name = of.reference if of else found.id
    return subject_of((name or "").rpartition("/")[2])


def _seen(house: House, caller: Person, search: Search) -> Sight:
    """Give what a search may look at; a patient who is not the caller's is none."""
    seen = sight(house, caller)
    if search.subjects is None:
        looked(caller, "read", seen.subjects)
        return seen
    for subject in search.subjects:
        check(caller, "read", subject)
    return replace(seen, subjects=search.subjects & seen.subjects)


def _shelf(kind: str) -> Shelf:
    if kind not in SHELVES:
        raise Problem(404, f"There is no {kind[:64]!r} here; see /fhir/metadata.")
    return SHELVES[kind]
