"""An alert as a message that a person understands and can act on.  Pure.

What, since when, how sure, the latest values and their trend, the quality, the age of
the last reading, what to do; or, where a way to reach people leaves the house, only a
case number and a link.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import isfinite
from typing import Literal, TypeGuard

from msgspec import Struct

from alerts.sheets import Sheet
from alerts.wording import WHY, say
from vitals import phrases
from vitals.codes import Metric
from vitals.links import case_number
from vitals.model import Alert, Instant
from vitals.phrases import Language
from vitals.schedule import twice

Audience = Literal["clinician", "patient", "family"]
Content = Literal["link", "full"]

VALUES = 6  # of the latest that a message shows
FINE = frozenset({Metric.BODY_TEMPERATURE, Metric.GLUCOSE})  # whose tenths matter
SURE = ((0.9, "sure.high"), (0.7, "sure.moderate"), (-1.0, "sure.low"))  # (OURS)
TREND = 0.02  # of the mean: a change below this is steady (OURS)
OVER = frozenset({"returned", "unseen"})  # why something is told of what is over
LONGEST = 300  # characters of what a detector says


class Reader(Struct, frozen=True, kw_only=True):
    """Who reads a message, and how much of it may reach them this way."""

    language: Language = "en"
    audience: Audience = "clinician"
    content: Content = "full"
    zone: tzinfo


class Offer(Struct, frozen=True, kw_only=True):
    """What a message lets its reader do, by address; "" where it does not."""

    open: str = ""
    acknowledge: str = ""
    snooze: str = ""
    minutes: int = 0  # of the snooze


def message(
    alert: Alert, why: str, reader: Reader, offer: Offer, now: Instant
) -> Sheet:
    """Put an alert into words for a reader.

    Parameters
    ----------
    why
        What has become of it: a `Notice.why`.
    now
        When it is told, which the ages in it refer to.
    """
    if reader.content == "link":
        return _link(alert, why, reader, offer)
    if reader.audience == "clinician":
        return _clinician(alert, why, reader, offer, now)
    return _home(alert, why, reader, now)


def trial(name: str, language: Language) -> Sheet:
    """Give the message that tests a channel; it says of nobody."""
    return Sheet(
        title=say(language, "test", name=name),
        lead=say(language, "test.lead"),
        footer="vitals",
        language=language,
    )


def _link(alert: Alert, why: str, reader: Reader, offer: Offer) -> Sheet:
    """Say that there is something, and not of whom nor what."""
    tongue = reader.language
    lead = "link.lead" if offer.open else "no_link.lead"
    return Sheet(
        title=f"{_heading(alert, why, tongue)} · {_case(alert, tongue)}",
        lead=say(tongue, lead),
        links=_links(offer, tongue),
        footer="vitals",
        priority=alert.priority,
        language=tongue,
    )


def _clinician(
    alert: Alert, why: str, reader: Reader, offer: Offer, now: Instant
) -> Sheet:
    """Say everything that a decision needs."""
    tongue = reader.language
    what = phrases.title(alert.condition, tongue)
    value = _value(alert, alert.value)
    over = why in OVER
    return Sheet(
        title=f"{_heading(alert, why, tongue)} · {alert.subject} · {what}"
        + (f" {value}" if value else ""),
        lead=_lead(alert, tongue),
        facts=tuple(_facts(alert, reader, now)),
        advice_label=say(tongue, "do"),
        advice=phrases.WORDS[tongue]["act.over"]
        if over
        else phrases.act(alert.condition, tongue),
        links=_links(offer, tongue),
        footer=f"vitals · {_case(alert, tongue)}",
        priority=alert.priority,
        language=tongue,
    )


def _home(alert: Alert, why: str, reader: Reader, now: Instant) -> Sheet:
    """Say to a patient, or to their family, what it means and what they can do."""
    tongue = reader.language
    over = why in OVER
    plain = phrases.plain(alert.condition, tongue)
    who = f"{alert.subject} · " if reader.audience == "family" else ""
    advice = say(tongue, "family.lead" if reader.audience == "family" else "told")
    return Sheet(
        title=f"{who}{phrases.name(alert.condition, tongue)}",
        lead=say(tongue, "over.patient") if over else "" if who else plain,
        facts=((say(tongue, "since"), _since(alert, reader, now)),),
        advice="" if over else advice,
        footer=say(tongue, "emergency"),
        priority=alert.priority,
        language=tongue,
    )


def _lead(alert: Alert, tongue: Language) -> str:
    """Give the detector's sentence in the reader's language, or the condition."""
    key = "text" if tongue == "en" else f"text_{tongue}"
    said = alert.evidence.get(key)
    if isinstance(said, str) and said:
        return said[:LONGEST]
    value = _value(alert, alert.value)
    return " ".join(filter(None, (phrases.title(alert.condition, tongue), value)))


def _facts(alert: Alert, reader: Reader, now: Instant) -> Iterable[tuple[str, str]]:
    """Give what the decision rests on, by its name; nothing that is not known."""
    tongue = reader.language
    found = alert.evidence
    yield say(tongue, "patient"), alert.subject
    yield say(tongue, "since"), _since(alert, reader, now)
    for key in ("value", "limit", "baseline"):
        number = alert.value if key == "value" else found.get(key)
        if shown := _value(alert, number):
            yield say(tongue, "usual" if key == "baseline" else key), shown
    yield from _measured(alert, reader, now)
    for key in ("device", "late"):
        if isinstance(said := found.get(key), str) and said:
            yield say(tongue, key), said[:LONGEST]
    if others := _others(alert, tongue):
        yield say(tongue, "together"), others
    if alert.acknowledged_by:
        yield say(tongue, "seen"), alert.acknowledged_by


def _others(alert: Alert, tongue: Language) -> str:
    """Name the alerts that are told in the same message."""
    found = alert.evidence.get("together")
    names = (
        phrases.title(str(other.get("condition", "")), tongue)
        for other in (found if isinstance(found, list) else ())
        if isinstance(other, dict)
    )
    return say(tongue, "comma").join(names)[:LONGEST]


def _measured(alert: Alert, reader: Reader, now: Instant) -> Iterable[tuple[str, str]]:
    """Give the latest values with their trend, how good they are and how old."""
    tongue = reader.language
    values = _values(alert)
    if values:
        shown = " ".join(_number(alert, value) for _, value in values[-VALUES:])
        unit, trend = phrases.unit(alert.unit), _trend([v for _, v in values])
        tail = say(tongue, "comma") + say(tongue, trend) if trend else ""
        yield say(tongue, "latest"), f"{shown} {unit}{tail}"
    quality, confidence = (_share(alert, key) for key in ("quality", "confidence"))
    sure = quality if confidence is None else confidence
    if sure is not None:
        level = next(key for least, key in SURE if sure >= least)
        yield say(tongue, "sure"), say(tongue, level, n=round(100 * sure))
    if quality is not None:
        yield say(tongue, "quality"), say(tongue, "good", n=round(100 * quality))
    if alert.kind == "physiological":
        yield say(tongue, "reading"), _reading(alert, values, reader, now)


def _reading(
    alert: Alert, values: list[tuple[int, float]], reader: Reader, now: Instant
) -> str:
    """Say when the last reading was, and how old that makes it."""
    tongue = reader.language
    found = values[-1][0] if values else alert.evidence.get("received")
    if not _is_instant(found):
        return say(tongue, "unknown_age")
    time = _clock(int(found), reader.zone, now)
    return say(tongue, "ago", time=time, age=_lasting(now - int(found), tongue))


def _since(alert: Alert, reader: Reader, now: Instant) -> str:
    """Say since when, and how long that is."""
    age = _lasting(now - alert.since, reader.language)
    time = _clock(alert.since, reader.zone, now)
    return say(reader.language, "for", time=time, age=age)


def _links(offer: Offer, tongue: Language) -> tuple[tuple[str, str], ...]:
    """Give what can be done, by its name."""
    named = (
        (say(tongue, "acknowledge"), offer.acknowledge),
        (say(tongue, "snooze", n=offer.minutes), offer.snooze),
        (say(tongue, "open"), offer.open),
    )
    return tuple((label, address) for label, address in named if address)


def _heading(alert: Alert, why: str, tongue: Language) -> str:
    """Say what kind of message it is, and how urgent."""
    news = say(tongue, WHY.get(why, "why.call"))
    return news + say(tongue, "comma") + say(tongue, f"priority.{alert.priority}")


def _case(alert: Alert, tongue: Language) -> str:
    """Name the case."""
    return f"{say(tongue, 'case')} {case_number(alert.id)}"


def _values(alert: Alert) -> list[tuple[int, float]]:
    """Give the [time, value] of the evidence that can be shown, oldest first."""
    found = alert.evidence.get("values")
    pairs = found if isinstance(found, list | tuple) else ()
    return [
        (int(pair[0]), float(pair[1]))
        for pair in pairs
        if isinstance(pair, list | tuple)
        and len(pair) == 2
        and _is_instant(pair[0])
        and _is_number(pair[1])
    ]


def _trend(values: list[float]) -> str:
    """Say which way values go: the last third of them against the first."""
    third = len(values) // 3
    if not third:
        return ""
    first, last = sum(values[:third]) / third, sum(values[-third:]) / third
    if abs(last - first) <= TREND * abs(first):
        return "trend.steady"
    return "trend.rising" if last > first else "trend.falling"


def _value(alert: Alert, value: object) -> str:
    """Write a number of the alert's metric with its unit; "" when there is none."""
    if not _is_number(value):
        return ""
    return f"{_number(alert, value)} {phrases.unit(alert.unit)}".strip()


