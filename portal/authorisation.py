"""Who may do what with whose data: the one function that decides.

What is not in the table is denied.  Somebody else's patient does not exist for the
asker (404), so that nobody can find out who is a patient here; 403 is only said of what
the asker may at least see.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["patient", "clinician", "admin"]
Deed = Literal["read", "act", "plan", "fleet"]
"""See a patient; work alerts; change limits; see the gateways."""
Verdict = Literal["allowed", "forbidden", "hidden"]

ROLES: tuple[Role, ...] = ("patient", "clinician", "admin")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in."""

    name: str
    role: Role
    subjects: frozenset[str] = frozenset()  # patient: self; clinician: assigned


DEEDS: dict[Role, frozenset[Deed]] = {
    "patient": frozenset({"read"}),
    "clinician": frozenset({"read", "act", "plan", "fleet"}),
    "admin": frozenset(),  # keeps the accounts, sees nobody's data
}


def decide(person: Person, deed: Deed, subject: str) -> Verdict:
    """Say whether `person` may do this with the data of `subject`."""
    if subject not in person.subjects or not DEEDS[person.role]:
        return "hidden"
    return "allowed" if deed in DEEDS[person.role] else "forbidden"


def sees_fleet(person: Person) -> bool:
    """Tell whether the person may see how the gateways are; they are nobody's."""
    return "fleet" in DEEDS[person.role]


def visible(person: Person) -> frozenset[str]:
    """Give everybody whose data the person may see."""
    readable = (s for s in person.subjects if decide(person, "read", s) == "allowed")
    return frozenset(readable)
