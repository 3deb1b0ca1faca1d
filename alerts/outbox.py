"""What has yet to be told, on disk, and the patience to tell it.

Each channel has its own sender, so that one that fails never delays another.  Notices
of one alert leave in their order; everything else overtakes one that must wait.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import NamedTuple, ParamSpec, TypeVar

from msgspec import convert, json

from alerts.cases import Case
from alerts.channels import AT_ONCE, Channel, Notice
from alerts.database import Database
from alerts.health import FAILING, Health
from alerts.timeline import Timeline
from alerts.trials import TEST, Testable
from vitals.clock import Clock
from vitals.errors import Unavailable
from vitals.metrics import Metrics
from vitals.model import Alert, Anomaly, Instant

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
Report = Callable[[Anomaly], None]

BACK_OFF_S = (1, 2, 5, 15, 60)  # after each failure; then the last one again
GIVE_UP_MS = 24 * 3_600_000
FAIL_OVER = 2  # failures of a notice after which the next channel tells it too (OURS)
LONGEST = 200  # characters of a reason
POLL_S = 1.0  # how late a repetition may be
STORE_RETRY_S = 1.0

DUE = """
SELECT alert, version, channel, why, body, created, attempts, recipient
FROM deliveries AS d
WHERE channel = ? AND state = 'pending' AND due <= ? AND NOT EXISTS (
    SELECT 1 FROM deliveries AS e WHERE e.alert = d.alert AND e.channel = d.channel
    AND e.recipient = d.recipient AND e.version < d.version AND e.state = 'pending')
ORDER BY due LIMIT ?
"""
ROW = " WHERE alert = ? AND version = ? AND channel = ? AND recipient = ?"
# What was said lives on in the events; the outbox need not grow for ever.
DELIVERED = f"""
UPDATE deliveries SET state = 'delivered', body = x'', tried = ?, error = ''{ROW}
"""
# Another channel may have told it while this one was trying.
WAITING = f"{ROW} AND state = 'pending'"
POSTPONED = f"""
UPDATE deliveries SET attempts = ?, due = ?, state = ?, tried = ?, error = ?{WAITING}
"""
CREATED = f"SELECT created FROM deliveries{ROW}"
# Another channel tells it as well; this one goes on trying until one of them has.
PASS_ON = f"""
INSERT OR IGNORE INTO deliveries
    (alert, version, channel, recipient, why, body, created, due)
SELECT alert, version, ?, recipient, why, body, created, ? FROM deliveries{WAITING}
"""
PASSED = """
UPDATE deliveries SET state = 'passed', body = x'' WHERE alert = ? AND version = ?
    AND recipient = ? AND state = 'pending' AND attempts >= ?
    AND channel IN (SELECT value FROM json_each(?))
"""
FAILING_SINCE = """
SELECT min(created) FROM deliveries WHERE channel = ? AND attempts >= ?
    AND state != 'delivered' AND tried > (SELECT coalesce(max(tried), 0)
    FROM deliveries WHERE channel = ? AND state = 'delivered')
"""
TELLINGS = """
SELECT count(*) FROM deliveries WHERE alert = ? AND version = ? AND state = 'delivered'
"""


class Failure(NamedTuple):
    """That a notice was not told."""

    created: Instant  # the notice, as its row says
    now: Instant

    @property
    def final(self) -> bool:
        """Tell whether we give up."""
        return self.now - self.created >= GIVE_UP_MS

    @property
    def state(self) -> str:
        """Give what its row says."""
        return "failed" if self.final else "pending"


class Outbox:
    """The notices that wait in the database.

    Parameters
    ----------
    following
        The channel that takes over what another cannot tell, by that one's name.
    """

    def __init__(
        self, database: Database, following: Mapping[str, str] | None = None
    ) -> None:
        self._database = database
        self._following = following or {}

    def due(self, channel: str, now: Instant, limit: int) -> list[Notice]:
        """Give what a channel should tell now, at most one notice of each alert."""
        rows = self._database.rows(DUE, (channel, now, limit))
        names = Notice.__struct_fields__
        return [convert(dict(zip(names, row, strict=True)), Notice) for row in rows]

    def delivered(self, notice: Notice, now: Instant) -> bool:
        """Note that a notice is accepted; tell whether its channel was the first."""
        same = notice.alert, notice.version, notice.to
        before = json.encode(self._before(notice.channel)).decode()
        with self._database.transaction() as db:
            db.execute(DELIVERED, (now, *_row(notice)))
            db.execute(PASSED, (*same, FAIL_OVER, before))
            row = db.execute(TELLINGS, (notice.alert, notice.version)).fetchone()
        return bool(row[0] == 1)

    def postpone(self, notice: Notice, now: Instant, error: str) -> Failure:
        """Note a failure; tell whether it was the last and we give up.

        Parameters
        ----------
        error
            Why, without a secret: people may read it.
        """
        wait = BACK_OFF_S[min(notice.attempts, len(BACK_OFF_S) - 1)]
        attempts, due = notice.attempts + 1, now + wait * 1000
        following = self._following.get(notice.channel)
        with self._database.transaction() as db:
            # The clock may have stepped since the notice was read.
            row = db.execute(CREATED, _row(notice)).fetchone()
            failure = Failure(row[0] if row else notice.created, now)
            how = attempts, due, failure.state, now, error[:LONGEST]
            db.execute(POSTPONED, (*how, *_row(notice)))
            if following and attempts >= FAIL_OVER:
                db.execute(PASS_ON, (following, now, *_row(notice)))
        return failure

    def refused(self, notice: Notice, now: Instant, error: str) -> None:
        """Note that a test was not accepted: it is not tried again, nor by others."""
        how = 1, now, "failed", now, error[:LONGEST]
        with self._database.transaction() as db:
            db.execute(POSTPONED, (*how, *_row(notice)))

    def failing_since(self, channel: str) -> Instant | None:
        """Give since when a channel tells nothing; None: it does, or need not."""
        values = channel, FAILING, channel
        [[since]] = self._database.rows(FAILING_SINCE, values)
        return None if since is None else Instant(since)  # type: ignore[arg-type]

    def _before(self, channel: str) -> list[str]:
        """Give the channels that this one may stand in for."""
        found, new = {channel}, {channel}
        while new := {c for c, to in self._following.items() if to in new} - found:
            found |= new
        return sorted(found - {channel})


def _row(notice: Notice) -> tuple[str, int, str, str]:
    """Give the key of a notice's row."""
    return notice.alert, notice.version, notice.channel, notice.to


