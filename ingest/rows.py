"""A reading as a row of the SQLite store, and back, exactly.

What a column says is not said again in the JSON of `rest`, which is most of a row.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from msgspec.json import decode
from msgspec.structs import replace

from ingest.schema import RECORD_SLOTS, WALK
from vitals import Kind, MalformedData, Reading, Record, wire
from vitals.model import MOST_INTERVALS, RECORDS

log = logging.getLogger(__name__)

LARGEST = 2**63 - 1  # SQLite's integers
LINKS = (None, "bonded", "open")
COLUMNS = "t, origin, seq, digest, delay, link, rest, device, gateway"
"""What `reading` wants of `record` and `origin`."""

_NO_TIME = b'{"t":0,'  # how `_rest` begins: the times have columns of their own
_LINK = {link: place for place, link in enumerate(LINKS)}
_LINKED = ("", *(f',"link":"{link}"' for link in LINKS[1:]))


class Row(NamedTuple):
    """A row of `record`."""

    slot: int
    series: int
    t: int  # ms
    origin: int
    seq: int
    digest: int
    delay: int | None  # ms
    link: int
    rest: str


def row(reading: Reading, series: int, origin: int) -> Row:
    """Give the row of a reading; `series` and `origin` are the ids of its names."""
    record = reading.record
    ours = record.gateway is not None and record.seq is not None
    return Row(
        record.t // RECORD_SLOTS[reading.kind],
        series,
        record.t,
        origin,
        record.seq or 0,
        0 if ours else _digest(wire.encode(record)),
        None if record.received is None else record.received - record.t,
        _LINK[record.link],
        _rest(record),
    )


def reading(subject: str, kind: str, columns: Sequence[Any]) -> Reading:
    """Rebuild a reading from its `COLUMNS`."""
    t, _, seq, _, delay, link, rest, device, gateway = columns
    received = "" if delay is None else f',"received":{t + delay}'
    number = f',"seq":{seq}' if seq else ""
    whose = f',"gateway":"{gateway}"' if gateway else ""
    text = f'{{"t":{t}{received}{number}{whose}{_LINKED[link]},{rest[1:]}'
    return Reading(subject, device, stored(Kind(kind), text.encode()))


def within(
    db: sqlite3.Connection, subject: str, kind: Kind, between: tuple[int, int]
) -> Iterator[Reading]:
    """Give a subject's readings of a kind in a stretch of time, in ms.

    A row that cannot be read is left out, with a line in the log: one must not keep a
    store from its work on the others.
    """
    slot = RECORD_SLOTS[kind]
    rows = db.execute(
        f"{WALK} SELECT {COLUMNS} FROM walk CROSS JOIN record USING (slot)"
        " CROSS JOIN origin ON origin.id = origin"
        " WHERE series ="
        " (SELECT id FROM series WHERE subject = :subject AND name = :kind)"
        " AND t >= :start AND t < :stop",
        {"slot": between[0] // slot, "last_slot": between[1] // slot}
        | {"subject": subject, "kind": kind, "start": between[0], "stop": between[1]},
    )
    for columns in rows:
        try:
            found = reading(subject, kind, columns)
        except MalformedData as error:
            log.warning("a stored record, t = %d, is left out: %s", columns[0], error)
        else:
            yield found


def stored(kind: Kind, payload: bytes) -> Record:
    """Read a record; of more intervals than one has, which older versions took, less.

    The newest of them: those that end at the record's time.
    """
    try:
        return wire.read(RECORDS[kind], payload)
    except MalformedData:
        if shorter := _cut(payload):
            return wire.read(RECORDS[kind], shorter)
        raise


def storable(reading: Reading) -> bool:
    """Tell whether a reading's seq is within SQLite's integers."""
    return (reading.record.seq or 0) <= LARGEST


def _cut(payload: bytes) -> bytes | None:
    """Give a record's JSON without the intervals that are too many; None: none are."""
    try:
        fields = decode(payload)
        rr = fields["rr"]
        fields["rr"] = rr[-MOST_INTERVALS:]
    except (*wire.UNREADABLE, TypeError):
        return None
    return wire.encode(fields) if len(rr) > MOST_INTERVALS else None


def _rest(record: Record) -> str:
    """Give the fields that have no column, as JSON."""
    bare = replace(record, t=0, received=None, gateway=None, seq=None, link=None)
    return "{" + wire.encode(bare).removeprefix(_NO_TIME).decode()


def _digest(payload: bytes) -> int:
    """Tell records without a seq apart; never 0 in practice, and harmless if it is."""
    return int.from_bytes(blake2b(payload, digest_size=8).digest(), signed=True)
