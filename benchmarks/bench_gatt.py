"""Reading a heart-rate notification, against Bumble's own profile."""

from bumble.profiles.heart_rate_service import HeartRateService

from benchmarks.duel import Duel
from vitals.gatt.heart_rate import HeartRateMeasurement

DATA = HeartRateMeasurement(72, contact=True, rr_intervals=(912, 900)).build()
rival = HeartRateService.HeartRateMeasurement.from_bytes

DUELS = [
    Duel(
        "parse a heart-rate notification, against bumble",
        lambda: HeartRateMeasurement.parse(DATA).rate,
        lambda: rival(DATA).heart_rate,
    ),
]
