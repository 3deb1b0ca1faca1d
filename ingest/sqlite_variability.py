"""Heart rate variability in the SQLite store's rungs: made when a window is over.

A minute in which intervals came, or went, is marked in the transaction that brings or
takes them.  Once its window is over it is computed from its records, put into the rungs
and struck off, in one transaction.  So a crash costs nothing, a late record lands in
its place, and the writer does next to nothing.
"""

import logging
import sqlite3
from collections.abc import Iterable

from ingest import expiry
from ingest.rows import Unreadable, within, word
from ingest.samples import LONGEST, Sample
from ingest.schema import ROLL, RUNG_SLOTS, RUNGS, WALK
from ingest.trend import HOUR, MINUTE, SECOND, Gathered, gather
from ingest.variability import METRICS, bounded, gaps, heard, windows
from vitals import Instant, Kind, MalformedData, Metric, Reading
from vitals.config import Store as Settings

log = logging.getLogger(__name__)

GRACE = MINUTE  # ms that a window is left alone after its end
WINDOWS = 8  # rolled at a time at most: writers wait meanwhile
AT_ONCE_S = 2400  # of intervals, or one window
TABLE = "due"
SINCE = "variability"  # in `kept`: how far back an older program's hours are marked

SCHEMA = """
CREATE TABLE IF NOT EXISTS due (
    t INTEGER NOT NULL,                      -- ms, start of a minute
    series INTEGER NOT NULL,                 -- of RR intervals
    PRIMARY KEY (t, series)
) STRICT, WITHOUT ROWID"""
BEGIN = f"""
    INSERT INTO kept SELECT '{SINCE}', (coalesce(max(t), -1) / {HOUR} + 1) * {HOUR}
    FROM stream WHERE true ON CONFLICT DO NOTHING"""
MARK = "INSERT INTO due VALUES (?, ?) ON CONFLICT DO NOTHING"
NEXT = """
    SELECT t, series, CAST(subject AS BLOB) FROM due JOIN series ON series.id = series
    WHERE t < ? ORDER BY t DESC LIMIT ?"""
STRIKE = "DELETE FROM due WHERE t >= ? AND t < ? AND series = ?"
SERIES = "INSERT INTO series (subject, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
SERIES_ID = "SELECT id FROM series WHERE (subject, name) = (?, ?)"
SUMS = f"""
    {WALK} SELECT sum(n), min(low), max(high), sum(total), sum(seen)
    FROM walk CROSS JOIN minute USING (slot)
    WHERE series = :series AND t >= :start AND t < :stop"""
INTERVALS = f"(SELECT id FROM series WHERE name = '{Metric.RR_INTERVAL.value}')"
OLDER = f"""
    SELECT slot FROM hour WHERE slot <= :slot AND t < :since AND series IN {INTERVALS}
    ORDER BY slot DESC LIMIT 1"""
MARK_OLDER = f"""
    WITH RECURSIVE part (k) AS
        (SELECT 0 UNION ALL SELECT k + :width FROM part WHERE k + :width < {HOUR})
    INSERT INTO due SELECT t + k, series FROM hour, part
    WHERE slot = :slot AND t < :since AND series IN {INTERVALS}
    ON CONFLICT DO NOTHING"""

Window = tuple[int, int, bytes]
"""Its start in ms, and series of RR intervals and subject, as it lies on the disk."""


def create(db: sqlite3.Connection) -> None:
    """Make the table; what an older program has written is still to be marked."""
    db.execute(SCHEMA)
    db.execute(BEGIN)


def mark(db: sqlite3.Connection, minutes: Iterable[tuple[int, int]]) -> None:
    """Mark minutes: start in ms, series of RR intervals.  The caller commits."""
    db.executemany(MARK, minutes)


def series_id(db: sqlite3.Connection, subject: str, metric: Metric) -> int:
    """Give the number of a series, a new one for a new series."""
    db.execute(SERIES, (subject, metric.value))
    return int(db.execute(SERIES_ID, (subject, metric.value)).fetchone()[0])


