"""How the FHIR side of the portal answers, and what it is asked through."""

from email.utils import formatdate

from fastapi import Request, Response

from portal.authorisation import Person, visible, worked
from portal.fhir.outcomes import MEDIA_TYPE
from portal.fhir.parameters import Pairs
from portal.fhir.resources import Resource, encode
from portal.fhir.shelves import Sight
from portal.house import House
from portal.problems import Problem
from portal.times import instant

JSON = {"", "json", MEDIA_TYPE, "application/json", "text/json"}
_ACCEPTED = (MEDIA_TYPE, "application/json", "application/*", "*/*", "text/html")


async def negotiated(request: Request) -> None:
    """Refuse who wants XML."""
    wanted = request.query_params.get("_format", "").partition(";")[0].strip()
    if wanted not in JSON and wanted.replace(" ", "+") not in JSON:
        raise Problem(406, "There is JSON only: application/fhir+json.")
    accept = request.headers.get("accept", "*/*")
    if not wanted and not any(kind in accept for kind in _ACCEPTED):
        raise Problem(406, "There is JSON only: application/fhir+json.")


def origin(request: Request) -> str:
    """Give the address at which the client has found us."""
    return str(request.base_url).rstrip("/")


def base(request: Request) -> str:
    """Give the address of the FHIR side."""
    return f"{origin(request)}/fhir"


def strict(request: Request) -> bool:
    """Tell whether the client wants parameters refused that we do not know."""
    return "handling=strict" in request.headers.get("prefer", "").replace(" ", "")


def sight(house: House, caller: Person) -> Sight:
    """Give what the caller may see."""
    subjects = visible(caller)
    return Sight(
        subjects,
        house.history,
        house.alerts,
        house.people.changes,
        {subject: house.board.devices(subject) for subject in subjects},
        worked(caller),
    )


def written(body: bytes | Resource | dict[str, object], status: int = 200) -> Response:
    """Answer with a resource."""
    content = body if isinstance(body, bytes) else encode(body)
    return Response(content, status, media_type=MEDIA_TYPE)


def shown(request: Request, resource: Resource) -> Response:
    """Answer with one resource and its version."""
    meta = resource.meta
    assert meta is not None
    headers = {"ETag": f'W/"{meta.version_id}"'}
    if meta.last_updated:
        changed = instant(meta.last_updated) / 1000
        headers["Last-Modified"] = formatdate(changed, usegmt=True)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(encode(resource), 200, headers, MEDIA_TYPE)


async def pairs(request: Request) -> Pairs:
    """Give the parameters of a search, from the address and from a form."""
    found = list(request.query_params.multi_items())
    if request.method == "POST":
        form = await request.form()
        found += [(k, v) for k, v in form.multi_items() if isinstance(v, str)]
    return found
