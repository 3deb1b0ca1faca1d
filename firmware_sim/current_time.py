"""A wearable's clock, right or wrong, and the service that shows it and sets it."""

from collections.abc import Mapping

from firmware_sim.firmware import OUT_OF_RANGE, Firmware, Refused
from vitals.clock import Clock
from vitals.errors import MalformedData
from vitals.gatt import current_time
from vitals.gatt.current_time import MANUAL_UPDATE, CurrentTime
from vitals.model import Instant


class DeviceClock:
    """A clock that may be off, and can be set.  It shows UTC, as far as it knows."""

    def __init__(self, clock: Clock, off_s: float = 0.0) -> None:
        self._clock = clock
        self._off_ms = round(1000 * off_s)
        self.sets = 0

    def __call__(self) -> Instant:
        """Give what the clock shows."""
        return Instant(self._clock() + self._off_ms)

    def set(self, shown: int) -> None:
        """Make it show a moment now."""
        self._off_ms = shown - self._clock()
        self.sets += 1


class CurrentTimeService(Firmware):
    """Current Time Service 1.1.

    Parameters
    ----------
    clock
        What it shows.
    manner
        "read": nobody sets it; "write": anybody; "ignore": it only says so.
    """

    service = current_time.SERVICE

    def __init__(self, clock: DeviceClock, manner: str = "write") -> None:
        self.clock, self.manner = clock, manner
        if manner != "read":
            self.writable = (current_time.CURRENT_TIME,)

    def values(self) -> Mapping[str, bytes]:
        """Give the time that the clock shows."""
        now = CurrentTime.of(self.clock(), adjust_reason=MANUAL_UPDATE)
        return {current_time.CURRENT_TIME: now.build()}

    def write(self, characteristic: str, value: bytes) -> None:
        """Set the clock, to whole seconds as cheap clocks do."""
        try:
            shown = CurrentTime.parse(value).stamp.instant()
        except MalformedData as error:
            raise Refused(OUT_OF_RANGE) from error
        if shown is None:
            raise Refused(OUT_OF_RANGE)
        if self.manner != "ignore":
            self.clock.set(shown)

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Say nothing by itself."""
        return []
