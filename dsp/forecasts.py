"""Watches where signals are going: who will be beyond a limit, or changes fast.

A forecast is for streams: a signal of which nothing comes for its `gap_s` begins anew.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from dsp import arrays, kernels, trend
from dsp.arrays import END, EXERCISE, HIGH, I8, NEVER, Block, One, Records
from dsp.block import BAD
from dsp.episodes import identity, late
from dsp.limits import COLUMN, SIGNALS, Signal
from dsp.sentences import changing, foreseen
from dsp.trend import FALLING, RISING, TURN
from vitals.detection import Dsp
from vitals.model import Anomaly, Reading

NAMES = {
    trend.FORECAST_LOW: "forecast_low",
    trend.FORECAST_HIGH: "forecast_high",
    FALLING: "falling_fast",
    RISING: "rising_fast",
}


class ForecastWatch:
    """The trends of all patients' signals; its rows are those of `PatientWatch`."""

    def __init__(self, settings: Dsp) -> None:
        self._held = trend.courses(settings, COLUMN)
        self._late = settings.late_s * 1000
        watched = (self._held["horizon"] > 0) | ~np.isnan(self._held["by"])
        self._watched = watched
        self._state = trend.trends(0)

    def observe(
        self, readings: Sequence[Reading], block: Block, source: I8, rules: Records
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each.

        A sample's `signal` is its place in `SIGNALS` here; `rules` are the rows'.
        """
        if len(self._state) < len(rules):
            self._state = arrays.roomier(self._state, trend.trends(len(rules)))
        mine = self._watched[block.signal] & (block.quality & EXERCISE == 0)
        mine = np.flatnonzero(mine)
        if not mine.size:
            return []
        who, of, t, value, marks = block
        part = Block(who[mine], of[mine], t[mine], value[mine], marks[mine])
        turns = np.empty(4 * mine.size + 1, TURN)
        n = kernels.trends(self._state, self._held, rules, part, BAD, turns)
        found = []
        for e in turns[:n]:
            k = mine[e["sample"]]
            signal, i = SIGNALS[block.signal[k]], int(source[k])
            found.append((i, self._tell(readings[i], signal, e, int(block.signal[k]))))
        return found

    def save(self, rows: int) -> Records:
        """Give a copy of the state of so many rows."""
        fresh = trend.trends(rows)
        known = self._state[:rows]
        fresh[: len(known)] = known
        return fresh

    def load(self, saved: Records) -> None:
        """Take back the state that `save` gave."""
        self._state = saved

    def _tell(self, reading: Reading, signal: Signal, e: One, column: int) -> Anomaly:
        """Make the anomaly of an event."""
        side, over = int(e["side"]), bool(e["what"] == END)
        ahead = side <= HIGH
        detector = "forecast" if ahead else "rate"
        condition = f"{signal.metric.value}_{NAMES[side]}"
        begin, share = int(e["begin"]), round(float(e["good"] / e["seen"]), 3)
        of = reading.subject, detector, condition, reading.device, begin
        tell = _forecast if ahead else _rate
        evidence = tell(signal, e, self._held[column], over)
        return Anomaly(
            id=identity(*of),
            subject=reading.subject,
            detector=detector,
            condition=condition,
            kind="physiological",
            begin=begin,
            t=reading.record.t,
            over=over,
            value=round(float(e["value"]), 3),
            unit=signal.metric.unit,
            confidence=share,
            late=late(reading.record, self._late),
            evidence={
                "device": reading.device,
                "limit": float(e["bound"]),
                "values": _values(e),
                "quality": share,
                "received": reading.record.received,
                **evidence,
            },
        )


def _forecast(signal: Signal, e: One, held: One, over: bool) -> dict[str, object]:
    """Give the evidence of a forecast: the line, and when it meets the limit."""
    horizon = float(held["horizon"])
    span = [reach(e, z, horizon) for z in (-float(held["z"]), 0.0, float(held["z"]))]
    first, middle, last = (None if x is None else round(x / 1000) for x in span)
    hours = round(float(e["slope"]) * 3_600_000, 3)
    text, chinese = foreseen(
        signal.metric, (float(e["level"]), float(e["bound"])), middle, over
    )
    return {
        "horizon_s": horizon / 1000,
        "level": round(float(e["level"]), 3),
        "per_hour": hours,
        "spread": round(float(e["spread"]), 3),
        "in_s": middle,
        "from_s": first,
        "to_s": last,
        "text": text,
        "text_zh": chinese,
    }


def _rate(signal: Signal, e: One, held: One, over: bool) -> dict[str, object]:
    """Give the evidence of a fast change."""
    within = float(held["within"]) / 1000
    text, chinese = changing(signal.metric, float(e["value"]), within, over)
    return {"within_s": within, "text": text, "text_zh": chinese}


def reach(e: One, z: float, horizon: float) -> float | None:
    """Give the ms in which the line, moved by `z` bands away from its limit, is there.

    None: not within the horizon.
    """
    sign = 1.0 if e["side"] == HIGH else -1.0

    def short(h: float) -> float:
        apart = h - float(e["middle"])
        root = 1.0 + 1.0 / float(e["points"]) + apart * apart / float(e["sxx"])
        there = float(e["level"] + e["slope"] * h - e["bound"])
        return z * float(e["spread"]) * sqrt(root) - sign * there

    if short(horizon) > 0:
        return None
    low, high = 0.0, horizon
    if short(low) <= 0:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if short(middle) > 0 else (low, middle)
    return high


def _values(e: One) -> list[list[float]]:
    """Give the means, [t, value], oldest first."""
    pairs = zip(e["t"].tolist(), e["x"].tolist(), strict=True)
    return [[t, round(x, 3)] for t, x in pairs if t != NEVER]
