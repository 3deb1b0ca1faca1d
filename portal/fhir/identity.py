"""Names of resources: the same for the same thing, whoever asks and whenever.

An Observation's id says where its record lies (which part, when, whose) and which one
it is: a digest of device, kind, gateway and number, or of its content when it has none.
"""

import re
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from portal.fhir.terms import PARTS
from vitals import wire
from vitals.model import Instant, Reading

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_OBSERVATION = re.compile(
    rf"({'|'.join(PARTS)})-([0-9a-z]{{1,9}})-([0-9a-f]{{8}})-([0-9a-f]{{20}})", re.ASCII
)
ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)


class Place(Struct, frozen=True):
    """Where an Observation's record lies."""

    part: str
    t: Instant
    whose: str  # `mark` of the subject


@lru_cache(4096)
def patient_id(subject: str) -> str:
    """Give a patient's id: the pseudonym, without what FHIR does not allow in an id.

    >>> patient_id("p_1"), subject_of("p.1")
    ('p.1', 'p_1')
    """
    return subject.replace("_", ".")


def subject_of(patient: str) -> str:
    """Give whose id it is; the inverse of `patient_id`."""
    return "" if "_" in patient else patient.replace(".", "_")


@lru_cache(4096)
def mark(subject: str) -> str:
    """Give eight digits of a subject, to look only where a resource can be."""
    return _digest(subject, 4)


@lru_cache(65536)
def device_id(subject: str, device: str) -> str:
    """Give the id of a wearable as one patient uses it: names repeat between homes."""
    return f"{mark(subject)}-{_digest(f'{subject}/{device}', 10)}"


def record_id(reading: Reading) -> str:
    """Give what all Observations of one record have in common in their ids."""
    record = reading.record
    name = f"{reading.kind}/{reading.subject}/{reading.device}/{record.t}/"
    if record.gateway is not None and record.seq is not None:
        name += f"{record.gateway}/{record.seq}"
    else:
        name += wire.encode(record).decode()
    return f"{_base36(record.t)}-{mark(reading.subject)}-{_digest(name, 10)}"


def place(observation: str) -> Place | None:
    """Read an Observation's id; None: it is not one of ours."""
    found = _OBSERVATION.fullmatch(observation)
    if found is None:
        return None
    part, t, whose, _ = found.groups()
    return Place(part, Instant(int(t, 36)), whose)


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _base36(number: int) -> str:
    """Write a number shortly.

    >>> _base36(35), _base36(36)
    ('z', '10')
    """
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits
