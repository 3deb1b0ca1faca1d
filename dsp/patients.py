"""Watches patients: whose values are beyond a limit, or far from their usual."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp import arrays, kernels
from dsp.arrays import HIGH, I1, Block, Rules
from dsp.block import BAD, Rows, samples
from dsp.episodes import vital
from dsp.limits import (
    SIGNALS,
    UNUSUAL_HOLD_S,
    WARM_COUNT,
    WARM_SPAN_S,
    bounds,
    check,
)
from vitals.config import Dsp
from vitals.model import Anomaly, Limit, Reading

ROOM = 1024  # events that one call of the kernel can give
UNUSUAL_HOLD = int(UNUSUAL_HOLD_S * 1000)


class PatientWatch:
    """All patients' signals: their state, and what each is held to."""

    def __init__(self, settings: Dsp, names: Sequence[str] = ()) -> None:
        self._defaults = check(settings.limits)
        self._late = settings.late_s * 1000
        self._rows = Rows(names)
        self._state = arrays.state(len(names), len(SIGNALS))
        self._rules = self._start(settings, len(names))
        self._events = arrays.events(ROOM)

    def observe(
        self, readings: Sequence[Reading], fresh: I1
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each."""
        patients = [self._rows[reading.subject] for reading in readings]
        self._grow()
        block, source = samples(readings, patients, fresh.tolist())
        cursor, found = np.zeros(1, np.int64), []
        while cursor[0] < block.t.size:
            count = kernels.step(self._state, self._rules, block, self._events, cursor)
            for n in range(count):
                sample = int(self._events.sample[n])
                i = int(source[sample])
                found.append((i, self._tell(readings[i], block, n)))
        return found

    def plan(self, subject: str, limits: Mapping[str, Limit]) -> None:
        """Hold a patient to a plan's limits from now on; {}: to the defaults."""
        row = self._rows[subject]
        self._grow()
        for column, signal in enumerate(SIGNALS):
            name = signal.metric.value
            found = bounds(signal, self._defaults.get(name), limits.get(name))
            self._rules.bound[row, column] = found.bound
            self._rules.hold[row, column] = found.hold

    def save(self) -> tuple[list[str], dict[str, NDArray[Any]]]:
        """Give the patients' names, and copies of their arrays."""
        rows = len(self._rows)
        return list(self._rows.names), arrays.pack(self._state, "state", rows)

    def load(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `save` gave; the names are the constructor's."""
        fresh = arrays.state(len(self._rows), len(SIGNALS))
        self._state = arrays.unpack(fresh, "state", saved)

    def _tell(self, reading: Reading, block: Block, n: int) -> Anomaly:
        sample, side = int(self._events.sample[n]), int(self._events.side[n])
        row, column = int(block.patient[sample]), int(block.signal[sample])
        limit = side <= HIGH
        hold = int(self._rules.hold[row, column, side]) if limit else UNUSUAL_HOLD
        signal = SIGNALS[column]
        return vital(reading, signal, self._events, n, hold, self._late)

    def _start(self, settings: Dsp, rows: int) -> Rules:
        """Give the rules for patients without a plan."""
        bound, hold = self._default(rows)
        return Rules(
            bound=bound,
            hold=hold,
            margin=np.array([signal.margin for signal in SIGNALS], np.float64),
            gap=np.array([int(signal.gap_s * 1000) for signal in SIGNALS], np.int64),
            spread=np.array(
                [nan if s.spread is None else s.spread for s in SIGNALS], np.float64
            ),
            memory=float(settings.baseline_beats),
            z=float(settings.baseline_z),
            unusual_hold=UNUSUAL_HOLD,
            warm_span=int(WARM_SPAN_S * 1000),
            warm_count=WARM_COUNT,
            bad=BAD,
        )

    def _default(self, rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give default bounds and holds for a number of patients."""
        found = [bounds(s, self._defaults.get(s.metric.value)) for s in SIGNALS]
        bound = np.array([f.bound for f in found], np.float64)
        hold = np.array([f.hold for f in found], np.int64)
        return np.tile(bound, (rows, 1, 1)), np.tile(hold, (rows, 1, 1))

    def _grow(self) -> None:
        """Make room for the rows that have a name by now, and as many again."""
        need, room = len(self._rows), self._state.last.shape[0]
        if need > room:
            more = 2 * need - room
            fresh = arrays.state(more, len(SIGNALS))
            self._state = arrays.grown(self._state, fresh)
            bound, hold = self._default(more)
            self._rules = self._rules._replace(
                bound=np.concatenate([self._rules.bound, bound]),
                hold=np.concatenate([self._rules.hold, hold]),
            )
