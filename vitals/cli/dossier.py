"""`vitals patient export`: everything that is kept of one patient, in one folder."""

import argparse
import getpass
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vitals import ConfigError, Kind, config
from vitals.cli.export import line, place
from vitals.clock import now
from vitals.model import Instant

if TYPE_CHECKING:
    from alerts.history import AlertHistory
    from ingest.store import History
    from portal.notes import Notes
    from portal.people import People

END = Instant(4_102_444_800_000)  # the year 2100, the last that a noun may say
PAGE = 1000
ALL = -1  # as SQLite's LIMIT


def main(chosen: argparse.Namespace) -> None:
    """Write it into a new folder, whole or not at all."""
    data, store = place(chosen)
    target = Path(chosen.folder)
    if target.exists():
        raise ConfigError(f"{target} is there already; name a new folder")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        with closing(_Shelves(data, store)) as shelves:
            told = [
                (name, _write(part / name, lines))
                for name, lines in shelves.of(chosen.subject)
            ]
            if not any(count for _, count in told):
                raise ConfigError(f"nothing is kept of {chosen.subject}")
            _note(shelves.people, chosen.subject)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for name, count in told:
        print(f"{count:>10,} {target / name}")


class _Shelves:
    """Where something of a patient is kept."""

    def __init__(self, data: Path, store: config.Store) -> None:
        from alerts.history import AlertHistory
        from ingest.store import open_history
        from portal.notes import Notes
        from portal.people import People

        self.history: History = open_history(store, data)
        self.alerts, self.notes = AlertHistory(data), Notes(data / "notes.db")
        self.people = People(data / "people.db")

    def of(self, subject: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Give each file and its lines."""
        yield "person.jsonl", _person(self.people, subject)
        yield "records.jsonl", _records(self.history, subject)
        yield "alerts.jsonl", _alerts(self.alerts, subject)
        yield "notes.jsonl", _notes(self.notes, subject)
        yield "plans.jsonl", map(_json, self.people.changes(subject, ALL))
        yield "looks.jsonl", _looks(self.people, subject)

    def close(self) -> None:
        """Let go of all of them."""
        for shelf in (self.history, self.alerts, self.notes, self.people):
            shelf.close()


def _person(people: "People", subject: str) -> Iterator[str]:
    """Give one line of who it is and who may see what, if anybody knows."""
    found = {
        "name": people.names.of(subject),
        "carers": people.carers([subject])[subject],
        "grants": people.grants.of(subject),
    }
    if any(found.values()):
        yield _json({"subject": subject} | found)


def _records(history: "History", subject: str) -> Iterator[str]:
    """Give every reading but those that were entered in error."""
    for kind in Kind:
        after = None
        while True:
            page, after = history.records(subject, kind, Instant(0), END, after, PAGE)
            yield from map(line, page)
            if after is None:
                break


def _alerts(alerts: "AlertHistory", subject: str) -> Iterator[str]:
    """Give every alert with its story and whom it was sent to."""
    after = None
    while True:
        page, after = alerts.alerts("all", [subject], after, PAGE)
        for alert in page:
            told = alerts.events(alert.id), alerts.deliveries(alert.id)
            yield _json({"alert": alert, "events": told[0], "deliveries": told[1]})
        if after is None:
            break


def _notes(notes: "Notes", subject: str) -> Iterator[str]:
    after = None
    while True:
        page, after = notes.of(subject, Instant(0), END, after, PAGE)
        yield from map(_json, page)
        if after is None:
            break


def _looks(people: "People", subject: str) -> Iterator[str]:
    """Give who saw or changed what, the newest first."""
    before = None
    while page := people.audit.entries(subject, before, PAGE):
        yield from (_json(entry) for _, entry in page)
        before = page[-1][0]


def _note(people: "People", subject: str) -> None:
    """Let the patient read that somebody took all of it."""
    from portal.audit import Entry

    words = "everything, into files"
    people.audit.append(
        Entry(now(), getpass.getuser(), "shell", "read", subject, words)
    )


def _json(noun: object) -> str:
    return msgspec.json.encode(noun).decode()


def _write(path: Path, lines: Iterable[str]) -> int:
    """Write lines that only we may read; give how many."""
    count = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        for text in lines:
            file.write(text + "\n")
            count += 1
    return count
