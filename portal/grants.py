"""Grants: what a patient shares with their family, for how long, and since when not.

An invitation is a grant without a holder; who opens its one-time link becomes it.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from portal.authorisation import ALERTS
from portal.database import Database
from portal.links import Links
from vitals.clock import Clock
from vitals.codes import Metric
from vitals.errors import ConfigError
from vitals.model import Instant

GRANTABLE = (*(metric.value for metric in Metric), ALERTS)
LONGEST_DAYS = 366
_COLUMNS = "id, subject, holder, label, metrics, began, expires, revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may see of a patient."""

    id: str
    subject: str
    holder: str | None  # None: nobody has accepted yet
    label: str  # what the patient calls them
    metrics: tuple[str, ...]  # of GRANTABLE
    began: Instant
    expires: Instant
    revoked: Instant | None

    def live(self, now: Instant) -> bool:
        """Tell whether it counts, or would once accepted."""
        return self.revoked is None and self.expires > now


class Grants:
    """The grants of `people.db`.  All methods block."""

    def __init__(self, database: Database, links: Links, clock: Clock) -> None:
        self._database, self._links, self._clock = database, links, clock

    def invite(
        self, subject: str, label: str, metrics: Iterable[str], days: int
    ) -> tuple[Grant, str]:
        """Give a new grant and the code of its one-time link.

        Raises
        ------
        ConfigError
            Nothing is shared, something that is not there, or for too long.
        """
        chosen = tuple(name for name in GRANTABLE if name in set(metrics))
        if not chosen or set(metrics) - set(chosen):
            raise ConfigError(f"share at least one of {', '.join(GRANTABLE)}")
        if not 1 <= days <= LONGEST_DAYS:
            raise ConfigError(f"share for 1 to {LONGEST_DAYS} days")
        now = self._clock()
        until = Instant(now + days * 86_400_000)
        name = secrets.token_hex(6)
        grant = Grant(name, subject, None, label, chosen, now, until, None)
        row = (name, subject, None, label, json.dumps(chosen), now, until, None)
        with self._database.writing() as db:
            db.execute("INSERT INTO grants VALUES (?,?,?,?,?,?,?,?)", row)
        return grant, self._links.make("invitation", name)

    def invitation(self, code: str) -> Grant | None:
        """Give what a link offers; None if it does no more."""
        about = self._links.peek("invitation", code)
        return self._live(about) if about else None

    def accept(self, code: str, holder: str) -> Grant | None:
        """Make the one who has the link the holder; None if it does no more."""
        about = self._links.take("invitation", code)
        if about is None or self._live(about) is None:
            return None
        with self._database.writing() as db:
            db.execute("UPDATE grants SET holder=? WHERE id=?", (holder, about))
        return self._live(about)

    def revoke(self, subject: str, name: str) -> Grant | None:
        """End a grant of this patient now; None: they have none of that name."""
        with self._database.writing() as db:
            db.execute(
                "UPDATE grants SET revoked=? WHERE id=? AND subject=?"
                " AND revoked IS NULL",
                (self._clock(), name, subject),
            )
        self._links.end("invitation", name)
        found = self._find(name)
        return found if found and found.subject == subject else None

    def of(self, subject: str) -> Sequence[Grant]:
        """Give a patient's grants, the newest first."""
        query = f"SELECT {_COLUMNS} FROM grants WHERE subject=? ORDER BY began DESC, id"
        with self._database.reading() as db:
            return _grants(db.execute(query, [subject]))

    def _live(self, name: str) -> Grant | None:
        found = self._find(name)
        return found if found and found.live(self._clock()) else None

    def _find(self, name: str) -> Grant | None:
        query = f"SELECT {_COLUMNS} FROM grants WHERE id=?"
        with self._database.reading() as db:
            return next(iter(_grants(db.execute(query, [name]))), None)


def _grants(rows: sqlite3.Cursor) -> list[Grant]:
    """Read rows."""
    return [_grant(*row) for row in rows]


def _grant(
    name: str,
    subject: str,
    holder: str | None,
    label: str,
    metrics: str,
    *times: Any,  # noqa: ANN401
) -> Grant:
    """Read a row."""
    return Grant(name, subject, holder, label, tuple(json.loads(metrics)), *times)
