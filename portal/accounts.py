"""Accounts: who may log in, as what, and whom they care for.

Passwords are kept as argon2id hashes, so that the file lets nobody in.  There is no
default password; an account without one is opened by a one-time link.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence

from portal import passwords
from portal.authorisation import CARERS, ROLES, Person, Role
from portal.database import Database
from vitals.clock import Clock
from vitals.errors import ConfigError
from vitals.model import HOUSE

LOCKED = "!"  # no password fits it
ALIASES = {"administrator": "admin"}
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
_SUBJECT = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)


class Accounts:
    """The users and assignments of `people.db`.  All methods block."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._guard = passwords.Guard()

    def add(
        self,
        name: str,
        password: str | None,
        role: str,
        subject: str | None = None,
        subjects: Iterable[str] = (),
    ) -> Person:
        """Let somebody log in: a patient sees `subject`, a carer `subjects`.

        Parameters
        ----------
        password
            None: the account is opened by a one-time link.

        Raises
        ------
        ConfigError
            The name is taken or not a name, the password too short, the role unknown,
            or a patient without a subject.
        """
        known = checked_role(role)
        everybody = _checked(name, known, subject, subjects)
        digest = LOCKED if password is None else passwords.hashed(password)
        with self._database.writing() as db:
            if db.execute("SELECT 1 FROM users WHERE name=?", [name]).fetchone():
                raise ConfigError(f"user {name} exists already; choose another name")
            db.execute("INSERT INTO users VALUES (?,?,?)", (name, digest, known))
            _assign(db, name, everybody)
        return Person(name, known, frozenset(everybody))

    def list(self) -> Sequence[Person]:
        """Give everybody, by name."""
        with self._database.reading() as db:
            rows = db.execute("SELECT name FROM users ORDER BY name").fetchall()
            return [person(db, name, self._clock()) for (name,) in rows]

    def find(self, name: str) -> Person | None:
        """Give somebody."""
        with self._database.reading() as db:
            found = db.execute("SELECT 1 FROM users WHERE name=?", [name]).fetchone()
            return person(db, name, self._clock()) if found else None

    def passwd(self, name: str, password: str) -> None:
        """Change a password and end everything that was opened with the old one."""
        digest = passwords.hashed(password)
        with self._database.writing() as db:
            role_of(db, name)
            db.execute("UPDATE users SET password=? WHERE name=?", (digest, name))
            db.execute("DELETE FROM sessions WHERE name=?", [name])

    def remove(self, name: str) -> None:
        """Let somebody in no more; what they decided stays."""
        with self._database.writing() as db:
            _keep_an_administrator(db, name, role_of(db, name))
            db.execute("DELETE FROM users WHERE name=?", [name])

    def change_role(self, name: str, role: str, subject: str | None = None) -> None:
        """Make somebody something else; between carers the patients stay."""
        new = checked_role(role)
        with self._database.writing() as db:
            old = role_of(db, name)
            if old == new:
                return
            everybody = _checked(name, new, subject, ())
            _keep_an_administrator(db, name, old)
            db.execute("UPDATE users SET role=? WHERE name=?", (new, name))
            if not {old, new} <= set(CARERS):
                db.execute("DELETE FROM assignments WHERE name=?", [name])
                _assign(db, name, everybody)

    def vouch(self, issuer: str, sub: str, name: str, role: str) -> None:
        """Let in whom a provider vouches for, with the role that it gives today.

        Raises
        ------
        ConfigError
            The name is somebody else's here, or the provider calls them else now.
        """
        query = "SELECT name FROM identities WHERE issuer=? AND sub=?"
        with self._database.writing() as db:
            row = db.execute(query, (issuer, sub)).fetchone()
            if row is None:
                self.add(name, None, role)
                db.execute("INSERT INTO identities VALUES (?,?,?)", (issuer, sub, name))
            elif row[0] != name:
                raise ConfigError(f"the provider calls {row[0]} {name} now")
            else:
                self.change_role(name, role)

    def assign(self, name: str, subjects: Iterable[str]) -> None:
        """Let a carer see these patients too."""
        everybody = [checked_subject(subject) for subject in subjects]
        with self._database.writing() as db:
            _check_carer(db, name)
            _assign(db, name, everybody)

    def assign_all(self, name: str) -> None:
        """Let a carer see every patient who can log in today."""
        patients = (p for p in self.list() if p.role == "patient")
        self.assign(name, [s for patient in patients for s in patient.subjects])

    def unassign(self, name: str, subject: str) -> None:
        """End an assignment."""
        with self._database.writing() as db:
            _check_carer(db, name)
            row = (name, subject)
            db.execute("DELETE FROM assignments WHERE name=? AND subject=?", row)

    def carers(self, subjects: Iterable[str]) -> dict[str, Sequence[str]]:
        """Give the carers of each of these patients, by name."""
        query = (
            "SELECT subject, name FROM assignments JOIN users USING (name)"
            " WHERE role IN (SELECT value FROM json_each(?))"
            " AND subject IN (SELECT value FROM json_each(?)) ORDER BY name"
        )
        wanted = dict.fromkeys(subjects)
        with self._database.reading() as db:
            given = (json.dumps(CARERS), json.dumps(list(wanted)))
            rows = db.execute(query, given).fetchall()
        return {s: [name for subject, name in rows if subject == s] for s in wanted}

    def subjects(self) -> Sequence[str]:
        """Give every patient whom somebody may see."""
        query = "SELECT DISTINCT subject FROM assignments ORDER BY subject"
        with self._database.reading() as db:
            return [subject for (subject,) in db.execute(query)]

    # -- logging in ----------------------------------------------------------------

    def authenticate(
        self, name: str, password: str, address: str = ""
    ) -> Person | None:
        """Give the person with this name and password; None without saying why not."""
        with self._database.reading() as db:
            if self._guard.pause_s(name, address, self._clock()):
                return None
            self._guard.attempt(name, address, self._clock())
            query = "SELECT password FROM users WHERE name=?"
            row = db.execute(query, [name]).fetchone()
        known = row[0] if row and row[0] != LOCKED else None
        if not passwords.matches(password, known):
            return None
        with self._database.reading():
            self._guard.forgive(name, address, self._clock())
            return self.find(name)

    def pause_s(self, name: str, address: str = "") -> float:
        """Give the seconds before this name may try again from this address."""
        with self._database.reading():
            return self._guard.pause_s(name, address, self._clock())


