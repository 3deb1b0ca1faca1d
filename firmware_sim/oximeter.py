"""A pulse oximeter's firmware: continuous measurements, and a spot-check now and then.

While it searches for a pulse it has no number; off the finger it says so.
"""

import random
from collections.abc import Mapping

from firmware_sim.firmware import Firmware
from firmware_sim.housing import Housing
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.gatt import pulse_oximeter
from vitals.gatt.date_time import DateTime
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import Continuous, PlxFeatures, SpotCheck

RESTING = 97.5  # %
NOISE = 0.5  # %, standard deviation between two measurements
SEARCH_S = 3.0  # until it has found the pulse
STATUS = (
    pulse_oximeter.ONGOING | pulse_oximeter.FULLY_QUALIFIED | pulse_oximeter.UNAVAILABLE
)
SENSOR = pulse_oximeter.SENSOR_OFF_USER | pulse_oximeter.LOW_PERFUSION
FEATURES = PlxFeatures(
    pulse_oximeter.STATUS_SUPPORT
    | pulse_oximeter.SENSOR_SUPPORT
    | pulse_oximeter.STAMPED_SPOT_CHECK,
    STATUS,
    SENSOR,
)
QUALIFIED = pulse_oximeter.ONGOING | pulse_oximeter.FULLY_QUALIFIED
NONE = Special.NAN


class Finger:
    """What the sensor makes of a finger."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._dice = random.Random(person.seed ^ 2)
        self._since: float | None = None  # s, person's time: on the finger

    def look(self, now: float) -> tuple[float, float] | None:
        """Give saturation and pulse; None before the pulse is found."""
        body = self.person.at(now)
        if not body.worn:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < SEARCH_S:
            return None
        saturation = min(100, round(RESTING + self._dice.gauss(0, NOISE)))
        return float(saturation), float(round(body.hr))

    def state(self, now: float) -> tuple[int, int]:
        """Give the measurement status and the sensor status where there is no pulse."""
        worn = self.person.at(now).worn
        return pulse_oximeter.UNAVAILABLE, 0 if worn else pulse_oximeter.SENSOR_OFF_USER


class ContinuousPart(Firmware):
    """PLX Continuous Measurements."""

    service = pulse_oximeter.SERVICE
    measurement = pulse_oximeter.CONTINUOUS
    model = "Oximeter 1"

    def __init__(self, finger: Finger, every_s: float = 1.0) -> None:
        self.finger, self.every_s = finger, every_s

    def values(self) -> Mapping[str, bytes]:
        """Give what it is able to tell."""
        return {pulse_oximeter.FEATURES: FEATURES.build()}

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Measure once."""
        if found := self.finger.look(now):
            return [Continuous(*found, status=QUALIFIED, sensor=0).build()]
        status, sensor = self.finger.state(now)
        return [Continuous(NONE, NONE, status=status, sensor=sensor).build()]


class SpotCheckPart(Firmware):
    """PLX Spot-Check Measurements: one when the saturation has settled."""

    service = pulse_oximeter.SERVICE
    measurement = pulse_oximeter.SPOT_CHECK
    indicates = True

    def __init__(self, finger: Finger, clock: Clock, every_s: float = 30.0) -> None:
        self.finger, self.clock, self.every_s = finger, clock, every_s

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Measure once; nothing without a pulse."""
        found = self.finger.look(now)
        if not found:
            return []
        stamp = DateTime.of(self.clock())
        return [SpotCheck(*found, stamp, pulse_oximeter.FULLY_QUALIFIED, 0).build()]


def oximeter(person: Person, clock: Clock, every_s: float = 1.0) -> Housing:
    """Make a finger clip."""
    finger = Finger(person)
    return Housing(
        "Oximeter 1", ContinuousPart(finger, every_s), SpotCheckPart(finger, clock)
    )
