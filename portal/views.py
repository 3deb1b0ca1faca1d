"""What the API says: nouns with their times as RFC 3339 text.

Structs rather than dicts, so that the OpenAPI document is made from what is sent.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from ingest.completeness import Stream
from portal.notes import Note
from portal.people import Change
from portal.times import rfc3339, said
from vitals.codes import Kind
from vitals.model import (
    Alert,
    DeviceStatus,
    GatewayStatus,
    Instant,
    Limit,
    Plan,
    Reading,
)
from vitals.schedule import Adherence

encode = msgspec.json.Encoder().encode


class RecordView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record as measured; `values` are the fields of its kind on the wire."""

    subject: str
    device: str
    kind: Kind
    t: str
    received: str | None = None
    device_t: str | None = None
    gateway: str | None = None
    seq: int | None = None
    q: tuple[str, ...] = ()
    link: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


class AlertView(Struct, frozen=True, kw_only=True):
    """An alert: what, how urgent, since when, who has it."""

    id: str
    subject: str
    condition: str
    kind: str
    priority: str
    state: str
    since: str
    t: str
    value: float | None
    unit: str
    evidence: dict[str, Any]
    acknowledged_by: str | None
    comment: str | None
    escalation: dict[str, Any]


class DeviceView(Struct, frozen=True, kw_only=True):
    """A wearable as its gateway sees it."""

    subject: str
    device: str
    t: str
    connected: bool
    gateway: str
    name: str | None
    battery: float | None
    rssi: int | None
    last: str | None
    off_body: bool
    information: dict[str, str]
    malformed: int
    reconnects: int
    lost_frames: int  # streamed values that never came, by the stream's own rhythm
    dropped: int  # numbers of records that had to go
    waiting: int  # readings of which nobody knows whose they are
    clock_ahead_ms: int | None  # of the gateway's; None: it shows none


class CompletenessView(Struct, frozen=True, kw_only=True):
    """Lost 0 of n: the numbers that records were given, and those that never came."""

    lost: int
    given: int


class GatewayView(Struct, frozen=True, kw_only=True):
    """A gateway's last word on itself, and those of its wearables that you may see."""

    gateway: str
    online: bool
    since: str | None  # online
    t: str  # of its last word
    version: str
    queued: int  # records not yet committed
    waiting: int  # readings of which nobody knows whose they are
    dropped: int
    malformed: int
    disk: str  # what keeps it from storing; "" nothing
    problem: str  # what keeps its radio from hearing anybody; "" nothing
    adapter_resets: int
    completeness: CompletenessView | None  # None: nothing of it came, or not known here
    devices: list[DeviceView]


class PatientSummary(Struct, frozen=True, kw_only=True):
    """A patient in a list."""

    subject: str
    latest: str | None  # time of the newest record
    open_alerts: int
    priority: str | None  # of the most urgent open alert
    name: str | None = None  # as it is kept in the portal alone


class AdherenceView(Struct, frozen=True, kw_only=True):
    """What came of a schedule of blood pressure so far."""

    done: int  # occasions with all their readings
    due: int  # occasions of the whole schedule
    missed: int
    days: int  # with an occasion done
    systolic: float | None  # mean without the first day, mmHg; None: too few days
    diastolic: float | None


class PatientView(Struct, frozen=True, kw_only=True):
    """A patient: newest record per device and kind, devices, open alerts."""

    subject: str
    latest: list[RecordView]
    devices: list[DeviceView]
    adherence: AdherenceView | None  # None: no schedule
    completeness: CompletenessView | None  # of the devices that measured them
    alerts: list[AlertView]
    name: str | None = None  # as it is kept in the portal alone


class PointView(Struct, frozen=True):
    """One bucket of a trend; `t` is its start."""

    t: str
    min: float  # in the trend's unit
    mean: float
    max: float
    n: int  # values that count
    quality: float  # their share, 0 to 1


class Trend(Struct, frozen=True):
    """A metric over time."""

    metric: str
    loinc: str | None  # None: LOINC has no code for it
    unit: str
    points: list[PointView]


class ChangeView(Struct, frozen=True):
    """One change of limits: who, when, old, new, why."""

    who: str
    t: str
    old: dict[str, Limit]
    new: dict[str, Limit]
    why: str


class LimitsView(Struct, frozen=True, kw_only=True):
    """The personal limits in force; a metric not named has the system's default."""

    subject: str
    limits: dict[str, Limit]
    time_zone: str
    by: str
    t: str | None
    changes: list[ChangeView]  # newest first


class Token(Struct, frozen=True, kw_only=True):
    """An access token, and what gives the next one."""

    access_token: str
    expires_in: int  # s
    token_type: str = "bearer"
    refresh_token: str = ""  # once; the answer has another


class PatientList(Struct, frozen=True):
    """A page of patients."""

    items: list[PatientSummary]
    next: str | None = None


class GatewayList(Struct, frozen=True):
    """A page of gateways."""

    items: list[GatewayView]
    next: str | None = None


class RecordList(Struct, frozen=True):
    """A page of records, oldest first."""

    items: list[RecordView]
    next: str | None = None


