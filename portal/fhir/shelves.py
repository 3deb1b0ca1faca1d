"""What can be read and searched, one shelf per type of resource.

Whoever asks is given by the subjects whose data they may read: what is not theirs is
not on the shelf.  The functions block.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Struct

from alerts.history import AlertHistory
from ingest.store import History
from portal.fhir import audit, issues, people, timeline
from portal.fhir.identity import mark, place, subject_of
from portal.fhir.observations import observations
from portal.fhir.parameters import Search
from portal.fhir.resources import (
    AuditEvent,
    DetectedIssue,
    Device,
    Observation,
    Patient,
    Resource,
)
from portal.fhir.terms import DEVICES, PARTS, SUBJECTS
from portal.fhir.timeline import Wanted, forwards
from portal.people import Change
from portal.times import instant
from vitals.errors import MalformedData
from vitals.model import Alert, DeviceStatus, Instant

Cursor = tuple[Instant, str]
Page = tuple[list[Resource], Cursor | None]
EVIDENCE = 100  # records that an alert is looked up among
CHANGES = 1000  # of a patient's limits


class Sight(Struct, frozen=True):
    """What one caller may see, and where it lies."""

    subjects: frozenset[str]
    history: History
    alerts: AlertHistory
    changes: Callable[[str, int], Iterable[Change]]
    devices: dict[str, dict[str, DeviceStatus]]  # by subject, as the bus has them
    worked: frozenset[str] = frozenset()  # whose alerts they work, and who has these


class Shelf(Struct, frozen=True, kw_only=True):
    """How one type of resource is read and searched."""

    find: Callable[[Sight, str], Resource | None]
    page: Callable[[Sight, Search], Page]
    parameters: dict[str, str]  # and their types


# -- Observation -----------------------------------------------------------------------


def find_observation(sight: Sight, name: str) -> Observation | None:
    """Give an Observation by its id."""
    where = place(name)
    if where is None:
        return None
    whose = _marked(sight, where.whose)
    stored = timeline.at(sight.history, whose, where)
    wrong = timeline.withdrawn(sight.history, whose, where)
    for readings, status in ((stored, "final"), (wrong, "entered-in-error")):
        for reading in readings:
            for found in observations(reading, {where.part}, status):
                if found.id == name:
                    return found
    return None


def page_observations(sight: Sight, search: Search) -> Page:
    """Give a page of Observations; all that are stored are final."""
    if search.statuses is not None and "final" not in search.statuses:
        return [], None
    wanted = _wanted(sight, search, search.after)
    found = list(islice(timeline.found(sight.history, wanted), search.count + 1))
    shown = found[: search.count]
    more = len(found) > len(shown)
    return list(shown), _end_of(shown) if more else None


def last(sight: Sight, search: Search) -> list[Resource]:
    """Give the newest Observations of each code, as `$lastn` does."""
    codes: dict[str, set[str]] = {}
    for name in sorted(search.parts):
        codes.setdefault(PARTS[name].code.coding[0].code, set()).add(name)
    newest: list[Resource] = []
    for parts in codes.values():
        search.parts, search.newest_first = frozenset(parts), True
        found = timeline.found(sight.history, _wanted(sight, search, None))
        newest += islice(found, search.most)
    return newest


def _wanted(sight: Sight, search: Search, after: Cursor | None) -> Wanted:
    return Wanted(
        subjects=_chosen(sight, search),
        parts=search.parts,
        start=search.start,
        stop=search.stop,
        newest_first=search.newest_first,
        after=after,
    )


def _end_of(page: list[Observation]) -> Cursor:
    final = page[-1]
    return instant(final.effective_date_time), final.id or ""


# -- Patient and Device ----------------------------------------------------------------


def find_patient(sight: Sight, name: str) -> Patient | None:
    """Give a patient by id."""
    subject = subject_of(name)
    return people.patient(subject) if subject in sight.subjects else None


def page_patients(sight: Sight, search: Search) -> Page:
    """Give a page of patients."""
    found = (people.patient(subject) for subject in _chosen(sight, search))
    return _by_name(search, [p for p in found if _named(search, p, SUBJECTS)])


def find_device(sight: Sight, name: str) -> Device | None:
    """Give a wearable by id."""
    for subject in _marked(sight, name.partition("-")[0]):
        for device in _devices(sight, subject):
            if device.id == name:
                return device
    return None


def page_devices(sight: Sight, search: Search) -> Page:
    """Give a page of wearables."""
    everywhere = (d for s in _chosen(sight, search) for d in _devices(sight, s))
    return _by_name(search, [d for d in everywhere if _named(search, d, DEVICES)])


def _devices(sight: Sight, subject: str) -> Iterator[Device]:
    """Give a patient's wearables: those that the bus tells of, and those of records."""
    known = sight.devices.get(subject, {})
    names = {reading.device for reading in sight.history.latest(subject)} | known.keys()
    for name in sorted(names):
        yield people.device(subject, name, known.get(name))


def _named(search: Search, found: Patient | Device, system: str) -> bool:
    """Tell whether a resource has the identifier that is asked for."""
    if search.identifier is None:
        return True
    asked_system, value = search.identifier
    return asked_system in ("", system) and found.identifier[0].value == value


