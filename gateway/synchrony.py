"""Whether our own clock can be believed.

A Raspberry Pi has no clock of its own: after a power cut it shows when it was shut
down, until it hears from the network.  Until then records say that their time is
uncertain, and no wearable's clock is set by ours.
"""

import ctypes
from collections.abc import Callable

from vitals import Instant

Y2025_MS = 1_735_689_600_000
TIME_ERROR = 5  # what adjtimex gives for a clock that nobody disciplines
TIMEX = 512  # octets, more than any architecture's struct timex


class Synchrony:
    """Believes our clock once it has been seen right, and from then on.

    Parameters
    ----------
    disciplined
        Asks the kernel.
    """

    def __init__(self, disciplined: Callable[[], bool]) -> None:
        self._disciplined = disciplined
        self._seen = False

    def __call__(self, now: Instant) -> bool:
        """Tell whether our clock, which shows `now`, can be believed."""
        if not self._seen:
            self._seen = now >= Y2025_MS and self._disciplined()
        return self._seen


def disciplined() -> bool:
    """Ask the kernel whether something disciplines its clock; True if it cannot say."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return True
    return bool(adjtimex(ctypes.create_string_buffer(TIMEX)) != TIME_ERROR)


def for_adapter(adapter: str) -> Callable[[Instant], bool]:
    """Choose how our clock is judged; beside simulated wearables it needs no judge.

    >>> for_adapter("tcp-client:127.0.0.1:6402")(Instant(0))
    True
    """
    return _always if is_simulated(adapter) else Synchrony(disciplined)


def is_simulated(adapter: str) -> bool:
    """Tell whether an adapter is the simulation's: over TCP, or plugged by name."""
    plugged = ":" not in adapter and not adapter.startswith("hci")
    return adapter.startswith("tcp-client:") or bool(adapter and plugged)


def _always(_: Instant) -> bool:
    return True
