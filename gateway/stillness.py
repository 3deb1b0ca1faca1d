"""Notices straps that go on telling a heart rate when nobody wears them.  Pure.

Many have no contact bit, and off the body repeat the last rate or make one up
(polar-ble-sdk issues 131 and 834).  What they cannot make up is beats: their RR
intervals end.
"""

from msgspec.structs import replace

from vitals import Flag, HeartRate

BEATLESS_MS = 10_000  # a rate without a beat for so long is no heart's
FROZEN_MS = 60_000  # the same rate, and no beat, for so long
FROZEN_WITHOUT_RR_MS = 300_000  # of a strap that never tells RR intervals


class Stillness:
    """Judges the heart rates of one strap, one after the other."""

    def __init__(self) -> None:
        self._beat: int | None = None  # ms since 1970: the last RR interval
        self._rate: float | None = None
        self._since = 0  # ms since 1970: the rate is this one

    def judge(self, said: HeartRate) -> HeartRate:
        """Give the record back, with the doubts that its history raises."""
        if said.rr:
            self._beat = said.t
        if said.hr != self._rate:
            self._rate, self._since = said.hr, said.t
        if said.hr is None:
            return said
        doubts = [flag for flag in self._doubts(said.t) if flag not in said.q]
        return replace(said, q=(*said.q, *doubts)) if doubts else said

    def _doubts(self, now: int) -> list[Flag]:
        """Say what is wrong with a rate."""
        same_ms = now - self._since
        if self._beat is None:
            return [Flag.FROZEN] if same_ms >= FROZEN_WITHOUT_RR_MS else []
        beatless_ms = now - self._beat
        doubts = [Flag.ARTEFACT] if beatless_ms >= BEATLESS_MS else []
        frozen = min(same_ms, beatless_ms) >= FROZEN_MS
        return [*doubts, Flag.FROZEN] if frozen else doubts
