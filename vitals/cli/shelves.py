"""The places under `data` where something of one patient lies, and how each lets it go.

In the order in which they are emptied: first who is called and who may look and write
(only log-ins that are there say whose subscriptions are), last the name, by which the
person is still found while anything is left.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from msgspec import Struct

from vitals import Instant, config

Counts = dict[str, int]


class Order(Struct, frozen=True, kw_only=True):
    """Who is to be erased, where, by whom and when."""

    subject: str
    data: Path
    store: config.Store
    by: str
    now: Instant
    logins: tuple[str, ...] = ()  # by which they and their family come


class Shelf(Struct, frozen=True):
    """One place; `empty` gives what must still be done by hand."""

    name: str
    goes: Counts
    empty: Callable[[], str | None]
    stays: Counts = {}


def shelves(order: Order, files: ExitStack) -> Iterator[Shelf]:
    """Open whatever is there."""
    for file, opened in PLACES.items():
        if (order.data / file).exists() or (file, order.store.kind) == INFLUX:
            yield opened(order, files)


def _people(order: Order, files: ExitStack) -> Shelf:
    from portal.people import People

    people = files.enter_context(closing(People(order.data / "people.db")))
    return Shelf(
        "people.db",
        people.kept(order.subject),
        partial(people.erase, order.subject),
    )


def _subscriptions(order: Order, files: ExitStack) -> Shelf:
    from portal.fhir.subscribers import Subscribers

    path = order.data / "subscriptions.db"
    found = files.enter_context(closing(Subscribers(path)))
    whose = order.subject, order.logins
    return Shelf(
        "subscriptions.db",
        {"subscriptions": len(found.of(*whose))},
        partial(found.erase, *whose),
    )


def _store(order: Order, files: ExitStack) -> Shelf:
    from ingest.store import open_history, open_store

    history = open_history(order.store, order.data)
    files.callback(history.close)

    def empty() -> str:
        with closing(open_store(order.store, order.data)) as store:
            return store.erase(order.subject)

    name = order.store.url if order.store.kind == "influx" else "store.db"
    return Shelf(name, history.kept(order.subject), empty)


def _ledger(order: Order, files: ExitStack) -> Shelf:
    from ingest import erasure

    path = order.data / "ledger.db"
    return Shelf(
        "ledger.db",
        {"dead letters": erasure.letters(path, order.subject)},
        partial(erasure.burn, path, order.subject),
    )


def _rollups(order: Order, files: ExitStack) -> Shelf:
    from ingest import erasure

    path = order.data / "rollups.db"
    return Shelf("rollups.db", {}, partial(erasure.unmark, path, order.subject))


def _alerts(order: Order, files: ExitStack) -> Shelf:
    from alerts import erasure
    from alerts.database import Database

    found = files.enter_context(closing(Database(order.data)))
    return Shelf(
        "alerts.db",
        erasure.counts(found, order.subject),
        partial(erasure.erase, found, order.subject, order.by, order.now),
        erasure.staying(found, order.subject),
    )


def _notes(order: Order, files: ExitStack) -> Shelf:
    from portal.notes import Notes

    notes = files.enter_context(closing(Notes(order.data / "notes.db")))
    return Shelf(
        "notes.db",
        {"notes": notes.count(order.subject)},
        partial(notes.erase, order.subject),
    )


def _detectors(order: Order, files: ExitStack) -> Shelf:
    from dsp.snapshot import Snapshot

    memory = Snapshot(order.data / "dsp.npz")
    known = memory.knows(order.subject)

    def empty() -> None:
        # A stage that works has forgotten by itself, and written it down.
        if memory.knows(order.subject):
            memory.erase(order.subject)

    return Shelf("dsp.npz", {"memory of the detectors": int(known)}, empty)


def _exports(order: Order, files: ExitStack) -> Shelf:
    from portal.fhir.identity import patient_id

    names = "|".join(map(re.escape, (order.subject, patient_id(order.subject))))
    whole = re.compile(rf"(?<![\w.-])(?:{names})(?![\w.-])".encode())
    paths = [p for p in (order.data / "exports").rglob("*.ndjson") if _has(p, whole)]

    def empty() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    return Shelf("exports", {"files of FHIR's bulk export": len(paths)}, empty)


def _names(order: Order, files: ExitStack) -> Shelf:
    from portal.names import Names

    names = files.enter_context(closing(Names(order.data / "names.db")))
    return Shelf(
        "names.db",
        {"name": int(bool(names.of(order.subject)))},
        partial(names.erase, order.subject),
    )


PLACES: dict[str, Callable[[Order, ExitStack], Shelf]] = {
    "subscriptions.db": _subscriptions,
    "people.db": _people,
    "store.db": _store,
    "ledger.db": _ledger,
    "rollups.db": _rollups,
    "alerts.db": _alerts,
    "notes.db": _notes,
    "dsp.npz": _detectors,
    "exports": _exports,
    "names.db": _names,
}
INFLUX = "store.db", "influx"  # it is elsewhere


def _has(path: Path, name: re.Pattern[bytes]) -> bool:
    try:
        return bool(name.search(path.read_bytes()))
    except FileNotFoundError:  # its hour is over
        return False
