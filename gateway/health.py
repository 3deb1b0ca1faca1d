"""Judges a Bluetooth adapter by what comes of it.  Sans-I/O.

A controller that hangs says nothing of it: BlueZ shows its links as connected for ever.
What tells is that things fail and no wearable gets through meanwhile.
"""

from msgspec import Struct

TROUBLES = 3  # in a row, until we believe that it is the adapter
PAUSES_S = (0, 30, 60, 300, 900)  # between resets that do not help


class Health(Struct):
    """What we believe of one adapter; times are monotonic, in seconds."""

    troubles: int = 0  # since the last sign of life
    resets: int = 0  # since then
    reset_at: float = 0.0

    def lives(self) -> None:
        """Take a sign of life: a link, or a value."""
        self.troubles = self.resets = 0

    def suffers(self, now: float) -> bool:
        """Take a trouble: a scan or a link that fails; tell whether to reset."""
        self.troubles += 1
        pause = PAUSES_S[min(self.resets, len(PAUSES_S) - 1)]
        if self.troubles < TROUBLES or now < self.reset_at + pause:
            return False
        self.troubles, self.resets, self.reset_at = 0, self.resets + 1, now
        return True
