"""Who may do what with whose data: the one function that decides.

What is not in the table is denied.  Somebody else's patient does not exist for the
asker (404), so that nobody can find out who is a patient here; 403 is only said of what
the asker may at least see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vitals.model import HOUSE as THE_HOUSE

Role = Literal["patient", "family", "nurse", "doctor", "clinician", "admin"]
Relation = Literal["own", "assigned", "granted", "house", "other"]
Deed = Literal[
    "read",  # everything of a patient
    "view",  # of a patient what `scope` says
    "act",  # work their alerts
    "plan",  # change their limits
    "share",  # invite family, see who looked
    "keep",  # their name, team, time zone and language
    "fleet",  # see the gateways; they are nobody's
    "people",  # keep the accounts and read the audit log
    "burden",  # read what the alerts cost; of their own patients
]
Verdict = Literal["allowed", "forbidden", "hidden"]

ROLES: tuple[Role, ...] = (
    "patient", "family", "nurse", "doctor", "clinician", "admin",
)  # fmt: skip
CARERS: tuple[Role, ...] = ("nurse", "doctor", "clinician")
NOBODYS: frozenset[Deed] = frozenset({"fleet", "people"})
_CARE: frozenset[Deed] = frozenset({"fleet", "burden"})
ALERTS = "alerts"  # may be granted beside metrics

_NURSE: frozenset[Deed] = frozenset({"read", "view", "act"})
_DOCTOR: frozenset[Deed] = frozenset({*_NURSE, "plan"})

TABLE: dict[tuple[Role, Relation], frozenset[Deed]] = {
    ("patient", "own"): frozenset({"read", "view", "share"}),
    ("patient", "granted"): frozenset({"view"}),
    ("family", "granted"): frozenset({"view"}),
    ("nurse", "assigned"): _NURSE,
    ("doctor", "assigned"): _DOCTOR,
    ("clinician", "assigned"): _DOCTOR,  # a doctor's older name
    ("admin", "other"): frozenset({"keep"}),  # no vital signs
    # Alerts of gateways, engines and channels are about no patient.
    ("nurse", "house"): frozenset({"act"}),
    ("doctor", "house"): frozenset({"act"}),
    ("clinician", "house"): frozenset({"act"}),
    ("admin", "house"): frozenset({"act"}),
}
"""Role and relation to a patient: what is allowed.  The rest is not."""

HOUSE: dict[Role, frozenset[Deed]] = {
    "nurse": _CARE,
    "doctor": _CARE,
    "clinician": _CARE,
    "admin": NOBODYS,
}
"""Role: what is allowed that is about no patient."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in."""

    name: str
    role: Role
    subjects: frozenset[str] = frozenset()  # patient: self; carers: assigned
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    """Metrics' wire names and "alerts", by patient who shares them."""


def relation(person: Person, subject: str) -> Relation:
    """Say how the person stands to the patient."""
    if subject in person.subjects:
        return "own" if person.role == "patient" else "assigned"
    if subject == THE_HOUSE:
        return "house"
    return "granted" if subject in person.granted else "other"


def decide(person: Person, deed: Deed, subject: str) -> Verdict:
    """Say whether `person` may do this with the data of `subject`."""
    allowed = TABLE.get((person.role, relation(person, subject)), frozenset())
    if deed in allowed:
        return "allowed"
    return "forbidden" if "read" in allowed and deed != "keep" else "hidden"


def may(person: Person, deed: Deed) -> bool:
    """Tell whether the person may do this; it is about no patient."""
    return deed in HOUSE.get(person.role, frozenset())


def visible(person: Person) -> frozenset[str]:
    """Give everybody of whom the person may see everything."""
    return frozenset(s for s in person.subjects if decide(person, "read", s) == ALLOWED)


def alerted(person: Person) -> frozenset[str]:
    """Give everybody whose alerts the person may work, the house among them."""
    house = {THE_HOUSE} if decide(person, "act", THE_HOUSE) == ALLOWED else set()
    return visible(person) | house


def worked(person: Person) -> frozenset[str]:
    """Give everybody whose alerts the person works, and reads with who has them."""
    return frozenset(s for s in alerted(person) if decide(person, "act", s) == ALLOWED)


def shared_with(person: Person) -> frozenset[str]:
    """Give everybody else of whom the person may see something."""
    granted = frozenset(person.granted) - visible(person)
    return frozenset(s for s in granted if decide(person, "view", s) == ALLOWED)


def scope(person: Person, subject: str) -> frozenset[str] | None:
    """Give what of the patient the person may see; None: everything."""
    if decide(person, "read", subject) == ALLOWED:
        return None
    if decide(person, "view", subject) == ALLOWED:
        return person.granted[subject]
    return frozenset()


ALLOWED: Verdict = "allowed"
