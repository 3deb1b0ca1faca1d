"""Blood-pressure cuffs' firmware: Blood Pressure Measurements.

A plain cuff tells each measurement as it takes it.  A storing one measures whether it
is connected or not, and tells what it has kept, oldest first, to whoever subscribes;
with a `window_s` it can only be found for so long after a measurement.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from firmware_sim.firmware import Firmware
from firmware_sim.physiology import Person
from vitals.clock import Clock
from vitals.gatt import blood_pressure
from vitals.gatt.blood_pressure import (
    PULSE_ABOVE_RANGE,
    PULSE_BELOW_RANGE,
    BloodPressureFeature,
    BloodPressureMeasurement,
)
from vitals.gatt.date_time import DateTime

NOISE_MMHG = 2.0  # standard deviation between two measurements
KPA_PER_MMHG = 0.133322
PULSE_RANGE = 40, 180  # /min that the cuff trusts itself with
FEATURES = (
    blood_pressure.BODY_MOVEMENT_DETECTION
    | blood_pressure.CUFF_FIT_DETECTION
    | blood_pressure.IRREGULAR_PULSE_DETECTION
    | blood_pressure.PULSE_RANGE_DETECTION
    | blood_pressure.POSITION_DETECTION
)
TELL_S = 1.0  # between looks at what there is to tell


@dataclass(frozen=True, slots=True)
class Make:
    """How one make of cuff differs from another."""

    kpa: bool = False
    users: tuple[int, ...] = (1,)  # the slots that its users choose, in turn
    status: int = 0  # bits it sets beside those that the pulse calls for
    stored: int = 0  # measurements that it holds already
    window_s: float | None = None  # it can be found for so long; None: always


class Cuff(Firmware):
    """Blood Pressure Service 1.1 on an arm."""

    service = blood_pressure.SERVICE
    measurement = blood_pressure.MEASUREMENT
    indicates = True
    model = "Cuff 1"

    def __init__(
        self,
        person: Person,
        clock: Clock,
        every_s: float = 60.0,
        make: Make | None = None,
    ) -> None:
        self.person = person
        self.clock = clock
        self.every_s = every_s
        self.make = make or Make()
        self._users = cycle(self.make.users)
        self._dice = random.Random(person.seed)

    def values(self) -> Mapping[str, bytes]:
        """Give what it is able to notice."""
        return {blood_pressure.FEATURE: BloodPressureFeature(FEATURES).build()}

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Measure once; nothing when it is not worn."""
        worn = self.person.at(now).worn
        return [self._measured(now, self.clock()).build()] if worn else []

    def _measured(self, now: float, stamp_ms: int) -> BloodPressureMeasurement:
        """Take a measurement that the clock stamps so."""
        body = self.person.at(now)
        systolic = round(body.sys + self._dice.gauss(0, NOISE_MMHG))
        diastolic = round(body.dia + self._dice.gauss(0, NOISE_MMHG))
        return BloodPressureMeasurement(
            systolic=self._shown(systolic),
            diastolic=self._shown(diastolic),
            mean=self._shown(round(diastolic + (systolic - diastolic) / 3)),
            kpa=self.make.kpa,
            stamp=DateTime.of(stamp_ms),
            pulse=round(body.hr),
            user=next(self._users),
            status=self.make.status | _pulse_range(body.hr),
        )

    def _shown(self, mmhg: int) -> float:
        """Give a pressure in the cuff's own unit."""
        return round(mmhg * KPA_PER_MMHG, 1) if self.make.kpa else mmhg


class StoringCuff(Cuff):
    """A cuff that measures by itself, and keeps what it has not told."""

    def __init__(
        self, person: Person, clock: Clock, every_s: float, make: Make
    ) -> None:
        super().__init__(person, clock, TELL_S, make)
        self.live_s = every_s
        self.window_s = make.window_s
        self.memory = [
            self._measured(-n * every_s, clock() - round(1000 * n * every_s)).build()
            for n in range(make.stored, 0, -1)
        ]

    def live(self, now: float) -> bool:
        """Measure for the memory."""
        self.memory += super().measure(now, 0)
        return bool(self.memory)

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Give what is in the memory, oldest first."""
        told, self.memory = self.memory, []
        return told


def _pulse_range(rate: float) -> int:
    """Give the status bits for a pulse beyond what the cuff trusts itself with."""
    low, high = PULSE_RANGE
    return PULSE_BELOW_RANGE * (rate < low) or PULSE_ABOVE_RANGE * (rate > high)
