"""Watches devices: which records are news, who is off the body, who has gone silent."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from dsp import arrays, kernels
from dsp.arrays import (
    BEGIN,
    DEVICE_EVENT,
    I1,
    NEVER,
    OFF_BODY,
    PATIENCE,
    SILENT,
    Records,
)
from dsp.block import Rows, arrivals, of_stream, stream
from dsp.defects import Defects
from dsp.episodes import Device, Spell, technical
from dsp.limits import SPARSE, patience
from vitals.detection import Dsp
from vitals.model import Anomaly, Instant, Reading

UNKNOWN = -1  # an arrival before this process started
MISSES = 3  # records of a kind that a plan expects, and after which it is silent


class DeviceWatch:
    """The streams of all devices; a stream is one kind of record from one device."""

    def __init__(
        self, settings: Dsp, defects: Defects, names: Sequence[str] = ()
    ) -> None:
        self._defects = defects
        self._silence = patience(settings.silence_s)
        self._off_body = int(settings.off_body_s * 1000)
        self._late = settings.late_s * 1000
        self._rows = Rows(names)
        self._state = arrays.devices(len(names))
        self._arrived = np.full(len(names), UNKNOWN, np.int64)
        self._expects: dict[str, dict[str, float]] = {}  # s by kind, by subject
        self._own: dict[str, list[int]] = {}  # rows by subject
        self._patience = np.zeros(len(names), PATIENCE)
        self._grow(0)

    def observe(
        self, readings: Sequence[Reading], arrived: Instant, steady: int
    ) -> tuple[I1, list[tuple[int, Anomaly]]]:
        """Give which readings are fresh, and anomalies with their reading's index."""
        known = len(self._rows)
        rows = np.array([self._rows[stream(r)] for r in readings], np.int64)
        self._grow(known)
        came = arrivals(readings, rows, arrived)
        said = np.zeros(3 * len(readings), DEVICE_EVENT)
        count = kernels.attend(self._state, self._patience, came, said)
        self._arrived[rows[came.fresh > 0]] = steady
        found = []
        for i, which, what, begin, t in said[:count].tolist():
            row, silence = int(rows[i]), which == SILENT and what == BEGIN
            after = int(
                self._patience[row]["off_body" if which == OFF_BODY else "silence"]
            )
            record = None if silence else readings[i].record
            spell = Spell(which, what, begin, t, after, record)
            found.append((i, self._tell(row, spell)))
        return came.fresh, found

    def tick(self, steady: int) -> list[Anomaly]:
        """Give the streams from which nothing has come for too long.

        Both this and `observe` are told the ms of a clock that never steps: by one that
        does, every device would fall silent at once, or none.
        """
        arrived, rows = self._arrived, len(self._rows)
        arrived[arrived == UNKNOWN] = steady  # a restart starts its own patience
        s, patience = self._state[:rows], self._patience[:rows]
        limit = patience["silence"]
        ready = (s["last"] != NEVER) & (s["streak"] >= patience["streak"])
        overdue = (limit > 0) & (steady - arrived[:rows] > limit) & (s["silent"] == 0)
        said = []
        for row in np.flatnonzero(ready & overdue).tolist():
            with self._defects.apart(self._rows.names[row].partition("/")[0]):
                said.append(self._silent(row))
                s["silent"][row] = 1
        return said

    def plan(self, subject: str, expects: Mapping[str, float]) -> None:
        """Expect records of these kinds so often, s; others as by default."""
        self._expects.pop(subject, None)
        if expects:
            self._expects[subject] = dict(expects)
        for row in self._own.get(subject, ()):
            self._patience[row] = self._held_to(self._rows.names[row])

    def save(self) -> tuple[list[str], Records]:
        """Give the streams' names, and a copy of their state."""
        return list(self._rows.names), self._state[: len(self._rows)].copy()

    def load(self, saved: Records) -> None:
        """Take back the state that `save` gave; the names are the constructor's."""
        self._state = saved

    def _silent(self, row: int) -> Anomaly:
        last = int(self._state[row]["last"])
        limit = int(self._patience[row]["silence"])
        return self._tell(row, Spell(SILENT, BEGIN, last, last + limit, limit, None))

    def _tell(self, row: int, spell: Spell) -> Anomaly:
        device = Device(*of_stream(self._rows.names[row]))
        expects = self._expects.get(device.subject, {})
        found = technical(device, spell, self._late)
        if spell.which != SILENT:
            return found
        evidence = {**found.evidence, "expected": device.kind in expects}
        return replace(found, evidence=evidence)

    def _held_to(self, name: str) -> tuple[int, int, int]:
        """Give the PATIENCE with a stream of this name.

        What a plan expects is missed from the first record on; of a device that may
        speak once a day only what has come twice in time is.
        """
        subject, _, kind = of_stream(name)
        every = self._expects.get(subject, {}).get(kind)
        if every is None:
            return self._silence[kind], int(kind in SPARSE), self._off_body
        return int(MISSES * every * 1000), 0, self._off_body

    def _grow(self, known: int) -> None:
        """Make room for rows named since there were `known`, and as many again."""
        need = len(self._rows)
        if need > len(self._state):
            room = 2 * need
            self._state = arrays.roomier(self._state, arrays.devices(room))
            unknown = np.full(room - len(self._arrived), UNKNOWN, np.int64)
            self._arrived = np.append(self._arrived, unknown)
            empty = np.zeros(room, PATIENCE)
            self._patience = arrays.roomier(self._patience, empty)
        for row in range(known, need):
            name = self._rows.names[row]
            self._own.setdefault(of_stream(name)[0], []).append(row)
            self._patience[row] = self._held_to(name)
