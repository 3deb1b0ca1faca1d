"""Who said when whose a device's readings are: the audit trail, which is only added to.

The same lines decide: an assignment is a line of the trail.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.assignment import LONGEST, OPEN, Assignment, Occasion, What, whose
from gateway.file import File
from vitals.assignments import Assigned


class Line(NamedTuple):
    """What somebody says, as it stands in the file."""

    made: int  # ms
    who: str
    what: What
    device: str
    slot: int | None  # None: whatever the slot
    since: int  # ms
    until: int  # ms, exclusive
    old: str | None
    subject: str | None  # None: nobody
    why: str = ""
    command: str = ""


class Trail:
    """The lines; to be used inside the file's transactions."""

    def __init__(self, file: File) -> None:
        self._file = file

    def say(self, line: Line) -> None:
        """Add a line."""
        values = self._file.tally.line(), *line
        places = ", ".join("?" * len(values))
        self._file.execute(f"INSERT INTO assignment VALUES ({places})", values)

    def whose(self, device: str, when: Sequence[Occasion]) -> list[str | None]:
        """Look up whose each of a device's readings is."""
        if not when:
            return []
        times = [one.t for one in when]
        # Also check-ins that are over: they ended those before them.  Also all slots:
        # a reading whose time is not known is the slot's.
        found = self._file.execute(
            "SELECT id, what, slot, subject, since, until FROM assignment"
            " WHERE device = ? AND until > ? AND what <> 'reading'"
            " AND (since <= ? OR what = 'slot')",
            (device, min(times) - LONGEST, max(times)),
        )
        return whose((Assignment(*row) for row in found), when)

    def knows(self, command: str) -> bool:
        """Tell whether a command has been carried out already."""
        query = "SELECT 1 FROM assignment WHERE command = ? AND command <> ''"
        return self._file.execute(query, (command,)).fetchone() is not None

    def slots(self, device: str) -> dict[int, str | None]:
        """Give who has each user slot of a device now."""
        return dict(
            self._file.execute(
                "SELECT slot, subject FROM assignment"
                " WHERE device = ? AND what = 'slot' ORDER BY id",
                (device,),
            )
        )

    def untouched(self, device: str, slot: int) -> bool:
        """Tell whether nobody was ever meant by a slot, or has checked in."""
        query = "SELECT 1 FROM assignment WHERE device = ?"
        query += " AND (what = 'check_in' OR what = 'slot' AND slot = ?)"
        return self._file.execute(query, (device, slot)).fetchone() is None

    def newest(self, limit: int) -> list[Assigned]:
        """Give the newest lines, newest first."""
        found = self._file.execute(
            "SELECT made, who, what, device, slot, since, until, old, subject, why"
            " FROM assignment ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [_assigned(Line(*row)) for row in found]


def _assigned(line: Line) -> Assigned:
    return Assigned(
        t=line.made,
        by=line.who,
        what=line.what,
        device=line.device,
        since=line.since,
        until=None if line.until == OPEN else line.until,
        user=line.slot,
        old=line.old,
        subject=line.subject,
        why=line.why,
    )
