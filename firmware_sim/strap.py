"""Heart-rate straps' firmware: heart in, Heart Rate Measurements out.

Every beat that ends while somebody is subscribed is sent exactly once.  Off the body
the strap says so and the heart is not heard; one without a contact bit has no other
words for it than a rate of 0, and one that lies has none at all.  When a recorded heart
has no beats left, the strap goes on reporting the last rate, without RR intervals.
"""

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from firmware_sim.firmware import NOT_SUPPORTED, Firmware, Refused
from firmware_sim.physiology import Heart, Person
from vitals.gatt import heart_rate
from vitals.gatt.heart_rate import HeartRateMeasurement

CHEST = b"\x01"  # Body Sensor Location
ROOM = 20  # octets of a value that every link carries: the smallest ATT MTU less 3
AVERAGED = 8  # beats that the rate is the mean of
ENERGY_EVERY = 10  # notifications, as section 3.1.1.3 suggests
MOST_ENERGY = 0xFFFF  # kJ; stays there until it is reset


class Strap(Firmware):
    """Heart Rate Service 1.0 on a chest."""

    service = heart_rate.SERVICE
    measurement = heart_rate.MEASUREMENT
    writable = (heart_rate.CONTROL_POINT,)
    model = "Strap 1"

    def __init__(
        self, person: Person, heart: Heart, every_s: float = 1.0, contact: bool = True
    ) -> None:
        self.person = person
        self.heart = heart
        self.contact = contact
        self.every_s = every_s
        self.energy = 0.0  # kJ
        self._recent: deque[float] = deque(maxlen=AVERAGED)  # RR intervals, ms
        self._measured = 0

    def values(self) -> Mapping[str, bytes]:
        """Give where it is worn."""
        return {heart_rate.BODY_SENSOR_LOCATION: CHEST}

    def write(self, characteristic: str, value: bytes) -> None:
        """Reset the energy expended; the control point knows no other command."""
        if value != bytes([heart_rate.RESET_ENERGY]):
            raise Refused(NOT_SUPPORTED)
        self.energy = 0.0

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Give the beats that ended, up to 9 in a notification; nothing before one."""
        if not self.person.at(now).worn:
            self._recent.clear()
            return [self._off_body().build()]
        beats = self.heart.elapse(seconds, now)
        self._recent.extend(beats)
        if not self._recent:
            return []
        self._spend(seconds)
        intervals = [round(beat * 1.024) for beat in beats]  # ms to 1/1024 s
        return [m.build() for m in self._measurements(intervals)]

    @property
    def rate(self) -> int:
        """The mean rate of the latest beats, /min."""
        return round(60_000 * len(self._recent) / sum(self._recent))

    def _spend(self, seconds: float) -> None:
        """Count energy: 5 kJ a minute at rest, more the faster the heart beats."""
        per_minute = 5 + 0.4 * max(0, self.rate - 70)
        self.energy = min(MOST_ENERGY, self.energy + per_minute * seconds / 60)

    def _measurements(self, rr: Sequence[int]) -> Iterator[HeartRateMeasurement]:
        """Spread RR intervals over as many measurements as they need, at least one."""
        while True:
            energy = None if self._measured % ENERGY_EVERY else int(self.energy)
            self._measured += 1
            room = (ROOM - len(self._measurement(energy, ()).build())) // 2
            yield self._measurement(energy, rr[:room])
            if not (rr := rr[room:]):
                return

    def _measurement(
        self, energy: int | None, rr: Sequence[int]
    ) -> HeartRateMeasurement:
        """Make one measurement."""
        contact = True if self.contact else None
        return HeartRateMeasurement(self.rate, contact, energy, tuple(rr))

    def _off_body(self) -> HeartRateMeasurement:
        """Make what is said off the body."""
        return HeartRateMeasurement(rate=0, contact=False if self.contact else None)


class LyingStrap(Strap):
    """A strap that has no contact bit, and off the body goes on telling a rate.

    As Polar's do (polar-ble-sdk issues 131 and 834): the last one for ever, or any one.
    """

    model = "Strap P"

    def __init__(
        self, person: Person, heart: Heart, every_s: float = 1.0, lie: str = "frozen"
    ) -> None:
        super().__init__(person, heart, every_s, contact=False)
        self.lie = lie
        self._last = 0
        self._dice = random.Random(person.seed ^ 4)

    def measure(self, now: float, seconds: float) -> list[bytes]:
        """Remember the rate that a lie will begin with."""
        if self._recent:
            self._last = self.rate
        return super().measure(now, seconds)

    def _off_body(self) -> HeartRateMeasurement:
        """Tell a rate that nobody has."""
        if self.lie == "random":
            self._last = min(220, max(30, self._last + self._dice.randint(-9, 9)))
        return HeartRateMeasurement(self._last)
