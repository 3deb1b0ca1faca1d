"""The administrator's page of the ways to reach people, and a test alarm."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from alerts.history import ChannelState
from portal import messages, worklist
from portal.ages import ago
from portal.authorisation import Person
from portal.cards import cards
from portal.house import House, InHouse
from portal.pages.common import Words, clock_of, page
from portal.pages.people import administrator
from portal.problems import Problem
from portal.texts import Texts
from vitals import wire
from vitals.model import HOUSE, Alert, AlertCommand
from vitals.wire import Message

router = APIRouter(prefix="/admin")

Admin = Annotated[Person, Depends(administrator)]
DESK = "desk"  # the alert whose commands are about no alert
TEST = "test_alarm"
PATIENCE_S = 3.0  # that the alert engine gets to raise a test alarm
TRIAL_S = 15.0  # that a channel gets to accept a test message
LOOK_S = 0.05


@router.get("/channels")
async def channels(
    request: Request, house: InHouse, admin: Admin, texts: Words
) -> Response:
    """Show how every channel does that has had something to tell."""
    found = _with_new(await asyncio.to_thread(house.alerts.channels), house.channels)
    tests = [a for a in worklist.open_alerts(house.board, admin) if a.condition == TEST]
    return page(
        request,
        "channels.html",
        admin,
        channels=[(one, _state(one, texts, house)) for one in found],
        testable=house.channels,
        cards=cards(tests, clock_of(request, admin), house.clock()),
        messages=await messages.said(house, tests, texts),
    )


@router.post("/channels/test")
async def test(house: InHouse, admin: Admin) -> Response:
    """Raise a test alarm, which goes the way of all alarms to people and back."""
    word = AlertCommand(action="test", by=admin.name, t=house.clock())
    topic = wire.of(HOUSE, "alert", DESK, "command")
    before = _newest(house)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await house.bus.publish(Message(topic, wire.encode(word)))
            while _newest(house) == before:
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        text = "The alert engine does not answer: does it run?"
        raise Problem(504, text) from error
    return RedirectResponse("/admin/channels", 303)


@router.post("/channels/{name}/test")
async def test_one(house: InHouse, admin: Admin, name: str) -> Response:
    """Have the alert engine send a test message by one channel, and see how it went."""
    if name not in house.channels:
        raise Problem(404, "There is no such channel")
    word = AlertCommand(action="test", by=admin.name, t=house.clock(), device=name)
    topic = wire.of(HOUSE, "alert", DESK, "command")
    before = await asyncio.to_thread(house.alerts.tested, name)
    try:
        async with asyncio.timeout(TRIAL_S):
            await house.bus.publish(Message(topic, wire.encode(word)))
            while await asyncio.to_thread(house.alerts.tested, name) in (before, None):
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        text = "No answer yet: does the alert engine run, and does the channel answer?"
        raise Problem(504, text) from error
    return RedirectResponse("/admin/channels", 303)


def _with_new(found: list[ChannelState], names: tuple[str, ...]) -> list[ChannelState]:
    """Give the channels, with those that have had nothing to tell."""
    known = {one.channel for one in found}
    return [*found, *(_new(name) for name in names if name not in known)]


def _new(name: str) -> ChannelState:
    """Give a channel that has had nothing to tell."""
    return ChannelState(
        channel=name, pending=0, oldest=None, failed=0, told=None, error=""
    )


def _newest(house: House) -> Alert | None:
    """Give the test alarm of the house, None when there is none."""
    found = house.board.open_alerts([HOUSE])
    return next((alert for alert in found if alert.condition == TEST), None)


def _state(one: ChannelState, texts: Texts, house: House) -> tuple[str, str]:
    """Say how a channel does: a word for its dot, and the sentence."""
    now = house.clock()
    parts = [texts("channels.told", ago=ago(texts, one.told, now))] if one.told else []
    if one.pending:
        parts.append(texts("messages.pending", n=one.pending))
    if one.failed:
        parts.append(texts("messages.failed", n=one.failed))
    good = not one.error and not one.pending
    return "on" if good else "off", " · ".join(parts) or texts("channels.quiet")
