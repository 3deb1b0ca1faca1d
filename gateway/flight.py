"""What has been published and is not yet committed.  Sans-I/O.

Only what is in here can be released: whoever says `committed` of something that we have
not handed to the broker is wrong, or lies.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from gateway.notification import Row
from gateway.tally import Range
from vitals import Committed

WINDOW = 5000  # records on their way
PATIENCE_S = (10, 10, 20, 30, 60, 120, 300, 600)  # without a commit, we publish again
"""The least is above what ingest may wait with a commit: `config.Store.commit_s`."""


class Flight:
    """The records on their way; times in seconds, monotonic."""

    def __init__(self) -> None:
        # Device, number, departure, subject; oldest departure first.
        self._rows: dict[int, tuple[str, int, float, str]] = {}
        self._ids: dict[str, dict[int, int]] = {}  # by device and number
        self._disappointments = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    @property
    def full(self) -> bool:
        """Tell whether enough is under way."""
        return len(self._rows) >= WINDOW

    def depart(self, rows: Sequence[Row], now: float) -> bool:
        """Note what is handed to the broker; False when there is no room to note it.

        It will then have to be published once more, to be released.
        """
        if self.full:
            return False
        for row in rows:
            self._rows[row.id] = row.device, row.seq, now, row.subject
            self._ids.setdefault(row.device, {})[row.seq] = row.id
        return True

    def land(
        self, device: str, ranges: Iterable[Range], subject: str | None = None
    ) -> list[int]:
        """Take a commit; give the ids of those that were on their way.

        With `subject` only a record of that person lands: the number of another's may
        have been claimed by a record that is not ours.
        """
        ids = self._ids.get(device, {})
        known = sorted(ranges)
        landed = [
            seq
            for seq, number in ids.items()
            if _within(seq, known) and subject in (None, self._rows[number][3])
        ]
        if landed:
            self._disappointments = 0
        found = [ids.pop(seq) for seq in landed]
        for number in found:
            del self._rows[number]
        return found

    def hear(self, word: Committed) -> list[int]:
        """Take ingest's word; give the ids of what it releases, see `Committed`."""
        found: list[int] = []
        for device, ranges in word.devices.items():
            if device not in word.subjects:
                found += self.land(device, ranges)
        for device, whose in word.subjects.items():
            for subject, ranges in whose.items():
                found += self.land(device, ranges, subject)
        return found

    def overdue(self, now: float) -> int | None:
        """Give up on what has been under way for too long.

        The lowest of their ids is given, from where to publish again; None while
        patience lasts.
        """
        patience = PATIENCE_S[min(self._disappointments, len(PATIENCE_S) - 1)]
        late = []
        for number, (_, _, departed, _) in self._rows.items():
            if departed > now - patience:
                break
            late.append(number)
        for number in late:
            device, seq, *_ = self._rows.pop(number)
            del self._ids[device][seq]
        self._disappointments += bool(late)
        return min(late, default=None)

    def doubt(self) -> None:
        """Lose patience soon: a broker that was away may have forgotten."""
        self._disappointments = 0


def _within(seq: int, ranges: Sequence[Range]) -> bool:
    place = bisect_right(ranges, seq, key=lambda span: span[0])
    return place > 0 and seq <= ranges[place - 1][1]
