"""Everything that `people.db` keeps, and the two files beside it.

Accounts, sessions, grants, one-time links and the log of plans share one file; names
(`names.db`) and the audit log (`audit.db`) have their own.  All methods block; the
portal calls them in a thread.
"""

from collections.abc import Sequence
from pathlib import Path

from portal import erasure
from portal.accounts import Accounts
from portal.audit import Audit
from portal.database import Database
from portal.grants import Grants
from portal.links import Links
from portal.names import Names
from portal.plan_log import Change, PlanLog
from portal.tokens import REFRESH_S, SESSION_S, TOKEN_S, Tokens
from vitals import clock as clocks
from vitals.clock import Clock

__all__ = ("REFRESH_S", "SESSION_S", "TOKEN_S", "Change", "People")

FIRST = """
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
"""As version 0.1.0 made it, before files knew their version."""

SECOND = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    began INTEGER NOT NULL, expires INTEGER NOT NULL, agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (name);
INSERT INTO sessions SELECT lower(hex(substr(hash, 1, 8))), name, 0, expires, ''
    FROM tokens;
ALTER TABLE tokens RENAME TO old_tokens;
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    purpose TEXT NOT NULL, expires INTEGER NOT NULL, spent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of ON tokens (session);
INSERT INTO tokens SELECT hash, lower(hex(substr(hash, 1, 8))), 'access', expires, 0
    FROM old_tokens;
DROP TABLE old_tokens;
CREATE TABLE links (
    hash BLOB PRIMARY KEY, purpose TEXT NOT NULL, about TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL,
    holder TEXT REFERENCES users ON DELETE CASCADE, label TEXT NOT NULL,
    metrics TEXT NOT NULL, began INTEGER NOT NULL, expires INTEGER NOT NULL,
    revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of ON grants (subject);
CREATE INDEX grants_to ON grants (holder);
CREATE TABLE identities (
    issuer TEXT NOT NULL, sub TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (issuer, sub)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_of ON assignments (subject);
"""


class People:
    """The people of the house: what each part keeps, under one roof."""

    def __init__(self, path: Path, clock: Clock = clocks.now) -> None:
        self._clock = clock
        self._database = Database(path, (FIRST, SECOND), "the users")
        self.accounts = accounts = Accounts(self._database, clock)
        self.tokens = tokens = Tokens(self._database, clock)
        self.links = Links(self._database, clock)
        self.grants = Grants(self._database, self.links, clock)
        self.plan_log = log = PlanLog(self._database)
        self.names = Names(path.with_name("names.db"))
        self.audit = Audit(path.with_name("audit.db"))
        self.add, self.list, self.passwd = accounts.add, accounts.list, accounts.passwd
        self.assign, self.assign_all = accounts.assign, accounts.assign_all
        self.unassign, self.carers = accounts.unassign, accounts.carers
        self.find = accounts.find
        self.authenticate, self.pause_s = accounts.authenticate, accounts.pause_s
        self.issue_token, self.person_of = tokens.issue, tokens.person_of
        self.revoke = tokens.revoke
        self.log_plan, self.changes = log.add, log.changes
        self.plan, self.plans = log.plan, log.plans

    def close(self) -> None:
        """Close the files."""
        for file in (self._database, self.names, self.audit):
            file.close()

    def unattended(self) -> bool:
        """Tell whether there is no administrator yet."""
        return all(person.role != "admin" for person in self.list())

    def logins(self, subject: str) -> Sequence[str]:
        """Give who may log in for this patient only: they, and their family."""
        return erasure.logins(self._database, subject)

    def kept(self, subject: str) -> dict[str, int]:
        """Give how much would go with a patient, by what it is."""
        return erasure.counts(self._database, subject)

    def erase(self, subject: str) -> None:
        """Delete who logs in for a patient, who sees them, and their plans."""
        erasure.erase(self._database, subject)

    def subjects(self) -> set[str]:
        """Give every patient whom the portal knows."""
        return {*self.accounts.subjects(), *self.names.all(), *self.plans()}
