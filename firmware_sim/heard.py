"""A heart as a poor electrode hears it: beats too early, beats that go by unnoticed."""

from firmware_sim.faults import Faults
from firmware_sim.physiology import Heart

EARLY = 0.62  # of its interval, an ectopic beat comes; the next makes up for it


class Heard(Heart):
    """Another heart, with a wearable's faults.  No time is lost or won."""

    def __init__(self, heart: Heart, faults: Faults) -> None:
        super().__init__(heart.person)
        self._heart, self._faults = heart, faults
        self._owed = 0.0  # ms that the next interval is longer

    def elapse(self, seconds: float, now: float) -> list[float]:
        """Beat on; give the intervals that are heard."""
        heard = []
        for interval in self._heart.elapse(seconds, now):
            whole, self._owed = interval + self._owed, 0.0
            if self._faults.strikes("missed_beat", now):
                self._owed = whole
                continue
            if self._faults.strikes("ectopic", now):
                self._owed = (1 - EARLY) * whole
            heard.append(whole - self._owed)
        return heard
