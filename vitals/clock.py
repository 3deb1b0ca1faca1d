"""The time, as the front door hands it to the stages; nobody else asks for it."""

import time
from collections.abc import Callable

from vitals.model import Instant

Clock = Callable[[], Instant]


def monotonic() -> float:
    """Give a clock in seconds that never steps: for durations, never for stamps."""
    return time.monotonic()


def elapsed() -> int:
    """Give milliseconds that never step, and that go on while the machine sleeps."""
    asleep_too = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(asleep_too) // 1_000_000


def now() -> Instant:
    """Give the wall clock's time."""
    return Instant(time.time_ns() // 1_000_000)
