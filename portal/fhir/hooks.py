"""Calls subscribers: what the bus says of alerts goes to disk, and from there out."""

import asyncio
import logging
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import IO, Protocol

from msgspec import json

from portal.authorisation import visible
from portal.fhir.outcomes import MEDIA_TYPE
from portal.fhir.subscribers import Notice, Subscribers
from portal.fhir.subscriptions import notification
from portal.people import People
from vitals import wire
from vitals.bus import Bus, Inbox
from vitals.clock import Clock
from vitals.errors import MalformedData, Unavailable
from vitals.metrics import Metrics
from vitals.model import Alert

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
POLL_S = 1.0  # how late a notice may be


class Call(Protocol):
    """How a subscriber is called; it raises `Unavailable`."""

    def __call__(self, notice: Notice) -> None:
        """Tell one subscriber."""


class _NoDetour(urllib.request.HTTPRedirectHandler):
    """Follow nobody to where the operator did not allow."""

    def redirect_request(self, *_: object) -> None:
        """Do not."""


_OPENER = urllib.request.build_opener(_NoDetour)


def call(notice: Notice) -> None:
    """POST a notification.

    Raises
    ------
    Unavailable
        The subscriber does not take it.
    """
    one = notice.subscription
    body = json.encode(notification(one, notice.number, notice.alert, notice.t))
    headers = dict(line.split(":", 1) for line in one.headers)
    headers = {name: value.strip() for name, value in headers.items()}
    headers["Content-Type"] = MEDIA_TYPE
    request = urllib.request.Request(one.endpoint, body, headers, method="POST")
    try:
        answer: IO[bytes] = _OPENER.open(request, timeout=PATIENCE_S)
        answer.close()
    except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
        raise Unavailable(f"a subscriber does not answer: {error}") from error


async def run(
    subscribers: Subscribers | None,
    people: People,
    bus: Bus,
    metrics: Metrics,
    clock: Clock,
    tell: Call = call,
) -> None:
    """Tell subscribers of every alert until cancelled; None: there can be none."""
    if subscribers is None:
        return
    inbox = bus.subscribe(wire.ALERTS)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_listen(subscribers, people, inbox, clock))
            tasks.create_task(_speak(subscribers, metrics, clock, tell))
    finally:
        bus.unsubscribe(inbox)


async def _listen(
    subscribers: Subscribers, people: People, inbox: Inbox, clock: Clock
) -> None:
    """Put every alert that nobody has seen yet on the disk before it is forgotten."""
    while True:
        for delivery in await inbox.take():
            alert = _alert(delivery.message.payload)
            while alert and not await _kept(subscribers, people, alert, clock):
                await asyncio.sleep(POLL_S)
            delivery.ack()


async def _kept(
    subscribers: Subscribers, people: People, alert: Alert, clock: Clock
) -> bool:
    """Note an alert for those who may see its patient today."""
    everybody = await asyncio.to_thread(people.list)
    sees = {person.name: visible(person) for person in everybody}
    try:
        await asyncio.to_thread(subscribers.raised, alert, sees, clock())
    except Unavailable as error:
        log.warning("an alert cannot be noted for subscribers: %s", error)
        return False
    return True


async def _speak(
    subscribers: Subscribers, metrics: Metrics, clock: Clock, tell: Call
) -> None:
    """Tell what is due, each subscriber in order and beside the others."""
    while True:
        try:
            due = await asyncio.to_thread(subscribers.due, clock())
            calls = (_tell(subscribers, one, metrics, clock, tell) for one in due)
            told = any(await asyncio.gather(*calls))
        except Unavailable as error:
            log.warning("subscribers cannot be told: %s", error)
            told = False
        if not told:
            await asyncio.sleep(POLL_S)


def _alert(payload: bytes) -> Alert | None:
    """Give the alert of a message, if it is a raised one."""
    try:
        alert = wire.read(Alert, payload) if payload else None
    except MalformedData:
        return None
    return alert if alert and alert.state == "unacknowledged" else None


async def _tell(
    subscribers: Subscribers, notice: Notice, metrics: Metrics, clock: Clock, tell: Call
) -> bool:
    """Tell one; what fails is tried again later."""
    try:
        await asyncio.to_thread(tell, notice)
    except Unavailable as error:
        metrics.count("portal_hook_failed_total")
        log.info("%s; it is tried again", error)
        await asyncio.to_thread(subscribers.failed, notice, clock())
        return False
    metrics.count("portal_hook_total")
    await asyncio.to_thread(subscribers.told, notice)
    return True
