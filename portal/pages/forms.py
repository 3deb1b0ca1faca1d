"""What the pages with forms have in common: their fields, refusals, and links."""

from typing import Annotated

from fastapi import Form, Request, Response

from portal.authorisation import Person
from portal.links import LIFETIME_S, Purpose
from portal.pages.common import page
from portal.qr import svg
from portal.texts import Texts
from vitals.model import Instant

Text = Annotated[str, Form(max_length=500)]
Password = Annotated[str, Form(max_length=256)]
Many = Annotated[list[str], Form(max_length=1000)]


def hand_over(  # noqa: PLR0913
    request: Request,
    reader: Person,
    say: Texts,
    purpose: Purpose,
    path: str,
    name: str,
    until: Instant,
) -> Response:
    """Show a one-time link, this once, with what a phone's camera reads."""
    link = f"{str(request.base_url).rstrip('/')}{path}"
    return page(
        request,
        "one_time_link.html",
        reader,
        link=link,
        qr=svg(link, say("link.qr")),
        to=name,
        until=until,
        back="/sharing" if purpose == "invitation" else "/",
    )


def ends(now: Instant, purpose: Purpose) -> Instant:
    """Say until when a link made now works."""
    return Instant(now + int(LIFETIME_S[purpose] * 1000))
