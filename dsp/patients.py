"""Watches patients: whose values are beyond a limit, or far from their usual."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from dsp import arrays, kernels
from dsp.arrays import EVENT, HIGH, I1, I8, RULE, Block, One, Records, Settings
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
        self._rules = default_rules(self._defaults, len(names))
        self._settings = kernel_settings(settings)
        self._events = np.zeros(ROOM, EVENT)

    def observe(
        self, readings: Sequence[Reading], fresh: I1
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each."""
        patients = [self._rows[reading.subject] for reading in readings]
        self._grow()
        block, source = samples(readings, patients, fresh.tolist())
        cursor, found = np.zeros(1, np.int64), []
        while cursor[0] < block.t.size:
            for event in self._step(block, cursor):
                i = int(source[event["sample"]])
                found.append((i, self._tell(readings[i], block, event)))
        return found

    def plan(self, subject: str, limits: Mapping[str, Limit]) -> None:
        """Hold a patient to a plan's limits from now on; {}: to the defaults."""
        row = self._rows[subject]
        self._grow()
        for column, signal in enumerate(SIGNALS):
            name = signal.metric.value
            found = bounds(signal, self._defaults.get(name), limits.get(name))
            self._rules[row, column]["bound"] = found.bound
            self._rules[row, column]["hold"] = found.hold

    def save(self) -> tuple[list[str], Records]:
        """Give the patients' names, and a copy of their state."""
        return list(self._rows.names), self._state[: len(self._rows)].copy()

    def load(self, saved: Records) -> None:
        """Take back the state that `save` gave; the names are the constructor's."""
        self._state = saved

    def _step(self, block: Block, cursor: I8) -> Records:
        """Take as much of a block as there is room for what it says."""
        count = kernels.step(
            self._state, self._rules, self._settings, block, self._events, cursor
        )
        return self._events[:count]

    def _tell(self, reading: Reading, block: Block, event: One) -> Anomaly:
        row, column = (int(a[event["sample"]]) for a in (block.patient, block.signal))
        side, hold = int(event["side"]), UNUSUAL_HOLD
        if side <= HIGH:
            hold = int(self._rules[row, column]["hold"][side])
        return vital(reading, SIGNALS[column], event, hold, self._late)

    def _grow(self) -> None:
        """Make room for the rows that have a name by now, and as many again."""
        need = len(self._rows)
        if need > len(self._state):
            fresh = arrays.state(2 * need, len(SIGNALS))
            self._state = arrays.roomier(self._state, fresh)
            fresh_rules = default_rules(self._defaults, 2 * need)
            self._rules = arrays.roomier(self._rules, fresh_rules)


def kernel_settings(settings: Dsp) -> Settings:
    """Give what the kernels are to know of the configuration."""
    return Settings(
        memory=float(settings.baseline_beats),
        z=float(settings.baseline_z),
        unusual_hold=UNUSUAL_HOLD,
        warm_span=int(WARM_SPAN_S * 1000),
        warm_count=WARM_COUNT,
        bad=BAD,
    )


def default_rules(limits: Mapping[str, Limit], rows: int) -> Records:
    """Give the rules for patients without a plan, under the configuration's limits."""
    found = [bounds(s, limits.get(s.metric.value)) for s in SIGNALS]
    rule = np.zeros(len(SIGNALS), RULE)
    rule["bound"] = [f.bound for f in found]
    rule["hold"] = [f.hold for f in found]
    rule["margin"] = [signal.margin for signal in SIGNALS]
    rule["gap"] = [int(signal.gap_s * 1000) for signal in SIGNALS]
    rule["spread"] = [nan if s.spread is None else s.spread for s in SIGNALS]
    return np.tile(rule, (rows, 1))
