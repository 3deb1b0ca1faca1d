"""Who can be told of alerts, and when: tables of `[alerts]` in the configuration."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from vitals.model import HOUSE, MinuteOfDay
from vitals.sections import Section, zone_known

Seconds = Annotated[float, Meta(ge=0, le=1e7)]
Login = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._@-]{1,64}\Z")]
Role = Literal["nurse", "doctor", "family", "administrator"]


class Person(Section, frozen=True):
    """Somebody who can be told of an alert."""

    name: Login  # as they log in at the portal, and as a plan's team has it
    role: Role = "nurse"
    channels: tuple[str, ...] = ()  # ways to reach them alone; (): the house's
    time_zone: str = "UTC"
    # Minutes of their day, from and to; only high priority is told in between.
    quiet: tuple[MinuteOfDay, MinuteOfDay] | None = None
    language: Literal["en", "zh"] = "en"


class Shift(Section, frozen=True):
    """When somebody is on call, week by week; who has no shift always is."""

    person: Login
    begin: MinuteOfDay  # on their own clock
    end: MinuteOfDay  # exclusive; through midnight when it is not after `begin`
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    )  # on which it begins


class Step(Section, frozen=True):
    """Whom an alert reaches that nobody has acknowledged for so long."""

    priority: Literal["high", "medium", "low"]
    roles: tuple[Role, ...]
    after_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0


STEPS = (
    Step(priority="high", roles=("nurse",)),
    Step(priority="high", roles=("doctor",), after_s=300.0),
    Step(priority="medium", roles=("nurse",)),
    Step(priority="medium", roles=("doctor",), after_s=1800.0),
    Step(priority="low", roles=("nurse",)),
)


class Times(Section, frozen=True):
    """A time in seconds for each priority; 0 is never."""

    high: Seconds = 0.0
    medium: Seconds = 0.0
    low: Seconds = 0.0


# What becomes of a call when the alert is over and nobody has seen it: it stops, one
# more step is taken, or all are.
Afterwards = Literal["stop", "once", "until_seen"]


class Returned(Section, frozen=True):
    """Who is told of what is over and was not seen; what is low is never told."""

    high: Afterwards = "once"
    medium: Afterwards = "stop"
    low: Afterwards = "stop"


def complaints(
    people: Sequence[Person], shifts: Sequence[Shift], repeat_s: Times
) -> Iterator[str]:
    """Say which names, time zones and times cannot be."""
    names = [person.name for person in people]
    if len(set(names)) < len(names) or HOUSE in names:
        yield f"alerts.people: each name is there once, and nobody is called {HOUSE}"
    for place, person in enumerate(people):
        if not zone_known(person.time_zone):
            yield f"alerts.people[{place}].time_zone: {person.time_zone} is unknown"
    for place, shift in enumerate(shifts):
        if shift.person not in names:
            yield f"alerts.shifts[{place}].person: nobody is called {shift.person}"
    if not repeat_s.high:
        yield "alerts.repeat_s.high: what is urgent is repeated until it is seen"
