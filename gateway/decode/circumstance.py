"""What is known beside the bytes, and the times that follow from it.  Pure."""

from typing import Literal

from msgspec import Struct

from gateway.timeline import Timeline
from vitals import Flag, Instant
from vitals.gatt.date_time import DateTime

LATEST = 4_102_444_800_000  # ms: the year 2100, the last that a record's times can have


class Circumstance(Struct, frozen=True):
    """What the gateway knows beside the bytes."""

    received: Instant
    bonded: bool = False
    site: int | None = None  # Temperature Type, read at connection
    zone_offset_s: int = 0  # of the wall clock that devices' stamps are in
    timeline: Timeline = Timeline()  # what the device's clock is worth
    synchronised: bool = True  # our own clock is right

    @property
    def link(self) -> Literal["bonded", "open"]:
        """How far the link can be trusted."""
        return "bonded" if self.bonded else "open"


def stamped(
    flags: list[Flag], stamp: DateTime | None, now: Circumstance
) -> Instant | None:
    """Give what the device's clock showed, if it says so and there is such a time."""
    if stamp is None:
        return None
    shown = stamp.instant(now.zone_offset_s)
    if shown is not None and 0 <= shown <= LATEST:
        return shown
    flags.append(Flag.CLOCK_UNSYNCED)
    return None


def taken(
    flags: list[Flag], stamp: Instant | None, now: Circumstance, trusted: bool = True
) -> tuple[Instant, Instant | None]:
    """Give the time of measurement and the device's own, which is kept as it is.

    A device without a stamp measured when we heard of it.  A clock that is plainly
    wrong tells nothing: reception is then the best we know, and a flag says so.
    """
    if stamp is None:
        return now.received, None
    believed = trusted and now.synchronised
    t = now.timeline.measured(stamp, now.received) if believed else None
    if t is None:
        flags.append(Flag.CLOCK_UNSYNCED)
        return now.received, stamp
    return t, stamp
