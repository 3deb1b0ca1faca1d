"""The FHIR R4 resources that we write, with the elements that we use of them.

Structs rather than a FHIR library: writing one Observation takes a microsecond.  Names
are FHIR's own in snake case; a default is not written.
"""

from msgspec import Struct, field
from msgspec.json import Encoder

encode = Encoder().encode
encode_lines = Encoder().encode_lines

UCUM = "http://unitsofmeasure.org"


class Element(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """How all of them are written."""


class Coding(Element, frozen=True):
    """A code of a code system."""

    system: str
    code: str
    display: str | None = None


class CodeableConcept(Element, frozen=True):
    """A meaning, in codes and in words."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Quantity(Element, frozen=True, kw_only=True):
    """A number and its unit."""

    value: float
    unit: str
    system: str
    code: str


class SampledData(Element, frozen=True, kw_only=True):
    """A series of numbers."""

    origin: Quantity
    period: float  # ms
    dimensions: int
    data: str


class Identifier(Element, frozen=True):
    """A name that outlives this server."""

    system: str
    value: str


class Reference(Element, frozen=True):
    """Another resource."""

    reference: str | None = None
    display: str | None = None


class Extension(Element, frozen=True):
    """What the standard's own elements cannot say."""

    url: str
    value_reference: Reference


class Meta(Element, frozen=True, kw_only=True):
    """What a server knows about a resource."""

    version_id: str | None = None
    last_updated: str | None = None
    profile: tuple[str, ...] = ()
    tag: tuple[Coding, ...] = ()


class Period(Element, frozen=True):
    """A stretch of time."""

    start: str
    end: str | None = None


class Annotation(Element, frozen=True):
    """What somebody wrote."""

    text: str


class Component(Element, frozen=True, kw_only=True):
    """One number of several that were measured together."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    data_absent_reason: CodeableConcept | None = None


class Resource(Element, frozen=True, tag_field="resourceType", kw_only=True):
    """What has an address of its own."""

    id: str | None = None
    meta: Meta | None = None


class ClockReading(Resource, frozen=True, kw_only=True, tag="Observation"):
    """What a device's clock showed when it was so late by ours; contained."""

    status: str
    code: CodeableConcept
    subject: Reference
    effective_date_time: str
    value_date_time: str
    device: Reference


class Observation(Resource, frozen=True, kw_only=True, tag="Observation"):
    """What was measured on a patient at one moment."""

    contained: tuple[ClockReading, ...] = ()
    extension: tuple[Extension, ...] = ()
    identifier: tuple[Identifier, ...] = ()
    status: str
    category: tuple[CodeableConcept, ...]
    code: CodeableConcept
    subject: Reference
    effective_date_time: str
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_sampled_data: SampledData | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()
    body_site: CodeableConcept | None = None
    device: Reference
    component: tuple[Component, ...] = ()


class Patient(Resource, frozen=True, kw_only=True, tag="Patient"):
    """A person of whom we know a pseudonym, and nothing else."""

    identifier: tuple[Identifier, ...]
    active: bool


class DeviceName(Element, frozen=True):
    """What people call a device."""

    name: str
    type: str


class Version(Element, frozen=True):
    """The version of something in a device."""

    type: CodeableConcept
    value: str


class Property(Element, frozen=True):
    """A property of a device that is a number."""

    type: CodeableConcept
    value_quantity: tuple[Quantity, ...]


class Device(Resource, frozen=True, kw_only=True, tag="Device"):
    """A wearable, as one patient uses it."""

    identifier: tuple[Identifier, ...]
    status: str
    manufacturer: str | None = None
    serial_number: str | None = None
    device_name: tuple[DeviceName, ...]
    model_number: str | None = None
    version: tuple[Version, ...] = ()
    property: tuple[Property, ...] = ()
    patient: Reference


class Evidence(Element, frozen=True):
    """What an alert rests on."""

    detail: tuple[Reference, ...]


class Mitigation(Element, frozen=True):
    """What somebody did about an alert."""

    action: CodeableConcept
    date: str
    author: Reference


class DetectedIssue(Resource, frozen=True, kw_only=True, tag="DetectedIssue"):
    """An alert."""

    identifier: tuple[Identifier, ...]
    status: str
    code: CodeableConcept
    severity: str
    patient: Reference
    identified_date_time: str
    implicated: tuple[Reference, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    detail: str | None = None
    mitigation: tuple[Mitigation, ...] = ()


class Agent(Element, frozen=True, kw_only=True):
    """Who did it."""

    who: Reference
    requestor: bool


class Source(Element, frozen=True):
    """Who says so."""

    observer: Reference


class Entity(Element, frozen=True, kw_only=True):
    """What it was done to."""

    what: Reference
    description: str | None = None


class AuditEvent(Resource, frozen=True, kw_only=True, tag="AuditEvent"):
    """What somebody did with a patient's data."""

    type: Coding
    subtype: tuple[Coding, ...]
    action: str
    recorded: str
    outcome: str
    outcome_desc: str | None = None
    agent: tuple[Agent, ...]
    source: Source
    entity: tuple[Entity, ...]


class Link(Element, frozen=True):
    """Where the rest is."""

    relation: str
    url: str


class Search(Element, frozen=True):
    """Why an entry is here."""

    mode: str


class Request(Element, frozen=True):
    """What a server is to do with an entry."""

    method: str
    url: str
    if_none_exist: str | None = None


class Response(Element, frozen=True):
    """What a server has done with an entry."""

    status: str


class Entry(Element, frozen=True, kw_only=True):
    """One resource of a bundle."""

    full_url: str
    resource: Resource
    search: Search | None = None
    request: Request | None = None
    response: Response | None = None


class Bundle(Resource, frozen=True, kw_only=True, tag="Bundle"):
    """Several resources."""

    type: str
    timestamp: str | None = None
    total: int | None = None
    link: tuple[Link, ...] = ()
    entry: tuple[Entry, ...] = ()


class Issue(Element, frozen=True, kw_only=True):
    """One thing that is wrong, or worth knowing."""

    severity: str
    code: str
    diagnostics: str | None = None


class OperationOutcome(Resource, frozen=True, kw_only=True, tag="OperationOutcome"):
    """What became of a request."""

    issue: tuple[Issue, ...] = field()


def quantity(value: float, unit: str, code: str) -> Quantity:
    """Give a quantity; a whole number is written as one.

    >>> encode(quantity(72.0, "/min", "/min"))[:12]
    b'{"value":72,'
    """
    whole = int(value) if value.is_integer() and abs(value) < 1e15 else value
    return Quantity(value=whole, unit=unit, system=UCUM, code=code)


def concept(system: str, code: str, display: str, text: str = "") -> CodeableConcept:
    """Give a meaning that has one code."""
    return CodeableConcept((Coding(system, code, display),), text or display)
