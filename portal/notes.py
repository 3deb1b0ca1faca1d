"""What patients write beside their values: `notes.db`.

Notes are only ever added, and go with their patient.  All methods block; the portal
calls them in a thread.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

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
"""
REMAIN = """
CREATE TRIGGER IF NOT EXISTS notes_remain BEFORE DELETE ON notes
    BEGIN SELECT raise(ABORT, 'notes are never deleted'); END;
"""


class Note(Struct, frozen=True, kw_only=True):
    """What somebody wrote about a moment."""

    subject: str
    t: Instant  # what it is about
    about: About
    text: str
    by: str
    written: Instant


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
            self._db.executescript(SCHEMA + REMAIN)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"{path}: cannot keep notes there: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, note: Note) -> None:
        """Keep a note; the same again, as after a broken connection, keeps one."""
        row = (note.subject, note.t, note.about, note.text, note.by, note.written)
        same = (note.subject, note.t, note.about, note.text, note.by)
        query = (
            "SELECT 1 FROM notes WHERE subject=? AND t=? AND about=? AND text=?"
            " AND by=?"
        )
        with self._lock, self._db:
            if not self._db.execute(query, same).fetchone():
                self._db.execute(
                    "INSERT INTO notes (subject, t, about, text, by, written)"
                    " VALUES (?,?,?,?,?,?)",
                    row,
                )

    def count(self, subject: str) -> int:
        """Count somebody's notes."""
        query = "SELECT count(*) FROM notes WHERE subject=?"
        with self._lock:
            return int(self._db.execute(query, [subject]).fetchone()[0])

    def erase(self, subject: str) -> None:
        """Delete somebody's notes, all or none; anybody else's may not be deleted."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DROP TRIGGER notes_remain")
            self._db.execute("DELETE FROM notes WHERE subject=?", [subject])
            self._db.execute(REMAIN)

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
            "SELECT subject, t, about, text, by, written, id FROM notes"
            " WHERE subject=? AND t>=? AND t<? AND (t, id) < (?, ?)"
            " ORDER BY t DESC, id DESC LIMIT ?"
        )
        values = (subject, start, stop, t, number, limit + 1)
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
        found = [_note(*row[:6]) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, None
        return found, f"{found[-1].t}.{rows[limit - 1][6]}"


def _note(subject: str, t: int, about: About, text: str, by: str, written: int) -> Note:
    """Read a row."""
    return Note(
        subject=subject,
        t=Instant(t),
        about=about,
        text=text,
        by=by,
        written=Instant(written),
    )
