"""The wall clock, whose steps nobody sees before all that waits has stepped with it.

NTP sets a clock right, a Pi without a battery starts in the past: what was to be done
in five minutes is to be done in five minutes all the same, by whatever name.
"""

from asyncio import Lock
from collections.abc import Callable
from typing import Self

from vitals.clock import Clock
from vitals.model import Instant

STEP_MS = 1000  # what is less is a clock that is being slewed


class Timeline:
    """A clock that goes on evenly until its step is taken.

    Parameters
    ----------
    wall
        The wall clock.
    elapsed
        Milliseconds that never step; None: the wall clock is trusted.
    """

    def __init__(self, wall: Clock, elapsed: Callable[[], int] | None = None) -> None:
        self._wall, self._elapsed = wall, elapsed or wall
        self._ahead = self._drift()
        # Held by who takes a step until all that waits has stepped, and by who writes
        # down what it waits for.
        self.steady = Lock()

    @classmethod
    def of(cls, clock: Clock) -> Self:
        """Give a clock as one; one that is not is trusted."""
        return clock if isinstance(clock, cls) else cls(clock)

    def __call__(self) -> Instant:
        """Give the time, as if the clock had not stepped."""
        drift = self._drift()
        if abs(drift - self._ahead) < STEP_MS:
            self._ahead = drift
        return Instant(self._elapsed() + self._ahead)

    def step(self) -> int:
        """Take the step that is due; give by how much, in ms; 0: there was none."""
        drift, before = self._drift(), self._ahead
        if abs(drift - before) < STEP_MS:
            return 0
        self._ahead = drift
        return drift - before

    def _drift(self) -> int:
        return self._wall() - self._elapsed()
