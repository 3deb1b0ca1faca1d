"""`vitals user` and `vitals audit`: people who may log in, and the log of it."""

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vitals import ConfigError, Unavailable, VitalsError, config
from vitals.clock import now
from vitals.plurals import several

if TYPE_CHECKING:
    from portal.authorisation import Person
    from portal.people import People


def add(chosen: argparse.Namespace) -> None:
    """Let somebody in."""
    with _people(chosen) as people:
        if people.accounts.find(chosen.name):
            raise ConfigError(
                f"{chosen.name!r} may log in already; see `vitals user list`"
            )
        carer = chosen.role in ("nurse", "doctor", "clinician")
        if carer and not chosen.patients:
            say = f"note: without --patients this {chosen.role} sees nobody"
            print(say, file=sys.stderr)
        people.add(
            chosen.name,
            _password(),
            chosen.role,
            subject=chosen.subject,
            subjects=chosen.patients,
        )
        _note(people, f"add {chosen.name} as {chosen.role}")
    print(f"{chosen.name} may log in as {chosen.role}")


def passwd(chosen: argparse.Namespace) -> None:
    """Change a password."""
    with _people(chosen) as people:
        _known(people, chosen.name)
        people.passwd(chosen.name, _password())
        _note(people, f"new password for {chosen.name}")
    print(f"{chosen.name} has a new password")


def link(chosen: argparse.Namespace) -> None:
    """Print a one-time link for a new password; of the first administrator too."""
    with _people(chosen) as people:
        if chosen.name is None:
            if not people.unattended():
                raise ConfigError("there is an administrator; name whose link you want")
            path = f"/setup/{people.links.make('setup')}"
        else:
            _known(people, chosen.name)
            path = f"/password/{people.links.make('password', chosen.name)}"
            _note(people, f"new password for {chosen.name}")
    print(f"add this to the portal's address and open it once: {path}")


def role(chosen: argparse.Namespace) -> None:
    """Make somebody something else."""
    with _people(chosen) as people:
        people.accounts.change_role(chosen.name, chosen.role, chosen.subject)
        _note(people, f"{chosen.name} is {chosen.role} now")
    print(f"{chosen.name} is {chosen.role} now")


def change(chosen: argparse.Namespace) -> None:
    """Let a nurse or a doctor care for these patients and no others."""
    with _people(chosen) as people:
        old = _known(people, chosen.name).subjects
        people.assign(chosen.name, sorted(set(chosen.patients) - old))
        for subject in sorted(old - set(chosen.patients)):
            people.unassign(chosen.name, subject)
        _note(people, f"{chosen.name} cares for {' '.join(chosen.patients)}")
    print(f"{chosen.name} cares for {' '.join(chosen.patients) or 'nobody'} now")


def remove(chosen: argparse.Namespace) -> None:
    """Let somebody in no more."""
    with _people(chosen) as people:
        people.accounts.remove(chosen.name)
        _note(people, f"remove {chosen.name}")
    print(f"{chosen.name} may not log in any more")


def show(chosen: argparse.Namespace) -> None:
    """Print who may log in."""
    with _people(chosen) as people:
        everybody = people.list()
    if not everybody:
        print("nobody may log in yet; see `vitals user add --help`")
    for person in everybody:
        print(f"{person.name:20} {person.role:10} {' '.join(sorted(person.subjects))}")


def audit(chosen: argparse.Namespace) -> None:
    """Check the audit log; print what to keep elsewhere."""
    from portal.audit import Head

    kept = None
    if chosen.kept:
        lines, _, digest = chosen.kept.partition(":")
        if not (lines.isascii() and lines.isdigit() and digest):
            raise ConfigError("--kept takes what `vitals audit` printed: LINES:HASH")
        kept = Head(int(lines), digest)
    with _people(chosen) as people:
        head, broken = people.audit.head(), people.audit.broken(kept)
    if broken is not None:
        raise VitalsError(f"the audit log is not as it was written, from line {broken}")
    lines = several(head.lines, "line")
    print(f"{lines}, as written; keep this elsewhere:")
    print(f"{head.lines}:{head.hash}")


@contextmanager
def _people(chosen: argparse.Namespace) -> "Iterator[People]":
    from portal.people import People

    data = _folder(chosen)
    people = People(data / "people.db")
    try:
        yield people
    finally:
        people.close()


def _folder(chosen: argparse.Namespace) -> Path:
    """Give the data folder; one that `--data` names is there."""
    if named := getattr(chosen, "data", None):
        if not (Path(named) / "people.db").exists():
            raise Unavailable(f"{named} holds no people.db: is it a data folder?")
        return Path(named)
    data = Path(config.load(Path(chosen.config)).data)
    data.mkdir(parents=True, exist_ok=True)
    return data


def _known(people: "People", name: str) -> "Person":
    found = people.accounts.find(name)
    if found is None:
        raise ConfigError(f"no user {name!r}; `vitals user list` shows who is")
    return found


def _note(people: "People", what: str) -> None:
    """Write into the audit log who did this at the terminal."""
    from portal.audit import Entry

    people.audit.append(Entry(now(), getpass.getuser(), "shell", "people", "", what))


def _password() -> str:
    """Ask for a password; from a pipe, read its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise ConfigError("the two passwords differ; nothing was changed")
    return first
