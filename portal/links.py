"""One-time links: the first administrator's, a forgotten password's, an invitation's.

Each opens one thing once, for a while; the file keeps its SHA-256 alone.
"""

import secrets
from typing import Literal

from portal.database import Database
from portal.tokens import digest
from vitals.clock import Clock

Purpose = Literal["setup", "password", "invitation"]
LIFETIME_S: dict[Purpose, float] = {
    "setup": 86_400.0,
    "password": 3 * 86_400.0,
    "invitation": 7 * 86_400.0,
}


class Links:
    """The links of `people.db`.  All methods block."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def make(self, purpose: Purpose, about: str = "") -> str:
        """Give a code; an earlier one for the same thing ends."""
        code = secrets.token_urlsafe(24)
        until = self._clock() + int(LIFETIME_S[purpose] * 1000)
        self.end(purpose, about)
        with self._database.writing() as db:
            row = (digest(code), purpose, about, until)
            db.execute("DELETE FROM links WHERE expires<=?", [self._clock()])
            db.execute("INSERT INTO links VALUES (?,?,?,?)", row)
        return code

    def peek(self, purpose: Purpose, code: str) -> str | None:
        """Give what a code is about; None if it is not valid (any more)."""
        query = "SELECT about FROM links WHERE hash=? AND purpose=? AND expires>?"
        with self._database.reading() as db:
            given = (digest(code), purpose, self._clock())
            row = db.execute(query, given).fetchone()
        return row[0] if row else None

    def take(self, purpose: Purpose, code: str) -> str | None:
        """Use a code up; of two who come at once one gets it."""
        query = (
            "DELETE FROM links WHERE hash=? AND purpose=? AND expires>? RETURNING about"
        )
        with self._database.writing() as db:
            given = (digest(code), purpose, self._clock())
            row = db.execute(query, given).fetchone()
        return row[0] if row else None

    def end(self, purpose: Purpose, about: str = "") -> None:
        """End a link that has not been used."""
        with self._database.writing() as db:
            row = (purpose, about)
            db.execute("DELETE FROM links WHERE purpose=? AND about=?", row)
