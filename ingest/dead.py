"""Dead letters: what could not be understood or stored, kept with the reason.

A letter whose record was promised to its gateway (`promised`: the gateway has deleted
it) is the only copy there is, and leaves only by age.  So there is room for so many of
each gateway, and of all of them together; when it is full nothing more is promised, and
the gateway keeps what it has.  The other letters are bounded too: the oldest go.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder
from msgspec.structs import replace

from ingest.numbers import Numbered, numbered
from vitals import Instant, Reading
from vitals.model import Name, Seq
from vitals.wire import LARGEST as MESSAGE
from vitals.wire import Message, encode, is_record, levels, record_topic

SCHEMA = """
CREATE TABLE IF NOT EXISTS dead (
    digest BLOB PRIMARY KEY,        -- of topic and payload: a repeated one is one row
    t INTEGER NOT NULL,             -- ms, when it last came
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,          -- its first octets
    promised INTEGER NOT NULL,
    gateway TEXT NOT NULL DEFAULT ''  -- to which it was promised
) STRICT"""
COLUMN = "ALTER TABLE dead ADD COLUMN gateway TEXT NOT NULL DEFAULT ''"
INDEX = "CREATE INDEX IF NOT EXISTS dead_by_age ON dead (promised, t)"
LETTERS = 50_000  # kept at most, beside those promised
OCTETS = 64 << 20  # of their payloads
FIRST_OCTETS = 16 << 10  # kept of one payload that was not promised
PROMISES = 1000  # letters promised to one gateway
PROMISED_OCTETS = 16 << 20  # of their payloads
ALL_PROMISED_OCTETS = 128 << 20  # to all gateways: anybody can invent one
OVERHEAD = 512  # octets that a letter costs beside its payload
DAYS = 90
HOUR = 3_600_000  # ms


class Letter(Struct, frozen=True):
    """One message or record, and why it is dead."""

    topic: str
    payload: bytes
    reason: str
    promised: bool = False
    claims: tuple[Numbered, ...] = ()  # of one gateway; what the promise would be

    @property
    def gateway(self) -> str:
        """The gateway to which it is promised."""
        return self.claims[0].gateway if self.promised and self.claims else ""


class Claim(Struct, frozen=True):
    """Whose record a malformed payload says that it is."""

    gateway: Name
    seq: Seq


class DeadLetters:
    """The table of dead letters, in a file that is its owner's."""

    def __init__(self) -> None:
        self._count = 0
        self._octets = 0
        self._promises: dict[str, tuple[int, int]] = {}  # count and octets by gateway
        self._promised_octets = 0
        self._swept = Instant(0)  # when the oldest were last looked for

    def open(self, db: sqlite3.Connection) -> None:
        """Make the table if it is not there, and see how full it is."""
        db.execute(SCHEMA)
        if "gateway" not in {row[1] for row in db.execute("PRAGMA table_info(dead)")}:
            db.execute(COLUMN)
        db.execute(INDEX)
        self._measure(db)
        self._measure_promises(db)

    def admit(self, letters: Iterable[Letter]) -> list[Letter]:
        """Take back the promises for which there is no room."""
        return [self._admit(letter) for letter in letters]

    def bury(
        self, db: sqlite3.Connection, letters: Sequence[Letter], now: Instant
    ) -> None:
        """Add letters and drop the oldest beyond the bounds; the owner commits."""
        db.executemany(
            "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET t = excluded.t,"
            " promised = max(promised, excluded.promised),"
            " gateway = max(gateway, excluded.gateway)",
            [_row(letter, now) for letter in letters],
        )
        self._count += len(letters)  # too much, if some were there: measured when full
        self._octets += sum(len(letter.payload) for letter in letters)
        self._trim(db, now)
        if any(letter.promised for letter in letters):
            self._measure_promises(db)

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
        if now - self._swept > HOUR:
            db.execute("DELETE FROM dead WHERE t < ?", (now - DAYS * 86_400_000,))
            self._swept = now
        if self._count > LETTERS or self._octets > OCTETS:
            self._measure(db)
        while self._count > LETTERS or self._octets > OCTETS:
            db.execute(
                "DELETE FROM dead WHERE rowid IN (SELECT rowid FROM dead"
                " WHERE promised = 0 ORDER BY t LIMIT ?)",
                (max(self._count - LETTERS, LETTERS // 10),),
            )
            self._measure(db)

    def _admit(self, letter: Letter) -> Letter:
        """Promise a letter if there is room, and count it; what is repeated too."""
        if not letter.promised:
            return letter
        size = len(letter.payload) + OVERHEAD
        count, octets = self._promises.get(letter.gateway, (0, 0))
        full = count >= PROMISES or octets + size > PROMISED_OCTETS
        if full or self._promised_octets + size > ALL_PROMISED_OCTETS:
            kept = letter.payload[:FIRST_OCTETS]
            return replace(letter, payload=kept, promised=False, claims=())
        self._promises[letter.gateway] = count + 1, octets + size
        self._promised_octets += size
        return letter

    def _measure_promises(self, db: sqlite3.Connection) -> None:
        """Count the letters that stay."""
        found = db.execute(
            "SELECT gateway, count(*), sum(length(payload) + ?) FROM dead"
            " WHERE promised = 1 GROUP BY gateway",
            (OVERHEAD,),
        )
        self._promises = {gateway: (n, octets) for gateway, n, octets in found}
        self._promised_octets = sum(octets for _, octets in self._promises.values())

    def _measure(self, db: sqlite3.Connection) -> None:
        """Count the letters that may be dropped."""
        found = db.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM dead"
            " WHERE promised = 0"
        )
        self._count, self._octets = found.fetchone()


def malformed(message: Message, reason: str) -> Letter:
    """Give the letter of a message that was not understood.

    A record that says whose it is will be sent again until it is committed; once it is
    buried whole, it may be.  A message comes from one gateway: the first it names.
    """
    found = list(_claims(message))
    claims = tuple(claim for claim in found if claim.gateway == found[0].gateway)
    payload = message.payload if claims else message.payload[:FIRST_OCTETS]
    return Letter(message.topic[:1000], payload, reason, bool(claims), claims)


def refused(reading: Reading, reason: str) -> Letter:
    """Give the letter of a reading that the store did not take."""
    claim = numbered(reading)
    claims = (claim,) if claim else ()
    content = record_topic(reading), encode(reading.record), reason
    return Letter(*content, promised=bool(claims), claims=claims)


def _claims(message: Message) -> Iterator[Numbered]:
    """Give the numbers that a malformed message's records claim."""
    if not is_record(message.topic) or len(message.payload) > MESSAGE:
        return
    _, subject, device = levels(message.topic)[:3]
    for raw in _records(message):
        try:
            claim = _CLAIM.decode(raw)
        except _UNREADABLE:
            continue
        yield Numbered(claim.gateway, device, claim.seq, subject)


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
    return digest.digest(), now, *content, letter.gateway


# RecursionError: brackets, thousands deep.
_UNREADABLE = ValidationError, DecodeError, UnicodeDecodeError, RecursionError
_CLAIM = Decoder(Claim)
_BATCH = Decoder(dict[str, list[Raw]])
