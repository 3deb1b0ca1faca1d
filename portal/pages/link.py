"""The page behind a link in a message: GET shows, POST acts, once.

Whoever has the link may act, logged in or not; so the page says of nobody what the
message did not, and a preview that fetches it learns and does nothing.
"""

import asyncio
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response

from portal.authorisation import Person, decide
from portal.deeds import Deeds
from portal.house import House, InHouse
from portal.pages.common import bare
from portal.problems import Problem
from portal.routes.alerts import command
from vitals.errors import MalformedData
from vitals.links import Deed, case_number
from vitals.model import HOUSE, Alert, AlertCommand, Instant
from vitals.phrases import Language

router = APIRouter()

Token = Annotated[str, Path(max_length=1000)]
State = Literal["open", "done", "used", "expired", "over", "refused", "waiting"]

STATUS: dict[State, HTTPStatus] = {
    "open": HTTPStatus.OK,
    "done": HTTPStatus.OK,
    "used": HTTPStatus.GONE,
    "expired": HTTPStatus.GONE,
    "over": HTTPStatus.CONFLICT,
    "refused": HTTPStatus.FORBIDDEN,
    "waiting": HTTPStatus.ACCEPTED,
}

# key: English, Chinese
WORDS: dict[str, tuple[str, str]] = {
    "case": ("Case", "编号"),
    "acknowledge": ("Acknowledge", "确认"),
    "snooze": ("Snooze {minutes} min", "暂停 {minutes} 分钟"),
    "as": ("as {by}", "以 {by} 的身份"),
    "look": ("Open in vitals", "在 vitals 中打开"),
    "open": (
        "Nothing has been done yet. The button decides, once.",
        "尚未执行任何操作。点击按钮即生效,仅限一次。",
    ),
    "done": ("Done. Your colleagues see it.", "已完成,同事可见。"),
    "used": ("This link has been used already.", "该链接已被使用。"),
    "expired": (
        "This link has expired. Log in to decide.",
        "该链接已过期,请登录处理。",
    ),
    "over": ("This alert is over.", "该警报已解除。"),
    "refused": (
        "You do not care for this patient any more.",
        "您已不再负责该患者。",
    ),
    "waiting": (
        "Sent, and not answered yet. Press again to see whether it has arrived.",
        "已发送,尚未得到回应。请再次点击查看结果。",
    ),
    "emergency": (
        "This page is not an emergency service. In danger call 120, 112 or 911.",
        "本页面不是急救服务。如遇紧急情况,请拨打 120、112 或 911。",
    ),
}


@router.get("/l/{token}")
async def show(request: Request, house: InHouse, token: Token) -> Response:
    """Show what the link would do."""
    deeds, deed = _read(house, token)
    alert = await _alert(house, deed)
    state = await _objection(house, deed, alert) or "open"
    if await asyncio.to_thread(deeds.is_done, deed):
        state = "used"
    return _page(request, deed, state)


@router.post("/l/{token}")
async def act(request: Request, house: InHouse, token: Token) -> Response:
    """Do it, once."""
    deeds, deed = _read(house, token)
    alert = await _alert(house, deed)
    if await asyncio.to_thread(deeds.is_done, deed):
        return _page(request, deed, "used")
    if objection := await _objection(house, deed, alert):
        return _page(request, deed, objection)
    t = await asyncio.to_thread(deeds.begin, deed, house.clock())
    if t is None:
        return _page(request, deed, "used")
    arrived = await _decide(house, deed, alert, t)
    if arrived:
        await asyncio.to_thread(deeds.finish, deed)
        house.metrics.count("portal_links_used_total")
    return _page(request, deed, "done" if arrived else "waiting")


def _read(house: House, token: str) -> tuple[Deeds, Deed]:
    """Give what a link allows; one that is not ours does not exist."""
    try:
        if house.deeds is None:
            raise MalformedData("there are no links here")
        return house.deeds, house.deeds.read(token)
    except MalformedData as error:
        house.metrics.count("portal_links_refused_total")
        raise Problem(404, "There is no such link.") from error


async def _alert(house: House, deed: Deed) -> Alert:
    """Give the alert of a link."""
    found = await house.alert(deed.alert)
    if found is None:
        raise Problem(404, "There is no such alert.")
    return found


async def _objection(house: House, deed: Deed, alert: Alert) -> State | None:
    """Say why a link does nothing any more."""
    if deed.until <= house.clock():
        return "expired"
    person = await asyncio.to_thread(house.people.find, deed.by)
    # Who is told and has no account can do what their message lets them, and no more.
    if person is not None and not _may_act(person, alert.subject):
        return "refused"
    return "over" if alert.state == "normal" else None


def _may_act(person: Person, subject: str) -> bool:
    """Tell whether a link lets somebody act; administrators are told of the house."""
    ours = subject == HOUSE and person.role == "admin"
    return ours or decide(person, "act", subject) == "allowed"


async def _decide(house: House, deed: Deed, alert: Alert, t: Instant) -> bool:
    """Send the decision; tell whether the alert engine has it."""
    if await asyncio.to_thread(_is_known, house, deed, t):
        return True
    word = AlertCommand(action=deed.action, by=deed.by, t=t, minutes=deed.minutes)
    if await command(house, alert, word) is not None:
        return True
    return await asyncio.to_thread(_is_known, house, deed, t)


def _is_known(house: House, deed: Deed, t: Instant) -> bool:
    """Tell whether the book has the decision, sent by us or before a crash of ours."""
    events = house.alerts.events(deed.alert)
    return any(e.what == deed.action and e.by == deed.by and e.t >= t for e in events)


def _page(request: Request, deed: Deed, state: State) -> Response:
    """Write the page, which says neither of whom nor what."""
    language = _language(request)
    words = {key: row[language == "zh"] for key, row in WORDS.items()}
    return bare(
        "link.html",
        STATUS[state],
        words=words,
        language=language,
        state=state,
        case=case_number(deed.alert),
        button=words[deed.action].format(minutes=deed.minutes or ""),
        by=words["as"].format(by=deed.by),
        address=f"/alerts/{deed.alert}",
    )


def _language(request: Request) -> Language:
    """Give the reader's language, as their browser says it."""
    wanted = request.headers.get("accept-language", "").lower()
    return "zh" if wanted.startswith("zh") else "en"