class AlertList(Struct, frozen=True):
    """A page of alerts."""

    items: list[AlertView]
    next: str | None = None


class WordingView(Struct, frozen=True):
    """What a note said before it was corrected."""

    text: str
    written: str


class NoteView(Struct, frozen=True, kw_only=True):
    """What somebody wrote about a moment."""

    t: str
    id: int
    about: str
    text: str  # as it was corrected last
    by: str
    written: str  # its text of now
    earlier: list[WordingView] = []  # what it said before, oldest first


class NoteList(Struct, frozen=True):
    """Notes, the newest first."""

    items: list[NoteView]
    next: str | None = None


class Health(Struct, frozen=True):
    """How we are."""

    status: str
    checks: dict[str, str]


class ProblemDetails(Struct, frozen=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str


NOUNS = (
    AlertList, AlertView, GatewayList, Health, LimitsView, NoteList, NoteView,
    PatientList, PatientView, ProblemDetails, RecordList, Token, Trend,
)  # fmt: skip
_OUR_FIELDS = {"t", "received", "device_t", "gateway", "seq", "q", "link"}


def of_reading(reading: Reading) -> RecordView:
    """Show one record."""
    record = reading.record
    fields = msgspec.structs.asdict(record)
    return RecordView(
        subject=reading.subject,
        device=reading.device,
        kind=reading.kind,
        t=rfc3339(record.t),
        received=when(record.received),
        device_t=when(record.device_t),
        gateway=record.gateway,
        seq=record.seq,
        q=record.q,
        link=record.link,
        values={k: v for k, v in fields.items() if k not in _OUR_FIELDS},
    )


def of_note(note: Note) -> NoteView:
    """Show one note."""
    return NoteView(
        id=note.id,
        t=rfc3339(note.t),
        about=note.about,
        text=note.text,
        by=note.by,
        written=rfc3339(note.written),
        earlier=[WordingView(w.text, rfc3339(w.written)) for w in note.earlier],
    )


def of_adherence(found: Adherence) -> AdherenceView:
    """Show what came of a schedule."""
    average = found.average
    return AdherenceView(
        done=found.done,
        due=found.due,
        missed=found.missed,
        days=found.days,
        systolic=average.sys if average else None,
        diastolic=average.dia if average else None,
    )


def of_alert(alert: Alert) -> AlertView:
    """Show one alert."""
    fields = msgspec.structs.asdict(alert)
    fields |= {"since": rfc3339(alert.since), "t": rfc3339(alert.t)}
    fields |= {"evidence": said(alert.evidence), "escalation": said(alert.escalation)}
    return AlertView(**fields)


def of_device(subject: str, device: str, status: DeviceStatus) -> DeviceView:
    """Show one wearable."""
    return DeviceView(
        subject=subject,
        device=device,
        t=rfc3339(status.t),
        connected=status.connected,
        gateway=status.gateway,
        name=status.name,
        battery=status.battery,
        rssi=status.rssi,
        last=when(status.last),
        off_body=status.off_body,
        information=status.information,
        malformed=status.malformed,
        reconnects=status.reconnects,
        lost_frames=status.lost_frames,
        dropped=dropped(status),
        waiting=status.waiting,
        clock_ahead_ms=status.clock_ahead_ms,
    )


def dropped(status: DeviceStatus) -> int:
    """Count the numbers of a wearable's records that had to go."""
    return sum(last - first + 1 for first, last in status.dropped)


def of_streams(streams: Iterable[Stream]) -> CompletenessView | None:
    """Show how much of some streams is there."""
    counts = [(stream.lost, stream.given) for stream in streams]
    lost, given = (sum(column) for column in zip((0, 0), *counts, strict=True))
    return CompletenessView(lost=lost, given=given) if given else None


def of_gateway(
    name: str,
    status: GatewayStatus,
    worn: Iterable[tuple[str, str, DeviceStatus]],
    streams: Iterable[Stream],
) -> GatewayView:
    """Show one gateway with some of its wearables."""
    shown = GatewayView.__struct_fields__
    fields = {k: v for k, v in msgspec.structs.asdict(status).items() if k in shown}
    fields |= {"t": rfc3339(status.t), "since": when(status.since)}
    return GatewayView(
        gateway=name,
        completeness=of_streams(s for s in streams if s.gateway == name),
        devices=[of_device(*one) for one in worn],
        **fields,
    )


def of_plan(subject: str, plan: Plan, changes: Iterable[Change]) -> LimitsView:
    """Show a patient's limits and how they came to be."""
    shown = [
        ChangeView(c.who, rfc3339(c.t), c.old.limits, c.new.limits, c.why)
        for c in changes
    ]
    return LimitsView(
        subject=subject,
        limits=plan.limits,
        time_zone=plan.time_zone,
        by=plan.by,
        t=rfc3339(plan.t) if plan.t else None,
        changes=shown,
    )


def when(t: int | None) -> str | None:
    """Write an instant that may be missing."""
    return None if t is None else rfc3339(Instant(t))
