"""`vitals patient erase`: everything that names or describes one patient, gone.

What the logs promise stays, under the pseudonym (docs/decisions/0007).  Without `--yes`
nothing is changed.  Every step may be repeated: whoever was interrupted begins again.
"""

import argparse
import asyncio
import getpass
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from vitals import ConfigError, Unavailable, config
from vitals.cli.backup import refuse_in_use
from vitals.cli.export import place
from vitals.cli.retained import Retained, ask, forget
from vitals.cli.shelves import Order, Shelf, shelves
from vitals.clock import now
from vitals.model import HOUSE

if TYPE_CHECKING:
    from portal.people import People

GATEWAY = "gateway.db"
BACKLOG = 64 << 20  # octets; less is written anew within the patience of a gateway
FILES = (
    *("people.db", "subscriptions.db", "store.db", "ledger.db", "rollups.db"),
    *("alerts.db", "notes.db", "names.db", GATEWAY),
)  # from which something goes, and its bytes with it
# Who could log in and be called, and the plans that the portal publishes again.
FIRST = "subscriptions.db", "people.db"
PATIENCE_S = 15.0  # until a stage that works has forgotten
DEED = "erase"  # as the audit log calls it
LOCK_S = 60.0  # that we wait for others' transactions
TELLING = 4  # octets of a word that is not everywhere by chance
EXPORT = "export first (`vitals patient export {} FOLDER`)"
COPIES = "before-restore-*", "*.broken"
AFTERWARDS = (
    "copies that `vitals backup` made keep what they have, and so does what was pushed"
    " to a hospital, sent by a channel, exported or printed; what is in the"
    " configuration (wearables, channels, people) is yours to edit"
)


def main(chosen: argparse.Namespace) -> None:
    """Say what goes and what stays; with `--yes`, let it go."""
    subject = _one(chosen.subject)
    data, store = place(chosen)
    settings = None if chosen.data else config.load(Path(chosen.config))
    if chosen.yes and settings is None:
        _at_rest(data)
    order = Order(
        subject=subject, data=data, store=store, by=getpass.getuser(), now=now()
    )
    with ExitStack() as files:
        log = Log(order, files)
        order = replace(order, logins=log.logins)
        found = list(shelves(order, files))
        if not log.lines and not any(n for s in found for n in s.goes.values()):
            raise ConfigError(f"nothing is kept of {order.subject} in {data}")
        _say(found, log)
        told = _told(order, settings, chosen.yes)
        worn = sorted({*told.worn, *_configured(order.subject, settings)})
        _advise(order, told, worn)
        if not chosen.yes:
            print(
                f"nothing was changed; {EXPORT.format(order.subject)}, then add --yes"
            )
            return
        if worn and not chosen.anyway:
            raise ConfigError(
                f"{order.subject} still wears {', '.join(worn)}: what it measures would"
                " come back; take it away first (gateway.wearables), or add --anyway"
            )
        _erase(order, settings, found, log)


def _one(subject: str) -> str:
    """Give a subject that is one patient's; a pattern would be everybody's."""
    from portal.accounts import checked_subject

    if subject == HOUSE:
        raise ConfigError(f"{HOUSE} is no patient: its alerts are about equipment")
    return checked_subject(subject)


class Log:
    """What the audit log has of one person, by name and log-in too."""

    def __init__(self, order: Order, files: ExitStack) -> None:
        from portal.people import People

        self._order = order
        self._people: People | None = None
        self.name, self.lines, self.naming, self.again = "", 0, 0, False
        self.logins: tuple[str, ...] = ()
        if (order.data / "people.db").exists():
            self._people = People(order.data / "people.db")
            files.callback(self._people.close)
            self._read(self._people)

    def note(self, what: str) -> None:
        """Write down what is done, without a name; where there is no log, nothing."""
        from portal.audit import Entry

        if self._people is not None:
            who, subject = self._order.by, self._order.subject
            entry = Entry(now(), who, "shell", DEED, subject, what)
            self._people.audit.append(entry)

    def _read(self, people: "People") -> None:
        subject = self._order.subject
        self.name = people.names.of(subject)
        self.logins = tuple(people.logins(subject))
        words = [word for word in (self.name, *self.logins) if word]
        self.lines, self.naming = people.audit.naming(subject, words)
        lines = people.audit.entries(subject, limit=self.lines)
        self.again = any(entry.deed == DEED for _, entry in lines)


def _say(found: Sequence[Shelf], log: Log) -> None:
    """Print what goes and what stays, in numbers."""
    print("goes:")
    _table((n, what, s.name) for s in found for what, n in s.goes.items())
    print("stays, under the pseudonym:")
    stays = [(n, what, s.name) for s in found for what, n in s.stays.items()]
    lines = (log.lines, "lines of the audit log", "audit.db")
    named = "lines of it in which they are named, by name or log-in"
    _table([*stays, lines, (log.naming, named, "audit.db")])
    if log.again:
        print("this was begun before: log-ins that it deleted then are not looked for")


def _table(rows: Iterable[tuple[int, str, str]]) -> None:
    for count, what, where in rows:
        if count:
            print(f"{count:>10,} {what} ({where})")


def _told(order: Order, settings: config.Config | None, sure: bool) -> Retained:
    """Ask the broker, if there is one; who is sure must not do without it."""
    if settings is None:
        return Retained()
    try:
        return asyncio.run(ask(settings.mqtt, order.subject, order.now))
    except Unavailable as error:
        if sure:
            raise
        print(f"the broker was not asked: {error}")
        return Retained()