def _number(alert: Alert, value: float) -> str:
    """Write a number as finely as the alert's metric is read."""
    metric = next((m for m in Metric if alert.condition.startswith(m.value)), None)
    if metric is None:
        return f"{value:.4g}"
    return phrases.number(value, 1 if metric in FINE else 0)


def _share(alert: Alert, key: str) -> float | None:
    """Give a share of 1 from the evidence; None when it says none."""
    found = alert.evidence.get(key)
    return float(found) if _is_number(found) and 0 <= found <= 1 else None


def _is_number(value: object) -> TypeGuard[float]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < 1e15 and isfinite(value)  # type: ignore[arg-type]


def _is_instant(value: object) -> TypeGuard[float]:
    return _is_number(value) and 0 < value < 4e12


def _clock(t: int, zone: tzinfo, now: Instant) -> str:
    """Give the reader's wall clock; with the day when it is not today.

    In an hour that comes twice it says which of the two.  UTC is named: most live by
    another clock, and nobody may have said by which.
    """
    then, today = (datetime.fromtimestamp(x / 1000, zone) for x in (t, now))
    same = then.date() == today.date()
    shown = then.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M")
    named = twice(then) or then.tzname() == "UTC"
    return f"{shown} {then:%Z}" if named else shown


def _lasting(age_ms: int, tongue: Language) -> str:
    """Say how long something lasts, in its largest unit that is right to a half."""
    seconds = max(0, age_ms) // 1000
    for unit, size in (("day", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return say(tongue, unit, n=seconds // size)
    return say(tongue, "s", n=seconds)
