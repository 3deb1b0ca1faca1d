"""Room on the disk: how much may wait, how long, and what goes first.

Only streamed records ever go, oldest first, and their numbers are kept so that nobody
has to ask what became of them.  A spot reading (a blood pressure, a glucose) never
goes.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gateway.file import ROWS, File
from gateway.notification import STREAMED
from vitals import Instant

CHUNK = 1000  # streamed records that go when room is needed
SPARE = 50  # free pages that are room enough for now

OLDEST = f"{ROWS} AND characteristic IN ({','.join('?' * len(STREAMED))})"
OLDEST += " ORDER BY record.id LIMIT ?"

Found = tuple[int, str, int, str, bytes]


class Keep(Struct, frozen=True):
    """How much may wait, and how long."""

    octets: int = 1 << 30
    age_ms: int = 30 * 86_400_000
    reserve: int = 4 << 20  # octets left free on the disk, as long as we hold more


class Full(sqlite3.OperationalError):
    """Nothing may go to make room: all that waits are spot readings."""


class _Age(Struct):
    received: Instant | None = None


class Room:
    """Keeps a file within its bounds; to be used inside its transactions."""

    def __init__(self, file: File, keep: Keep) -> None:
        self._file, self._keep = file, keep
        self._after = 0  # no streamed record has this id or a lower one

    def make(self, added: int, now: Instant) -> list[int]:
        """Let go what must, after `added` records have been inserted; give their ids.

        Age takes at most two records for one that comes, so that a clock that jumped
        or a gateway that was switched off for months empties nothing at once.
        """
        gone: list[int] = []
        if self.full or self._cramped():
            gone = self._evict(self._oldest(CHUNK, added))
            if not gone and self.full:
                raise Full("gateway.keep_mb is reached, and all are spot readings")
        if self._old(self._oldest(1, added), now):
            old = self._old(self._oldest(2 * added, added), now)
            gone += self._evict(old)
        return gone

    @property
    def full(self) -> bool:
        """Tell whether as much waits as may."""
        return self._file.size() > self._keep.octets

    def _cramped(self) -> bool:
        """Tell whether the disk is nearly full, and that is partly our doing."""
        file, reserve = self._file, self._keep.reserve
        return file.size() > reserve > file.disk_free() and file.spare < SPARE

    def _oldest(self, limit: int, added: int) -> list[Found]:
        found = self._file.execute(OLDEST, (self._after, *STREAMED, limit)).fetchall()
        # The transaction may fail yet, and what it added would get its ids again.
        known = self._file.tally.last - added
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
