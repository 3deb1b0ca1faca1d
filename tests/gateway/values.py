"""What wearables say, for the tests of the outbox."""

from gateway.notification import Notification
from vitals import BloodPressure, HeartRate, Reading
from vitals.gatt import blood_pressure, heart_rate

NOON = 1_763_726_400_000  # 2025-11-21T12:00Z


def beat(t=NOON, device="strap-1"):
    """Give one of a stream."""
    record = HeartRate(t=t, received=t, hr=72, rr=(812.5, 790.25))
    raw = heart_rate.HeartRateMeasurement(72, rr_intervals=(832, 809)).build()
    return Notification(Reading("p-7", device, record), heart_rate.MEASUREMENT, raw)


def cuff(t=NOON, device="cuff-1"):
    """Give a spot reading, stamped: told again it is the same."""
    record = BloodPressure(t=t, received=t, device_t=t, sys=120, dia=80)
    raw = t.to_bytes(8, "little")
    return Notification(Reading("p-7", device, record), blood_pressure.MEASUREMENT, raw)
