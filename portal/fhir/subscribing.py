"""The routes of subscriptions: begin, look at, end one's own."""

import asyncio
import secrets

from fastapi import APIRouter, Depends, Request, Response

from portal.authorisation import Person
from portal.fhir import subscriptions
from portal.fhir.answers import base, negotiated, written
from portal.fhir.subscribers import Subscribers
from portal.fhir.subscriptions import Json, Subscription
from portal.house import Caller, House, InHouse, check
from portal.problems import Problem

router = APIRouter(prefix="/fhir/Subscription", dependencies=[Depends(negotiated)])

MOST = 20  # of one person


def capability(house: House) -> list[Json]:
    """Give what the CapabilityStatement says of subscriptions, if there are any."""
    if house.subscribers is None:
        return []
    codes = ("read", "create", "delete", "search-type")
    interaction = [{"code": code} for code in codes]
    profile = f"{subscriptions.BACKPORT}backport-subscription"
    found = {"type": "Subscription", "interaction": interaction}
    return [found | {"supportedProfile": [profile]}]


@router.post("")
async def begin(request: Request, house: InHouse, caller: Caller) -> Response:
    """Subscribe to alerts of one patient, or of all whom the caller may see."""
    known = _subscribers(house)
    asked = subscriptions.read(await request.body())
    subject = subscriptions.subject(asked)
    if subject is not None:
        check(caller, "read", subject)
    if not subscriptions.allowed(asked.channel.endpoint, house.hooks):
        raise Problem(400, "channel.endpoint: the operator has to allow it first.")
    if len(await _own(known, caller)) >= MOST:
        raise Problem(429, f"One person has at most {MOST} subscriptions.")
    one = Subscription(
        id=secrets.token_hex(12),
        owner=caller.name,
        base=base(request),
        endpoint=asked.channel.endpoint,
        headers=tuple(asked.channel.header),
        subject=subject,
        reason=asked.reason[:200].strip() or "alerts",
        end=subscriptions.end(asked),
    )
    await asyncio.to_thread(known.add, one, house.clock())
    answer = written(subscriptions.shown(one), 201)
    answer.headers["Location"] = f"{one.base}/Subscription/{one.id}"
    return answer


@router.get("")
async def mine(request: Request, house: InHouse, caller: Caller) -> Response:
    """List one's own subscriptions."""
    found = await _own(house.subscribers, caller) if house.subscribers else []
    return written(_bundle(request, [subscriptions.shown(one) for one in found]))


@router.get("/{name}")
async def one(house: InHouse, caller: Caller, name: str) -> Response:
    """Read one's own subscription."""
    return written(subscriptions.shown(await _found(house, caller, name)))


@router.get("/{name}/$status")
async def status(
    request: Request, house: InHouse, caller: Caller, name: str
) -> Response:
    """Say how a subscription does."""
    found = await _found(house, caller, name)
    return written(_bundle(request, [subscriptions.status(found, "query-status", [])]))


@router.delete("/{name}")
async def end(house: InHouse, caller: Caller, name: str) -> Response:
    """End one's own subscription."""
    found = await _found(house, caller, name)
    await asyncio.to_thread(_subscribers(house).drop, found.id)
    return Response(status_code=204)


def _bundle(request: Request, resources: list[Json]) -> Json:
    address = base(request)
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    for entry in entries:
        if "id" in entry["resource"]:
            url = f"{address}/Subscription/{entry['resource']['id']}"
            entry["fullUrl"] = url  # type: ignore[assignment]
    found = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return found | ({"entry": entries} if entries else {})


def _subscribers(house: House) -> Subscribers:
    if house.subscribers is None:
        raise Problem(404, "There are no subscriptions here: portal.hooks is empty.")
    return house.subscribers


async def _own(known: Subscribers, caller: Person) -> list[Subscription]:
    everything = await asyncio.to_thread(known.all)
    return [one for one in everything if one.owner == caller.name]


async def _found(house: House, caller: Person, name: str) -> Subscription:
    """Give one of the caller's own; others do not exist."""
    for found in await _own(_subscribers(house), caller):
        if found.id == name:
            return found
    raise Problem(404, "There is no such Subscription.")
