"""The log of plans: who changed a patient's limits, when, from what to what, and why.

It only grows; the file itself refuses anything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from portal.database import Database
from vitals.model import Instant, Plan


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a patient's plan: who, when, old, new, why."""

    subject: str
    who: str
    t: Instant
    old: Plan
    new: Plan
    why: str


class PlanLog:
    """The plans of `people.db`.  All methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, change: Change) -> None:
        """Keep a change of a plan, for ever."""
        old, new = (msgspec.json.encode(p).decode() for p in (change.old, change.new))
        row = (change.subject, change.who, change.t, old, new, change.why)
        query = (
            "INSERT INTO plans (subject, who, t, old, new, why) VALUES (?,?,?,?,?,?)"
        )
        with self._database.writing() as db:
            db.execute(query, row)

    def changes(self, subject: str, limit: int = 100) -> Sequence[Change]:
        """Give the latest changes of a patient's plan, newest first."""
        query = (
            "SELECT subject, who, t, old, new, why FROM plans"
            " WHERE subject=? ORDER BY id DESC LIMIT ?"
        )
        with self._database.reading() as db:
            rows = db.execute(query, (subject, limit)).fetchall()
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
        with self._database.reading() as db:
            rows = db.execute(query).fetchall()
        return {subject: msgspec.json.decode(new, type=Plan) for subject, new in rows}


def _change(subject: str, who: str, t: int, old: str, new: str, why: str) -> Change:
    """Read a row of the log."""
    before, after = (msgspec.json.decode(text, type=Plan) for text in (old, new))
    return Change(subject, who, Instant(t), before, after, why)
