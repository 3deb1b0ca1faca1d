"""When a temperature is a fever: that depends on where it is measured.

A row is one thermometer of one person.  A fever begins at or above the bound of the
reading's own site, and ends below it by a margin; none begins where the general limit
calls at once, for that would be the same twice.  A patch on the skin, and whatever
else streams, is believed only when it has been worn for a while (before, it tells of
the hand that put it on), and when what it says lasts.
"""

from collections.abc import Mapping
from math import inf, isnan
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from dsp.arrays import RECENT
from dsp.limits import COLUMN, SIGNALS, bounds
from vitals.codes import UNRELIABLE, Flag, Metric
from vitals.detection import Dsp
from vitals.model import BodyTemperature, Instant, Limit

DETECTOR = CONDITION = "fever"

BOUNDS: Mapping[str, float] = {
    "rectum": 38.0,  # web copy of an encyclopedia, weak
    "ear": 38.0,  # the same
    "tympanum": 38.0,  # as the ear
    "gi": 38.0,  # ours, as the rectum
    "mouth": 37.5,  # the same as ear's
    "armpit": 37.3,  # Chinese practice, from memory; elsewhere 37.2
    "body": 38.0,  # ours
}
"""At or above it is a fever, Cel by site; of fingers and toes nothing is known."""

UNKNOWN = 38.0  # Cel, where the site is not told (ours): the least that is sure
WORN = frozenset({"body"})  # sites of patches on the skin
STREAM_MS, STREAM = 120_000, 3
"""So many records, each so soon after the one before, are a stream (ours)."""

SIGNAL = SIGNALS[COLUMN[Metric.BODY_TEMPERATURE.value]]
MARGIN = SIGNAL.margin  # of the general limit, Cel
TAKEN_OFF = int(SIGNAL.gap_s * 1000)
"""After a longer silence a patch has been put on anew, ms."""


class Thermometer(Struct, frozen=True):
    """What is remembered of one thermometer of one person."""

    subject: str
    device: str
    worn: Instant  # since then, without a gap
    last: Instant  # latest record
    run: int = 1  # records in a row that came as a stream does
    recent: tuple[tuple[Instant, float], ...] = ()  # good values, oldest first
    above: Instant | None = None  # since then at or above; None: it is not
    begin: Instant | None = None  # of the fever; None: there is none
    worst: float = 0.0  # of it
    good: int = 0  # records in it
    seen: int = 0  # those without a good value too
    hot: bool = False  # the general limit has called, and has not ended


class Heat(NamedTuple):
    """One measurement as it came."""

    t: Instant
    temp: float | None  # Cel; None: it cannot be relied on
    site: str  # "": not told
    off: bool  # the thermometer is not worn


class Turn(NamedTuple):
    """A fever that begins or ends."""

    over: bool
    bound: float | None  # Cel; None: it is not watched any more
    state: Thermometer  # with this reading


class Rules(NamedTuple):
    """What all thermometers are held to."""

    bounds: Mapping[str, float]
    margin: float  # Cel
    settle: int  # ms
    hold: int  # ms
    ceiling: float = inf  # Cel; none begins from there on


def rules(settings: Dsp) -> Rules:
    """Give what the configuration holds thermometers to."""
    settle, hold = settings.fever_settle_s * 1000, settings.fever_hold_s * 1000
    bounds = {**BOUNDS, **settings.fever}
    return Rules(bounds, settings.fever_margin, int(settle), int(hold))


def heat(record: BodyTemperature) -> Heat:
    """Give what a record says."""
    good = record.temp is not None and Metric.BODY_TEMPERATURE.plausible(record.temp)
    good = good and not UNRELIABLE.intersection(record.q)
    off = Flag.OFF_BODY in record.q
    return Heat(
        Instant(record.t), record.temp if good else None, record.site or "", off
    )


def bound(site: str, held_to: Rules) -> float | None:
    """Give what is a fever at a site; None: nobody knows.

    >>> bound("armpit", rules(Dsp())), bound("toe", rules(Dsp()))
    (37.3, None)
    """
    return held_to.bounds.get(site) if site else UNKNOWN


def ceiling(*said: Limit | None) -> float:
    """Give from where on the general limit calls at once, Cel; inf: it never does.

    >>> ceiling(None), ceiling(Limit(high=39)), ceiling(Limit(high=39, hold_s=0))
    (38.5, inf, 39)
    """
    found = bounds(SIGNAL, *said)
    highs = [found.bound[1], *(one.night_high for one in said if one)]
    known = [high for high in highs if high is not None and not isnan(high)]
    return max(known) if known and not found.hold[1] else inf


def take(
    was: Thermometer, heat: Heat, held_to: Rules
) -> tuple[Thermometer, Turn | None]:
    """Take one measurement, that is newer than all before."""
    anew = heat.off or heat.t - was.last > TAKEN_OFF
    run = was.run + 1 if heat.t - was.last <= STREAM_MS else 1
    now = replace(was, worn=heat.t if anew else was.worn, last=heat.t, run=run)
    if was.begin is not None:
        now = replace(now, seen=was.seen + 1)
    if heat.temp is None:
        return now, None
    now = replace(now, recent=(*was.recent, (heat.t, heat.temp))[-RECENT:])
    limit = bound(heat.site, held_to)
    worn = heat.site in WORN or run >= STREAM
    if limit is None or (worn and heat.t - now.worn < held_to.settle):
        return now, None
    if was.begin is not None:
        return _going_on(now, heat.temp, limit, held_to.margin)
    if anew:
        now = replace(now, above=None)
    return _rising(now, heat.temp, limit, held_to, held_to.hold if worn else 0)


def close(was: Thermometer) -> Turn | None:
    """End what is open: nobody is to watch it any more."""
    return None if was.begin is None else Turn(True, None, was)


def cooled(was: Thermometer) -> Thermometer:
    """Give it without a fever."""
    return replace(was, above=None, begin=None, worst=0.0, good=0, seen=0)


def _rising(
    now: Thermometer, temp: float, limit: float, held_to: Rules, hold: int
) -> tuple[Thermometer, Turn | None]:
    """Take a good value while there is no fever."""
    high = held_to.ceiling
    hot = temp >= high or (now.hot and temp - high > -MARGIN)  # as the kernel
    if hot or temp < limit:
        return replace(now, hot=hot, above=None), None
    since = now.last if now.above is None else now.above
    worst = temp if now.above is None else max(now.worst, temp)
    now = replace(now, hot=False, above=since, worst=worst)
    if now.last - since < hold:
        return now, None
    now = replace(now, begin=since, good=1, seen=1)
    return now, Turn(False, limit, now)


def _going_on(
    now: Thermometer, temp: float, limit: float, margin: float
) -> tuple[Thermometer, Turn | None]:
    now = replace(now, worst=max(now.worst, temp), good=now.good + 1)
    # 37.3 - 0.3 is a little less than 37 in binary.
    if temp > round(limit - margin, 6):
        return now, None
    return cooled(now), Turn(True, limit, now)


def evidence(turn: Turn, site: str) -> dict[str, Any]:
    """Give what a turn rests on."""
    state = turn.state
    return {
        "site": site or None,
        "limit": turn.bound,
        "values": [[t, temp] for t, temp in state.recent],
        "age_s": (state.last - state.recent[-1][0]) / 1000 if state.recent else None,
    }
