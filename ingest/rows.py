"""A reading as a row of the SQLite store, and back, exactly.

What a column says is not said again in the JSON of `rest`, which is most of a row.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
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
COLUMNS = (
    "t, origin, seq, digest, delay, link, CAST(rest AS BLOB),"
    " CAST(device AS BLOB), CAST(gateway AS BLOB)"
)
"""What `reading` wants of `record` and `origin`.

Texts as they lie on the disk: one that is not UTF-8 would end a query whose other rows
are sound.
"""
NAMES = (
    "iif(typeof(subject) = 'text', CAST(subject AS BLOB), NULL),"
    " iif(typeof(name) = 'text', CAST(name AS BLOB), NULL)"
)
"""What `named` wants of `series`."""
KNOWN = 10_000  # rows that cannot be read and are remembered; more stay unsaid

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
    """Rebuild a reading from its `COLUMNS`.

    Raises
    ------
    MalformedData
        The row is damaged.
    """
    t, _, seq, _, delay, link, rest, device, gateway = columns
    if not 0 <= link < len(_LINKED):
        raise MalformedData(f"no such link: {link}")
    received = "" if delay is None else f',"received":{t + delay}'
    number = f',"seq":{seq}' if seq else ""
    whose = f',"gateway":"{word(gateway)}"' if gateway else ""
    said = f'{{"t":{t}{received}{number}{whose}{_LINKED[link]},'
    return Reading(subject, word(device), stored(Kind(kind), said.encode() + rest[1:]))


@lru_cache(65536)
def word(octets: bytes | None) -> str:
    """Read a name.

    Raises
    ------
    MalformedData
        It is no text, or not UTF-8.
    """
    if octets is None:
        raise MalformedData("not a name: no text")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise MalformedData(f"not a name: {error}") from error


class Unreadable:
    """Rows that cannot be read: each is counted and reported once while we run."""

    def __init__(self) -> None:
        self._known: set[tuple[object, ...]] = set()

    def __len__(self) -> int:
        return len(self._known)

    def note(self, what: str, place: Sequence[object], error: MalformedData) -> None:
        """Count a row by its place, and say that it is left out."""
        row = what, *place
        if row not in self._known and len(self._known) < KNOWN:
            self._known.add(row)
            log.warning("%s at %s is left out: %s", what, place[0], error)


def named(
    series: int, names: Sequence[bytes | None], unreadable: Unreadable
) -> tuple[str, Kind] | None:
    """Read whose records a series has, and of what kind, from its `NAMES`.

    None: nobody can read that any more.
    """
    try:
        subject, name = map(word, names)
        if name not in RECORDS:
            raise MalformedData(f"not a kind of record: {name[:80]!r}")
    except MalformedData as error:
        unreadable.note("a series", (series,), error)
        return None
    return subject, Kind(name)


def within(
    db: sqlite3.Connection,
    subject: str,
    kind: Kind,
    between: tuple[int, int],
    unreadable: Unreadable,
) -> Iterator[Reading]:
    """Give a subject's readings of a kind in a stretch of time, in ms."""
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
    yield from readable(subject, kind, rows, unreadable)


def readable(
    subject: str,
    kind: str,
    rows: Iterable[Sequence[Any]],
    unreadable: Unreadable,
) -> Iterator[Reading]:
    """Rebuild readings of a subject and kind from their `COLUMNS`.

    A row that cannot be read is left out: one must not keep a store from its work on
    the others.
    """
    for columns in rows:
        try:
            found = reading(subject, kind, columns)
        except MalformedData as error:
            unreadable.note(f"a stored {kind}", columns[:4], error)
        else:
            yield found


def stored(kind: Kind, payload: bytes) -> Record:
    """Read a record; of too many intervals, which older versions took, the newest."""
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
