"""The audit log in the patient's words: who looked at my data, when, at what."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from portal.audit import Entry
from portal.texts import Texts
from portal.wall import Wall
from vitals.model import Instant


@dataclass(frozen=True, slots=True)
class Seen:
    """One line as a patient reads it."""

    t: Instant
    who: str
    role: str
    deed: str
    what: str
    times: int  # that day


def looks(entries: Iterable[Entry], wall: Wall) -> list[Seen]:
    """Put lines into words, the newest first; the same again on a day is one line."""
    days: dict[tuple[object, ...], Seen] = {}
    for seen in _said(entries, wall.texts):
        key = (wall.at(seen.t).date(), seen.who, seen.deed, seen.what)
        first = days.setdefault(key, replace(seen, times=0))
        days[key] = replace(first, times=first.times + 1)
    return list(days.values())


def _said(entries: Iterable[Entry], texts: Texts) -> list[Seen]:
    """Put each line into words."""
    return [
        Seen(
            t=entry.t,
            who=entry.who,
            role=texts.get(f"role.{entry.role}", entry.role),
            deed=texts.get(f"deed.{_deed(entry)}", entry.deed),
            what=what(entry, texts),
            times=1,
        )
        for entry in entries
    ]


def _deed(entry: Entry) -> str:
    """Name what was done; to look at what one may change is a look."""
    look = entry.what.startswith("GET ") and entry.deed in ("keep", "share")
    return "read" if look else entry.deed


def what(entry: Entry, texts: Texts) -> str:
    """Say at what somebody looked; what is not a look is said as it is."""
    if entry.deed not in ("read", "view", "act", "plan", "share", "keep"):
        return entry.what
    _, _, path = entry.what.partition(" ")
    if not path.startswith("/"):
        return entry.what
    parts = path.removeprefix("/api/v1").strip("/").split("/")
    if "trends" in parts:
        if parts[-1] == "trends":  # the page with all of them
            return texts("looked.trends.all")
        metric = texts.get(f"metric.{parts[-1]}", parts[-1])
        return texts("looked.trends", metric=metric)
    return texts(f"looked.{_part(parts)}")


def _part(parts: list[str]) -> str:
    """Name what a path is about."""
    first, last = parts[0], parts[-1].partition(".")[0]
    for word in ("records", "limits", "alerts", "events", "fhir"):
        if word in (first, last):
            return word
    if first == "admin":
        return "name"
    if first in ("sharing", "grants") or last in ("grants", "access"):
        return "share"
    if first in ("", "patients"):
        return "patient" if parts[1:] else "list"
    return "other"
