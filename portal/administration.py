"""What administrators change: people, patients, care teams.  Each change is audited."""

import asyncio
from collections.abc import Iterable

from msgspec import Struct

from portal.audit import Entry
from portal.authorisation import CARERS, Deed, Person
from portal.house import House
from portal.names import checked, pseudonym
from portal.plans import change_plan
from vitals.errors import ConfigError
from vitals.schedule import zone


class Patient(Struct, frozen=True, kw_only=True):
    """What an administrator says of a patient."""

    name: str
    time_zone: str
    language: str
    team: tuple[str, ...]  # names of nurses and doctors


async def note(
    house: House, person: Person, deed: Deed, subject: str, what: str
) -> None:
    """Write into the audit log what somebody has changed."""
    entry = Entry(house.clock(), person.name, person.role, deed, subject, what)
    await asyncio.to_thread(house.people.audit.append, entry)


async def first(house: House, code: str, name: str, password: str) -> Person | None:
    """Make the first administrator; None when the link works no more.

    Raises
    ------
    ConfigError
        The name or the password will not do; the link still works.
    """
    people = house.people
    async with house.admitting:
        known = await asyncio.to_thread(people.links.peek, "setup", code)
        if known is None or not await asyncio.to_thread(people.unattended):
            return None
        person = await asyncio.to_thread(people.add, name, password, "admin")
        await asyncio.to_thread(people.links.take, "setup", code)
    await note(house, person, "people", "", "first administrator")
    return person


async def admit(
    house: House,
    by: Person,
    name: str,
    role: str,
    subject: str | None,
    patients: Iterable[str],
) -> str:
    """Make an account; give the code of the link that opens it."""
    patients = list(patients) if role in CARERS else []
    subject = subject if role == "patient" else None
    person = await asyncio.to_thread(
        house.people.add, name, None, role, subject, patients
    )
    await note(house, by, "people", subject or "", f"add {name} as {person.role}")
    for one in patients:
        await tell_team(house, by, one)
    return await asyncio.to_thread(house.people.links.make, "password", name)


async def reset(house: House, by: Person, name: str) -> str:
    """Give the code of a link for a new password."""
    await note(house, by, "people", "", f"new password for {name}")
    return await asyncio.to_thread(house.people.links.make, "password", name)


async def change_role(
    house: House, by: Person, name: str, role: str, subject: str | None
) -> None:
    """Make somebody something else."""
    before = await asyncio.to_thread(house.people.accounts.find, name)
    own = subject if role == "patient" else None
    await asyncio.to_thread(house.people.accounts.change_role, name, role, own)
    await note(house, by, "people", own or "", f"{name} is {role} now")
    for one in before.subjects if before else ():
        await tell_team(house, by, one)


async def remove(house: House, by: Person, name: str) -> None:
    """Let somebody in no more."""
    before = await asyncio.to_thread(house.people.accounts.find, name)
    await asyncio.to_thread(house.people.accounts.remove, name)
    await note(house, by, "people", "", f"remove {name}")
    for one in before.subjects if before else ():
        await tell_team(house, by, one)


async def end_sessions(house: House, by: Person, name: str) -> None:
    """Log somebody out everywhere."""
    await asyncio.to_thread(house.people.tokens.end_all, name)
    await note(house, by, "people", "", f"end the sessions of {name}")


async def care_for(
    house: House, by: Person, name: str, patients: Iterable[str]
) -> None:
    """Let a carer care for these patients and no others."""
    found = await asyncio.to_thread(house.people.accounts.find, name)
    if found is None or found.role not in CARERS:
        raise ConfigError(f"{name} is no nurse and no doctor")
    wanted = frozenset(patients)
    for subject in sorted(found.subjects ^ wanted):
        await _assign(house, by, name, subject, subject in wanted)
        await tell_team(house, by, subject)


async def new_patient(house: House, by: Person, said: Patient, login: str) -> str:
    """Make a patient with a fresh pseudonym, and an account unless `login` is ""."""
    zone_of(said.time_zone)
    checked(said.name)
    async with house.admitting:
        taken = await asyncio.to_thread(house.people.subjects)
        subject = pseudonym(taken)
        if login:
            await asyncio.to_thread(house.people.add, login, None, "patient", subject)
            await note(house, by, "people", subject, f"add {login} as patient")
        await asyncio.to_thread(house.people.names.give, subject, said.name)
    await change_patient(house, by, subject, said)
    return subject


async def change_patient(house: House, by: Person, subject: str, said: Patient) -> None:
    """Set a patient's name, time zone, language and care team."""
    zone_of(said.time_zone)
    if said.name != await asyncio.to_thread(house.people.names.of, subject):
        await asyncio.to_thread(house.people.names.give, subject, said.name)
        await note(house, by, "keep", subject, "name")
    carers = await asyncio.to_thread(house.people.carers, [subject])
    for name in sorted({*carers[subject]} ^ {*said.team}):
        await _assign(house, by, name, subject, name in said.team)
    await change_plan(
        house,
        subject,
        by.name,
        "record kept",
        time_zone=said.time_zone,
        language=said.language,
        team=tuple(sorted(said.team)),
    )


async def tell_team(house: House, by: Person, subject: str) -> None:
    """Write who cares for a patient into their plan."""
    carers = await asyncio.to_thread(house.people.carers, [subject])
    team = tuple(carers[subject])
    await change_plan(house, subject, by.name, "care team", team=team)


async def _assign(
    house: House, by: Person, name: str, subject: str, cares: bool
) -> None:
    """Begin or end that somebody cares for a patient."""
    if cares:
        await asyncio.to_thread(house.people.assign, name, [subject])
    else:
        await asyncio.to_thread(house.people.unassign, name, subject)
    word = "joins" if cares else "leaves"
    await note(house, by, "keep", subject, f"{name} {word} the care team")


def zone_of(name: str) -> str:
    """Give a time zone that there is."""
    if str(zone(name)) != name:
        raise ConfigError(f"there is no time zone {name[:40]!r}; try Asia/Shanghai")
    return name
