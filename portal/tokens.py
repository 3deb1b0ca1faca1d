"""Tokens: opaque, short-lived, revocable; the file keeps their SHA-256 alone.

A session is what one log-in opened.  A program's session has a refresh token that is
spent when it is used and gives the next one: a spent one that comes again has been
stolen, by whoever came first or last, and ends its whole session.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from portal import accounts
from portal.authorisation import Person
from portal.database import Database
from vitals.clock import Clock
from vitals.model import Instant

TOKEN_S = 600.0  # a program's access token
REFRESH_S = 14 * 86_400.0  # a program's session, since it was last refreshed
SESSION_S = 12 * 3600.0  # a browser's


@dataclass(frozen=True, slots=True)
class Opened:
    """What a program gets for a password, or for a refresh token."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Opening:
    """One session of a person, as they may look at it."""

    id: str
    began: Instant
    expires: Instant
    agent: str
    current: bool  # the one that asks


class Tokens:
    """The sessions and tokens of `people.db`.  All methods block."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def issue(self, name: str, lifetime_s: float = TOKEN_S, agent: str = "") -> str:
        """Open a session with one token that stands for the person until it expires."""
        with self._database.writing() as db:
            session = self._open(db, name, lifetime_s, agent)
            return self._add(db, session, "access", lifetime_s)

    def open(self, name: str, agent: str = "") -> Opened:
        """Open a session that can be refreshed."""
        with self._database.writing() as db:
            session = self._open(db, name, REFRESH_S, agent)
            return self._pair(db, session)

    def refresh(self, token: str) -> Opened | None:
        """Give the next pair for a refresh token; None if it is not valid."""
        query = (
            "SELECT session, spent, expires>? FROM tokens"
            " WHERE hash=? AND purpose='refresh'"
        )
        with self._database.writing() as db:
            row = db.execute(query, (self._clock(), digest(token))).fetchone()
            session, spent, alive = row or ("", 0, 0)
            if spent:
                db.execute("DELETE FROM sessions WHERE id=?", [session])
            if spent or not alive:
                return None
            db.execute("UPDATE tokens SET spent=1 WHERE hash=?", [digest(token)])
            until = self._clock() + int(REFRESH_S * 1000)
            db.execute("UPDATE sessions SET expires=? WHERE id=?", (until, session))
            return self._pair(db, session)

    def person_of(self, token: str) -> Person | None:
        """Give whom a token stands for, as they are today; None if it is not valid."""
        query = (
            "SELECT name FROM tokens JOIN sessions ON session=id"
            " WHERE hash=? AND purpose='access' AND tokens.expires>?"
        )
        with self._database.reading() as db:
            row = db.execute(query, (digest(token), self._clock())).fetchone()
            return accounts.person(db, row[0], self._clock()) if row else None

    def revoke(self, token: str) -> None:
        """End the session of a token now."""
        with self._database.writing() as db:
            db.execute(
                "DELETE FROM sessions WHERE id="
                "(SELECT session FROM tokens WHERE hash=?)",
                [digest(token)],
            )

    def sessions(self, name: str, token: str = "") -> Sequence[Opening]:
        """Give what is open for a person, the newest first."""
        query = (
            "SELECT id, began, expires, agent,"
            " id IS (SELECT session FROM tokens WHERE hash=?) FROM sessions"
            " WHERE name=? AND expires>? ORDER BY began DESC, id"
        )
        with self._database.reading() as db:
            rows = db.execute(query, (digest(token), name, self._clock())).fetchall()
        return [
            Opening(i, Instant(began), Instant(expires), agent, bool(current))
            for i, began, expires, agent, current in rows
        ]

    def end(self, name: str, session: str) -> bool:
        """End one session of a person; False: they have none of that name."""
        with self._database.writing() as db:
            row = (name, session)
            done = db.execute("DELETE FROM sessions WHERE name=? AND id=?", row)
            return done.rowcount > 0

    def end_all(self, name: str) -> None:
        """End whatever is open for a person."""
        with self._database.writing() as db:
            db.execute("DELETE FROM sessions WHERE name=?", [name])

    def _open(
        self, db: sqlite3.Connection, name: str, lifetime_s: float, agent: str
    ) -> str:
        """Write a session, and forget those that are over."""
        now, session = self._clock(), secrets.token_hex(8)
        db.execute("DELETE FROM sessions WHERE expires<=?", [now])
        db.execute("DELETE FROM tokens WHERE expires<=?", [now])
        until = now + int(lifetime_s * 1000)
        row = (session, name, now, until, agent[:200])
        db.execute("INSERT INTO sessions VALUES (?,?,?,?,?)", row)
        return session

    def _pair(self, db: sqlite3.Connection, session: str) -> Opened:
        """Write an access token and what refreshes it."""
        access = self._add(db, session, "access", TOKEN_S)
        return Opened(access, self._add(db, session, "refresh", REFRESH_S))

    def _add(
        self, db: sqlite3.Connection, session: str, purpose: str, lifetime_s: float
    ) -> str:
        """Write a token."""
        token = secrets.token_urlsafe(32)
        until = self._clock() + int(lifetime_s * 1000)
        row = (digest(token), session, purpose, until)
        db.execute("INSERT INTO tokens VALUES (?,?,?,?,0)", row)
        return token


def digest(token: str) -> bytes:
    """Give what is kept of a token; it has 256 bits of its own, so no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
