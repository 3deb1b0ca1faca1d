"""The audit log: who saw or changed what of whom, and when: `audit.db`.

It only grows, and every line's hash covers the line before it, so that a line that was
changed, taken out or put elsewhere is found.  A chain cannot tell that its end is
missing: for that the number of lines and the last hash are kept elsewhere too
(`vitals audit`).
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from portal.database import Database
from vitals.model import Instant

SCHEMA = """
CREATE TABLE log (
    id INTEGER PRIMARY KEY, t INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
    deed TEXT NOT NULL, subject TEXT NOT NULL, what TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX log_of ON log (subject, id);
CREATE TRIGGER log_stays BEFORE UPDATE ON log
    BEGIN SELECT raise(ABORT, 'the audit log is kept for ever'); END;
CREATE TRIGGER log_remains BEFORE DELETE ON log
    BEGIN SELECT raise(ABORT, 'the audit log is kept for ever'); END;
"""
AGAIN_MS = 3_600_000  # looking again so soon is the same look
REMEMBERED = 20_000
START = b"\0" * 32
_COLUMNS = "t, who, role, deed, subject, what"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who did what with whose data."""

    t: Instant
    who: str
    role: str
    deed: str  # "read", "view", "act", "plan", "share", "keep", "people", "log_in"
    subject: str  # "": nobody's
    what: str


class Head(NamedTuple):
    """How many lines there are, and the hash of the last."""

    lines: int
    hash: str


class Audit:
    """The log.  All methods block."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, (SCHEMA,), "the audit log")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def append(self, *entries: Entry) -> None:
        """Keep lines; they are on disk afterwards."""
        query = f"INSERT INTO log ({_COLUMNS}, hash) VALUES (?,?,?,?,?,?,?)"
        with self._database.writing() as db:
            last = "SELECT hash FROM log ORDER BY id DESC LIMIT 1"
            (before,) = db.execute(last).fetchone() or (START,)
            for entry in entries:
                before = _link(before, entry)
                db.execute(query, (*astuple(entry), before))

    def entries(
        self,
        subject: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[tuple[int, Entry]]:
        """Give lines with their numbers, the newest first.

        Parameters
        ----------
        subject
            Only of this patient; None: all.
        before
            Only lines with a smaller number: the next page.
        """
        query = (
            f"SELECT id, {_COLUMNS} FROM log WHERE id<?"
            " AND (?2 IS NULL OR subject=?2) ORDER BY id DESC LIMIT ?3"
        )
        start = before if before is not None else 1 << 62
        with self._database.reading() as db:
            rows = db.execute(query, (start, subject, limit)).fetchall()
        return [(number, Entry(*fields)) for number, *fields in rows]

    def naming(self, subject: str, words: Sequence[str]) -> tuple[int, int]:
        """Count a patient's lines, and all lines in which one of some words stands."""
        mine = "SELECT count(*) FROM log WHERE subject=?"
        named = (
            "SELECT count(*) FROM log WHERE EXISTS (SELECT 1 FROM json_each(?)"
            " WHERE instr(who, value) OR instr(what, value))"
        )
        with self._database.reading() as db:
            (lines,) = db.execute(mine, [subject]).fetchone()
            (naming,) = db.execute(named, [json.dumps(list(words))]).fetchone()
        return lines, naming

    def head(self) -> Head:
        """Give what should be kept elsewhere."""
        query = "SELECT id, hash FROM log ORDER BY id DESC LIMIT 1"
        with self._database.reading() as db:
            number, digest = db.execute(query).fetchone() or (0, START)
        return Head(number, digest.hex())

    def broken(self, kept: Head | None = None) -> int | None:
        """Give the first line that is not as it was written; None: all are.

        Parameters
        ----------
        kept
            An earlier head: the log must still go through it.
        """
        before, number, passed = START, 0, kept is None or kept.lines == 0
        query = f"SELECT id, {_COLUMNS}, hash FROM log ORDER BY id"
        with self._database.reading() as db:
            for line, *fields, digest in db.execute(query):
                number, before = number + 1, _link(before, Entry(*fields))
                if line != number or digest != before:
                    return number
                if kept and kept.lines == number:
                    passed = kept.hash == before.hex()
        return None if passed else number + 1


class Repeats:
    """Looks that were noted a moment ago: a page that renews itself is one look."""

    def __init__(self) -> None:
        self._noted: OrderedDict[Entry, Instant] = OrderedDict()

    def fresh(self, entries: Iterable[Entry], now: Instant) -> list[Entry]:
        """Give those that are to be noted; what changes something always is."""
        return [entry for entry in entries if self._first(entry, now)]

    def _first(self, entry: Entry, now: Instant) -> bool:
        """Tell whether an entry is more than a look again."""
        if not (entry.what.startswith("GET ") or entry.deed == "log_in_failed"):
            return True
        key = Entry(Instant(0), *astuple(entry)[1:])
        if now - self._noted.get(key, Instant(now - AGAIN_MS - 1)) <= AGAIN_MS:
            return False
        self._noted[key] = now
        self._noted.move_to_end(key)
        if len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)
        return True


def _link(before: bytes, entry: Entry) -> bytes:
    """Give the hash of a line after another."""
    text = json.dumps(astuple(entry), ensure_ascii=False)
    return sha256(before + text.encode("utf-8", "surrogatepass")).digest()
