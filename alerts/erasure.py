"""Takes all that describes one patient out of `alerts.db`.

What stays tells what people did: that there was an alert of a condition, when, who was
told, who acknowledged.  What goes is what was measured, and what people wrote.  The
file refuses to let anybody change its events; here, and nowhere else, it is asked to.
"""

import sqlite3

from msgspec import json

from alerts import cases
from alerts.database import Database
from alerts.register import read_case
from alerts.schema import FIRST
from vitals.model import Instant

MINE = "alert IN (SELECT id FROM alerts WHERE subject = :subject)"
COUNTS = {
    "alerts": "SELECT count(*) FROM alerts WHERE subject = :subject",
    "remarks on them": f"SELECT count(*) FROM events WHERE {MINE}"
    " AND by != '' AND comment != ''",
    "messages not told yet": f"SELECT count(*) FROM deliveries WHERE {MINE}"
    " AND state = 'pending'",
}
STAYING = {
    "events of alerts": f"SELECT count(*) FROM events WHERE {MINE}",
    "lines of the chained ledger": "SELECT count(*) FROM ledger"
    " WHERE about GLOB :subject || '/*'",
    "of these with a reason in somebody's words": "SELECT count(*) FROM ledger"
    " WHERE about GLOB :subject || '/*' AND why != ''",
}
OPEN = "SELECT count(*) FROM alerts WHERE subject = :subject AND state != 'normal'"
CASES = 'SELECT id, state, version, "case" FROM alerts WHERE subject = ?'
KEEP = """
UPDATE alerts SET state = 'normal', unclosed = 0, "case" = ? WHERE id = ?"""
EVENT = "INSERT INTO events VALUES (NULL, ?, ?, ?, 'erased', 'normal', ?, '')"
STATEMENTS = (
    "DROP TRIGGER events_stay",
    f"UPDATE events SET comment = '' WHERE {MINE} AND by != ''",
    f"DELETE FROM deliveries WHERE {MINE} AND state = 'pending'",
    f"UPDATE deliveries SET body = x'', error = '' WHERE {MINE}",
)
_BEGIN = FIRST.index("CREATE TRIGGER IF NOT EXISTS events_stay")
AGAIN = FIRST[_BEGIN : FIRST.index("CREATE TRIGGER IF NOT EXISTS events_remain")]


def counts(database: Database, subject: str) -> dict[str, int]:
    """Give how much of a patient goes, by what it is."""
    return _counted(database, COUNTS, subject)


def staying(database: Database, subject: str) -> dict[str, int]:
    """Give how much stays, under the pseudonym."""
    return _counted(database, STAYING, subject)


def unclosed(database: Database, subject: str) -> int:
    """Count a patient's open alerts."""
    return _counted(database, {"": OPEN}, subject)[""]


def erase(database: Database, subject: str, by: str, now: Instant) -> None:
    """Do it, all or nothing; the engine must not have any of these on its desk."""
    with database.transaction() as db:
        for alert, state, version, case in db.execute(CASES, (subject,)).fetchall():
            _erase(db, alert, case, now)
            if state != "normal":
                db.execute(EVENT, (alert, version, now, by))
        for statement in (*STATEMENTS, AGAIN):
            db.execute(statement, {"subject": subject} if MINE in statement else {})


def _erase(db: sqlite3.Connection, alert: str, case: object, now: Instant) -> None:
    """Leave of a case what people did."""
    known = read_case(case)
    t = now if known.alert.state != "normal" else Instant(known.alert.t)
    db.execute(KEEP, (json.encode(cases.erased(known, t)), alert))


def _counted(
    database: Database, queries: dict[str, str], subject: str
) -> dict[str, int]:
    found = {}
    for what, query in queries.items():
        [[count]] = database.rows(query, {"subject": subject})
        found[what] = int(str(count))
    return found
