"""Kernel events as anomalies, with their evidence and one sentence in plain English."""

from hashlib import blake2b
from math import isnan
from typing import Any, NamedTuple

from dsp.arrays import BEGIN, END, HIGH, LOW, NEVER, OFF_BODY, One
from dsp.limits import Signal
from vitals.codes import Flag, Kind
from vitals.model import Anomaly, Reading, Record

NAMES = {
    "systolic": "Systolic pressure",
    "diastolic": "Diastolic pressure",
}
UNITS = {"mm[Hg]": "mmHg", "Cel": "°C"}  # UCUM -> print
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
            "text": _say_vital(signal, e, t - begin),
        },
    )


def technical(device: Device, spell: Spell, late_ms: float) -> Anomaly:
    """Make the anomaly of a device in trouble."""
    detector = "off_body" if spell.which == OFF_BODY else "silent"
    condition = f"device_{detector}"
    whose: tuple[str, ...] = device.device, device.kind
    evidence: dict[str, Any] = {
        "device": device.device,
        "kind": str(device.kind),
        "hold_s": spell.after / 1000,
        "text": _say_technical(device, spell),
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


def _values(e: One) -> list[list[float]]:
    """Give the latest good [t, value], oldest first."""
    pairs = zip(e["recent_t"].tolist(), e["recent"].tolist(), strict=True)
    return [[t, value] for t, value in pairs if t != NEVER]


def _say_vital(signal: Signal, e: One, lasted: int) -> str:
    """Say it in a sentence, say: Heart rate 152 /min, at or above 131 for 60 s."""
    metric, side = signal.metric, int(e["side"])
    name = NAMES.get(metric.value, metric.value.replace("_", " ").capitalize())
    unit = UNITS.get(metric.unit, metric.unit)
    beyond = f"at or {'above' if side % 2 else 'below'} {e['bound']:.4g}"
    if side not in SUFFIX:
        beyond = f"far from this patient's usual {e['mean']:.4g}"
    worst, seconds = f"{e['worst']:.4g} {unit}", f"{lasted / 1000:.0f} s"
    if e["what"] == END:
        return f"{name} no longer {beyond}, after {seconds}; the worst was {worst}."
    return f"{name} {worst}, {beyond}{f' for {seconds}' if lasted else ''}."


def _say_technical(device: Device, spell: Spell) -> str:
    """Say it in a sentence, say: No heart rate from strap-1 for 60 s."""
    seconds, kind = f"{(spell.t - spell.begin) / 1000:.0f} s", device.kind
    what = kind.replace("_", " ")
    if spell.which == OFF_BODY:
        if spell.what == BEGIN:
            return f"{device.device} has been off the body for {seconds}."
        return f"{device.device} is on the body again, after {seconds}."
    if spell.what == BEGIN:
        return f"No {what} from {device.device} for {seconds}."
    return f"{device.device} sends {what} again, after {seconds}."