def _advise(order: Order, told: Retained, worn: Iterable[str]) -> None:
    """Say what is elsewhere, and what has to be emptied by others."""
    from gateway import erasure

    if told.topics:
        print(f"{len(told.topics):>10,} retained messages (the broker)")
    here = erasure.kept(order.data / GATEWAY, order.subject)
    if any(here.values()):
        print("is the gateway's to let go:")
        _table((n, what, GATEWAY) for what, n in here.items())
    for name, count in told.queued.items():
        if count:
            print(f"gateway {name} has {count:,} records, of whomever, not committed"
                  " yet: when they have come, run this again")  # fmt: skip
    if worn:
        print(f"they still wear {', '.join(worn)}")
    for path in _copies(order.data):
        print(f"an older copy lies in {path}: delete it by hand")


def _configured(subject: str, settings: config.Config | None) -> list[str]:
    """Give the wearables that this machine's gateway takes for theirs."""
    wearables = settings.gateway.wearables if settings else ()
    return [one.device for one in wearables if subject in one.subjects]


def _erase(
    order: Order, settings: config.Config | None, found: Sequence[Shelf], log: Log
) -> None:
    """Do it, in the order of docs/decisions/0007."""
    _room(order.data)
    log.note("everything is to be erased")
    for shelf in found:
        if shelf.name in FIRST:
            shelf.empty()
    if settings is not None:
        told = asyncio.run(forget(settings.mqtt, order.subject, order.by, order.now))
        _await(order, told)
    by_hand = [shelf.empty() or "" for shelf in found if shelf.name not in FIRST]
    by_hand += [_rewrite(order.data / file) for file in FILES]
    log.note("everything is erased")
    _report(order, log, by_hand)


def _await(order: Order, told: Retained) -> None:
    """Wait until the stages that work have forgotten, and written it down.

    Raises
    ------
    Unavailable
        One of them does not.
    """
    checks = {"dsp": _detectors_know, "alerts": _alerts_lie_open}
    until = time.monotonic() + PATIENCE_S
    for stage, remembers in checks.items():
        while told.works(stage, order.now) and remembers(order):
            if time.monotonic() > until:
                raise Unavailable(
                    f"{stage} works and does not forget {order.subject}: run this"
                    " again, with it stopped if need be"
                )
            time.sleep(0.1)


def _detectors_know(order: Order) -> bool:
    if not (order.data / "dsp.npz").exists():
        return False
    from dsp.snapshot import Snapshot

    return Snapshot(order.data / "dsp.npz").knows(order.subject)


def _alerts_lie_open(order: Order) -> bool:
    if not (order.data / "alerts.db").exists():
        return False
    from alerts import erasure
    from alerts.database import Database

    with closing(Database(order.data)) as database:
        return erasure.unclosed(database, order.subject) > 0


def _at_rest(data: Path) -> None:
    """Refuse a folder in which somebody works whom we cannot tell to forget."""
    for path in sorted(data.glob("*.db")):
        refuse_in_use(path)


def _room(data: Path) -> None:
    """Refuse to begin what the disk has no room for."""
    need = 2 * max((_size(data / file) for file in FILES), default=0)
    if (free := shutil.disk_usage(data).free) < need:
        raise Unavailable(
            f"{data}: to write the files anew needs {need >> 20} MB, and"
            f" {free >> 20} MB are free"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _rewrite(path: Path) -> str:
    """Write a database anew: what was deleted leaves its pages, too.

    Writers wait meanwhile.  A row that is deleted, or was moved from one page to
    another, is still there in bytes until its page is used again; and what the
    write-ahead log holds is there twice.  A gateway with a backlog is not kept waiting:
    what is to be done about it is given.

    Raises
    ------
    Unavailable
        Somebody has the file for too long.
    """
    if not path.is_file():
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)) as db:
            if path.name == GATEWAY and _used(db) > BACKLOG:
                return f"{path} has a backlog; run this again when that has gone"
            _vacuum(db, path.parent)
            busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise Unavailable(f"{path}: {error}; run this again") from error
    if busy:
        raise Unavailable(f"{path} is being read all the time; run this again")
    return ""


def _vacuum(db: sqlite3.Connection, folder: Path) -> None:
    """Write a database anew by way of a copy in the folder whose room we know.

    SQLite reads SQLITE_TMPDIR before we run, and else takes /var/tmp.
    """
    quoted = str(folder).replace("'", "''")
    db.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    try:
        db.execute("VACUUM")
    finally:
        db.execute("PRAGMA temp_store_directory = ''")


def _used(db: sqlite3.Connection) -> int:
    """Give the octets of a database that are in use."""
    pragmas = "page_count", "freelist_count", "page_size"
    pages, free, size = (db.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas)
    return int((pages - free) * size)


def _report(order: Order, log: Log, by_hand: Iterable[str]) -> None:
    """Say that it is done, and what of it is not."""
    print(f"erased: {order.subject}")
    for what in filter(None, by_hand):
        print(f"by hand: {what}")
    for word in (log.name.encode(), *(name.encode() for name in log.logins)):
        where = [str(p) for p in _holding(order.data, word)]
        if where:
            print(f"a name still stands in {', '.join(where)}: see docs/decisions/0007")
    print(AFTERWARDS)


def _holding(data: Path, word: bytes) -> Iterator[Path]:
    """Give the files in which a word stands; one too short to tell stands nowhere."""
    if len(word) >= TELLING:
        for path in sorted(data.rglob("*")):
            if path.is_file() and _holds(path, word):
                yield path


def _holds(path: Path, word: bytes) -> bool:
    """Look for a word piece by piece: files come, grow and go while the house runs."""
    tail = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        while block := file.read(1 << 20):
            if word in tail + block:
                return True
            tail = block[-len(word) :]
    return False


def _copies(data: Path) -> Iterator[Path]:
    """Give the copies of our own making that lie under `data`."""
    for pattern in COPIES:
        yield from sorted(data.glob(pattern))
