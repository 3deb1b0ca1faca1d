"""What all pages share: templates, who looks, errors as a page."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from portal.ages import ago
from portal.authorisation import Person
from portal.house import Visitor, house
from portal.pages.assets import address
from portal.problems import Problem
from portal.texts import Texts
from portal.times import rfc3339

TEXTS = Texts("en")
_FOLDER = Path(__file__).parent.parent / "templates"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals.update(say=TEXTS, asset=address)
_TEMPLATES.filters.update(rfc3339=rfc3339, svg=Markup)


class LogIn(Problem):
    """A stranger at a page: they are shown the way to the log-in."""

    def __init__(self, request: Request) -> None:
        wanted = request.url.path
        if request.url.query:
            wanted += f"?{request.url.query}"
        where = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"
        super().__init__(303, "Log in first.", {"Location": where})


def reader(request: Request, person: Visitor) -> Person:
    """Give who looks at a page; strangers go to the log-in."""
    if person is None:
        raise LogIn(request)
    return person


Reader = Annotated[Person, Depends(reader)]


def page(
    request: Request,
    template: str,
    person: Person | None,
    status: int = 200,
    **values: object,
) -> Response:
    """Render a page."""
    here = house(request)
    now = here.clock()

    def age(t: int) -> str:
        return ago(TEXTS, t, now)

    found = _TEMPLATES.get_template(template)
    text = found.render(person=person, now=now, ago=age, blind=here.blind(), **values)
    return HTMLResponse(text, status)


def bare(template: str, status: int = 200, **values: object) -> Response:
    """Render a page that does not know who looks, in words of its own."""
    text = _TEMPLATES.get_template(template).render(**values)
    return HTMLResponse(text, status)


def error_page(request: Request, status: int, detail: str) -> Response:
    """Say what went wrong to a person."""
    if status == HTTPStatus.SEE_OTHER:
        headers = LogIn(request).headers or {}
        return RedirectResponse(headers["Location"], 303)
    title = TEXTS.get(f"error.{status}", TEXTS("error.other"))
    return page(request, "error.html", None, status, title=title, detail=detail)


def inside(address: str) -> str:
    """Give an address of ours to go on to, whatever somebody put there.

    >>> inside("/patients/p-1"), inside("//elsewhere.example")
    ('/patients/p-1', '/')
    """
    plain = address.isprintable() and "\\" not in address
    ours = address.startswith("/") and not address.startswith("//")
    return address if plain and ours and len(address) <= 500 else "/"
