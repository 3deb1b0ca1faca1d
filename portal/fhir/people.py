"""Patients and their wearables.  Pure."""

from portal.fhir import terms
from portal.fhir.identity import device_id, patient_id
from portal.fhir.resources import (
    CodeableConcept,
    Device,
    DeviceName,
    Identifier,
    Meta,
    Patient,
    Property,
    Reference,
    Version,
    quantity,
)
from portal.times import rfc3339
from vitals.model import DeviceStatus, Instant

_ONE = Meta(version_id="1")
_BATTERY = CodeableConcept(text="Battery level")
_VERSIONS = {"firmware": "Firmware", "software": "Software", "hardware": "Hardware"}


def patient(subject: str) -> Patient:
    """Give a patient: a pseudonym; names and birthdays are not known here."""
    name = Identifier(terms.SUBJECTS, subject)
    return Patient(id=patient_id(subject), meta=_ONE, identifier=(name,), active=True)


def device(subject: str, name: str, status: DeviceStatus | None = None) -> Device:
    """Give a wearable as this patient uses it, and what its gateway says of it."""
    said = status.information if status else {}
    known = {key: text for key, text in said.items() if text.strip()}
    return Device(
        id=device_id(subject, name),
        meta=_meta(status),
        identifier=(Identifier(terms.DEVICES, f"{subject}/{name}"),),
        status="active",
        manufacturer=known.get("manufacturer"),
        serial_number=known.get("serial"),
        device_name=_names(name, status),
        model_number=known.get("model"),
        version=_versions(known),
        property=_properties(status),
        patient=Reference(f"Patient/{patient_id(subject)}"),
    )


def _meta(status: DeviceStatus | None) -> Meta:
    if status is None:
        return _ONE
    return Meta(version_id=str(status.t), last_updated=rfc3339(Instant(status.t)))


def _names(name: str, status: DeviceStatus | None) -> tuple[DeviceName, ...]:
    ours = DeviceName(name, "user-friendly-name")
    if status is None or not status.name:
        return (ours,)
    return (ours, DeviceName(status.name, "model-name"))


def _versions(known: dict[str, str]) -> tuple[Version, ...]:
    return tuple(
        Version(CodeableConcept(text=text), known[key])
        for key, text in _VERSIONS.items()
        if known.get(key)
    )


def _properties(status: DeviceStatus | None) -> tuple[Property, ...]:
    if status is None or status.battery is None:
        return ()
    return (Property(_BATTERY, (quantity(float(status.battery), "%", "%"),)),)
