"""Subscriptions to "an alert was raised", as the R4 backport has them.  Pure.

A hospital's server is called: first to see that it answers (handshake), then once for
each alert.  It is told which alert, and nothing of it (`id-only`): what it may see it
fetches, with its own login.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import Struct, field

from portal.fhir.identity import subject_of
from portal.fhir.outcomes import MEDIA_TYPE
from portal.times import instant, rfc3339
from vitals.errors import MalformedData
from vitals.model import Instant

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
TOPIC = "urn:vitals:topic:alert-raised"
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}: ?[!-~][ -~]{0,2000}", re.ASCII)
Json = dict[str, Any]


class Subscription(Struct, frozen=True, kw_only=True):
    """Who is to be called where, and about whom."""

    id: str
    owner: str
    base: str  # our own address, as the owner knows it
    endpoint: str
    headers: tuple[str, ...] = ()  # "Authorization: Bearer …"; never shown again
    subject: str | None = None  # None: all patients whom the owner may see
    reason: str
    end: Instant | None = None
    status: str = "requested"  # active, error, off
    events: int = 0  # since it began


class Extension(Struct, rename="camel"):
    """What an element of FHIR's own cannot say."""

    url: str
    value_string: str = ""
    value_code: str = ""


class Extended(Struct):
    """The extensions of a primitive element."""

    extension: list[Extension] = []


class Channel(Struct, rename="camel"):
    """How to call."""

    type: str
    endpoint: str = ""
    payload: str = MEDIA_TYPE
    header: list[str] = []
    more: Extended = field(name="_payload", default_factory=Extended)


class Asked(Struct, rename="camel", tag_field="resourceType", tag="Subscription"):
    """A Subscription as a client sends it."""

    criteria: str
    channel: Channel
    reason: str = "alerts"
    end: str = ""
    more: Extended = field(name="_criteria", default_factory=Extended)


def read(body: bytes) -> Asked:
    """Read what a client sends.

    Raises
    ------
    MalformedData
        It is no Subscription, or one that we cannot serve.
    """
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedData(f"not a Subscription: {error}") from error
    channel = asked.channel
    contents = _values(channel.more, "backport-payload-content")
    if asked.criteria != TOPIC:
        raise MalformedData(f"criteria: there is one topic, {TOPIC}")
    if channel.type != "rest-hook" or channel.payload != MEDIA_TYPE:
        raise MalformedData(f"channel: only rest-hook, and {MEDIA_TYPE}")
    if set(contents) - {"id-only"}:
        raise MalformedData("channel: the payload content is id-only")
    if wrong := [line for line in channel.header if not _HEADER.fullmatch(line)]:
        raise MalformedData(f"channel.header: {wrong[0][:20]!r} is no header")
    subject(asked)
    end(asked)
    return asked


def subject(asked: Asked) -> str | None:
    """Give the one patient of a filter; None: everybody."""
    filters = _values(asked.more, "backport-filter-criteria")
    if not filters:
        return None
    kind, _, query = filters[0].partition("?")
    pairs = parse_qsl(query)
    ours = kind == "DetectedIssue" and [name for name, _ in pairs] == ["patient"]
    if len(filters) > 1 or not ours:
        raise MalformedData("criteria: the filter is DetectedIssue?patient=ID")
    return subject_of(pairs[0][1].rpartition("/")[2])


def end(asked: Asked) -> Instant | None:
    """Give when it is to end."""
    try:
        return instant(asked.end) if asked.end else None
    except ValueError as error:
        raise MalformedData(f"end: {error}") from error


def allowed(endpoint: str, hooks: tuple[str, ...]) -> bool:
    """Tell whether an address is below one that the operator allows.

    >>> allowed("https://ehr.example/in/x", ("https://ehr.example/in/",))
    True
    >>> allowed("https://ehr.example.evil/in/", ("https://ehr.example/in/",))
    False
    """
    try:
        asked = urlsplit(endpoint)
    except ValueError:
        return False
    if "@" in asked.netloc or ".." in asked.path or re.search(r"[^!-~]", endpoint):
        return False
    return any(_below(asked.geturl(), hook) for hook in hooks)


def _below(endpoint: str, hook: str) -> bool:
    return endpoint == hook or endpoint.startswith(f"{hook.rstrip('/')}/")


def _values(more: Extended, name: str) -> list[str]:
    found = (one for one in more.extension if one.url == f"{BACKPORT}{name}")
    return [one.value_string or one.value_code for one in found]


# -- what we say -----------------------------------------------------------------------


def shown(one: Subscription) -> Json:
    """Give a Subscription as it is read; its headers are secrets."""
    content = {"url": f"{BACKPORT}backport-payload-content", "valueCode": "id-only"}
    found: Json = {
        "resourceType": "Subscription",
        "id": one.id,
        "meta": {"versionId": "1", "profile": [f"{BACKPORT}backport-subscription"]},
        "status": one.status,
        "reason": one.reason,
        "criteria": TOPIC,
        "channel": {
            "type": "rest-hook",
            "endpoint": one.endpoint,
            "payload": MEDIA_TYPE,
            "_payload": {"extension": [content]},
        },
    }
    if one.end is not None:
        found["end"] = rfc3339(one.end)
    if one.subject is not None:
        only = f"DetectedIssue?patient={one.subject.replace('_', '.')}"
        url = f"{BACKPORT}backport-filter-criteria"
        found["_criteria"] = {"extension": [{"url": url, "valueString": only}]}
    return found


def status(one: Subscription, kind: str, events: list[Json]) -> Json:
    """Give the Parameters that every notification begins with."""
    parts = [
        {
            "name": "subscription",
            "valueReference": {"reference": f"{one.base}/Subscription/{one.id}"},
        },
        {"name": "topic", "valueCanonical": TOPIC},
        {"name": "status", "valueCode": one.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(one.events)},
    ]
    profile = f"{BACKPORT}backport-subscription-status-r4"
    return {
        "resourceType": "Parameters",
        "meta": {"profile": [profile]},
        "parameter": [*parts, *events],
    }


def notification(one: Subscription, number: int, alert: str, t: Instant) -> Json:
    """Give the Bundle that is sent: a handshake (number 0), or an alert's id."""
    focus = f"{one.base}/DetectedIssue/{alert}"
    event = {
        "name": "notification-event",
        "part": [
            {"name": "event-number", "valueString": str(number)},
            {"name": "timestamp", "valueInstant": rfc3339(t)},
            {"name": "focus", "valueReference": {"reference": focus}},
        ],
    }
    kind = "event-notification" if number else "handshake"
    url = f"{one.base}/Subscription/{one.id}/$status"
    first = {
        "fullUrl": f"urn:uuid:{_uuid(one.id, number)}",
        "resource": status(one, kind, [event] if number else []),
        "request": {"method": "GET", "url": url},
        "response": {"status": "200"},
    }
    return {
        "resourceType": "Bundle",
        "type": "history",
        "timestamp": rfc3339(t),
        "entry": [first],
    }


def _uuid(name: str, number: int) -> str:
    """Name a notification: the same when it is sent again."""
    return str(uuid5(NAMESPACE_URL, f"{name}/{number}"))
