"""The people of a simulation and what they wear, made from its configuration.

Nothing here has a radio: `firmware_sim.service` puts it on the air,
`firmware_sim.scenario` plays it without.
"""

import zlib
from collections.abc import Callable

from firmware_sim.faults import Faults
from firmware_sim.firmware import Firmware
from firmware_sim.heard import Heard
from firmware_sim.models import make
from firmware_sim.physiology import Heart, Person, RecordedHeart, read_intervals
from vitals.clock import Clock
from vitals.errors import ConfigError
from vitals.model import Instant
from vitals.simulation import Sim, SimWearable


class Cast:
    """Everybody whom the configuration names, and what they wear.

    Parameters
    ----------
    config
        Checked already.
    clock
        The right time, which a wearable's own clock may not show.
    elapsed
        Gives the seconds since the simulation began.

    Attributes
    ----------
    faults
        In the order of the wearables.
    """

    def __init__(self, config: Sim, clock: Clock, elapsed: Callable[[], float]) -> None:
        self._config, self._clock, self._elapsed = config, clock, elapsed
        self._people = {
            person.name: Person(
                config.seed ^ zlib.crc32(person.name.encode()),
                person.course,
                config.hour,
            )
            for person in config.people
        }
        self.faults = tuple(
            Faults(wearable.faults, config.seed ^ zlib.crc32(wearable.address.encode()))
            for wearable in config.wearables
        )

    def firmware(self, n: int) -> tuple[Firmware, Person]:
        """Make the n-th wearable's firmware, and give who wears it."""
        wearable, faults = self._config.wearables[n], self.faults[n]
        person = self._people[wearable.person]

        def clock() -> Instant:
            return Instant(faults.clock(self._elapsed(), self._clock()))

        heart = Heard(_heart(wearable, person), faults)
        return make(wearable, heart, clock), person


def device_name(wearable: SimWearable) -> str:
    """Give the name that a wearable says."""
    return wearable.name or f"{wearable.kind}-{wearable.address[-5:]}".lower()


def _heart(wearable: SimWearable, person: Person) -> Heart:
    """Give the heart that a strap hears."""
    if wearable.rr:
        return RecordedHeart(person, read_intervals(wearable.rr))
    return Heart(person)


def check(config: Sim) -> None:
    """Refuse wearables that cannot be.

    Raises
    ------
    ConfigError
        A wearable's address or person is impossible.
    """
    people = {person.name for person in config.people}
    seen: set[str] = set()
    for n, wearable in enumerate(config.wearables):
        where, address = f"sim.wearables.{n}", wearable.address.upper()
        if wearable.person not in people:
            raise ConfigError(
                f"{where}.person: nobody in sim.people is {wearable.person}"
            )
        if not _is_static(address):
            raise ConfigError(
                f"{where}.address: {wearable.address} is no static random address;"
                " write six octets, the first of them C0 to FF"
            )
        if address in seen:
            raise ConfigError(f"{where}.address: {address} is there twice")
        if wearable.rr and wearable.kind not in ("strap", "polar", "watch"):
            raise ConfigError(f"{where}.rr: a {wearable.kind} has no RR intervals")
        if (wearable.security == "passkey") != bool(wearable.passkey):
            raise ConfigError(
                f'{where}.passkey: security = "passkey" needs one, and only that'
            )
        seen.add(address)


def _is_static(address: str) -> bool:
    """Tell whether this is a static random address (Core 5.3 vol 6 part B 1.3.2.1)."""
    octets = address.split(":")
    hexadecimal = all(len(o) == 2 and set(o) <= set("0123456789ABCDEF") for o in octets)
    return len(octets) == 6 and hexadecimal and int(octets[0], 16) >= 0xC0
