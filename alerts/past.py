"""What was heard of episodes that no open alert is about.

All ages here are by our own clock: a gateway's may be wrong by years.
"""

from collections.abc import Iterable, Mapping

from alerts import rules
from alerts.cases import Episode
from vitals.model import Instant

REMEMBER_MS = 4 * rules.LATE_MS  # what is older wakes nobody anyway


class Past:
    """Episodes of closed alerts, and which of them went on although nobody is told."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Episode, Instant]] = {}
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
            known, _ = self._heard.get(anomaly_id, (episode, now))
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
        self._pruned = now
        heard, unended = self._heard.items(), self._unended.items()
        self._heard = {k: v for k, v in heard if abs(now - v[1]) <= REMEMBER_MS}
        self._unended = {k: t for k, t in unended if abs(now - t) <= rules.UNENDED_MS}
