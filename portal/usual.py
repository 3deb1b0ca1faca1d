"""What is usual for a person: the middle of the hours of the last four weeks."""

from collections.abc import Sequence

from ingest.store import Point
from portal.ages import DAY, HOUR
from vitals.model import Instant

LOOK_BACK = 28 * DAY
HOURS = LOOK_BACK // HOUR
FEWEST_DAYS, FEWEST = 3, 6  # days and hours with values, before anything is usual
LEFT_OUT = 0.1  # of the hours on each side


def since(now: Instant, baseline_since: int) -> Instant:
    """Give from when on what was measured tells what is usual."""
    return Instant(max(0, now - LOOK_BACK, baseline_since))


def usual(hours: Sequence[Point]) -> tuple[float, float] | None:
    """Give between which values 8 of 10 hours' means lie; None: not known yet."""
    days = {point.t // DAY for point in hours}
    if len(hours) < FEWEST or len(days) < FEWEST_DAYS:
        return None
    means = sorted(point.mean for point in hours)
    cut = int(len(means) * LEFT_OUT)
    return means[cut], means[len(means) - 1 - cut]
