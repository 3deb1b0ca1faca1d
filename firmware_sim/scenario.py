"""Scenarios: people, what they wear, what happens, and the alerts that it must lead to.

A scenario is a TOML file; those in `firmware_sim/scenarios/` come with the package.
`play` lives one in pure Python, hours of it in seconds: no radio, no sleeping.  Of the
link it knows only when there is none, and how soon there is one again.
"""

import heapq
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from firmware_sim.cast import Cast, check, device_name
from firmware_sim.cell import Cell, Gauge
from firmware_sim.distortion import Sensor, aired
from firmware_sim.faults import Faults
from firmware_sim.firmware import Firmware
from firmware_sim.physiology import Person
from vitals.config import Gateway, Wearable
from vitals.detection import Dsp
from vitals.errors import ConfigError
from vitals.model import Instant, Name, Plan
from vitals.sections import Positive, Section
from vitals.simulation import Sim

Part = TypeVar("Part", bound=Struct)

FOLDER = files("firmware_sim") / "scenarios"
FIRST_S = 1.0  # a value comes at most this long after the link is there
BACK_S = 2.0  # from within range again to connected
CYCLED_S = 25.0  # a gateway hangs up on a stream that is silent for about so long
AGAIN_S = 30.0  # an indication that got lost is indicated again after this


class Expected(Section, frozen=True):
    """An alert that must be opened, about something that began in this time."""

    condition: str
    subject: Name
    from_s: float
    to_s: float


class Scenario(Section, frozen=True):
    """A scenario's file."""

    about: str
    for_s: Positive
    sim: Sim  # a person's name is the subject, a wearable's the device
    dsp: Dsp = Dsp()
    plans: dict[Name, Plan] = {}  # noqa: RUF012 frozen; ms since the beginning
    expect: tuple[Expected, ...] = ()  # all of them

    def gateway(self, adapter: str) -> Gateway:
        """Give the gateway that reads the scenario's wearables."""
        wearables = tuple(
            Wearable(device=device_name(w), subject=w.person, address=w.address)
            for w in self.sim.wearables
        )
        return Gateway(name="gw-sim", adapter=adapter, wearables=wearables)

    def plans_from(self, begin: Instant) -> dict[Name, Plan]:
        """Give the plans that hold, by subject, of a life that begins then."""
        return {subject: _lived(plan, begin) for subject, plan in self.plans.items()}


def _lived(plan: Plan, begin: Instant) -> Plan:
    sessions = tuple(_moved(s, begin, "begin", "end") for s in plan.sessions)
    tests = tuple(_moved(s, begin, "begin", "stand", "end") for s in plan.standings)
    schedule = plan.schedule and _moved(plan.schedule, begin, "begin")
    return replace(plan, sessions=sessions, standings=tests, schedule=schedule)


def _moved(part: Part, by: int, *times: str) -> Part:
    return replace(part, **{name: getattr(part, name) + by for name in times})


def names() -> list[str]:
    """Give the scenarios that come with the package."""
    found = (entry.name for entry in FOLDER.iterdir())
    return sorted(n.removesuffix(".toml") for n in found if n.endswith(".toml"))


def load(name: str) -> Scenario:
    """Read a scenario of the package, or the file at a path.

    Raises
    ------
    ConfigError
        There is none, or it is wrong.
    """
    known = name in names()
    path = FOLDER / f"{name}.toml" if known else Path(name)
    try:
        scenario = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except OSError as error:
        hint = "vitals sim --list shows the scenarios"
        raise ConfigError(f"{name}: {error.strerror}; {hint}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    check(scenario.sim)
    return scenario


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that reached the gateway."""

    t_s: float
    wearable: int
    characteristic: str
    frame: bytes
    fate: str  # of its value: "sent", "late", "doubled", "garbled"


def play(sim: Sim, for_s: float, begin: Instant) -> Iterator[Heard]:
    """Live a simulation; give what a gateway beside it hears, in order.

    Parameters
    ----------
    sim
        Who wears what.
    for_s
        How long.
    begin
        The right time at the beginning.
    """
    return _Play(sim, begin).run(for_s)


@dataclass(order=True)
class _Due:
    """What happens at a time: a tick of a stream, or the arrival of frames."""

    t_s: float
    order: int
    stream: "_Stream" = field(compare=False)
    heard: tuple[Heard, ...] | None = field(compare=False, default=None)


@dataclass
class _Stream:
    """One characteristic of one wearable, and the link that carries it."""

    wearable: int
    part: Firmware
    person: Person
    faults: Faults
    noise: Faults  # those that strike its values
    sensor: Sensor
    linked_s: float = 0.0  # when the link was made; inf: there is none
    last_s: float = 0.0

    def speaks(self, now: float) -> bool:
        """Tell whether a value leaves now."""
        if not (self.person.present(now) and self.faults.reaches(now)):
            self.linked_s = inf
            return False
        if self.linked_s == inf:
            self.linked_s = now + BACK_S
        return now >= self.linked_s and not self._silenced(now)

    def _silenced(self, now: float) -> bool:
        silent = self.faults.window("silent", now)
        if silent and self.linked_s < silent[0] and now - silent[0] < CYCLED_S:
            return True
        return self.faults.active("mute", "hostile", now=now)


class _Play:
    def __init__(self, sim: Sim, begin: Instant) -> None:
        self._now = 0.0
        self._order = 0
        self._due: list[_Due] = []
        cast = Cast(
            sim, lambda: Instant(begin + round(1000 * self._now)), lambda: self._now
        )
        for n, wearable in enumerate(sim.wearables):
            firmware, person = cast.firmware(n)
            faults, phase = cast.faults[n], _phase(wearable.address)
            gauge = Gauge(Cell(wearable.address.upper(), faults))
            for part in (*firmware.parts, gauge):
                if part.measurement:
                    noise = Faults() if part is gauge else faults
                    sensor = Sensor(part.measurement, noise)
                    stream = _Stream(n, part, person, faults, noise, sensor)
                    self._put(phase * min(FIRST_S, part.every_s), stream)

    def run(self, for_s: float) -> Iterator[Heard]:
        while self._due and self._due[0].t_s < for_s:
            due = heapq.heappop(self._due)
            self._now = due.t_s
            if due.heard is None:
                self._tick(due.stream)
            else:
                yield from due.heard

    def _put(
        self, t_s: float, stream: _Stream, heard: tuple[Heard, ...] | None = None
    ) -> None:
        self._order += 1
        heapq.heappush(self._due, _Due(t_s, self._order, stream, heard))

    def _tick(self, stream: _Stream) -> None:
        now, part = self._now, stream.part
        if stream.speaks(now):
            for value in part.measure(now, now - stream.last_s):
                self._send(stream, stream.sensor.sensed(value, now))
        stream.last_s = now
        self._put(now + part.every_s, stream)

    def _send(self, stream: _Stream, value: bytes) -> None:
        """Put the frames on their way; what is indicated arrives in the end."""
        gone = aired(value, stream.noise, self._now)
        frames, delay_s = gone.frames, gone.delay_s
        if stream.part.indicates and not frames:
            frames, delay_s = (value,), AGAIN_S
        t_s, uuid = self._now + delay_s, stream.part.measurement
        heard = (Heard(t_s, stream.wearable, uuid, f, gone.fate) for f in frames)
        self._put(t_s, stream, tuple(heard))


def _phase(address: str) -> float:
    """Give a fraction of a wearable's own, so that not all speak at once."""
    return zlib.crc32(address.encode()) % 997 / 997
