"""Alerts and what happened to them, for the process that shows them to people."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, convert, json

from alerts.burden import Happening
from alerts.database import Database
from alerts.register import read_case
from alerts.trials import ALERT
from vitals.errors import MalformedData
from vitals.model import HOUSE, Alert, Instant

DELIVERIES = """
SELECT version, channel, recipient, why, state, attempts, error, created, tried, due
FROM deliveries WHERE alert = ? ORDER BY version, channel, recipient
"""
CHANNELS = """
SELECT channel, sum(state = 'pending'), min(created) FILTER (WHERE state = 'pending'),
    sum(state = 'failed' AND why != 'test'),
    max(tried) FILTER (WHERE state = 'delivered'),
    coalesce((SELECT error FROM deliveries AS e WHERE e.channel = d.channel
        AND state IN ('pending', 'failed') AND error != ''
        ORDER BY tried DESC LIMIT 1), '')
FROM deliveries AS d GROUP BY channel ORDER BY channel
"""
HAPPENINGS = """
SELECT e.alert, a."case", e.t, e.what, e.state, e.by
FROM events e JOIN alerts a ON a.id = e.alert
WHERE e.alert IN (SELECT alert FROM events WHERE what = 'opened'
    AND t >= :begin AND t < :end) AND {whose}
ORDER BY e.n
"""
SEEN = 'SELECT "case" FROM alerts WHERE id IN (SELECT value FROM json_each(?))'
CLOSED = """
SELECT "case" FROM alerts INDEXED BY alerts_closed WHERE state = 'normal' AND t >= ?
    AND subject IN (SELECT value FROM json_each(?)) ORDER BY t DESC LIMIT ?
