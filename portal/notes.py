"""What patients write beside their values: `notes.db`.

Notes and their corrections are only ever added.  All methods block; the portal calls
them in a thread.
"""

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from vitals.errors import Unavailable
from vitals.model import Instant

About = Literal["symptom", "medicine", "activity", "other"]
ABOUT: tuple[About, ...] = get_args(About)
LONGEST = 1000  # characters of a note

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL, t INTEGER NOT NULL,
    about TEXT NOT NULL, text TEXT NOT NULL, by TEXT NOT NULL, written INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notes_of ON notes (subject, t, id);
CREATE TRIGGER IF NOT EXISTS notes_stay BEFORE UPDATE ON notes
    BEGIN SELECT raise(ABORT, 'notes are never changed'); END;
CREATE TRIGGER IF NOT EXISTS notes_remain BEFORE DELETE ON notes
    BEGIN SELECT raise(ABORT, 'notes are never deleted'); END;
CREATE TABLE IF NOT EXISTS corrections (
    id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes,
    text TEXT NOT NULL, written INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS corrections_of ON corrections (note, id);
CREATE TRIGGER IF NOT EXISTS corrections_stay BEFORE UPDATE ON corrections
    BEGIN SELECT raise(ABORT, 'corrections are never changed'); END;
CREATE TRIGGER IF NOT EXISTS corrections_remain BEFORE DELETE ON corrections
    BEGIN SELECT raise(ABORT, 'corrections are never deleted'); END;
"""


class Wording(Struct, frozen=True):
    """What a note said before it was corrected."""

    text: str
    written: Instant


class Note(Struct, frozen=True, kw_only=True):
    """What somebody wrote about a moment."""

    id: int = 0  # 0: not kept yet
    subject: str
    t: Instant  # what it is about
    about: About
    text: str  # as it was corrected last
    by: str
    written: Instant  # its text of now
    earlier: tuple[Wording, ...] = ()  # oldest first


class Notes:
    """Everybody's notes, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"{path}: cannot keep notes there: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, note: Note) -> Note:
        """Keep a note; the same again, as after a broken connection, keeps one."""
        row = (note.subject, note.t, note.about, note.text, note.by, note.written)
        same = (note.subject, note.t, note.about, note.text, note.by)
        query = (
            "SELECT id FROM notes WHERE subject=? AND t=? AND about=? AND text=?"
            " AND by=?"
        )
        with self._lock, self._db:
            found = self._db.execute(query, same).fetchone()
            if found is None:
                found = self._db.execute(
                    "INSERT INTO notes (subject, t, about, text, by, written)"
                    " VALUES (?,?,?,?,?,?) RETURNING id",
                    row,
                ).fetchone()
        return replace(note, id=found[0])

    def correct(self, note: Note, text: str, now: Instant) -> Note:
        """Let a note say something else; what it said before stays beside it."""
        if text == note.text:
            return note
        query = "INSERT INTO corrections (note, text, written) VALUES (?,?,?)"
        with self._lock, self._db:
            self._db.execute(query, (note.id, text, now))
        return _corrected(note, [Wording(text, now)])

    def find(self, subject: str, number: int) -> Note | None:
        """Give one note of a patient."""
        query = f"SELECT {_COLUMNS} FROM notes WHERE subject=? AND id=?"
        with self._lock:
            rows = self._db.execute(query, (subject, number)).fetchall()
            found = self._corrected(_note(*row) for row in rows)
        return found[0] if found else None

    def of(
        self,
        subject: str,
        start: Instant,
        stop: Instant,
        after: str | None = None,
        limit: int = 200,
    ) -> tuple[Sequence[Note], str | None]:
        """Give notes about [start, stop), the newest first, and the next cursor.

        Raises
        ------
        ValueError
            `after` is not a cursor that this method gave.
        """
        t, number = map(int, after.split(".")) if after else (stop, 0)
        if not 0 <= max(t, number) < 1 << 63:
            raise ValueError(after)
        query = (
            f"SELECT {_COLUMNS} FROM notes"
            " WHERE subject=? AND t>=? AND t<? AND (t, id) < (?, ?)"
            " ORDER BY t DESC, id DESC LIMIT ?"
        )
        values = (subject, start, stop, t, number, limit + 1)
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
            found = self._corrected(_note(*row) for row in rows[:limit])
        if len(rows) <= limit:
            return found, None
        return found, f"{found[-1].t}.{found[-1].id}"

    def _corrected(self, notes: Iterable[Note]) -> list[Note]:
        """Give notes as they were corrected."""
        found = list(notes)
        query = (
            "SELECT note, text, written FROM corrections"
            " WHERE note IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        numbers = json.dumps([note.id for note in found])
        later = defaultdict[int, list[Wording]](list)
        for number, text, written in self._db.execute(query, (numbers,)):
            later[number].append(Wording(text, Instant(written)))
        return [_corrected(note, later[note.id]) for note in found]


_COLUMNS = "id, subject, t, about, text, by, written"


def _corrected(note: Note, later: Sequence[Wording]) -> Note:
    """Let a note say what it was corrected to, one wording after another."""
    said = (*note.earlier, Wording(note.text, note.written), *later)
    last = said[-1]
    return replace(note, text=last.text, written=last.written, earlier=said[:-1])


def _note(  # noqa: PLR0913 - a row's columns
    number: int, subject: str, t: int, about: About, text: str, by: str, written: int
) -> Note:
    """Read a row."""
    return Note(
        id=number,
        subject=subject,
        t=Instant(t),
        about=about,
        text=text,
        by=by,
        written=Instant(written),
    )
