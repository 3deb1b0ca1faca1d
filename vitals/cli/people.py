"""`vitals user`: people who may log in."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vitals import ConfigError, config

if TYPE_CHECKING:
    from portal.people import People


def add(chosen: argparse.Namespace) -> None:
    """Let somebody in."""
    people = _people(chosen)
    if chosen.name in {person.name for person in people.list()}:
        raise ConfigError(f"{chosen.name!r} may log in already; see `vitals user list`")
    if chosen.role == "clinician" and not chosen.patients:
        print("note: without --patients this clinician sees nobody", file=sys.stderr)
    people.add(
        chosen.name,
        _password(),
        chosen.role,
        subject=chosen.subject,
        subjects=chosen.patients,
    )
    print(f"{chosen.name} may log in as {chosen.role}")


def passwd(chosen: argparse.Namespace) -> None:
    """Change a password."""
    people = _people(chosen)
    if chosen.name not in {person.name for person in people.list()}:
        raise ConfigError(f"no user {chosen.name!r}; `vitals user list` shows who is")
    people.passwd(chosen.name, _password())
    print(f"{chosen.name} has a new password")


def show(chosen: argparse.Namespace) -> None:
    """Print who may log in."""
    everybody = _people(chosen).list()
    if not everybody:
        print("nobody may log in yet; see `vitals user add --help`")
    for person in everybody:
        print(f"{person.name:20} {person.role:10} {' '.join(sorted(person.subjects))}")


def _people(chosen: argparse.Namespace) -> "People":
    from portal.people import People

    data = Path(config.load(Path(chosen.config)).data)
    data.mkdir(parents=True, exist_ok=True)
    return People(data / "people.db")


def _password() -> str:
    """Ask for a password; from a pipe, read its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise ConfigError("the two passwords differ; nothing was changed")
    return first