"""
WHOSE = "a.subject IN (SELECT value FROM json_each(:subjects))"

Cursor = str  # opaque: where the next page begins


class AlertEvent(Struct, frozen=True, kw_only=True):
    """One thing that happened to an alert; never changed, never deleted."""

    alert: str
    t: Instant
    what: str  # "opened", "again", a states.Event, a command's action, "late"
    state: str  # afterwards
    by: str  # "" = the engine
    comment: str


class Delivery(Struct, frozen=True, kw_only=True):
    """How far one notice of an alert is on one channel."""

    version: int  # of the alert
    channel: str
    to: str  # "" = the whole house
    why: str
    # passed: another channel told it; failed: nobody was told, and we have given up
    state: Literal["pending", "delivered", "passed", "failed"]
    attempts: int  # that failed
    error: str  # of the last one; never a secret
    created: Instant
    tried: Instant | None  # when last
    due: Instant  # when next, while it is pending


class ChannelState(Struct, frozen=True, kw_only=True):
    """How one channel does, over all alerts."""

    channel: str
    pending: int
    oldest: Instant | None  # made, of those
    failed: int
    told: Instant | None  # when it last delivered something
    error: str  # of what it last failed to deliver, and has not delivered since


class AlertHistory:
    """Alerts and their events, for the process that shows them to people."""

    def __init__(self, data: Path) -> None:
        self._database = Database(data)

    def alerts(
        self,
        state: Literal["open", "all"],
        subjects: Sequence[str] | None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> tuple[list[Alert], Cursor | None]:
        """Give a page of alerts, the latest begun first.

        Parameters
        ----------
        subjects
            Whose; None: everybody's.
        after
            The cursor that came with the page before.

        Returns
        -------
        alerts, cursor
            At most `limit` alerts, and where the next page begins or None.

        Raises
        ------
        MalformedData
            The cursor is not one of ours.
        """
        values = {
            "subjects": json.encode(subjects or ()).decode(),
            "limit": limit + 1,
            **_place(after),
        }
        query = page_query(state, some=subjects is not None, on=after is not None)
        rows = self._database.rows(query, values)
        page = [read_case(row[0]).alert for row in rows[:limit]]
        more = len(rows) > limit and bool(page)
        return page, f"{page[-1].since}.{page[-1].id}" if more else None

    def alert(self, alert_id: str) -> Alert | None:
        """Give one alert."""
        query = 'SELECT "case" FROM alerts WHERE id = ?'
        rows = self._database.rows(query, (alert_id,))
        return read_case(rows[0][0]).alert if rows else None

    def closed(
        self, subjects: Iterable[str], since: Instant, limit: int
    ) -> list[Alert]:
        """Give the alerts of some subjects that closed since then, the last first."""
        whose = json.encode(sorted(subjects)).decode()
        rows = self._database.rows(CLOSED, (since, whose, limit))
        return [read_case(row[0]).alert for row in rows]

    def seen(self, ids: Iterable[str]) -> dict[str, Instant]:
        """Give when each of these alerts was acknowledged, if it was."""
        rows = self._database.rows(SEEN, (json.encode(list(ids)).decode(),))
        cases = [read_case(row[0]) for row in rows]
        return {case.alert.id: case.seen for case in cases if case.seen is not None}

    def events(self, alert_id: str) -> list[AlertEvent]:
        """Give everything that happened to an alert, oldest first."""
        query = (
            "SELECT alert, t, what, state, by, comment FROM events"
            " WHERE alert = ? ORDER BY n"
        )
        rows = self._database.rows(query, (alert_id,))
        names = AlertEvent.__struct_fields__
        return [convert(dict(zip(names, row, strict=True)), AlertEvent) for row in rows]

    def deliveries(self, alert_id: str) -> list[Delivery]:
        """Give how far every notice of an alert is, oldest first."""
        rows = self._database.rows(DELIVERIES, (alert_id,))
        names = Delivery.__struct_fields__
        return [convert(dict(zip(names, row, strict=True)), Delivery) for row in rows]

    def channels(self) -> list[ChannelState]:
        """Give how every channel does that has ever had something to tell."""
        names = ChannelState.__struct_fields__
        return [
            convert(dict(zip(names, row, strict=True)), ChannelState)
            for row in self._database.rows(CHANNELS)
        ]

    def tested(self, channel: str) -> Instant | None:
        """Give when a channel was last tested; None: never, or it goes on."""
        query = "SELECT tried FROM deliveries WHERE alert = ? AND channel = ?"
        rows = self._database.rows(f"{query} AND state != 'pending'", (ALERT, channel))
        return rows[0][0] if rows else None  # type: ignore[return-value]

    def happenings(
        self, begin: Instant, end: Instant, subjects: Sequence[str] | None = None
    ) -> list[Happening]:
        """Give the events of the alerts that began to be told in [begin, end).

        `subjects` are whose; None: every patient's.  Those of the house are no
        patient's, and a test alarm is none.
        """
        values = {
            "begin": begin,
            "end": end,
            "subjects": json.encode(subjects or ()).decode(),
        }
        query = HAPPENINGS.format(whose=WHOSE if subjects is not None else "1")
        found = []
        for alert, case, t, what, state, by in self._database.rows(query, values):
            about = read_case(case).alert
            if about.subject == HOUSE or about.condition == "test_alarm":
                continue
            sort = about.subject, about.condition, about.kind, about.priority
            row = alert, *sort, t, what, state, by
            named = dict(zip(Happening.__struct_fields__, row, strict=True))
            found.append(convert(named, Happening))
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def page_query(state: Literal["open", "all"], *, some: bool, on: bool) -> str:
    """Give the query of a page: of `some` subjects, or `on` from an earlier page."""
    source, wanted = "alerts", ["1"]
    if state == "open":
        # Few are open and very many closed, which the planner cannot know.
        source = "alerts INDEXED BY alerts_open"
        wanted.append("state != 'normal'")
    if some:
        wanted.append("subject IN (SELECT value FROM json_each(:subjects))")
    if on:
        wanted.append("(since, id) < (:since, :id)")
    where = " AND ".join(wanted)
    order = "ORDER BY since DESC, id DESC LIMIT :limit"
    return f'SELECT "case" FROM {source} WHERE {where} {order}'


def _place(cursor: Cursor | None) -> dict[str, object]:
    """Read a cursor."""
    since, dot, alert_id = ("0." if cursor is None else cursor).partition(".")
    if not (dot and since.isdecimal() and len(since) < 19):
        raise MalformedData("the cursor is not one that this list has given")
    return {"since": int(since), "id": alert_id}
