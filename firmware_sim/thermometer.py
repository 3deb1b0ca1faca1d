"""Thermometers' firmware: Temperature Measurements."""

import random
from collections.abc import Mapping

from firmware_sim.firmware import OUT_OF_RANGE, Firmware, Refused
from firmware_sim.housing import Housing
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.errors import MalformedData
from vitals.gatt import health_thermometer
from vitals.gatt.date_time import DateTime
from vitals.gatt.health_thermometer import (
    MeasurementInterval,
    TemperatureMeasurement,
    TemperatureType,
)

ARMPIT = 1
NOISE_CEL = 0.03  # standard deviation between two measurements
COLDER_CEL = 2.5  # an intermediate value may be so far below: the sensor still warms


class Thermometer(Firmware):
    """Health Thermometer Service 1.0.

    Parameters
    ----------
    site
        A Temperature Type.
    tells_site
        Whether each measurement carries it; else only Temperature Type does.
    """

    service = health_thermometer.SERVICE
    measurement = health_thermometer.MEASUREMENT
    indicates = True
    writable = (health_thermometer.INTERVAL,)
    model = "Thermometer 1"

    def __init__(
        self,
        person: Person,
        clock: Clock,
        every_s: float = 10.0,
        site: int = ARMPIT,
        tells_site: bool = True,
    ) -> None:
        self.person = person
        self.clock = clock
        self.every_s = every_s
        self.site, self.tells_site = site, tells_site
        self._dice = random.Random(person.seed)

    def values(self) -> Mapping[str, bytes]:
        """Give where it is worn, and the interval in whole seconds."""
        interval = max(1, round(self.every_s))
        return {
            health_thermometer.TYPE: TemperatureType(self.site).build(),
            health_thermometer.INTERVAL: MeasurementInterval(interval).build(),
        }

    def write(self, characteristic: str, value: bytes) -> None:
        """Set the interval; 0, no periodic measurement, is out of our range."""
        try:
            seconds = MeasurementInterval.parse(value).seconds
        except MalformedData as error:
            raise Refused(OUT_OF_RANGE) from error
        if not seconds:
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
            site=self.site if self.tells_site else None,
        )
        return [measurement.build()]


class Intermediate(Firmware):
    """Intermediate Temperatures: what the sensor reads while it still warms up."""

    service = health_thermometer.SERVICE
    measurement = health_thermometer.INTERMEDIATE

    def __init__(self, person: Person, every_s: float = 1.0) -> None:
        self.person = person
        self.every_s = every_s
        self._dice = random.Random(person.seed ^ 1)

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Read the sensor; nothing when it is not worn."""
        body = self.person.at(now)
        if not body.worn:
            return []
        warm = round(body.temp - self._dice.uniform(0, COLDER_CEL), 2)
        return [TemperatureMeasurement(warm).build()]


def patch(person: Person, clock: Clock, every_s: float = 10.0) -> Housing:
    """Make a patch: intermediate values all the time, a measurement now and then."""
    worn = Thermometer(person, clock, every_s, tells_site=False)
    return Housing("Patch 1", worn, Intermediate(person))
