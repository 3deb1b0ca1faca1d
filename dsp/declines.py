"""Watches patients hour by hour: who declines, by all signs together.

An hour is judged with the first reading of a later one, from the means of its good
values: what it says comes from the records alone, however they are cut into blocks.
"""

from collections.abc import Sequence
from math import isinf

import numpy as np

from dsp import decline, kernels
from dsp.arrays import EXERCISE, F8, I8, REWIND, Block, One, Records
from dsp.block import BAD, Rows
from dsp.decline import COUNT, SIGNS, VERDICT, Hours, Watchfulness, signs
from dsp.episodes import identity, late
from dsp.limits import COLUMN
from dsp.sentences import declining
from vitals.codes import Metric
from vitals.detection import Dsp
from vitals.model import Anomaly, Reading

DETECTOR, CONDITION = "decline", "decline"
HOUR = 3_600_000  # ms
RETURN = 0.7  # share of the score that raises, below which it is over (ours)
NAMED = 3  # signs that a sentence names at most

SIGN = {
    COLUMN[metric.value]: SIGNS.index(name)
    for metric, name in (
        (Metric.HEART_RATE, "hr"),
        (Metric.OXYGEN_SATURATION, "spo2"),
        (Metric.BODY_TEMPERATURE, "temp"),
        (Metric.SYSTOLIC, "sbp"),
        (Metric.MEAN_ARTERIAL_PRESSURE, "map"),
        (Metric.DIASTOLIC, "dbp"),
    )
}
SIGN_OF = np.array([SIGN.get(column, -1) for column in COLUMN.values()])
"""The sign that a signal's column is; -1: none."""

NAMES = (
    ("heart rate", "心率"),
    ("oxygen saturation", "血氧饱和度"),
    ("temperature", "体温"),
    ("systolic pressure", "收缩压"),
    ("mean pressure", "平均动脉压"),
    ("diastolic pressure", "舒张压"),
    ("respiration", "呼吸"),
)

GATHER = np.dtype(
    [
        ("hour", "i8"),  # that is being gathered; -1: none yet
        ("sum", "f8", COUNT),
        ("n", "i8", COUNT),
        ("seen", "i8"),  # values at rest, missing and bad ones too
        ("begin", "i8"),  # hour in which the open decline began; -1: none is open
        ("worst", "f8"),  # score of it
        ("missing", "i8"),  # bits of the signs that were missing then
    ],
    align=True,
)
"""What is gathered of a patient's hour; (R,)."""