def _nobody(anomaly: Anomaly) -> None:
    """Report to nobody."""


class Sender:
    """Tells what is due on one channel; `hurry` says that there is more.

    Parameters
    ----------
    report
        Is told when the channel begins to fail, and when it works again: an anomaly of
        the house, which the desk takes as it takes any.
    """

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        metrics: Metrics,
        clock: Clock,
        report: Report = _nobody,
    ) -> None:
        self.hurry = asyncio.Event()
        self.name, self.testable = channel.name, isinstance(channel, Testable)
        self._channel, self._outbox = channel, outbox
        self._metrics, self._clock = metrics, Timeline.of(clock)
        self._health, self._report = Health(channel.name), report

    def shift(self, by: int) -> None:
        """Know that the clock has stepped."""
        self._health.shift(by)

    async def run(self, known: Case | None = None) -> None:
        """Tell until cancelled; `known` is what the house knows of its failing."""
        failing_since, name = self._outbox.failing_since, self._channel.name
        async with self._clock.steady:
            since = await insist(self._metrics, failing_since, name)
            self._health.resume(since, known)
        while True:
            self.hurry.clear()
            await self._round()
            if not self.hurry.is_set():
                await _wait(self.hurry, POLL_S)

    async def _round(self) -> None:
        """Tell everything that is due."""
        name = self._channel.name
        while notices := await insist(
            self._metrics, self._outbox.due, name, self._clock(), AT_ONCE
        ):
            async with asyncio.TaskGroup() as tasks:
                for notice in notices:
                    tasks.create_task(self._tell(notice))

    async def _tell(self, notice: Notice) -> None:
        """Tell one notice, and note how it went."""
        try:
            await self._say(notice)
        except Unavailable as error:
            await self._fail(notice, str(error))
            return
        told = self._clock()
        first = await insist(self._metrics, self._outbox.delivered, notice, told)
        self._metrics.count("alerts_told_total")
        if news := self._health.worked(told):
            self._report(news)
        if first and notice.why == "opened":
            self._observe(notice, told)

    async def _say(self, notice: Notice) -> None:
        """Say what the notice is about."""
        if notice.why == TEST and isinstance(self._channel, Testable):
            await self._channel.test()
        else:
            await self._channel.tell(notice)

    async def _fail(self, notice: Notice, error: str) -> None:
        """Note that a notice was not told, and whether the channel fails."""
        LOG.warning("notice %s is not told yet: %s", notice.key, error)
        if notice.why == TEST:
            refused, now = self._outbox.refused, self._clock()
            await insist(self._metrics, refused, notice, now, error)
            return
        async with self._clock.steady:
            now, postpone = self._clock(), self._outbox.postpone
            failure = await insist(self._metrics, postpone, notice, now, error)
            news = self._health.failed(failure.created, now)
        if failure.final:
            LOG.error("notice %s on %s: given up", notice.key, notice.channel)
            self._metrics.count("alerts_delivery_failed_total")
        if news:
            LOG.error("channel %s tells nobody", notice.channel)
            self._report(news)

    def _observe(self, notice: Notice, told: Instant) -> None:
        """Measure from the gateway's notification to the first person told."""
        received = json.decode(notice.body, type=Alert).evidence.get("received")
        if isinstance(received, int | float):
            self._metrics.observe("alert_told_seconds", [(told - received) / 1000])


async def insist(
    metrics: Metrics, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call a function of the database in a thread until the database lets us.

    A full disk or a locked file must not lose anything: we wait, and say so.
    """
    while True:
        try:
            return await asyncio.to_thread(function, *args, **kwargs)
        except sqlite3.OperationalError as error:
            LOG.error("alerts.db: %s; trying again", error)
            metrics.count("alerts_store_errors_total")
            await asyncio.sleep(STORE_RETRY_S)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most for a time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
