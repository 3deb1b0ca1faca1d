"""Watches hearts beat by beat: whose rhythm becomes irregular, or regular again."""

from collections.abc import Sequence
from math import isnan, nan

import numpy as np

from dsp import heart, kernels
from dsp.arrays import I1, I8, One, Records
from dsp.block import BAD, Rows, quality
from dsp.episodes import identity, late
from dsp.heart import BEAT, CLEARED, QUIET, Beats, Rhythm
from dsp.sentences import irregular
from vitals.detection import Dsp
from vitals.gate import Gate
from vitals.model import Anomaly, HeartRate, Reading

DETECTOR, CONDITION = "rhythm", "irregular_rhythm"


class HeartWatch:
    """All hearts; a row is what one device hears of one patient's.

    Two devices on one patient are judged apart: each may drop what the other hears.
    """

    def __init__(self, settings: Dsp, names: Sequence[str] = ()) -> None:
        self._held_to = Gate(), Rhythm(hold=settings.irregular_hold_s * 1000.0)
        self._late = settings.late_s * 1000
        self._rows = Rows(names)
        self._state = heart.hearts(len(names))

    def observe(
        self, readings: Sequence[Reading], fresh: I1
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each."""
        block, source = self._beats(readings, fresh.tolist())
        if not block.t.size:
            return []
        self._welcome()
        block, order = gathered(block, len(self._rows))
        said = np.zeros(block.t.size, BEAT)
        kernels.beats(self._state, *self._held_to, block, said)
        found = []
        for k in np.flatnonzero(said["change"] != QUIET).tolist():
            i = source[order[k]]
            found.append((int(order[k]), i, self._tell(readings[i], said[k])))
        return [(i, anomaly) for _, i, anomaly in sorted(found, key=lambda f: f[0])]

    def forget(self, subject: str) -> None:
        """Forget a patient's usual interval; an episode that is open goes on."""
        for row, name in enumerate(self._rows.names):
            if name.partition("/")[0] == subject:
                self._state["usual"][row], self._state["trained"][row] = 0.0, 0

    def save(self) -> tuple[list[str], Records]:
        """Give the rows' names, and a copy of their state."""
        return list(self._rows.names), self._state[: len(self._rows)].copy()

    def load(self, saved: Records) -> None:
        """Take back the state that `save` gave; the names are the constructor's."""
        self._state = saved

    def _beats(
        self, readings: Sequence[Reading], fresh: Sequence[int]
    ) -> tuple[Beats, list[int]]:
        """Make the block of all beats, and each one's index into `readings`."""
        rows: list[int] = []
        moments: list[tuple[float, float, float]] = []  # t, rr, rate
        source: list[int] = []
        for i, reading in enumerate(readings):
            record = reading.record
            if not fresh[i] or not isinstance(record, HeartRate) or not record.rr:
                continue
            if record.q and quality(record) & BAD:
                continue
            row = self._rows[f"{reading.subject}/{reading.device}"]
            rate, t = nan if record.hr is None else record.hr, float(record.t)
            t -= sum(record.rr[1:])
            for k, rr in enumerate(record.rr):
                t += rr if k else 0.0
                moments.append((t, rr, rate))
                rows.append(row)
                source.append(i)
        table = np.array(moments, np.float64).reshape(-1, 3).T.copy()
        return Beats(np.array(rows, np.int64), *table), source

    def _tell(self, reading: Reading, beat: One) -> Anomaly:
        """Make the anomaly of a beat that raises or clears."""
        over = bool(beat["change"] == CLEARED)
        begin, end = int(beat["begin"]), int(beat["end"])
        share = round(float(beat["quality"]), 3)
        text, chinese = irregular((end - begin) / 1000, float(beat["mean_hr"]), over)
        name = reading.subject, DETECTOR, CONDITION, reading.device, begin
        return Anomaly(
            id=identity(*name),
            subject=reading.subject,
            detector=DETECTOR,
            condition=CONDITION,
            kind="physiological",
            begin=max(begin, 0),
            t=reading.record.t,
            over=over,
            confidence=share,
            late=late(reading.record, self._late),
            evidence={
                "device": reading.device,
                "hold_s": self._held_to[1].hold / 1000,
                "from": begin,
                "to": end,
                "irregularity": _number(beat["evidence"]),
                "limit": self._held_to[1].alarm,
                "mean_hr": _number(beat["mean_hr"]),
                "rmssd": _number(beat["rmssd"]),
                "quality": share,
                "received": reading.record.received,
                "text": text,
                "text_zh": chinese,
            },
        )

    def _welcome(self) -> None:
        """Make room for the rows that have been named, and as many again."""
        need, old = len(self._rows), self._state
        if need > len(old):
            self._state = heart.hearts(2 * need)
            self._state[: len(old)] = old


def gathered(block: Beats, rows: int) -> tuple[Beats, I8]:
    """Give a block with each row's intervals side by side, and where they were.

    What is said stays the same; a heart's state is fetched from memory once.
    """
    if block.row.size < rows // 8:
        order = np.argsort(block.row, kind="stable")
    else:
        order = np.empty(block.row.size, np.int64)
        kernels.arrange(block.row, np.zeros(rows + 1, np.int64), order)
    columns = block.row[order], block.t[order], block.rr[order], block.rate[order]
    return Beats(*columns), order


def _number(value: float) -> float | None:
    """Give a number as one reads it, or None for one that is not."""
    return None if isnan(value) else round(float(value), 3)
