"""Takes all of one person out of the SQLite store, and their dead letters.

The names of their series stay, the pseudonym with what was once measured: ingest, which
may be running, knows them by number, and that must never become somebody else's.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ingest.errata import TABLE
from ingest.schema import RECORD_SLOTS, RUNG_SLOTS, RUNGS, WALK
from ingest.trend import HOUR
from vitals import Metric, Unavailable

SLOTS = 20_000  # gone through in one transaction: others write in between
ROUNDS = 5  # what comes meanwhile may lie where we have already been
OWN = "series IN (SELECT id FROM series WHERE subject = :subject)"
STREAMS = f"SELECT count(*) FROM stream WHERE {OWN}"  # age may have left nothing else
RECORDS = f"SELECT coalesce(sum(n), 0) FROM stream WHERE {OWN}"
THERE = f"SELECT series, origin, n, first, t FROM stream WHERE {OWN}"
SERIES = "SELECT id, CAST(name AS BLOB) FROM series WHERE subject = :subject"
ERRATA = f"FROM {TABLE} WHERE subject = :subject"
MARKS = "FROM due WHERE subject = :subject"
RECORD = {kind.encode(): slot for kind, slot in RECORD_SLOTS.items()}
METRICS = frozenset(metric.value.encode() for metric in Metric)
# The topic says whose a letter is, or else what is in it.
LETTERS = (
    "FROM dead WHERE topic GLOB 'vitals/v1/[0-9][0-9]/' || :subject || '/*'"
    " OR topic NOT GLOB 'vitals/v1/[0-9][0-9]/*'"
    " AND (topic GLOB 'vitals/v1/*/' || :subject || '/*/*'"  # no such shard
    " OR instr(payload, CAST('\"' || :subject || '\"' AS BLOB)))"
)


def erase(db: sqlite3.Connection, subject: str) -> None:
    """Delete rows, one stretch of time after the other, each in its own transaction.

    The streams go last: they say how far the others reach, to whoever must begin again.

    Raises
    ------
    Unavailable
        Records of theirs came all the while; some are still there.
    """
    whose = {"subject": subject}
    for _ in range(ROUNDS):
        there = db.execute(THERE, whose).fetchall()
        if there:
            _sweep(
                db, whose, min(row[3] for row in there), max(row[4] for row in there)
            )
        if _finish(db, whose, there):
            return
    raise Unavailable(f"records of {subject} still come: run this again")


def kept(store: Path, subject: str) -> dict[str, int]:
    """Give how much of a person is in a store, by what it is."""
    return {
        "records": _count(store, "stream", RECORDS, subject),
        "streams of them, with trends": _count(store, "stream", STREAMS, subject),
        "readings entered in error": _count(store, TABLE, _counted(ERRATA), subject),
    }


def letters(ledger: Path, subject: str) -> int:
    """Count a person's dead letters."""
    return _count(ledger, "dead", _counted(LETTERS), subject)


def burn(ledger: Path, subject: str) -> None:
    """Delete a person's dead letters; their numbers stay promised."""
    _forget(ledger, "dead", f"DELETE {LETTERS}", subject)


def unmark(rollups: Path, subject: str) -> None:
    """Delete the hours of a person that were still to be rolled."""
    _forget(rollups, "due", f"DELETE {MARKS}", subject)


def _sweep(
    db: sqlite3.Connection, whose: dict[str, str], first: int, last: int
) -> None:
    """Delete a person's rows of all tables from one time to another, ms."""
    for series, name in db.execute(SERIES, whose).fetchall():
        for table, slot in _tables(name):
            # A window or an interval may have begun before its record's time.
            span = (first - HOUR) // slot, (last + HOUR) // slot
            _delete(db, table, series, span)


def _finish(db: sqlite3.Connection, whose: dict[str, str], there: list[Any]) -> bool:
    """Delete a person's streams if they are as they were; tell whether."""
    db.execute("BEGIN IMMEDIATE")
    done = bool(db.execute(THERE, whose).fetchall() == there)
    if done:
        if _has(db, TABLE):
            db.execute(f"DELETE {ERRATA}", whose)
        if _has(db, "due"):
            db.execute(f"DELETE FROM due WHERE {OWN}", whose)
        db.execute(f"DELETE FROM stream WHERE {OWN}", whose)
    db.execute("COMMIT")
    return done


def _tables(name: bytes | None) -> Iterator[tuple[str, int]]:
    """Give the tables where a series of this name may have rows; their slots, ms.

    A name that the disk has damaged may have been that of any kind.
    """
    if name in RECORD:
        yield "record", RECORD[name]
    elif name not in METRICS:
        for slot in sorted(set(RECORD.values())):
            yield "record", slot
    for rung, width in RUNGS.items():
        yield rung, width * RUNG_SLOTS


def _delete(
    db: sqlite3.Connection, table: str, series: int, span: tuple[int, int]
) -> None:
    """Delete a series' rows from some slots; where nobody has rows costs nothing."""
    slot, last = span
    there = f"SELECT min(slot) FROM {table} WHERE slot >= ? AND slot <= ?"
    while (found := db.execute(there, (slot, last)).fetchone()[0]) is not None:
        slot = found + SLOTS
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            f"{WALK} DELETE FROM {table} WHERE slot IN (SELECT slot FROM walk)"
            " AND series = :series",
            {"slot": found, "last_slot": min(slot - 1, last), "series": series},
        )
        db.execute("COMMIT")


def _counted(where: str) -> str:
    return f"SELECT count(*) {where}"


def _count(path: Path, table: str, query: str, subject: str) -> int:
    """Count in a table; one that is not there has nothing."""
    with _opened(path, table) as db:
        found = db.execute(query, {"subject": subject}).fetchone() if db else (0,)
    return int(found[0])


def _forget(path: Path, table: str, statement: str, subject: str) -> None:
    """Delete from a table, if it is there."""
    with _opened(path, table) as db:
        if db:
            db.execute(statement, {"subject": subject})


@contextmanager
def _opened(path: Path, table: str) -> Iterator[sqlite3.Connection | None]:
    """Open a file that is there and has a table; None: it has not."""
    if not path.is_file():
        yield None
        return
    try:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
            yield db if _has(db, table) else None
    except sqlite3.Error as error:
        raise Unavailable(f"{path}: {error}") from error


def _has(db: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return db.execute(query, (table,)).fetchone() is not None
