"""What was heard of episodes that no open alert is about.

All ages here are by our own clock: a gateway's may be wrong by years.  No age is too
old to be repeated: a word whose receipt was lost comes again when the broker, or its
detector, is back.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from alerts import rules
from alerts.cases import Episode
from vitals.model import Instant

# A broker repeats what it was not told the receipt of.  That is among the last messages
# that it delivered: ours has so many on the way at once (`max_inflight_messages`).
LAST = 10_000
REMEMBER_MS = rules.UNENDED_MS  # for so long all, however many: more would be told


class Past:
    """Episodes of closed alerts, and which of them went on although nobody is told.

    Parameters
    ----------
    last
        How many episodes are remembered whatever their age.
    """

    def __init__(self, last: int = LAST) -> None:
        self._last = last
        self._heard: dict[str, tuple[Episode, Instant]] = {}  # the last heard is last
        self._unended: dict[str, Instant] = {}  # since when, by our clock
        self._pruned = Instant(0)

    def __len__(self) -> int:
        return len(self._heard)

    def get(self, anomaly_id: str) -> Episode | None:
        """Give how much of an anomaly was heard."""
        found = self._heard.get(anomaly_id)
        return found[0] if found else None

    def keep(self, heard: Mapping[str, Episode], now: Instant) -> None:
        """Remember what was heard."""
        for anomaly_id, episode in heard.items():
            known, _ = self._heard.pop(anomaly_id, (episode, now))
            self._heard[anomaly_id] = max(known, episode), now
            if episode.over:
                self._unended.pop(anomaly_id, None)

    def go_on(self, ids: Iterable[str], now: Instant) -> None:
        """Remember since when episodes go on that no open alert is about."""
        for anomaly_id in ids:
            self._unended.setdefault(anomaly_id, now)

    def settle(self, ids: Iterable[str]) -> None:
        """Forget that episodes went on: an open alert is about them now."""
        for anomaly_id in ids:
            self._unended.pop(anomaly_id, None)

    def lasts(self, anomaly_id: str, now: Instant) -> bool:
        """Tell whether an episode has gone on for long enough to be told after all."""
        since = self._unended.get(anomaly_id)
        return since is not None and now - since >= rules.STILL_MS

    def shift(self, by: int) -> None:
        """Let ages stay what they are: the clock has stepped."""
        heard, unended = self._heard.items(), self._unended.items()
        self._heard = {k: (e, Instant(t + by)) for k, (e, t) in heard}
        self._unended = {k: Instant(t + by) for k, t in unended}

    def forget(self, now: Instant) -> None:
        """Forget what is old, at most once a minute; also what a stepped clock left."""
        if abs(now - self._pruned) < 60_000:
            return
        self._pruned, unended = now, self._unended.items()
        self._unended = {k: t for k, t in unended if abs(now - t) <= rules.UNENDED_MS}
        many = max(0, len(self._heard) - self._last)
        for anomaly_id, (_, heard) in list(islice(self._heard.items(), many)):
            if abs(now - heard) > REMEMBER_MS:
                del self._heard[anomaly_id]
