"""Watches patients: whose values are beyond a limit, or far from their usual."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from dsp import arrays, kernels
from dsp.arrays import CALM, EVENT, HIGH, I1, I8, RULE, Block, One, Records, Settings
from dsp.block import BAD, Rows, samples
from dsp.confirmation import doubted
from dsp.episodes import vital
from dsp.limits import (
    COLUMN,
    SIGNALS,
    UNUSUAL_HOLD_S,
    WARM_COUNT,
    WARM_SPAN_S,
    bounds,
    check,
    doubts,
    spared,
)
from vitals.detection import Dsp
from vitals.model import Anomaly, Limit, Reading

ROOM = 1024  # events that one call of the kernel can give
METRICS = tuple(COLUMN)  # wire names by column
UNUSUAL_HOLD = int(UNUSUAL_HOLD_S * 1000)


class PatientWatch:
    """All patients' signals: their state, and what each is held to.

    A row is one signal of one patient from one device: two devices on one patient are
    judged apart, so that neither can hide what the other sees.
    """

    def __init__(self, settings: Dsp, names: Sequence[str] = ()) -> None:
        self._defaults = check(settings.limits)
        self._late = settings.late_s * 1000
        self._doubts = doubts(settings.confirm)
        self._plans: dict[str, Records] = {}  # rules of all signals, by subject
        self._own: dict[str, list[int]] = {}  # rows by subject
        systolic, diastolic = settings.pressure.crisis
        self._steps = {"systolic": systolic, "diastolic": diastolic}
        self._usual = default_rules(self._defaults, 1, self._steps)[0]
        self._settings = kernel_settings(settings)
        self._events = np.zeros(ROOM, EVENT)
        self._rows, self._columns = Rows(names), [_column(name) for name in names]
        self._state = arrays.state(len(names), 1)
        self._rules = np.zeros((len(names), 1), RULE)
        self._welcome(0)

    def samples(self, readings: Sequence[Reading], fresh: I1) -> tuple[Block, I8]:
        """Make the block of fresh values, and each one's index into `readings`."""
        known = len(self._rows)
        made = samples(readings, self._row, fresh.tolist())
        self._welcome(known)
        return made

    def columns(self, block: Block) -> I8:
        """Give the place in `SIGNALS` of each of a block's values."""
        places = [self._columns[row] for row in block.patient.tolist()]
        return np.array(places, np.int64)

    def observe(
        self, readings: Sequence[Reading], block: Block, source: I8
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that completed each."""
        cursor = np.zeros(1, np.int64)
        found: list[tuple[int, Anomaly]] = []
        while cursor[0] < block.t.size:
            for event in self._step(block, cursor):
                i = int(source[event["sample"]])
                found.append((i, self._tell(readings[i], block, event)))
        return found

    def plan(
        self, subject: str, limits: Mapping[str, Limit], *, steps: bool = True
    ) -> None:
        """Hold a patient to a plan's limits from now on; {}: to the defaults.

        `steps`: whether `dsp.crisis` watches this patient.
        """
        rules = self._usual.copy()
        for column, signal in enumerate(SIGNALS):
            name = signal.metric.value
            found = bounds(signal, self._defaults.get(name), limits.get(name))
            if steps:
                found = spared(found, limits.get(name), self._steps.get(name))
            rules[column]["bound"] = found.bound
            rules[column]["hold"] = found.hold
            rules[column]["night"] = found.night
        self._plans[subject] = rules
        for row in self._own.get(subject, ()):
            self._rules[row, 0] = rules[self._columns[row]]

    def forget(self, subject: str) -> None:
        """Forget what is usual for a patient."""
        for row in self._own.get(subject, ()):
            s = self._state[row, 0]
            s["mean"], s["var"], s["learned"], s["span"] = nan, 0.0, 0, 0
            s["phase"][HIGH + 1 :] = CALM

    @property
    def rules(self) -> Records:
        """What each row is held to, (R, 1)."""
        return self._rules

    def save(self) -> tuple[list[str], Records]:
        """Give the rows' names, and a copy of their state."""
        return list(self._rows.names), self._state[: len(self._rows)].copy()

    def load(self, saved: Records) -> None:
        """Take back the state that `save` gave; the names are the constructor's."""
        self._state = saved

    def _row(self, reading: Reading, column: int) -> int:
        """Give the row of one signal of a reading."""
        return self._rows[f"{reading.subject}/{reading.device}/{METRICS[column]}"]

    def _step(self, block: Block, cursor: I8) -> Records:
        """Take as much of a block as there is room for what it says."""
        count = kernels.step(
            self._state, self._rules, self._settings, block, self._events, cursor
        )
        return self._events[:count]

    def _tell(self, reading: Reading, block: Block, event: One) -> Anomaly:
        row = int(block.patient[event["sample"]])
        side, column = int(event["side"]), self._columns[row]
        if side > HIGH:
            return vital(reading, SIGNALS[column], event, UNUSUAL_HOLD, self._late)
        hold = int(self._rules[row, 0]["hold"][side])
        found = vital(reading, SIGNALS[column], event, hold, self._late)
        return doubted(found, event, self._doubts.get(column))

    def _welcome(self, known: int) -> None:
        """Make room for the rows named since there were `known`, and as many again."""
        need = len(self._rows)
        if need > len(self._state):
            self._state = arrays.roomier(self._state, arrays.state(2 * need, 1))
            empty = np.zeros((2 * need, 1), RULE)
            self._rules = arrays.roomier(self._rules, empty)
        for row in range(known, need):
            name = self._rows.names[row]
            subject, column = name.partition("/")[0], _column(name)
            self._columns[row:] = [column]
            self._own.setdefault(subject, []).append(row)
            self._rules[row, 0] = self._plans.get(subject, self._usual)[column]


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


def _column(name: str) -> int:
    """Give the signal of a row by the row's name."""
    return COLUMN[name.rpartition("/")[2]]


def default_rules(
    limits: Mapping[str, Limit], rows: int, steps: Mapping[str, float] | None = None
) -> Records:
    """Give the rules of all signals under the configuration's limits, `rows` times.

    `steps` are the bounds of `dsp.crisis` by signal.
    """
    named = [(s, s.metric.value) for s in SIGNALS]
    found = [
        spared(bounds(s, limits.get(name)), None, (steps or {}).get(name))
        for s, name in named
    ]
    rule = np.zeros(len(SIGNALS), RULE)
    rule["bound"] = [f.bound for f in found]
    rule["hold"] = [f.hold for f in found]
    rule["night"] = [f.night for f in found]
    rule["margin"] = [signal.margin for signal in SIGNALS]
    rule["gap"] = [int(signal.gap_s * 1000) for signal in SIGNALS]
    rule["spread"] = [nan if s.spread is None else s.spread for s in SIGNALS]
    return np.tile(rule, (rows, 1))
