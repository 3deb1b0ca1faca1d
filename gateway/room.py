"""Room on the disk: how much may wait, how long, and what goes first.

Only streamed records ever go, oldest first, and their numbers are kept so that nobody
has to ask what became of them.  A spot reading (a blood pressure, a glucose) never
goes.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from gateway.file import ROWS, File
from gateway.notification import STREAMED
from gateway.schema import READINGS
from vitals import Instant

CHUNK = 1000  # streamed records that go when room is needed
SPARE = 50  # free pages that are room enough for now

_STREAMED = f"characteristic IN ({','.join('?' * len(STREAMED))})"
OLDEST = f"{ROWS} AND {_STREAMED}"
OLDEST += " ORDER BY record.id LIMIT ?"
# What is to be withdrawn stays until ingest has heard of it.
_TOLD = "id NOT IN (SELECT held FROM given JOIN withdrawal ON given.id = given)"
# Copies of what has been given, kept so that it can change hands.
COPIES = f"SELECT id FROM {READINGS} WHERE subject IS NOT NULL AND given <= ?"
COPIES += f" AND {_TOLD}"
# Streamed values that may be anybody's.
ANONYMOUS = f"SELECT id, device FROM {READINGS} WHERE subject IS NULL AND id <= ?"
ANONYMOUS += f" AND {_STREAMED} AND {_TOLD}"

Found = tuple[int, str, int, str, bytes]


class Keep(Struct, frozen=True):
    """How much may wait, and how long."""

    octets: int = 1 << 30
    age_ms: int = 30 * 86_400_000
    reserve: int = 4 << 20  # octets left free on the disk, as long as we hold more
    correct_ms: int = 30 * 86_400_000  # that a shared wearable's reading can be moved


class Full(sqlite3.OperationalError):
    """Nothing may go to make room: all that waits are spot readings."""


class _Age(Struct):
    received: Instant | None = None


class Room:
    """Keeps a file within its bounds; to be used inside its transactions."""

    def __init__(self, file: File, keep: Keep) -> None:
        self._file, self._keep = file, keep
        self._after = 0  # no streamed record has this id or a lower one

    def make(self, added: int, now: Instant, known: int) -> list[int]:
        """Let go what must, after `added` records have been inserted; give their ids.

        `known` is the highest id before that.

        Age takes at most two records for one that comes, so that a clock that jumped
        or a gateway that was switched off for months empties nothing at once.
        """
        gone: list[int] = []
        if (self.full or self._cramped()) and not self._spare(known):
            gone = self._evict(self._oldest(CHUNK, known))
            if not gone and self.full:
                raise Full("gateway.keep_mb is reached, and all are spot readings")
        if self._old(self._oldest(1, known), now):
            old = self._old(self._oldest(2 * added, known), now)
            gone += self._evict(old)
        return gone

    def tidy(self, now: Instant, known: int) -> None:
        """Let go copies that have served, and streamed values that waited too long."""
        old = f"(received < ? OR {_STREAMED})"
        limits = now - self._keep.correct_ms, *STREAMED, CHUNK
        copies = self._file.execute(f"{COPIES} AND {old} LIMIT ?", (known, *limits))
        self._forget(one for (one,) in copies.fetchall())
        limits = now - self._keep.age_ms, CHUNK
        query = f"{ANONYMOUS} AND received < ? ORDER BY id LIMIT ?"
        self._drop(self._file.execute(query, (known, *STREAMED, *limits)).fetchall())

    def _spare(self, known: int) -> bool:
        """Let go what is needed least: copies, then streams that are nobody's."""
        query = f"{COPIES} ORDER BY id LIMIT ?"
        copies = [one for (one,) in self._file.execute(query, (known, CHUNK))]
        self._forget(copies)
        query = f"{ANONYMOUS} ORDER BY id LIMIT ?"
        values = known, *STREAMED, 0 if copies else CHUNK
        nobodys = self._file.execute(query, values).fetchall()
        self._drop(nobodys)
        return bool(copies or nobodys)

    def _forget(self, held: Iterable[int]) -> None:
        rows = [(one,) for one in held]
        self._file.each("DELETE FROM held WHERE id = ?", rows)
        self._file.each("DELETE FROM given WHERE held = ?", rows)

    def _drop(self, nobodys: Sequence[tuple[int, str]]) -> None:
        """Give streamed values up of which nobody knows whose they are; count them."""
        self._forget(one for one, _ in nobodys)
        for _, device in nobodys:
            self._file.tally.wait(device, -1)
        self._file.tally.gone += len(nobodys)
        if nobodys:
            self._file.mark()

    @property
    def full(self) -> bool:
        """Tell whether as much waits as may."""
        return self._file.size() > self._keep.octets

    def _cramped(self) -> bool:
        """Tell whether the disk is nearly full, and that is partly our doing."""
        file, reserve = self._file, self._keep.reserve
        return file.size() > reserve > file.disk_free() and file.spare < SPARE

    def _oldest(self, limit: int, known: int) -> list[Found]:
        found = self._file.execute(OLDEST, (self._after, *STREAMED, limit)).fetchall()
        # The transaction may fail yet, and what it added would get its ids again.
        self._after = found[0][0] - 1 if found else known
        return found

    def _old(self, found: Sequence[Found], now: Instant) -> list[Found]:
        """Give those received too long ago; one that does not say when never is."""
        return [row for row in found if _received(row[4]) < now - self._keep.age_ms]

    def _evict(self, found: Sequence[Found]) -> list[int]:
        by_device: dict[str, list[int]] = defaultdict(list)
        for _, device, seq, *_ in found:
            by_device[device].append(seq)
        tally, ids = self._file.tally, [row[0] for row in found]
        for device, seqs in by_device.items():
            tally.drop(device, seqs)
        self._file.each("DELETE FROM record WHERE id = ?", ((one,) for one in ids))
        tally.waiting -= len(ids)
        tally.gone += len(ids)
        self._file.save_dropped(by_device)
        self._file.mark()
        return ids


_age = msgspec.json.Decoder(_Age).decode


def _received(payload: bytes) -> int:
    return _age(payload).received or 1 << 62
