"""The people who may log in, whom they care for, and what they changed: `people.db`.

Passwords are kept as argon2id hashes and tokens as SHA-256, so that the file lets
nobody in.  There is no default password.  All methods block; the portal calls them in
a thread.
"""

import hashlib
import json
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from portal import passwords
from portal.authorisation import ROLES, Person, Role
from vitals import clock as clocks
from vitals.clock import Clock
from vitals.errors import ConfigError, Unavailable
from vitals.model import Instant, Plan

TOKEN_S = 3600.0  # a program's
SESSION_S = 12 * 3600.0  # a browser's

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS assignments (
    name TEXT NOT NULL REFERENCES users ON DELETE CASCADE, subject TEXT NOT NULL,
    PRIMARY KEY (name, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    hash BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL,
    who TEXT NOT NULL, t INTEGER NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS plans_of ON plans (subject, id);
CREATE TRIGGER IF NOT EXISTS plans_stay BEFORE UPDATE ON plans
    BEGIN SELECT raise(ABORT, 'the log of limits is kept for ever'); END;
CREATE TRIGGER IF NOT EXISTS plans_remain BEFORE DELETE ON plans
    BEGIN SELECT raise(ABORT, 'the log of limits is kept for ever'); END;
"""
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
_SUBJECT = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a patient's plan: who, when, old, new, why."""

    subject: str
    who: str
    t: Instant
    old: Plan
    new: Plan
    why: str


class People:
    """Users, assignments, tokens and the log of limits, in one SQLite file."""

    def __init__(self, path: Path, clock: Clock = clocks.now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._guard = passwords.Guard()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(
                f"{path}: cannot keep the users there: {error}"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- accounts ------------------------------------------------------------------

    def add(
        self,
        name: str,
        password: str,
        role: Role,
        subject: str | None = None,
        subjects: Iterable[str] = (),
    ) -> Person:
        """Let somebody log in: a patient sees `subject`, a clinician `subjects`.

        Raises
        ------
        ConfigError
            The name is taken or not a name, the password too short, the role unknown,
            or a patient without a subject.
        """
        everybody = _checked(name, role, subject, subjects)
        digest = passwords.hashed(password)
        with self._lock, self._db:
            if self._db.execute("SELECT 1 FROM users WHERE name=?", [name]).fetchone():
                raise ConfigError(f"user {name} exists already; choose another name")
            self._db.execute("INSERT INTO users VALUES (?,?,?)", (name, digest, role))
            self._assign(name, everybody)
        return Person(name, role, frozenset(everybody))

    def list(self) -> Sequence[Person]:
        """Give everybody, by name."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM users ORDER BY name").fetchall()
            return [self._person(name) for (name,) in rows]

    def find(self, name: str) -> Person | None:
        """Give the person of a name, None if nobody has it."""
        with self._lock:
            query = "SELECT 1 FROM users WHERE name=?"
            known = self._db.execute(query, [name]).fetchone()
            return self._person(name) if known else None

    def passwd(self, name: str, password: str) -> None:
        """Change a password and end everything that was opened with the old one."""
        digest = passwords.hashed(password)
        with self._lock, self._db:
            self._known(name)
            self._db.execute("UPDATE users SET password=? WHERE name=?", (digest, name))
            self._db.execute("DELETE FROM tokens WHERE name=?", [name])

    def assign(self, name: str, subjects: Iterable[str]) -> None:
        """Let a clinician see these patients too."""
        everybody = [_subject(subject) for subject in subjects]
        with self._lock, self._db:
            if self._known(name) != "clinician":
                raise ConfigError(f"{name} is no clinician; only they get assignments")
            self._assign(name, everybody)

    def assign_all(self, name: str) -> None:
        """Let a clinician see every patient who can log in today."""
        patients = (p for p in self.list() if p.role == "patient")
        self.assign(name, [s for patient in patients for s in patient.subjects])

    def unassign(self, name: str, subject: str) -> None:
        """End an assignment."""
        with self._lock, self._db:
            if self._known(name) != "clinician":
                raise ConfigError(f"{name} is no clinician; only they get assignments")
            row = (name, subject)
            self._db.execute("DELETE FROM assignments WHERE name=? AND subject=?", row)

    def carers(self, subjects: Iterable[str]) -> dict[str, Sequence[str]]:
        """Give the clinicians of each of these patients, by name."""
        query = (
            "SELECT subject, name FROM assignments JOIN users USING (name)"
            " WHERE role='clinician'"
            " AND subject IN (SELECT value FROM json_each(?)) ORDER BY name"
        )
        wanted = dict.fromkeys(subjects)
        with self._lock:
            rows = self._db.execute(query, [json.dumps(list(wanted))]).fetchall()
        return {s: [name for subject, name in rows if subject == s] for s in wanted}

    # -- logging in ----------------------------------------------------------------

    def authenticate(
        self, name: str, password: str, address: str = ""
    ) -> Person | None:
        """Give the person with this name and password; None without saying why not."""
        with self._lock:
            if self._guard.pause_s(name, address, self._clock()):
                return None
            self._guard.attempt(name, address, self._clock())
            query = "SELECT password FROM users WHERE name=?"
            row = self._db.execute(query, [name]).fetchone()
        if not passwords.matches(password, row and row[0]):
            return None
        with self._lock:
            self._guard.forgive(name, address, self._clock())
            return self._person(name)

    def pause_s(self, name: str, address: str = "") -> float:
        """Give the seconds before this name may try again from this address."""
        with self._lock:
            return self._guard.pause_s(name, address, self._clock())

    def issue_token(self, name: str, lifetime_s: float = TOKEN_S) -> str:
        """Give a new opaque token that stands for the person until it expires."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        row = (_digest(token), name, now + int(lifetime_s * 1000))
        with self._lock, self._db:
            self._db.execute("DELETE FROM tokens WHERE expires<=?", [now])
            self._db.execute("INSERT INTO tokens VALUES (?,?,?)", row)
        return token

    def person_of(self, token: str) -> Person | None:
        """Give whom a token stands for, as they are today; None if it is not valid."""
        query = "SELECT name FROM tokens WHERE hash=? AND expires>?"
        with self._lock:
            found = (_digest(token), self._clock())
            row = self._db.execute(query, found).fetchone()
            return self._person(row[0]) if row else None

    def revoke(self, token: str) -> None:
        """End a token now."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM tokens WHERE hash=?", [_digest(token)])

    # -- the log of limits ---------------------------------------------------------

    def log_plan(self, change: Change) -> None:
        """Keep a change of a plan, for ever."""
        old, new = (msgspec.json.encode(p).decode() for p in (change.old, change.new))
        row = (change.subject, change.who, change.t, old, new, change.why)
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO plans (subject, who, t, old, new, why)"
                " VALUES (?,?,?,?,?,?)",
                row,
            )

    def changes(self, subject: str, limit: int = 100) -> Sequence[Change]:
        """Give the latest changes of a patient's plan, newest first."""
        query = (
            "SELECT subject, who, t, old, new, why FROM plans"
            " WHERE subject=? ORDER BY id DESC LIMIT ?"
        )
        with self._lock:
            rows = self._db.execute(query, (subject, limit)).fetchall()
        return [_change(*row) for row in rows]

    def plan(self, subject: str) -> Plan:
        """Give a patient's plan as it was last set here; an empty one if never."""
        return next((change.new for change in self.changes(subject, 1)), Plan())

    def plans(self) -> dict[str, Plan]:
        """Give every patient's plan as it was last set here."""
        query = (
            "SELECT subject, new FROM plans"
            " WHERE id IN (SELECT max(id) FROM plans GROUP BY subject)"
        )
        with self._lock:
            rows = self._db.execute(query).fetchall()
        return {subject: msgspec.json.decode(new, type=Plan) for subject, new in rows}

    # -- behind the lock -----------------------------------------------------------

    def _known(self, name: str) -> str:
        """Give the role of a user who must exist."""
        row = self._db.execute("SELECT role FROM users WHERE name=?", [name]).fetchone()
        if not row:
            raise ConfigError(f"no user {name!r}; `vitals user list` names them all")
        return str(row[0])

    def _person(self, name: str) -> Person:
        """Read a person who exists."""
        role = self._known(name)
        query = "SELECT subject FROM assignments WHERE name=?"
        with closing(self._db.execute(query, [name])) as rows:
            subjects = frozenset(subject for (subject,) in rows)
        return Person(name, role, subjects)  # type: ignore[arg-type]

    def _assign(self, name: str, subjects: Iterable[str]) -> None:
        """Write assignments."""
        rows = [(name, subject) for subject in subjects]
        self._db.executemany("INSERT OR IGNORE INTO assignments VALUES (?,?)", rows)


def _digest(token: str) -> bytes:
    """Give what is kept of a token; it has 256 bits of its own, so no salt."""
    return hashlib.sha256(token.encode()).digest()


def _checked(
    name: str, role: str, subject: str | None, subjects: Iterable[str]
) -> list[str]:
    """Give whom a new user may see, or say what is wrong with them."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"user name {name[:80]!r}: use 1 to 64 letters, digits, . _ @ -"
        )
    if role not in ROLES:
        raise ConfigError(f"no role {role!r}; choose one of {', '.join(ROLES)}")
    everybody = [_subject(found) for found in subjects]
    if role == "patient":
        if subject is None or everybody:
            raise ConfigError(
                "a patient needs exactly one subject: whose data is theirs"
            )
        return [_subject(subject)]
    if subject is not None or (role == "admin" and everybody):
        raise ConfigError(
            f"{name}: only a patient is a subject, only a clinician has some"
        )
    return everybody


def _subject(subject: str) -> str:
    """Give a subject that can stand in a topic."""
    if not _SUBJECT.fullmatch(subject):
        raise ConfigError(f"subject {subject[:80]!r}: use 1 to 64 of a-z, 0-9, _ and -")
    return subject


def _change(subject: str, who: str, t: int, old: str, new: str, why: str) -> Change:
    """Read a row of the log."""
    before, after = (msgspec.json.decode(text, type=Plan) for text in (old, new))
    return Change(subject, who, Instant(t), before, after, why)