def role_of(db: sqlite3.Connection, name: str) -> Role:
    """Give the role of a user who must exist."""
    row = db.execute("SELECT role FROM users WHERE name=?", [name]).fetchone()
    if not row:
        raise ConfigError(f"no user {name!r}; `vitals user list` names them all")
    role: Role = row[0]
    return role


def person(db: sqlite3.Connection, name: str, now: int) -> Person:
    """Read a person who exists, as they are now."""
    query = "SELECT subject FROM assignments WHERE name=?"
    subjects = frozenset(subject for (subject,) in db.execute(query, [name]))
    query = (
        "SELECT subject, metrics FROM grants"
        " WHERE holder=? AND revoked IS NULL AND expires>?"
    )
    granted: dict[str, frozenset[str]] = {}
    for subject, metrics in db.execute(query, (name, now)):
        granted[subject] = granted.get(subject, frozenset()) | set(json.loads(metrics))
    return Person(name, role_of(db, name), subjects, granted)


def checked_role(role: str) -> Role:
    """Give a role as it is kept."""
    known = ALIASES.get(role, role)
    if known not in ROLES:
        raise ConfigError(f"no role {role!r}; choose one of {', '.join(ROLES)}")
    return known


def checked_subject(subject: str) -> str:
    """Give a subject that can stand in a topic."""
    if not _SUBJECT.fullmatch(subject):
        raise ConfigError(f"subject {subject[:80]!r}: use 1 to 64 of a-z, 0-9, _ and -")
    return subject


def _checked(
    name: str, role: Role, subject: str | None, subjects: Iterable[str]
) -> list[str]:
    """Give whom a new user may see, or say what is wrong with them."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"user name {name[:80]!r}: use 1 to 64 letters, digits, . _ @ -"
        )
    everybody = [checked_subject(found) for found in subjects]
    if role == "patient":
        if subject is None or everybody:
            raise ConfigError(
                "a patient needs exactly one subject: whose data is theirs"
            )
        if subject == HOUSE:
            raise ConfigError(
                f"subject {HOUSE!r} is reserved for alerts that are about no patient;"
                " choose another"
            )
        return [checked_subject(subject)]
    if subject is not None or (role not in CARERS and everybody):
        raise ConfigError(
            f"{name}: only a patient is a subject, only a clinician has some"
        )
    return everybody


def _check_carer(db: sqlite3.Connection, name: str) -> None:
    if role_of(db, name) not in CARERS:
        raise ConfigError(f"{name} is no clinician; only they get assignments")


def _keep_an_administrator(db: sqlite3.Connection, name: str, role: Role) -> None:
    """Refuse to let the last administrator go."""
    query = "SELECT count(*) FROM users WHERE role='admin'"
    if role == "admin" and db.execute(query).fetchone()[0] == 1:
        raise ConfigError(f"{name} is the last administrator; make another one first")


def _assign(db: sqlite3.Connection, name: str, subjects: Iterable[str]) -> None:
    """Write assignments."""
    rows = [(name, subject) for subject in subjects]
    db.executemany("INSERT OR IGNORE INTO assignments VALUES (?,?)", rows)
