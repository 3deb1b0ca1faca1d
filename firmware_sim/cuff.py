"""A blood-pressure cuff's firmware: Blood Pressure Measurements, one at a time."""

import random
from collections.abc import Mapping

from firmware_sim.firmware import Firmware
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.gatt import blood_pressure
from vitals.gatt.blood_pressure import BloodPressureFeature, BloodPressureMeasurement
from vitals.gatt.date_time import DateTime

USER = 1  # the device's user slot
NOISE_MMHG = 2.0  # standard deviation between two measurements
FEATURES = (
    blood_pressure.BODY_MOVEMENT_DETECTION
    | blood_pressure.CUFF_FIT_DETECTION
    | blood_pressure.IRREGULAR_PULSE_DETECTION
)


class Cuff(Firmware):
    """Blood Pressure Service 1.1 on an arm.  Its clock shows UTC."""

    service = blood_pressure.SERVICE
    measurement = blood_pressure.MEASUREMENT
    indicates = True
    model = "Cuff 1"

    def __init__(self, person: Person, clock: Clock, every_s: float = 60.0) -> None:
        self.person = person
        self.clock = clock
        self.every_s = every_s
        self._dice = random.Random(person.seed)

    def values(self) -> Mapping[str, bytes]:
        """Give what it is able to notice."""
        return {blood_pressure.FEATURE: BloodPressureFeature(FEATURES).build()}

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Measure once; nothing when it is not worn."""
        body = self.person.at(now)
        if not body.worn:
            return []
        systolic = round(body.sys + self._dice.gauss(0, NOISE_MMHG))
        diastolic = round(body.dia + self._dice.gauss(0, NOISE_MMHG))
        measurement = BloodPressureMeasurement(
            systolic=systolic,
            diastolic=diastolic,
            mean=round(diastolic + (systolic - diastolic) / 3),
            stamp=DateTime.of(self.clock()),
            pulse=round(body.hr),
            user=USER,
            status=0,
        )
        return [measurement.build()]
