"""Kernel events as anomalies, with their evidence and one sentence in plain words."""

from collections.abc import Sequence
from hashlib import blake2b
from math import isnan
from typing import Any, NamedTuple

from dsp.arrays import END, HIGH, LOW, NEVER, OFF_BODY, SILENT, One
from dsp.limits import Signal
from dsp.sentences import Excess, strayed, unheard, unworn
from vitals.codes import Flag, Kind
from vitals.model import Anomaly, Reading, Record

SUFFIX = {LOW: "low", HIGH: "high"}


class Device(NamedTuple):
    """One kind of record from one device, and whose it is."""

    subject: str
    device: str
    kind: Kind


class Spell(NamedTuple):
    """A device's trouble: what, since when, until when, and on which record's word."""

    which: int  # OFF_BODY or SILENT
    what: int  # BEGIN or END
    begin: int  # ms
    t: int  # ms
    after: int  # ms that it had to last
    record: Record | None  # None: no record says so, that is the point


def identity(*parts: object) -> str:
    """Name an episode by what it is: the same on every replay, other for any other.

    >>> identity("p-7", "limit", "heart_rate_high", 5)
    'ad75152c3237831412cf73c2'
    """
    text = "/".join(str(part) for part in parts)
    return blake2b(text.encode(), digest_size=12).hexdigest()


def late(record: Record, after_ms: float) -> bool:
    """Tell whether a record came so late that it should wake nobody."""
    if Flag.LATE in record.q:
        return True
    return record.received is not None and record.received - record.t > after_ms


def vital(
    reading: Reading, signal: Signal, e: One, hold: int, late_ms: float
) -> Anomaly:
    """Make the anomaly of an EVENT record that `reading` has completed."""
    metric, side = signal.metric, int(e["side"])
    usual = side not in SUFFIX
    detector = "baseline" if usual else "limit"
    condition = f"{metric.value}_{SUFFIX.get(side, 'unusual')}"
    begin, t = int(e["begin"]), reading.record.t
    share = round(float(e["good"] / e["seen"]), 3)
    text, chinese = _say_vital(signal, e, t - begin)
    return Anomaly(
        id=identity(reading.subject, detector, condition, reading.device, begin),
        subject=reading.subject,
        detector=detector,
        condition=condition,
        kind="physiological",
        begin=begin,
        t=t,
        over=bool(e["what"] == END),
        value=float(e["worst"]),
        unit=metric.unit,
        confidence=share,
        late=late(reading.record, late_ms),
        evidence={
            "device": reading.device,
            "limit": _number(e["bound"]),
            "hold_s": hold / 1000,
            "values": _values(e),
            "baseline": _number(e["mean"]),
            "quality": share,
            "received": reading.record.received,
            "age_s": _age_s(e, t),
            "text": text,
            "text_zh": chinese,
        },
    )


def grounds(
    quality: float | None, age_s: float | None, values: Sequence[Sequence[float]] = ()
) -> dict[str, Any]:
    """Give what a technical finding rests on, in the words of all others.

    Parameters
    ----------
    quality : float or None
        The share of what it rests on that is good, 0 to 1: of a silence, none.
    age_s : float or None
        How old the latest record is; None: there has been none.
    values : sequence of (t, value)
        Oldest first.
    """
    return {
        "values": [list(pair) for pair in values],
        "baseline": None,  # of no device is it known what is usual
        "quality": quality,
        "age_s": age_s,
        "confidence": 1.0,  # a clock and a flag do not guess
    }


def technical(device: Device, spell: Spell, late_ms: float) -> Anomaly:
    """Make the anomaly of a device in trouble."""
    detector = "off_body" if spell.which == OFF_BODY else "silent"
    condition = f"device_{detector}"
    whose: tuple[str, ...] = device.device, device.kind
    text, chinese = _say_technical(device, spell)
    unheard_of = spell.which == SILENT and spell.what != END
    evidence: dict[str, Any] = {
        "device": device.device,
        "kind": str(device.kind),
        "hold_s": spell.after / 1000,
        **grounds(0.0, age_s=(spell.t - spell.begin) / 1000 if unheard_of else 0.0),
        "text": text,
        "text_zh": chinese,
    }
    if spell.record is not None:
        evidence["received"] = spell.record.received
    return Anomaly(
        id=identity(device.subject, detector, condition, *whose, spell.begin),
        subject=device.subject,
        detector=detector,
        condition=condition,
        kind="technical",
        begin=spell.begin,
        t=spell.t,
        over=spell.what == END,
        late=spell.record is not None and late(spell.record, late_ms),
        evidence=evidence,
    )


def _number(value: float) -> float | None:
    """Give a number, or None for one that is not."""
    return None if isnan(value) else float(value)


def _age_s(e: One, t: int) -> float:
    """Give how old the latest good value is."""
    return max(0.0, float(t - max(e["recent_t"].tolist()))) / 1000


def _values(e: One) -> list[list[float]]:
    """Give the latest good [t, value], oldest first."""
    pairs = zip(e["recent_t"].tolist(), e["recent"].tolist(), strict=True)
    return [[t, value] for t, value in pairs if t != NEVER]


def _say_vital(signal: Signal, e: One, lasted: int) -> tuple[str, str]:
    """Say it in a sentence, say: Heart rate 152 /min, at or above 131 for 60 s."""
    side = int(e["side"])
    high, bound = (side == HIGH, e["bound"]) if side <= HIGH else (None, e["mean"])
    excess = Excess(signal.metric, high, float(bound), float(e["worst"]), lasted / 1000)
    return strayed(excess, bool(e["what"] == END))


def _say_technical(device: Device, spell: Spell) -> tuple[str, str]:
    """Say it in a sentence, say: No heart rate from strap-1 for 60 s."""
    lasted_s, over = (spell.t - spell.begin) / 1000, spell.what == END
    if spell.which == OFF_BODY:
        return unworn(device.device, lasted_s, over)
    return unheard(device.device, device.kind, lasted_s, over)
