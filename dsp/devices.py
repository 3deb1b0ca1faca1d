"""Watches devices: which records are news, who is off the body, who has gone silent."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp import arrays, kernels
from dsp.arrays import BEGIN, I1, I8, OFF_BODY, SILENT, Patience
from dsp.block import Rows, arrivals, of_stream, stream
from dsp.episodes import Device, Spell, technical
from dsp.limits import SPARSE, patience
from vitals.config import Dsp
from vitals.model import Anomaly, Instant, Reading

UNKNOWN = -1  # an arrival before this process started


class DeviceWatch:
    """The streams of all devices; a stream is one kind of record from one device."""

    def __init__(self, settings: Dsp, names: Sequence[str] = ()) -> None:
        self._silence = patience(settings.silence_s)
        self._off_body = int(settings.off_body_s * 1000)
        self._late = settings.late_s * 1000
        self._rows = Rows(names)
        self._state = arrays.devices(len(names))
        self._arrived = np.full(len(names), UNKNOWN, np.int64)
        self._patience = Patience(*self._held_to(names), off_body=self._off_body)

    def observe(
        self, readings: Sequence[Reading], arrived: Instant
    ) -> tuple[I1, list[tuple[int, Anomaly]]]:
        """Give which readings are fresh, and anomalies with their reading's index."""
        known = len(self._rows)
        rows = np.array([self._rows[stream(r)] for r in readings], np.int64)
        self._grow(known)
        came = arrivals(readings, rows, arrived)
        said = arrays.device_events(3 * len(readings))
        count = kernels.attend(self._state, self._patience, came, said)
        self._arrived[rows[came.fresh == 1]] = arrived
        found = []
        for n in range(count):
            i, which, what = int(said.record[n]), int(said.which[n]), int(said.what[n])
            silence = which == SILENT and what == BEGIN
            record = None if silence else readings[i].record
            begin, t = int(said.begin[n]), int(said.t[n])
            after = self._after(int(rows[i]), which)
            spell = Spell(which, what, begin, t, after, record)
            found.append((i, self._tell(int(rows[i]), spell)))
        return came.fresh, found

    def tick(self, now: Instant) -> list[Anomaly]:
        """Give the streams from which nothing has come for too long."""
        s, limit, arrived = self._state, self._patience.silence, self._arrived
        arrived[arrived == UNKNOWN] = now  # a restart starts its own patience
        rows = len(self._rows)
        steady = s.streak >= self._patience.streak
        overdue = (limit > 0) & steady & (s.silent == 0) & (now - arrived > limit)
        gone = np.flatnonzero(overdue[:rows] & (s.last[:rows] != arrays.NEVER))
        s.silent[gone] = 1
        return [self._silent(int(row)) for row in gone]

    def save(self) -> tuple[list[str], dict[str, NDArray[Any]]]:
        """Give the streams' names, and copies of their arrays."""
        rows = len(self._rows)
        return list(self._rows.names), arrays.pack(self._state, "devices", rows)

    def load(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `save` gave; the names are the constructor's."""
        fresh = arrays.devices(len(self._rows))
        self._state = arrays.unpack(fresh, "devices", saved)

    def _silent(self, row: int) -> Anomaly:
        last, limit = int(self._state.last[row]), int(self._patience.silence[row])
        return self._tell(row, Spell(SILENT, BEGIN, last, last + limit, limit, None))

    def _tell(self, row: int, spell: Spell) -> Anomaly:
        device = Device(*of_stream(self._rows.names[row]))
        return technical(device, spell, self._late)

    def _after(self, row: int, which: int) -> int:
        return self._off_body if which == OFF_BODY else int(self._patience.silence[row])

    def _held_to(self, names: Sequence[str]) -> tuple[I8, I8]:
        """Give each stream's silence in ms, and records in time before it matters."""
        kinds = [of_stream(name)[2] for name in names]
        silence = np.array([self._silence[kind] for kind in kinds], np.int64)
        return silence, np.array([kind in SPARSE for kind in kinds], np.int64)

    def _grow(self, known: int) -> None:
        """Make room for rows named since there were `known`, and as many again."""
        need, room = len(self._rows), self._state.last.size
        if need > room:
            more = 2 * need - room
            self._state = arrays.grown(self._state, arrays.devices(more))
            self._arrived = np.append(self._arrived, np.full(more, UNKNOWN, np.int64))
            silence, streak = (
                np.append(held_to, np.zeros(more, np.int64))
                for held_to in (self._patience.silence, self._patience.streak)
            )
            self._patience = Patience(silence, streak, self._off_body)
        silence, streak = self._held_to(self._rows.names[known:])
        self._patience.silence[known:need] = silence
        self._patience.streak[known:need] = streak
