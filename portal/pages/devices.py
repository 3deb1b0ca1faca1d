"""A patient's wearables, and readings of which nobody has said whose they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from portal.house import House, InHouse, check
from portal.ownership import claim, find, may_claim, waiting
from portal.pages.common import Reader, Words, clock_there, page
from portal.problems import Problem
from portal.routes.answers import Subject
from vitals.model import Alert, DeviceStatus, Instant

router = APIRouter()

# dBm, from experience: above, a room away; below the second, on the edge of losing it.
STRONG, FAIR = -67, -82
Text = Annotated[str, Form(max_length=64)]


@dataclass(frozen=True, slots=True)
class Worn:
    """A wearable as its patient reads it."""

    name: str
    status: DeviceStatus
    link: str  # "strong", "fair", "weak"; "": not connected, or not known
    low: bool  # its battery, as an open alert says


@router.get("/patients/{subject}/devices")
async def devices(
    request: Request,
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    said: str = "",
) -> Response:
    """Show the wearables of a patient."""
    check(reader, "read", subject)
    words = texts.get(f"claims.{said}", "") if said in ("done", "sent") else ""
    await house.latest(subject)  # so that the board knows whose devices are whose
    values = _values(house, subject)
    values["wall"] = clock_there(house, subject, texts)
    values["may"] = may_claim(reader, subject)
    return page(request, "devices.html", reader, said=words, **values)


@router.post("/patients/{subject}/claims")
async def mine(  # noqa: PLR0913
    house: InHouse,
    reader: Reader,
    texts: Words,
    subject: Subject,
    gateway: Text,
    device: Text,
    t: Annotated[int, Form(ge=0, le=4_102_444_800_000)],
) -> Response:
    """Say that a reading is this patient's."""
    check(reader, "read", subject)
    if not may_claim(reader, subject):
        raise Problem(403, f"A {reader.role} may not do this.")
    await house.latest(subject)
    found = find(house.board, subject, gateway, device, Instant(t))
    if found is None:
        raise Problem(409, "This reading does not wait any more.")
    answer = await claim(house, reader, subject, found)
    if answer != "sent" and not answer.ok:
        raise Problem(409, texts("claims.refused", why=answer.text))
    word = "sent" if answer == "sent" else "done"
    return RedirectResponse(f"/patients/{subject}/devices?said={word}", 303)


def _values(house: House, subject: str) -> dict[str, Any]:
    """Gather what the page shows."""
    alerts = house.board.open_alerts([subject])
    known = house.board.devices(subject)
    return {
        "subject": subject,
        "worn": [_worn(name, status, alerts) for name, status in known.items()],
        "waiting": waiting(house.board, subject),
    }


def _worn(name: str, status: DeviceStatus, alerts: Iterable[Alert]) -> Worn:
    """Put a wearable into words."""
    low = any(
        alert.evidence.get("device") == name and "battery" in alert.condition
        for alert in alerts
    )
    return Worn(name, status, _link(status) if status.connected else "", low)


def _link(status: DeviceStatus) -> str:
    """Say how well a wearable is heard."""
    if status.rssi is None:
        return ""
    good = "strong" if status.rssi >= STRONG else "fair"
    return good if status.rssi >= FAIR else "weak"