class DeclineWatch:
    """All patients; all devices of one are judged together."""

    def __init__(self, settings: Dsp, names: Sequence[str] = ()) -> None:
        self._raise, self._late = settings.decline_score, settings.late_s * 1000
        self._rows = Rows(names)
        self._state = decline.declines(len(names))
        self._hours = gathers(len(names))
        self._table = signs()

    def observe(
        self, readings: Sequence[Reading], block: Block, source: I8
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each hour.

        A sample's `signal` is its place in `SIGNALS` here.
        """
        whose = np.array([self._rows[reading.subject] for reading in readings])
        self._welcome()
        mine = np.flatnonzero(SIGN_OF[block.signal] >= 0)
        row, hour = whose[source[mine]], block.t[mine] // HOUR
        at_rest = block.quality[mine] & EXERCISE == 0
        good = ~np.isnan(block.value[mine]) & (block.quality[mine] & BAD == 0)
        again = good & (block.quality[mine] & REWIND != 0)
        odd = good & ((hour != self._hours["hour"][row]) & at_rest | again)
        turn = np.isin(row, row[odd]) if odd.any() else odd
        still = ~turn & at_rest & (hour == self._hours["hour"][row])
        sign, value = SIGN_OF[block.signal[mine]], block.value[mine]
        np.add.at(self._hours["seen"], row[still], 1)
        still &= good
        self._gather(row[still], sign[still], value[still])
        found = []
        for j in np.flatnonzero(turn).tolist():
            own, i = self._hours[row[j]], int(source[mine[j]])
            if again[j] and hour[j] < own["hour"]:
                _begin(own, hour[j])
            if good[j] and at_rest[j] and hour[j] > own["hour"]:
                if own["hour"] >= 0 and (said := self._judge(row[j], readings[i])):
                    found.append((i, said))
                _begin(own, hour[j])
            if at_rest[j] and hour[j] == own["hour"]:
                own["seen"] += 1
                if good[j]:
                    self._gather(row[j : j + 1], sign[j : j + 1], value[j : j + 1])
        return found

    def forget(self, subject: str) -> None:
        """Forget what is usual for a patient; a decline that is open goes on."""
        for row in [n for n, name in enumerate(self._rows.names) if name == subject]:
            s, fresh = self._state[row], decline.declines(1)[0]
            for field in ("mean", "var", "learned", "fast", "cusum", "seen", "first"):
                s[field] = fresh[field]

    def _gather(self, row: I8, sign: I8, value: F8) -> None:
        """Take values into the hours of their patients, one after the other."""
        np.add.at(self._hours["sum"], (row, sign), value)
        np.add.at(self._hours["n"], (row, sign), 1)

    def save(self) -> tuple[list[str], Records, Records]:
        """Give the rows' names, and copies of what is known and what is gathered."""
        n = len(self._rows)
        return list(self._rows.names), self._state[:n].copy(), self._hours[:n].copy()

    def load(self, state: Records, hours: Records) -> None:
        """Take back what `save` gave; the names are the constructor's."""
        self._state, self._hours = state, hours

    def _judge(self, row: int, reading: Reading) -> Anomaly | None:
        """Judge the hour that is over; give what begins or ends with it."""
        own, said = self._hours[row], np.zeros(1, VERDICT)
        with np.errstate(invalid="ignore"):
            value: F8 = own["sum"] / own["n"]
        hour = np.array([float(own["hour"])])
        block = Hours(np.array([row]), hour, value.reshape(1, COUNT))
        kernels.decline(self._state, self._table, Watchfulness(), block, said)
        score = float(said[0]["score"])
        if own["begin"] < 0 and score >= self._raise:
            own["begin"], own["worst"] = own["hour"], score
            own["missing"] = said[0]["missing"]
            return self._tell(reading, row, said[0], False)
        own["worst"] = max(float(own["worst"]), score)
        gone = int(said[0]["missing"]) & ~int(own["missing"])  # absence is no cure
        if own["begin"] >= 0 and score < RETURN * self._raise and not gone:
            over = self._tell(reading, row, said[0], True)
            own["begin"] = -1
            return over
        return None

    def _tell(self, reading: Reading, row: int, verdict: One, over: bool) -> Anomaly:
        own, name = self._hours[row], self._rows.names[row]
        begin = int(own["begin"]) * HOUR
        share = round(float(own["n"].sum() / max(own["seen"], own["n"].sum(), 1)), 3)
        text, chinese = declining(
            verdict["low"], verdict["high"], _worst(verdict), over
        )
        return Anomaly(
            id=identity(name, DETECTOR, CONDITION, begin),
            subject=name,
            detector=DETECTOR,
            condition=CONDITION,
            kind="physiological",
            begin=begin,
            t=reading.record.t,
            over=over,
            value=round(float(own["worst"]), 3),
            confidence=share,
            late=late(reading.record, self._late),
            evidence={
                "limit": self._raise,
                "from": begin,
                "to": (int(own["hour"]) + 1) * HOUR,
                "news2": _bounds(verdict),
                "signs": [_sign(k, verdict) for k in _known(verdict)],
                "quality": share,
                "received": reading.record.received,
                "text": text,
                "text_zh": chinese,
            },
        )

    def _welcome(self) -> None:
        """Make room for the rows that have been named, and as many again."""
        need, known = len(self._rows), len(self._state)
        if need > known:
            state, hours = decline.declines(2 * need), gathers(2 * need)
            state[:known], hours[:known] = self._state, self._hours
            self._state, self._hours = state, hours


def gathers(rows: int) -> Records:
    """Give the hours of patients of whom nothing has been gathered."""
    fresh = np.zeros(rows, GATHER)
    fresh["hour"] = fresh["begin"] = -1
    return fresh


def _begin(own: One, hour: int) -> None:
    """Begin to gather an hour."""
    own["hour"], own["sum"], own["n"], own["seen"] = hour, 0.0, 0, 0


def _known(verdict: One) -> list[int]:
    """Give the signs that have been measured at all."""
    return [k for k in range(COUNT) if not isinf(verdict["age"][k])]


def _bounds(verdict: One) -> dict[str, object]:
    """Give NEWS2 as far as it is known; consciousness and oxygen are never."""
    missing = int(verdict["missing"])
    return {
        "low": int(verdict["low"]),
        "high": int(verdict["high"]),
        "missing": [name for k, name in enumerate(SIGNS) if missing >> k & 1],
        "red": bool(verdict["red"]),
    }


def _sign(k: int, verdict: One) -> dict[str, object]:
    """Give what one sign adds to the score."""
    return {
        "sign": SIGNS[k],
        "points": int(verdict["points"][k]),
        "above_usual": round(float(verdict["cusum"][k]), 2),
        "baseline": round(float(verdict["usual"][k]), 2),
        "age_h": float(verdict["age"][k]),
    }


def _worst(verdict: One) -> list[tuple[str, str]]:
    """Name the signs that add most."""
    share = verdict["points"] + np.log1p(verdict["cusum"])
    order = np.argsort(-share, kind="stable")[:NAMED]
    return [NAMES[k] for k in order.tolist() if share[k] > 0.5]
