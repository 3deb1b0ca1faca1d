"""What waits for a channel that is configured no more: it goes another way, or ends.

Nothing of it is silent: what ends has its reason in the delivery's state, is logged and
counted, and calls that reached nobody are an alert of the house.
"""

import logging
from collections.abc import Container, Iterable, Iterator

from msgspec import Struct, convert, json

from alerts import health
from alerts.cases import Case
from alerts.channels import CALLS
from alerts.database import Database
from alerts.outbox import GIVE_UP_MS
from alerts.post import Post, Way
from alerts.register import read_case
from alerts.roster import EVERYBODY
from vitals.metrics import Metrics
from vitals.model import HOUSE, Alert, Anomaly, Instant

LOG = logging.getLogger(__name__)

GONE = "its channel is configured no more"
STRANDED = """
SELECT alert, version, channel, recipient, why, body, created, coalesce((
    SELECT min(e.channel) FROM deliveries AS e
    WHERE e.alert = d.alert AND e.version = d.version
    AND e.state IN ('pending', 'delivered')
    AND e.channel IN (SELECT value FROM json_each(:staffed))), '')
FROM deliveries AS d
WHERE state = 'pending' AND channel NOT IN (SELECT value FROM json_each(:known))
ORDER BY created, alert, version
"""
ROW = " WHERE alert = ? AND version = ? AND channel = ? AND recipient = ?"
PASS_ON = f"""
INSERT OR IGNORE INTO deliveries
    (alert, version, channel, recipient, why, body, created, due)
SELECT alert, version, ?, ?, why, body, created, ? FROM deliveries{ROW}
"""
END = f"""
UPDATE deliveries SET state = ?, error = ?, tried = ?, body = x''{ROW}
"""
LOST = """
SELECT channel, tried, count(*) FROM deliveries
WHERE state = 'failed' AND channel NOT IN (SELECT value FROM json_each(?))
    AND error LIKE ? AND why IN (SELECT value FROM json_each(?))
GROUP BY channel, tried
"""
TOLD = "SELECT id FROM alerts WHERE subject = ? AND id LIKE 'delivery-%'"
OF_THE_HOUSE = """
SELECT "case" FROM alerts WHERE state != 'normal' AND subject = ?
"""


class Stranded(Struct, frozen=True):
    """A notice that waits for a channel that is there no more."""

    alert: str
    version: int
    channel: str
    to: str
    why: str
    body: bytes
    created: Instant
    elsewhere: str = ""  # a channel that tells who works here of the same change


class Fate(Struct, frozen=True):
    """What becomes of it: it is told in other ways, or it ends."""

    notice: Stranded
    reason: str
    told: bool = False
    ways: tuple[Way, ...] = ()  # that are to tell it


def decide(notice: Stranded, post: Post, now: Instant) -> Fate:
    """Give what becomes of a notice.

    What is too old to help anybody ends.  What was for the whole house, and others are
    told of, is not told to everybody once more.
    """
    if now - notice.created >= GIVE_UP_MS:
        return Fate(notice, f"{GONE}, and it waited for too long")
    if notice.to == EVERYBODY and notice.elsewhere:
        return Fate(notice, f"{GONE}; told by {notice.elsewhere}", told=True)
    subject = json.decode(notice.body, type=Alert).subject if notice.body else HOUSE
    ways = tuple(post.instead(notice.to, notice.why, subject))
    if not ways:
        return Fate(notice, f"{GONE}, and there is no other way")
    names = ", ".join(dict.fromkeys(channel for channel, _ in ways))
    return Fate(notice, f"{GONE}; told by {names}", told=True, ways=ways)


def complaints(
    lost: Iterable[tuple[str, Instant, int]], known: Container[str], now: Instant
) -> Iterator[Anomaly]:
    """Give what the house must know and was not told before.

    Parameters
    ----------
    lost
        A channel, when that was found, and how many of its calls reached nobody.
    known
        The alerts that there are.
    """
    for channel, found, count in lost:
        news = health.gone(channel, count, found, now)
        if news.id not in known:
            yield news


def endings(
    lying: Iterable[Case], known: Iterable[str], now: Instant
) -> Iterator[Anomaly]:
    """Give the end of what was wrong with channels that are there no more.

    That their calls have reached nobody does not end: somebody must see it.
    """
    there = {*known}
    for case in lying:
        alert = case.alert
        if alert.condition != health.CONDITION or case.device in there:
            continue
        if not alert.evidence.get("final"):
            for found in case.live.values():
                yield health.removed(case.device, found, Instant(alert.since), now)


def settle(
    database: Database, post: Post, metrics: Metrics, now: Instant
) -> list[Anomaly]:
    """Send what is stranded another way, or end it; give what the house must know."""
    known = json.encode(sorted(post.channels)).decode()
    fates = [decide(notice, post, now) for notice in _stranded(database, post)]
    with database.transaction() as db:
        for fate in fates:
            key = _row(fate.notice)
            for channel, to in fate.ways:
                db.execute(PASS_ON, (channel, to, now, *key))
            state = "passed" if fate.told else "failed"
            db.execute(END, (state, fate.reason, now, *key))
    _log(fates, metrics)
    cases = [read_case(row[0]) for row in database.rows(OF_THE_HOUSE, (HOUSE,))]
    # On the disk first: what a kill keeps from being told now, the next start tells.
    lost = database.rows(LOST, (known, f"{GONE}%", json.encode([*CALLS]).decode()))
    told = {str(row[0]) for row in database.rows(TOLD, (HOUSE,))}
    ended = endings(cases, post.channels, now)
    return [*ended, *complaints(lost, told, now)]  # type: ignore[arg-type]


def _stranded(database: Database, post: Post) -> Iterator[Stranded]:
    """Give what waits for channels that are there no more."""
    names, some = Stranded.__struct_fields__, (post.channels, post.staffed)
    known, staffed = (json.encode(sorted(channels)).decode() for channels in some)
    for row in database.rows(STRANDED, {"known": known, "staffed": staffed}):
        yield convert(dict(zip(names, row, strict=True)), Stranded)


def _log(fates: Iterable[Fate], metrics: Metrics) -> None:
    """Say what became of what was stranded, and count what ended."""
    for fate in fates:
        one = fate.notice
        level = logging.WARNING if fate.told else logging.ERROR
        text = "%s-%s on %s: %s"
        LOG.log(level, text, one.alert, one.version, one.channel, fate.reason)
        metrics.count("alerts_delivery_failed_total", not fate.told)


def _row(notice: Stranded) -> tuple[str, int, str, str]:
    """Give the key of a notice's row."""
    return notice.alert, notice.version, notice.channel, notice.to
