"""The desk's book: what it writes down, so that a restart forgets nothing.

One transaction holds a change, its event and what is to be told of it, and it is on the
disk before anybody hears.
"""

import logging
import sqlite3
from collections.abc import Sequence

from msgspec import DecodeError, json
from msgspec.structs import replace

from alerts import ledger, trials
from alerts.cases import Case, Change
from alerts.database import Database
from alerts.ledger import Entry
from alerts.past import LAST
from alerts.post import Letter, Post
from alerts.trials import Trial
from vitals.config import Alerts
from vitals.model import Alert, Instant

LOG = logging.getLogger(__name__)

KEEP_ALERT = """
INSERT INTO alerts VALUES (:id, :subject, :state, :since, :t, 1, :unclosed, :case)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, t = excluded.t,
    version = version + 1, unclosed = excluded.unclosed, "case" = excluded."case"
WHERE subject = excluded.subject
    AND (state != 'normal' OR excluded.state != 'normal')
RETURNING version
"""
KEEP_EVENT = """
INSERT INTO events (alert, version, t, what, state, by, comment)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
# News of an alert is a reason to try its earlier deliveries again at once.
HURRY = """
UPDATE deliveries SET due = ? WHERE alert = ? AND version < ? AND state = 'pending'
"""
ADD_DELIVERY = """
INSERT INTO deliveries
    (alert, version, channel, recipient, why, body, created, due)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
OPEN = """SELECT "case" FROM alerts WHERE state != 'normal'"""
CLOSED = """
SELECT "case" FROM alerts WHERE state = 'normal' AND t >= min(:since, coalesce((
    SELECT t FROM alerts WHERE state = 'normal' ORDER BY t DESC LIMIT 1 OFFSET :last
    ), 0))
"""
SHIFT = """
UPDATE deliveries SET due = due + ?, created = created + ? WHERE state = 'pending'
"""
LONGEST_MS = 60_000  # that the outbox waits
IN_TIME = """
UPDATE deliveries SET due = min(due, :now), created = min(created, :now)
WHERE state = 'pending' AND (due > :latest OR created > :now)
"""
UNCLOSED = 'SELECT "case" FROM alerts WHERE unclosed'


class Register:
    """The desk's book: it writes changes down, and lays the desk out again.

    Parameters
    ----------
    post
        Whom each channel tells of a change.
    """

    def __init__(self, database: Database, post: Post) -> None:
        self._database = database
        self._post = post

    def restore(self, since: Instant, last: int = LAST) -> list[Case]:
        """Give the open cases, those closed since a time, and the last closed ones."""
        which = {"since": since, "last": last - 1}
        closed = [*map(_remembered, self._database.rows(CLOSED, which))]
        if lost := closed.count(None):
            LOG.warning("%d closed alerts cannot be read: left out", lost)
        lying = [read_case(row[0]) for row in self._database.rows(OPEN)]
        return [case for case in closed if case] + lying

    def shift(self, by: int) -> None:
        """Let what is to be told wait no longer for it: the clock has stepped."""
        with self._database.transaction() as db:
            db.execute(SHIFT, (by, by))

    def in_time(self, now: Instant) -> None:
        """Let nothing that is to be told be of a future that a clock had shown."""
        with self._database.transaction() as db:
            db.execute(IN_TIME, {"now": now, "latest": now + LONGEST_MS})

    def follow(self, settings: Alerts, now: Instant) -> None:
        """Keep what the configuration says otherwise than before, and that it does."""
        self.commit(ledger.changed(self.ledger(), settings, now), now)

    def ledger(self) -> list[Entry]:
        """Give everything that was changed about whom alerts reach."""
        return ledger.entries(self._database)

    def head(self) -> str:
        """Give the head of the ledger, to be noted elsewhere."""
        return ledger.head(self._database)

    def lacks(self, noted: str) -> bool:
        """Tell whether rows of the ledger are gone that were there once."""
        return ledger.lacks(self._database, noted)

    def commit(self, news: Sequence[Change | Entry | Trial], now: Instant) -> None:
        """Write changes down, and who must be told of them, all or nothing."""
        changes = [one for one in news if isinstance(one, Change)]
        with self._database.transaction() as db:
            for entry in (one for one in news if isinstance(one, Entry)):
                ledger.add(db, entry)
            for trial in (one for one in news if isinstance(one, Trial)):
                trials.add(db, trial, now)
            kept = [(change, self._keep(db, change, now)) for change in changes]
            told = [(change, version) for change, version in kept if version]
            for letter in self._post.letters(told):
                _send(db, letter, now)

    def unclosed(self) -> list[Alert]:
        """Give the closed alerts that the bus may still show as open."""
        return [read_case(row[0]).alert for row in self._database.rows(UNCLOSED)]

    def closed(self, ids: Sequence[str]) -> None:
        """Note that the bus knows that these alerts are closed."""
        query = (
            "UPDATE alerts SET unclosed = 0 WHERE state = 'normal'"
            " AND id IN (SELECT value FROM json_each(?))"
        )
        with self._database.transaction() as db:
            db.execute(query, (json.encode(ids).decode(),))

    def _keep(self, db: sqlite3.Connection, change: Change, now: Instant) -> int | None:
        """Write one change down; give the alert's version, None if it is refused."""
        alert = change.alert
        rows = db.execute(KEEP_ALERT, _columns(change)).fetchall()
        if not rows:  # recorded before, or another subject's id
            LOG.log(*_unkept(db, alert))
            return None
        [[version]] = rows
        if change.why:
            # What somebody decides has their own words and no others.
            who = change.by, change.comment if change.by else _told(change)
            what = alert.id, version, now, str(change.why), alert.state
            db.execute(KEEP_EVENT, (*what, *who))
        return int(version)


def _send(db: sqlite3.Connection, letter: Letter, now: Instant) -> None:
    """Put a letter into the outbox."""
    db.execute(HURRY, (now, letter.alert, letter.version))
    where = letter.alert, letter.version, letter.channel, letter.to
    db.execute(ADD_DELIVERY, (*where, letter.why, letter.body, now, now))


def _told(change: Change) -> str:
    """Say in the history who was told in person."""
    names = ", ".join(filter(None, change.to or ()))
    return f"told {names}" if names else ""


_CASE = json.Decoder(Case)


def read_case(blob: object) -> Case:
    """Read a case that was written down."""
    return _CASE.decode(blob)  # type: ignore[arg-type]


def _remembered(row: Sequence[object]) -> Case | None:
    """Read a closed case but for its numbers; None: it is damaged, and stops nobody."""
    try:
        case = read_case(row[0])
    except DecodeError:
        return None
    return replace(case, alert=replace(case.alert, evidence={}))


def _columns(change: Change) -> dict[str, object]:
    """Give the row of an alert."""
    alert = change.alert
    return {
        "id": alert.id,
        "subject": alert.subject,
        "state": alert.state,
        "since": alert.since,
        "t": alert.t,
        "unclosed": alert.state == "normal" and change.why != "late",
        "case": json.encode(change.case),
    }


def _unkept(db: sqlite3.Connection, alert: Alert) -> tuple[int, str, str]:
    """Say why an alert was not written down: its level, text and argument."""
    query = "SELECT 1 FROM alerts WHERE id = ? AND subject = ?"
    if db.execute(query, (alert.id, alert.subject)).fetchone():
        return logging.DEBUG, "alert %s was recorded before", alert.id
    return logging.ERROR, "alert %s belongs to another subject: refused", alert.id
