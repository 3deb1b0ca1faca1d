"""Who changed what about whom alerts reach: kept for ever, each row vouching for all.

Rosters and schedules come with the configuration, stand-ins and maintenance by command;
each change is a row, and what holds at present is what the rows say together.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct, convert, json, to_builtins

from alerts.database import Database
from alerts.muting import Device
from alerts.roster import Relief
from vitals import chain
from vitals.config import Alerts
from vitals.model import HOUSE, Anomaly, Instant

SETTINGS = (
    "people",
    "shifts",
    "escalation",
    "repeat_s",
    "acknowledged_s",
    "returned",
    "priorities",
)
ADD = "INSERT INTO ledger VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
KNOWN = "SELECT 1 FROM ledger WHERE digest = ?"
LAST = "SELECT digest FROM ledger ORDER BY n DESC LIMIT 1"
THERE = "SELECT 1 FROM sqlite_master WHERE name = 'ledger'"
ALL = "SELECT t, by, what, about, old, new, why, digest FROM ledger ORDER BY n"


class Entry(Struct, frozen=True, kw_only=True):
    """One change."""

    t: Instant
    by: str
    what: str  # "settings", "out_of_service", "in_service", "relieve", "cut"
    about: str  # a key of the configuration, "subject/device", or a person
    old: str = ""  # JSON
    new: str = ""
    why: str = ""

    def fields(self) -> list[chain.Field]:
        """Give what is kept, in order."""
        return [getattr(self, name) for name in self.__struct_fields__]


def add(db: sqlite3.Connection, entry: Entry) -> None:
    """Write an entry down, inside a transaction."""
    last = db.execute(LAST).fetchone()
    digest = chain.link(last[0] if last else chain.BEGIN, entry.fields())
    db.execute(ADD, (*entry.fields(), digest))


def entries(database: Database) -> list[Entry]:
    """Give all entries, oldest first."""
    names = Entry.__struct_fields__
    rows = database.rows(ALL)
    return [convert(dict(zip(names, row[:-1], strict=True)), Entry) for row in rows]


def head(database: Database) -> str:
    """Give what all rows together come to; "" when there is none."""
    found = database.rows(LAST)
    return str(found[0][0]) if found else chain.BEGIN


def lacks(database: Database, noted: str) -> bool:
    """Tell whether rows are gone: the head that was noted elsewhere is in none."""
    return not database.rows(KNOWN, (noted,))


def cut(noted: str, now: Instant) -> tuple[Anomaly, Entry]:
    """Give what the house must know, and what is kept, of rows that are gone."""
    english = "Rows of the ledger of who changed whom alerts reach are gone."
    chinese = "警报通知变更记录的部分内容已丢失。"
    why = "the broker had noted this head, and no row has it"
    entry = Entry(
        t=now, by="the engine", what="cut", about="ledger", old=noted, why=why
    )
    evidence = {"device": "ledger", "text": english, "text_zh": chinese, "final": True}
    anomaly = Anomaly(
        id=f"ledger-{noted[:16]}",
        subject=HOUSE,
        detector="ledger",
        condition="ledger_cut",
        kind="technical",
        begin=now,
        t=now,
        evidence=evidence,
    )
    return anomaly, entry


def verify(data: Path) -> str:
    """Say what is wrong with the ledger of a folder; "" when it is whole.

    Nothing is changed; a file that is older than the ledger has nothing wrong.

    Raises
    ------
    sqlite3.OperationalError
        There is no file, or it cannot be read.
    """
    path = quote(str(data / "alerts.db"))
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        if not db.execute(THERE).fetchone():
            return ""
        place = chain.broken((row[:-1], row[-1]) for row in db.execute(ALL))
    return "" if place is None else f"row {place} is not what was written"


def changed(kept: Iterable[Entry], settings: Alerts, now: Instant) -> list[Entry]:
    """Give the entries for what the configuration says otherwise than before."""
    before = {entry.about: entry.new for entry in kept if entry.what == "settings"}
    said = {f"alerts.{name}": _json(getattr(settings, name)) for name in SETTINGS}
    return [
        Entry(
            t=now,
            by="the configuration",
            what="settings",
            about=about,
            old=before.get(about, ""),
            new=new,
        )
        for about, new in said.items()
        if before.get(about) != new
    ]


def out_of_service(kept: Iterable[Entry]) -> dict[Device, Instant]:
    """Give the devices that are out of service, and until when."""
    out: dict[Device, Instant] = {}
    for entry in kept:
        subject, _, device = entry.about.partition("/")
        if entry.what == "out_of_service":
            out[subject, device] = json.decode(entry.new, type=int)  # type: ignore[assignment]
        elif entry.what == "in_service":
            out.pop((subject, device), None)
    return out


def reliefs(kept: Iterable[Entry]) -> list[Relief]:
    """Give who stands in for whom."""
    words = (entry.new for entry in kept if entry.what == "relieve")
    return [json.decode(word, type=Relief) for word in words]


def _json(value: object) -> str:
    return json.encode(to_builtins(value), order="sorted").decode()
