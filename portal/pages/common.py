"""What all pages share: templates, who looks, errors as a page."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from portal import zones
from portal.ages import ago
from portal.authorisation import Person, Role
from portal.house import House, Visitor, house
from portal.pages.assets import address, early
from portal.pages.packing import packed
from portal.pages.wishes import NAMES, wishes
from portal.problems import Problem
from portal.texts import Texts
from portal.times import rfc3339
from portal.wall import Wall

_FOLDER = Path(__file__).parent.parent / "templates"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals.update(asset=address)
_TEMPLATES.filters.update(rfc3339=rfc3339, svg=Markup)


_CARERS = (
    ("/", "worklist"), ("/reports/alerts", "burden"), ("/fleet", "fleet"),
    ("/account", "account"),
)  # fmt: skip
MENUS: dict[Role, tuple[tuple[str, str], ...]] = {
    "patient": (("/", "today"), ("/sharing", "sharing"), ("/account", "account")),
    "family": (("/", "shared"), ("/account", "account")),
    "nurse": _CARERS,
    "doctor": _CARERS,
    "clinician": _CARERS,
    "admin": (
        ("/", "people"),
        ("/admin/patients", "patients"),
        ("/admin/audit", "audit"),
        ("/admin/channels", "channels"),
        ("/fleet", "fleet"),
        ("/account", "account"),
    ),
}
"""The pages of each role: address and what it is called."""
OWN = (
    ("trends", "trends"), ("pressure", "pressure.short"), ("notes", "notes"),
    ("devices", "devices"),
)  # fmt: skip
"""A patient's own pages, after the first."""


_EARLY = {"trends.html": early("vitals.css", "uplot.css", "uplot.js")}
_STYLE = early("vitals.css")


class LogIn(Problem):
    """A stranger at a page: they are shown the way to the log-in."""

    def __init__(self, request: Request) -> None:
        wanted = request.url.path
        if request.url.query:
            wanted += f"?{request.url.query}"
        where = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"
        super().__init__(303, "Log in first.", {"Location": where})


async def reader(request: Request, person: Visitor) -> Person:
    """Give who looks at a page; strangers go to the log-in."""
    if person is None:
        raise LogIn(request)
    return person


Reader = Annotated[Person, Depends(reader)]


def words(request: Request) -> Texts:
    """Give the words and units that the browser wants."""
    return wishes(request).texts()


async def _words(request: Request) -> Texts:
    """Give the words to a route; `async` keeps FastAPI from using a thread."""
    return words(request)


Words = Annotated[Texts, Depends(_words)]


def page(
    request: Request,
    template: str,
    person: Person | None,
    status: int = 200,
    **values: object,
) -> Response:
    """Render a page."""
    here, say = house(request), words(request)
    now = here.clock()
    common = {
        "person": person,
        "now": now,
        "ago": lambda t: ago(say, t, now),
        "blind": here.blind(),
        "say": say,
        "wall": clock_of(request, person),
        "called": lambda subject: called(here, subject),
        "provider": here.provider,
        "emergency": here.emergency or say("emergency.call"),
        "menu": menu(person),
        "here": request.url.path,
        "address": here_of(request, status),
        "languages": NAMES,
    }
    text = _TEMPLATES.get_template(template).render(**common | values)
    body, headers = packed(request, text.encode())
    headers["Link"] = _EARLY.get(template, _STYLE)
    return HTMLResponse(body, status, headers)


def clock_of(request: Request, person: Person | None) -> Wall:
    """Give the clock that tells the times of pages which are about no one patient."""
    browser = request.cookies.get(zones.COOKIE, "")
    where = zones.of_reader(house(request).board, person, browser)
    return Wall(words(request), where)


def clock_there(house: House, subject: str, texts: Texts) -> Wall:
    """Give the clock that tells the times of a page about one patient."""
    return Wall(texts, zones.of_patient(house.board, subject))


def bare(template: str, status: int = 200, **values: object) -> Response:
    """Render a page that does not know who looks, in words of its own."""
    text = _TEMPLATES.get_template(template).render(**values)
    return HTMLResponse(text, status)


def called(house: House, subject: str) -> str:
    """Give the name of a patient, or else their pseudonym."""
    return house.people.names.of(subject) or subject


def menu(person: Person | None) -> Sequence[tuple[str, str]]:
    """Give the pages that somebody may go to: address and what it is called."""
    if person is None:
        return ()
    own = sorted(person.subjects) if person.role == "patient" else ()
    mine = [(f"/patients/{s}/{name}", key) for s in own for name, key in OWN]
    first, *others = MENUS[person.role]
    return [first, *mine, *others]


def here_of(request: Request, status: int) -> str:
    """Give the page's own address, to come back to."""
    if request.method != "GET" or status >= 400:
        return "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query


def error_page(request: Request, status: int, detail: str) -> Response:
    """Say what went wrong to a person."""
    if status == HTTPStatus.SEE_OTHER:
        headers = LogIn(request).headers or {}
        return RedirectResponse(headers["Location"], 303)
    say = words(request)
    title = say.get(f"error.{status}", say("error.other"))
    return page(request, "error.html", None, status, title=title, detail=detail)


def inside(address: str) -> str:
    """Give an address of ours to go on to, whatever somebody put there.

    >>> inside("/patients/p-1"), inside("//elsewhere.example")
    ('/patients/p-1', '/')
    """
    plain = address.isprintable() and "\\" not in address
    ours = address.startswith("/") and not address.startswith("//")
    return address if plain and ours and len(address) <= 500 else "/"
