"""Lost 0 of n: what of the numbers that gateways gave is durable, and what is dead.

Reads the ledger beside the process that writes it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

from msgspec import Struct

from ingest.ranges import Range, Ranges
from vitals import Instant, Unavailable

GAPS = 100  # newest ones that are listed


class Stream(Struct, frozen=True):
    """The numbers that one gateway gave to what one device said."""

    gateway: str
    device: str
    given: int  # the highest number that came
    lost: int  # of these, how many never came
    gaps: tuple[Range, ...]  # the newest of them, from and to, both inclusive
    subjects: tuple[str, ...]  # whose records bore the numbers that came


def streams(data: Path) -> list[Stream]:
    """Give every stream that ingest knows, by gateway and device.

    Raises
    ------
    Unavailable
        The ledger cannot be read.
    """
    path = data / "ledger.db"
    if not path.exists():
        return []
    with _opened(path) as db:
        rows = db.execute("SELECT * FROM durable ORDER BY 1, 2, 3").fetchall()
        subjects = _subjects(db)
    return [
        _stream(names, [row[2:] for row in found], tuple(subjects.get(names, ())))
        for names, found in groupby(rows, lambda row: (row[0], row[1]))
    ]


def buried(data: Path, since: Instant) -> int:
    """Give how many dead letters have come since a time.

    Raises
    ------
    Unavailable
        The ledger cannot be read.
    """
    with _opened(data / "ledger.db") as db:
        found = db.execute("SELECT count(*) FROM dead WHERE t >= ?", (since,))
        return int(found.fetchone()[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger for reading."""
    try:
        where = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise Unavailable(f"{path}: {error}") from error


def _subjects(db: sqlite3.Connection) -> dict[tuple[str, str], list[str]]:
    """Give who has numbers, by gateway and device; an older ledger does not say."""
    named = "SELECT 1 FROM sqlite_master WHERE name = 'wearer'"
    if not db.execute(named).fetchone():
        return {}
    found: dict[tuple[str, str], list[str]] = {}
    for gateway, device, subject in db.execute("SELECT * FROM wearer ORDER BY 1, 2, 3"):
        found.setdefault((gateway, device), []).append(subject)
    return found


def _stream(
    names: tuple[str, str], ranges: Iterable[Range], subjects: tuple[str, ...]
) -> Stream:
    durable = Ranges(ranges)
    lost = durable.highest - durable.size
    gaps = tuple(durable.gaps())[-GAPS:]
    return Stream(*names, durable.highest, lost, gaps, subjects)
