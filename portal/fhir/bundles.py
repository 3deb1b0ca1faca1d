"""Resources in bundles: pages of a search, and what goes to another server.  Pure."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from portal.fhir import people
from portal.fhir.observations import observations
from portal.fhir.parameters import PAGE, Search
from portal.fhir.resources import (
    Bundle,
    Device,
    Entry,
    Identifier,
    Link,
    Meta,
    Observation,
    Patient,
    Reference,
    Request,
    Resource,
    Response,
)
from portal.fhir.resources import Search as Mode
from vitals.model import Reading

_MATCH = Mode("match")


def kind(resource: Resource) -> str:
    """Give the type of a resource."""
    return str(resource.__struct_config__.tag)


def page(
    base: str, path: str, found: Iterable[Resource], search: Search, more: str = ""
) -> Bundle:
    """Give a page of a search, with the link to the next one."""
    used = [pair for pair in search.used if pair[0] != PAGE]
    links = [Link("self", _link(base, path, search.used))]
    if more:
        links.append(Link("next", _link(base, path, [*used, (PAGE, more)])))
    shown = list(found)
    whole = not more and search.after is None
    return Bundle(
        type="searchset",
        total=len(shown) if whole else None,  # only then do we know it
        link=tuple(links),
        entry=tuple(
            Entry(full_url=f"{base}/{kind(r)}/{r.id}", resource=r, search=_MATCH)
            for r in shown
        ),
    )


def history(base: str, resource: Resource) -> Bundle:
    """Give the one version of a resource that we keep."""
    url = f"{kind(resource)}/{resource.id}"
    entry = Entry(
        full_url=f"{base}/{url}",
        resource=resource,
        request=Request("PUT", url),
        response=Response("200"),
    )
    return Bundle(type="history", total=1, entry=(entry,))


def _link(base: str, path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{base}/{path}" + (f"?{urlencode(pairs)}" if pairs else "")


# -- to another server -----------------------------------------------------------------


def transaction(readings: Sequence[Reading], patient: str = "") -> Bundle:
    """Give a transaction that creates what the other server does not have yet.

    Parameters
    ----------
    readings
        Of one patient.
    patient
        How the other server calls the patient ("Patient/123"); "": it is to be created
        under our pseudonym, once.
    """
    entries: list[Entry] = []
    subject = readings[0].subject
    whose = Reference(patient) if patient else None
    if whose is None:
        entry = _create(people.patient(subject))
        entries.append(entry)
        whose = Reference(entry.full_url)
    wearables: dict[str, Reference] = {}
    for name in sorted({reading.device for reading in readings}):
        device = replace(people.device(subject, name), patient=whose)
        entry = _create(device)
        entries.append(entry)
        wearables[name] = Reference(entry.full_url, name)
    entries += [
        _create(_sent(one, whose, wearables[reading.device]))
        for reading in readings
        for one in observations(reading)
    ]
    # What a device sent twice, by two gateways, is two records under one name.
    once = {entry.full_url: entry for entry in reversed(entries)}
    return Bundle(type="transaction", entry=tuple(reversed(once.values())))


def _sent(one: Observation, patient: Reference, device: Reference) -> Observation:
    """Give an Observation whose references mean something in the transaction."""
    clocks = (replace(c, subject=patient, device=device) for c in one.contained)
    return replace(one, subject=patient, device=device, contained=tuple(clocks))


def _create(resource: Patient | Device | Observation) -> Entry:
    """Ask for a resource to be created unless its identifier is there already."""
    name = resource.identifier[0]
    url = f"urn:uuid:{uuid5(NAMESPACE_URL, f'{name.system}|{name.value}')}"
    request = Request("POST", kind(resource), f"identifier={quote(_token(name))}")
    sent = replace(resource, id=None, meta=_own(resource))
    return Entry(full_url=url, resource=sent, request=request)


def _own(resource: Resource) -> Meta | None:
    """Give of the meta what is not the other server's: profiles and tags."""
    meta = resource.meta
    if meta is None or not (meta.profile or meta.tag):
        return None
    return replace(meta, version_id=None, last_updated=None)


def _token(name: Identifier) -> str:
    """Write an identifier as a search token, with what means something escaped."""
    value = name.value
    for mark in ("\\", ",", "$", "|"):
        value = value.replace(mark, f"\\{mark}")
    return f"{name.system}|{value}"
