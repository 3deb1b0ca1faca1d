"""Readings as arrays: rows for who and which, columns for what was measured."""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from dsp.arrays import F8, I8, REWIND, Arrivals, Block
from dsp.kernels import AHEAD
from dsp.limits import COLUMN, SIGNALS
from vitals.codes import UNRELIABLE, Flag, Kind
from vitals.model import RECORDS, Instant, Reading, Record

BITS = {str(flag): flag.bit for flag in Flag}
BAD = sum(flag.bit for flag in UNRELIABLE)
"""A value with one of these never raises or ends an anomaly."""

FIELDS: dict[type[Record], list[tuple[int, str]]] = {
    record: [
        (COLUMN[signal.metric.value], signal.metric.field)
        for signal in SIGNALS
        if signal.metric.kind is kind
    ]
    for kind, record in RECORDS.items()
}
"""The columns that a record fills, and from which of its fields."""

_LOW = np.array([signal.metric.low for signal in SIGNALS])
_HIGH = np.array([signal.metric.high for signal in SIGNALS])


class Rows:
    """Numbers for names: 0, 1, 2, ... in the order of first sight."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = list(names)
        self._number = {name: n for n, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> int:
        """Give a name's number; a new name gets the next."""
        number = self._number.get(name)
        if number is None:
            number = self._number[name] = len(self.names)
            self.names.append(name)
        return number


def stream(reading: Reading) -> str:
    """Name the stream of a reading: whose, which device, what kind."""
    return f"{reading.subject}/{reading.device}/{reading.kind}"


def of_stream(name: str) -> tuple[str, str, Kind]:
    """Take a stream's name apart: subject, device, kind."""
    subject, device, kind = name.split("/")
    return subject, device, Kind(kind)


def quality(record: Record) -> int:
    """Give a record's flags as bits; a flag that nobody knows is none."""
    bits = 0
    for flag in record.q:
        bits |= BITS.get(flag, 0)
    return bits


def arrivals(readings: Sequence[Reading], streams: I8, arrived: Instant) -> Arrivals:
    """Make the arrays that tell which readings are fresh."""
    records = [reading.record for reading in readings]
    latest = (arrived if r.received is None else r.received for r in records)
    count = len(records)
    return Arrivals(
        stream=streams,
        t=np.array([record.t for record in records], np.int64),
        latest=np.array([at + AHEAD for at in latest], np.int64),
        arrived=np.full(count, arrived, np.int64),
        off=np.array([Flag.OFF_BODY in record.q for record in records], np.int8),
        fresh=np.zeros(count, np.int8),
    )


def samples(
    readings: Sequence[Reading],
    row: Callable[[Reading, int], int],
    fresh: Sequence[int],
) -> tuple[Block, I8]:
    """Make the block of the fresh readings' values.

    Parameters
    ----------
    readings : sequence of Reading
    row : callable
        Gives the row of a reading's signal, by the signal's place in `SIGNALS`.
    fresh : sequence of int
        As in `Arrivals`.

    Returns
    -------
    block : Block
        A sample for every watched value, missing ones as NaN.
    source : (n,) int64
        Each sample's index into `readings`.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    values: list[float | None] = []
    for i, reading in enumerate(readings):
        if fresh[i]:
            record = reading.record
            bits = quality(record) if record.q else 0
            bits |= REWIND if fresh[i] == 2 else 0
            for column, field in FIELDS[type(record)]:
                rows.append((i, row(reading, column), column, record.t, bits))
                values.append(getattr(record, field))
    table = np.array(rows, np.int64).reshape(-1, 5).T.copy()
    value = np.array([nan if v is None else v for v in values], np.float64)
    inside = plausible(value, table[2])
    block = Block(table[1], np.zeros_like(table[1]), table[3], inside, table[4])
    return block, table[0]


def plausible(value: F8, column: I8) -> F8:
    """Give the values that a living human can have, NaN for the rest."""
    inside = (value >= _LOW[column]) & (value <= _HIGH[column])
    return np.where(inside, value, nan)
