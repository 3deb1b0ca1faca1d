"""Dead letters: what could not be understood or stored, kept with the reason.

A letter whose record was promised to its gateway (`promised`: the gateway has deleted
it) is the only copy there is, and leaves only by age.  The others are bounded by count
and size as well, so that nobody can fill the disk with nonsense.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder

from vitals import Instant, Reading
from vitals.model import Name
from vitals.wire import LARGEST as MESSAGE
from vitals.wire import Message, encode, is_record, levels, record_topic

Numbered = tuple[str, str, int]
"""Gateway, device and seq: what a gateway waits to see committed."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS dead (
    digest BLOB PRIMARY KEY,        -- of topic and payload: a repeated one is one row
    t INTEGER NOT NULL,             -- ms, when it last came
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,          -- its first octets
    promised INTEGER NOT NULL
) STRICT"""
INDEX = "CREATE INDEX IF NOT EXISTS dead_by_age ON dead (promised, t)"
LETTERS = 10_000  # kept at most, beside those promised
OCTETS = 64 << 20  # of their payloads
FIRST_OCTETS = 64 << 10  # kept of one payload that was not promised
DAYS = 90
LARGEST = 2**63 - 1  # SQLite's integers; a seq beyond is nobody's


class Letter(Struct, frozen=True):
    """One message or record, and why it is dead."""

    topic: str
    payload: bytes
    reason: str
    promised: bool = False


class Claim(Struct, frozen=True):
    """Whose record a malformed payload says that it is."""

    gateway: Name
    seq: int


class DeadLetters:
    """The table of dead letters, in a file that is its owner's."""

    def __init__(self) -> None:
        self._count = 0
        self._octets = 0

    def open(self, db: sqlite3.Connection) -> None:
        """Make the table if it is not there, and see how full it is."""
        db.execute(SCHEMA)
        db.execute(INDEX)
        self._measure(db)

    def bury(
        self, db: sqlite3.Connection, letters: Sequence[Letter], now: Instant
    ) -> None:
        """Add letters and drop the oldest beyond the bounds; the owner commits."""
        db.executemany(
            "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
            " SET t = excluded.t, promised = max(promised, excluded.promised)",
            [_row(letter, now) for letter in letters],
        )
        if letters:
            self._trim(db, now)

    def newest(self, db: sqlite3.Connection, limit: int) -> list[Letter]:
        """Give letters, newest first."""
        rows = db.execute(
            "SELECT topic, payload, reason, promised FROM dead"
            " ORDER BY t DESC, rowid DESC LIMIT ?",
            (limit,),
        )
        return [Letter(t, payload, why, bool(p)) for t, payload, why, p in rows]

    def _trim(self, db: sqlite3.Connection, now: Instant) -> None:
        """Drop what is too old, and of what was not promised what is too much."""
        db.execute("DELETE FROM dead WHERE t < ?", (now - DAYS * 86_400_000,))
        self._measure(db)
        while self._count > LETTERS or self._octets > OCTETS:
            db.execute(
                "DELETE FROM dead WHERE rowid IN (SELECT rowid FROM dead"
                " WHERE promised = 0 ORDER BY t LIMIT ?)",
                (max(self._count - LETTERS, LETTERS // 10),),
            )
            self._measure(db)

    def _measure(self, db: sqlite3.Connection) -> None:
        """Count the letters that may be dropped."""
        found = db.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM dead"
            " WHERE promised = 0"
        )
        self._count, self._octets = found.fetchone()


def malformed(message: Message, reason: str) -> tuple[Letter, list[Numbered]]:
    """Give the letter of a message that was not understood, and what it can promise.

    A record that says whose it is will be sent again until it is committed; once it is
    buried whole, it may be.
    """
    claims = list(_claims(message))
    payload = message.payload if claims else message.payload[:FIRST_OCTETS]
    return Letter(message.topic[:1000], payload, reason, bool(claims)), claims


def refused(reading: Reading, reason: str) -> Letter:
    """Give the letter of a reading that the store did not take."""
    ours = reading.record.gateway is not None
    return Letter(record_topic(reading), encode(reading.record), reason, ours)


def _claims(message: Message) -> Iterator[Numbered]:
    """Give the numbers that a malformed message's records claim."""
    if not is_record(message.topic) or len(message.payload) > MESSAGE:
        return
    device = levels(message.topic)[2]
    for raw in _records(message):
        try:
            claim = _CLAIM.decode(raw)
        except _UNREADABLE:
            continue
        if 1 <= claim.seq <= LARGEST:
            yield claim.gateway, device, claim.seq


def _records(message: Message) -> Iterable[Raw | bytes]:
    """Give the records in a message, still encoded."""
    if not message.topic.endswith("/batch"):
        return [message.payload]
    try:
        return _BATCH.decode(message.payload).get("records", [])
    except _UNREADABLE:
        return []


def _row(letter: Letter, now: Instant) -> tuple[object, ...]:
    """Give a letter's row."""
    digest = blake2b(letter.topic.encode() + b"\0" + letter.payload, digest_size=16)
    content = letter.topic, letter.reason[:1000], letter.payload, int(letter.promised)
    return digest.digest(), now, *content


# RecursionError: brackets, thousands deep.
_UNREADABLE = ValidationError, DecodeError, UnicodeDecodeError, RecursionError
_CLAIM = Decoder(Claim)
_BATCH = Decoder(dict[str, list[Raw]])
