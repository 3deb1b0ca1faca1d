"""A record as Observations.  Pure.

Missing numbers carry their reason; a number that was measured under doubt says so
(`QCF`), and every quality flag is a tag.  The time is the corrected one; the device's
own time goes along as the standard for personal health devices wants it, as what its
clock showed then.
"""

import re
from collections.abc import Container, Iterator
from functools import lru_cache

from portal.fhir import terms
from portal.fhir.identity import device_id, patient_id, record_id
from portal.fhir.resources import (
    ClockReading,
    CodeableConcept,
    Coding,
    Component,
    Extension,
    Identifier,
    Meta,
    Observation,
    Quantity,
    Reference,
    SampledData,
    quantity,
)
from portal.fhir.terms import PARTS, Part
from portal.times import rfc3339
from vitals.model import BloodPressure, Reading, Record

PRESSURES = ("sys", "dia", "map")
ALWAYS = {"hr", "bp", "bt", "ox", "gl"}  # also when there is no number, to say why
_CLOCK = (Extension(terms.COINCIDENT, Reference("#clock")),)
VERSIONS = {"final": "1", "entered-in-error": "2"}  # a record changes once, if ever
_FAILED = (terms.FAILED,)
_CATEGORIES = {name: (found,) for name, found in terms.CATEGORIES.items()}
_CODE = re.compile(r"\S+( \S+)*")  # what a code may be


def observations(
    reading: Reading, parts: Container[str] = PARTS, status: str = "final"
) -> Iterator[Observation]:
    """Give the Observations of a record, of the chosen parts."""
    name = ""
    for part in terms.OF_KIND[reading.kind]:
        if part in parts and _has(part, reading.record):
            name = name or record_id(reading)
            yield _observation(part, name, reading, status)


def identifier(part: str, reading: Reading) -> Identifier:
    """Name what was measured: the same however often a device sends it again.

    It consists of device, patient, type, the time that the device gave it, values and
    unit, so that it tells an EHR what it has already; the number of a record does not.
    """
    record, row = reading.record, PARTS[part]
    stamp = record.t if record.device_t is None else record.device_t
    fields = PRESSURES if part == "bp" else (row.field,)
    values = "-".join(_plain(getattr(record, field)) for field in fields)
    code = row.code.coding[0].code
    whose = f"{reading.device}/{reading.subject}"
    return Identifier(terms.OBSERVATIONS, f"{whose}/{code}/{stamp}/{values}/{row.ucum}")


def _observation(part: str, name: str, reading: Reading, status: str) -> Observation:
    record, row = reading.record, PARTS[part]
    patient, device = _people(reading.subject, reading.device)
    when = rfc3339(record.t)
    received = when if record.received is None else rfc3339(record.received)
    value = _value(row, record)
    components = _components(record) if part == "bp" else ()
    silent = _silent(record) if part == "bp" else value is None
    clock = _clock(record, when, patient, device)
    sampled = isinstance(value, SampledData)
    return Observation(
        id=f"{part}-{name}",
        meta=_meta(row.profile, record.q, received, VERSIONS[status]),
        contained=clock,
        extension=_CLOCK if clock else (),
        identifier=(identifier(part, reading),),
        status=status,
        category=_CATEGORIES[row.category],
        code=row.code,
        subject=patient,
        effective_date_time=when,
        issued=received,
        value_quantity=value if isinstance(value, Quantity) else None,
        value_sampled_data=value if sampled else None,  # type: ignore[arg-type]
        data_absent_reason=reason(record.q) if silent else None,
        interpretation=() if silent else doubts(record.q),
        body_site=_site(record),
        device=device,
        component=components,
    )


@lru_cache(1024)
def reason(flags: tuple[str, ...]) -> CodeableConcept:
    """Say why a number is missing."""
    known = (why for flag, why in terms.REASONS.items() if flag in flags)
    return next(known, terms.UNKNOWN)


@lru_cache(1024)
def doubts(flags: tuple[str, ...]) -> tuple[CodeableConcept, ...]:
    """Say that a number is not to be relied upon."""
    return _FAILED if terms.DOUBTFUL.intersection(flags) else ()


def _has(part: str, record: Record) -> bool:
    """Tell whether a record says anything on a part."""
    if part in ALWAYS:
        return True
    return bool(getattr(record, PARTS[part].field))


def _value(row: Part, record: Record) -> Quantity | SampledData | None:
    """Give a part's value; a blood pressure has components instead."""
    if row.ucum == "mm[Hg]":
        return None
    value = getattr(record, row.field)
    if isinstance(value, tuple):
        return _intervals(value)
    return None if value is None else quantity(value, row.unit, row.ucum)


def _intervals(values: tuple[float, ...]) -> SampledData:
    """Give RR intervals; what FHIR calls the period is their mean."""
    mean = round(sum(values) / len(values), 3)
    data = " ".join(_plain(value) for value in values)
    origin = quantity(0.0, "ms", "ms")
    return SampledData(origin=origin, period=mean, dimensions=1, data=data)


def _silent(record: Record) -> bool:
    """Tell whether a panel has no number at all."""
    return all(getattr(record, field) is None for field in PRESSURES)


def _components(record: Record) -> tuple[Component, ...]:
    """Give the pressures; the mean only where there is one."""
    assert isinstance(record, BloodPressure)
    found = [_component("sys", record.sys, record.q)]
    found.append(_component("dia", record.dia, record.q))
    if record.map is not None:
        found.append(_component("map", record.map, record.q))
    return tuple(found)


def _component(field: str, value: float | None, flags: tuple[str, ...]) -> Component:
    code = terms.COMPONENTS[field]
    if value is None:
        return Component(code=code, data_absent_reason=reason(flags))
    return Component(code=code, value_quantity=quantity(value, "mmHg", "mm[Hg]"))


def _clock(
    record: Record, when: str, patient: Reference, device: Reference
) -> tuple[ClockReading, ...]:
    """Give what the device's clock showed at the corrected time."""
    if record.device_t is None:
        return ()
    shown = ClockReading(
        id="clock",
        status="final",
        code=terms.CLOCK,
        subject=patient,
        effective_date_time=when,
        value_date_time=rfc3339(record.device_t),
        device=device,
    )
    return (shown,)


def _site(record: Record) -> CodeableConcept | None:
    site = getattr(record, "site", None)
    return None if site is None else terms.SITES.get(site, CodeableConcept(text=site))


@lru_cache(4096)
def _people(subject: str, device: str) -> tuple[Reference, Reference]:
    return (
        Reference(f"Patient/{patient_id(subject)}"),
        Reference(f"Device/{device_id(subject, device)}", device),
    )


@lru_cache(1024)
def _tags(flags: tuple[str, ...]) -> tuple[Coding, ...]:
    words = (flag for flag in flags if _CODE.fullmatch(flag))
    return tuple(Coding(terms.QUALITY, word) for word in words)


def _meta(
    profile: tuple[str, ...], flags: tuple[str, ...], received: str, version: str
) -> Meta:
    return Meta(
        version_id=version, last_updated=received, profile=profile, tag=_tags(flags)
    )


def _plain(value: float | tuple[float, ...] | None) -> str:
    """Write a value shortly.

    >>> _plain(72.0), _plain((812.5, 790.0)), _plain(None)
    ('72', '812.5 790', '')
    """
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(_plain(one) for one in value)
    return str(int(value)) if value.is_integer() else str(value)