def roll(
    db: sqlite3.Connection, settings: Settings, now: Instant, unreadable: Unreadable
) -> bool:
    """Roll some windows that are over, the newest first; tell whether any were due.

    When none is, hours that an older program wrote are marked.
    """
    width = settings.hrv_window_s * 1000
    most = min(WINDOWS, max(1, AT_ONCE_S // settings.hrv_window_s))
    asked = (now - GRACE) // width * width, most * width // MINUTE
    db.execute("BEGIN IMMEDIATE")
    minutes = db.execute(NEXT, asked).fetchall()
    found = dict.fromkeys((t // width * width, *whose) for t, *whose in minutes)
    for window in list(found)[:most]:
        _roll(db, settings, window, unreadable)
    more = bool(found) or _look_back(db, width)
    db.execute("COMMIT")
    return more


def _roll(
    db: sqlite3.Connection, settings: Settings, window: Window, unreadable: Unreadable
) -> None:
    """Compute a window anew from its records, if age has not taken them."""
    start, series, _ = window
    stop = start + settings.hrv_window_s * 1000
    subject = _whose(window, unreadable)
    if subject and start >= expiry.kept(db).get("record", 0):
        span = start, stop + LONGEST
        readings = within(db, subject, Kind.HEART_RATE, span, unreadable)
        found = gather(_told(readings, settings, span), MINUTE)
        for metric in METRICS:
            own = series_id(db, subject, metric)
            for t in range(start, stop, MINUTE):
                _put(db, "minute", (own, t), found.get((metric, t)))
            hour = start // HOUR * HOUR
            _put(db, "hour", (own, hour), _sum(db, own, hour))
    db.execute(STRIKE, (start, stop, series))


def _whose(window: Window, unreadable: Unreadable) -> str:
    """Give whose a window is; "": nobody can read that any more."""
    _, series, subject = window
    try:
        return word(subject)
    except MalformedData as error:
        unreadable.note("a series", (series,), error)
        return ""


def _told(
    readings: Iterable[Reading], settings: Settings, span: tuple[int, int]
) -> list[Sample]:
    """Give the values of the window that begins with a span of readings.

    A window that cannot be computed has none: tried again, it would fail again, and
    nothing behind it would ever be rolled.
    """
    start, stop = span
    try:
        records = heard(bounded(readings, (stop - start) // SECOND))
        return [s for s in windows(records, settings) if s.t == start]
    except sqlite3.Error:
        raise  # the store is away
    except MalformedData as error:
        log.warning("variability at %d has no value: %s", start, error)
    except Exception:
        log.exception("variability at %d has no value", start)
    return [*gaps([start])]


def _put(
    db: sqlite3.Connection, rung: str, place: tuple[int, int], b: Gathered | None
) -> None:
    """Put a bucket, or none, at a series and time, instead of what was there."""
    key = place[1] // (RUNGS[rung] * RUNG_SLOTS), *place
    db.execute(f"DELETE FROM {rung} WHERE (slot, series, t) = (?, ?, ?)", key)
    if b:
        db.execute(ROLL.format(rung=rung), (*key, b.n, b.low, b.high, b.total, b.seen))


def _sum(db: sqlite3.Connection, series: int, hour: int) -> Gathered | None:
    """Give what the minutes of an hour hold; None: nothing."""
    slot = MINUTE * RUNG_SLOTS
    asked = {"series": series, "start": hour, "stop": hour + HOUR}
    slots = {"slot": hour // slot, "last_slot": (hour + HOUR - 1) // slot}
    found, b = db.execute(SUMS, asked | slots).fetchone(), Gathered()
    b.n, b.low, b.high, b.total, b.seen = found
    return b if b.seen else None


def _look_back(db: sqlite3.Connection, width: int) -> bool:
    """Mark hours that an older program wrote, the newest first; False: none is left."""
    horizons = expiry.kept(db)
    since = horizons.get(SINCE, 0)
    if since <= horizons.get("record", 0):
        return False
    asked = {"since": since, "width": width, "slot": since // (HOUR * RUNG_SLOTS)}
    found = db.execute(OLDER, asked).fetchone()
    if found:
        db.execute(MARK_OLDER, asked | {"slot": found[0]})
    db.execute(expiry.KEEP, (SINCE, found[0] * HOUR * RUNG_SLOTS if found else 0))
    return bool(found)
