"""What wearables say, for the tests of the outbox."""

from gateway.notification import Notification
from vitals import BloodPressure, HeartRate, Reading, wire
from vitals.gatt import blood_pressure, heart_rate
from vitals.model import Assign, CheckIn
from vitals.wire import Message

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


def measured(t=NOON, user=None, q=(), device="cuff", received=None):
    """A reading of a shared cuff."""
    record = BloodPressure(
        t=t, received=received or t, device_t=t, sys=120, dia=80, user=user, q=q
    )
    raw = t.to_bytes(8, "little")
    reading = Reading("", device, record)
    return Notification(reading, blood_pressure.MEASUREMENT, raw, heard=12.5)


def assign(subject, since=NOON, until=NOON, **words):
    return Assign(
        device="cuff", subject=subject, since=since, until=until, by="dr", why="mix-up",
        **words,
    )  # fmt: skip


def told(rows):
    """Whose records, when measured, with which number."""
    found = []
    for row in rows:
        [reading] = wire.unpack(Message(row.topic, row.payload))
        assert (reading.record.seq, reading.record.gateway) == (row.seq, "gw-1")
        found.append((reading.subject, reading.record.t - NOON, row.seq))
    return found


class Turns:
    """A shared cuff measures once a second; two people take turns of three seconds.

    Of a turn the first reading can be corrected to somebody else.
    """

    @staticmethod
    def reading(n):
        return measured(NOON + 1000 * n)

    @staticmethod
    def user(turn):
        return f"p-{turn % 2 + 1}"

    @staticmethod
    def given(turn):
        words = {"by": "nurse", "minutes": 0.05, "id": f"g{turn}"}
        begin = NOON + 3000 * turn
        return CheckIn(device="cuff", subject=Turns.user(turn), t=begin, **words)

    @staticmethod
    def correction(turn):
        at = NOON + 3000 * turn
        return assign("p-9", at, at, id=f"c{turn}")
