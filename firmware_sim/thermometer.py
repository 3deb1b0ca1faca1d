"""A thermometer patch's firmware: Temperature Measurements."""

import random
from collections.abc import Mapping

from firmware_sim.firmware import OUT_OF_RANGE, Firmware, Refused
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.gatt import health_thermometer
from vitals.gatt.date_time import DateTime
from vitals.gatt.health_thermometer import TemperatureMeasurement, TemperatureType

ARMPIT = 1
NOISE_CEL = 0.03  # standard deviation between two measurements


class Thermometer(Firmware):
    """Health Thermometer Service 1.0 in an armpit.  Its clock shows UTC."""

    service = health_thermometer.SERVICE
    measurement = health_thermometer.MEASUREMENT
    indicates = True
    writable = (health_thermometer.INTERVAL,)
    model = "Thermometer 1"

    def __init__(self, person: Person, clock: Clock, every_s: float = 10.0) -> None:
        self.person = person
        self.clock = clock
        self.every_s = every_s
        self._dice = random.Random(person.seed)

    def values(self) -> Mapping[str, bytes]:
        """Give where it is worn, and the interval in whole seconds."""
        interval = max(1, round(self.every_s))
        return {
            health_thermometer.TYPE: TemperatureType(ARMPIT).build(),
            health_thermometer.INTERVAL: interval.to_bytes(2, "little"),
        }

    def write(self, characteristic: str, value: bytes) -> None:
        """Set the interval; 0, no periodic measurement, is out of our range."""
        seconds = int.from_bytes(value, "little")
        if len(value) != 2 or not seconds:
            raise Refused(OUT_OF_RANGE)
        self.every_s = float(seconds)

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Measure once; nothing when it is not worn."""
        body = self.person.at(now)
        if not body.worn:
            return []
        measurement = TemperatureMeasurement(
            value=round(body.temp + self._dice.gauss(0, NOISE_CEL), 2),
            stamp=DateTime.of(self.clock()),
            site=ARMPIT,
        )
        return [measurement.build()]