def _by_name(search: Search, everything: Iterable[Resource]) -> Page:
    """Give a page of what is few, by id."""
    after = search.after[1] if search.after else ""
    found = sorted((r for r in everything if _id(r) > after), key=_id)
    page = found[: search.count]
    return page, (Instant(0), _id(page[-1])) if len(found) > len(page) else None


# -- DetectedIssue and AuditEvent ------------------------------------------------------


def find_issue(sight: Sight, name: str) -> DetectedIssue | None:
    """Give an alert by id."""
    alert = sight.alerts.alert(name)
    if alert is None or alert.subject not in sight.subjects:
        return None
    return _issue(sight, alert)


def page_issues(sight: Sight, search: Search) -> Page:
    """Give a page of alerts, the latest begun first."""
    if not search.newest_first:
        raise MalformedData("_sort: alerts come newest first: -identified")
    found = (a for a in _alerts(sight, search) if search.start <= a.since < search.stop)
    alerts = list(islice(found, search.count + 1))
    page = [_issue(sight, alert) for alert in alerts[: search.count]]
    if len(alerts) <= len(page):
        return list(page), None
    final = alerts[len(page) - 1]
    return list(page), (Instant(final.since), final.id)


def _issue(sight: Sight, alert: Alert) -> DetectedIssue:
    events = sight.alerts.events(alert.id)
    rests_on = evidence(sight.history, alert)
    return issues.issue(alert, events, rests_on, alert.subject in sight.worked)


def evidence(history: History, alert: Alert) -> tuple[str, ...]:
    """Give the ids of the Observations that an alert rests on, as far as stored."""
    part, times = issues.part(alert.condition), issues.moments(alert)
    if part is None or not times:
        return ()
    start, stop = Instant(times[0]), Instant(times[-1] + 1)
    found = forwards(history, alert.subject, PARTS[part].kind, start, stop)
    device = alert.evidence.get("device")
    ids = (
        observation.id or ""
        for reading in islice(found, EVIDENCE)
        if reading.record.t in times and reading.device == device
        for observation in observations(reading, {part})
    )
    return tuple(ids)


def _alerts(sight: Sight, search: Search) -> Iterator[Alert]:
    """Give all alerts after the cursor, the latest begun first."""
    cursor = f"{search.after[0]}.{search.after[1]}" if search.after else None
    whose = _chosen(sight, search)
    while True:
        page, cursor = sight.alerts.alerts("all", whose, cursor, 100)
        yield from page
        if cursor is None or page[-1].since < search.start:
            return


def find_event(sight: Sight, name: str) -> AuditEvent | None:
    """Give an event by id."""
    everything = (
        e for s in _marked(sight, name.partition("-")[0]) for e in _events(sight, s)
    )
    return next((event for event in everything if event.id == name), None)


def page_events(sight: Sight, search: Search) -> Page:
    """Give a page of events, newest first."""
    everything = (
        ((instant(event.recorded), event.id or ""), event)
        for subject in _chosen(sight, search)
        for event in _events(sight, subject)
    )
    found = [
        (key, event)
        for key, event in everything
        if search.start <= key[0] < search.stop
        and (search.after is None or key < search.after)
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    page = found[: search.count]
    more = page[-1][0] if len(found) > len(page) else None
    return [event for _, event in page], more


def _events(sight: Sight, subject: str) -> Iterator[AuditEvent]:
    """Give what was done to a patient's limits and alerts."""
    for change in sight.changes(subject, CHANGES):
        yield audit.of_change(change)
    for alert in _alerts(sight, Search(subjects=frozenset({subject}))):
        for event in sight.alerts.events(alert.id):
            if issues.decided(event):
                yield audit.of_decision(subject, event)


# -- whose -----------------------------------------------------------------------------


def _chosen(sight: Sight, search: Search) -> tuple[str, ...]:
    """Give whose resources are asked for, of those that may be seen."""
    asked = sight.subjects if search.subjects is None else search.subjects
    return tuple(sorted(asked & sight.subjects))


def _marked(sight: Sight, whose: str) -> list[str]:
    """Give the subjects that a resource's id can mean."""
    return [subject for subject in sight.subjects if mark(subject) == whose]


def _id(resource: Resource) -> str:
    return resource.id or ""


SHELVES: dict[str, Shelf] = {
    "Observation": Shelf(
        find=find_observation,
        page=page_observations,
        parameters={
            "patient": "reference",
            "subject": "reference",
            "category": "token",
            "code": "token",
            "date": "date",
            "status": "token",
            "_sort": "string",
        },
    ),
    "Patient": Shelf(
        find=find_patient, page=page_patients, parameters={"identifier": "token"}
    ),
    "Device": Shelf(
        find=find_device,
        page=page_devices,
        parameters={"patient": "reference", "identifier": "token"},
    ),
    "DetectedIssue": Shelf(
        find=find_issue,
        page=page_issues,
        parameters={"patient": "reference", "identified": "date", "_sort": "string"},
    ),
    "AuditEvent": Shelf(
        find=find_event,
        page=page_events,
        parameters={"patient": "reference", "date": "date"},
    ),
}
