"""`subscriptions.db`: who is called, and what they have yet to be told."""

import sqlite3
import threading
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, json
from msgspec.structs import replace

from portal.fhir.subscriptions import Subscription
from vitals.errors import Unavailable
from vitals.model import Alert, Instant

SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriptions (
    id TEXT PRIMARY KEY, body BLOB NOT NULL, status TEXT NOT NULL,
    events INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices (
    subscription TEXT NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    number INTEGER NOT NULL,  -- 0: the handshake
    alert TEXT NOT NULL, t INTEGER NOT NULL,
    due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, number), UNIQUE (subscription, alert)
) STRICT, WITHOUT ROWID;
"""
BACK_OFF_S = (1, 5, 15, 60)  # after each failure; then the last one again
GIVE_UP_MS = 24 * 3_600_000


class Notice(Struct, frozen=True):
    """What a subscriber has to be told next."""

    subscription: Subscription
    number: int
    alert: str
    t: Instant
    attempts: int


class Subscribers:
    """The file; any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # headers are secrets
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(SCHEMA)

    def add(self, one: Subscription, now: Instant) -> None:
        """Keep a subscription, and the handshake that it begins with."""
        with self._changing():
            row = one.id, json.encode(one), one.status
            self._db.execute(
                "INSERT INTO subscriptions (id, body, status) VALUES (?,?,?)", row
            )
            self._notice(one.id, 0, "", now)

    def all(self) -> list[Subscription]:
        """Give every subscription, as it is now."""
        with self._changing():
            return self._all()

    def drop(self, name: str) -> None:
        """Forget a subscription."""
        with self._changing():
            self._db.execute("DELETE FROM subscriptions WHERE id=?", [name])

    def of(self, subject: str, owners: Container[str]) -> list[str]:
        """Give the subscriptions to one patient, and those of some people."""
        return [
            one.id
            for one in self.all()
            if one.subject == subject or one.owner in owners
        ]

    def erase(self, subject: str, owners: Container[str]) -> None:
        """Forget these."""
        for name in self.of(subject, owners):
            self.drop(name)

    def raised(
        self, alert: Alert, sees: Mapping[str, Container[str]], now: Instant
    ) -> int:
        """Note an alert for whoever is to hear of it, once; give for how many.

        Parameters
        ----------
        sees
            By owner, whose data they may read today.
        """
        count = 0
        with self._changing():
            for one in self._all():
                if not _wants(one, alert, sees, now) or self._knows(one.id, alert.id):
                    continue
                query = "UPDATE subscriptions SET events=events+1 WHERE id=?"
                self._db.execute(query, [one.id])
                self._notice(one.id, one.events + 1, alert.id, now)
                count += 1
        return count

    def due(self, now: Instant) -> list[Notice]:
        """Give the first notice of each subscription that is not told, if it is due."""
        query = (
            "SELECT subscription, number, alert, t, attempts, due, min(number)"
            " FROM notices WHERE NOT told GROUP BY subscription"
        )
        with self._changing():
            rows = self._db.execute(query).fetchall()
            known = {one.id: one for one in self._all()}
        return [
            Notice(known[name], number, alert, Instant(t), attempts)
            for name, number, alert, t, attempts, due, _ in rows
            if due <= now and known[name].status in ("requested", "active")
        ]

    def told(self, notice: Notice) -> None:
        """Note that a subscriber has it; after the handshake it is active."""
        name = notice.subscription.id
        with self._changing():
            query = "UPDATE notices SET told=1 WHERE subscription=? AND number=?"
            self._db.execute(query, (name, notice.number))
            self._status(name, "active")

    def failed(self, notice: Notice, now: Instant) -> None:
        """Try again later; after a day the subscription is in error."""
        name, attempts = notice.subscription.id, notice.attempts + 1
        pause = BACK_OFF_S[min(attempts, len(BACK_OFF_S)) - 1] * 1000
        query = "UPDATE notices SET attempts=?, due=? WHERE subscription=? AND number=?"
        with self._changing():
            self._db.execute(query, (attempts, now + pause, name, notice.number))
            if now - notice.t >= GIVE_UP_MS:
                self._status(name, "error")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """All of a block or nothing, by one thread at a time."""
        try:
            with self._lock, self._db:
                yield
        except sqlite3.Error as error:
            raise Unavailable(f"subscriptions.db: {error}") from error

    def _all(self) -> list[Subscription]:
        rows = self._db.execute("SELECT body, status, events FROM subscriptions")
        return [
            replace(json.decode(body, type=Subscription), status=status, events=events)
            for body, status, events in rows
        ]

    def _knows(self, name: str, alert: str) -> bool:
        query = "SELECT 1 FROM notices WHERE subscription=? AND alert=?"
        return self._db.execute(query, (name, alert)).fetchone() is not None

    def _notice(self, name: str, number: int, alert: str, now: Instant) -> None:
        query = (
            "INSERT INTO notices (subscription,number,alert,t,due) VALUES (?,?,?,?,?)"
        )
        self._db.execute(query, (name, number, alert, now, now))

    def _status(self, name: str, status: str) -> None:
        query = "UPDATE subscriptions SET status=? WHERE id=?"
        self._db.execute(query, (status, name))


def _wants(
    one: Subscription,
    alert: Alert,
    sees: Mapping[str, Container[str]],
    now: Instant,
) -> bool:
    """Tell whether a subscriber is to hear of an alert."""
    if one.status not in ("requested", "active") or alert.subject not in sees.get(
        one.owner, ()
    ):
        return False
    if one.end is not None and one.end <= now:
        return False
    return one.subject in (None, alert.subject)
