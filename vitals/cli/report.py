"""`vitals report alerts`: what our own alerts cost the people whom they call."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from vitals import Instant
from vitals.cli.export import place
from vitals.clock import now
from vitals.plurals import several

if TYPE_CHECKING:
    from alerts.burden import Burden, Share

DAY = 86_400_000  # ms


def main(chosen: argparse.Namespace) -> int:
    """Print the burden of the last days."""
    from alerts.burden import report
    from alerts.history import AlertHistory
    from ingest.store import measured_days, open_history

    data, store = place(chosen)
    end = now()
    begin = Instant(int(end - chosen.days * DAY))
    history, alerts = open_history(store, data), AlertHistory(data)
    try:
        days = measured_days(history, history.subjects(), begin, end)
        found = report(alerts.happenings(begin, end), begin, end, days)
    finally:
        history.close()
        alerts.close()
    print(msgspec.json.encode(found).decode() if chosen.json else table(found))
    return 0


def table(found: "Burden") -> str:
    """Lay the report out for a terminal."""
    days = (found.end - found.begin) / DAY
    published = found.published
    patient_days = several(found.patient_days, "patient-day")
    head = (
        f"alerts of {several(days, 'day')}, {patient_days}",
        "",
        _row("", ("alerts", "a day", "seen", "alone", "false", "p50", "p95")),
    )
    foot = (
        "",
        "a day: for each patient-day.  seen: acknowledged by a person.",
        "alone: over before anybody did anything.",
        "p50, p95: within this, half and 95 % of those seen were seen.",
        f"A published programme at home: {published['alerts']:.2f} alerts a"
        f" patient-day,",
        f"{published['for_people']:.2f} left for people (JMIR Med Inform 2025,"
        " e66066).",
    )
    return "\n".join((*head, *_lines(found), *foot))


def _lines(found: "Burden") -> Iterable[str]:
    yield _line("calls people (high, medium)", found.calls)
    yield _line("on the list (low)", found.listed)
    for title, sorts in (("kind", found.by_kind), ("condition", found.by_condition)):
        if sorts:
            yield f"by {title}"
        for name, share in sorts.items():
            yield _line(f"  {name}", share)


def _line(name: str, share: "Share") -> str:
    rate = "-" if share.per_patient_day is None else f"{share.per_patient_day:.2f}"
    p50, p95 = map(_duration, share.to_acknowledge_s or (None, None))
    shares = (share.acknowledged, share.self_cleared, share.false)
    seen, alone, false = map(_percent, shares)
    return _row(name, (share.alerts, rate, seen, alone, false, p50, p95))


def _row(name: str, cells: Iterable[object]) -> str:
    """Lay a row out: with the longest condition's name it is 80 columns wide."""
    widths = (6, 5, 5, 5, 5, 7, 7)
    laid = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:<33} {' '.join(laid)}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.0f} %"


def _duration(seconds: float | None) -> str:
    """Say how long.

    >>> _duration(42), _duration(600), _duration(9000), _duration(None)
    ('42 s', '10 min', '2.5 h', '-')
    """
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
