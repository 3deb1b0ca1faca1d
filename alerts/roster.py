"""Who can be told of an alert at a moment: care team, shifts, quiet hours.  Pure."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from alerts import shifts
from vitals.config import Alerts
from vitals.model import HOUSE, Alert, Instant, Priority
from vitals.staff import Afterwards, Person, Shift, Step

EVERYBODY = ""  # a recipient: the whole house, by the ways that are nobody's own


class Relief(Struct, frozen=True, kw_only=True):
    """Somebody's word that another person stands in for them until an end."""

    person: str
    to: str
    since: Instant
    until: Instant


class Roster(Struct, frozen=True, kw_only=True):
    """Everybody who can be told, when, and in which order."""

    people: Mapping[str, Person] = {}
    shifts: Sequence[Shift] = ()
    steps: Mapping[Priority, Sequence[Step]] = {}
    repeat_ms: Mapping[Priority, int] = {}
    expire_ms: Mapping[Priority, int] = {}
    returned: Mapping[Priority, Afterwards] = {}  # none: a call stops
    teams: Mapping[str, Sequence[str]] = {}  # by subject
    reliefs: Sequence[Relief] = ()

    def on_call(self, step: Step, alert: Alert, now: Instant) -> list[str]:
        """Give whom a step reaches: never nobody, but the whole house for want of one.

        The care team comes first; without one of it on call, all who work here.  The
        family hears of nobody but their own patient.
        """
        roles = {*step.roles, *(["administrator"] if alert.subject == HOUSE else [])}
        fit = [p for p in self.people.values() if p.role in roles]
        team = self.teams.get(alert.subject, ())
        mine = [p.name for p in fit if p.name in team]
        others = [p.name for p in fit if p.role != "family"]
        for names in (mine, others):
            if found := [n for n in names if self.works(n, now)]:
                return self._relieved(found, now)
        return [EVERYBODY]

    def works(self, name: str, now: Instant) -> bool:
        """Tell whether somebody is on call; who has no shift always is."""
        own = [shift for shift in self.shifts if shift.person == name]
        zone = self.people[name].time_zone
        hours = (((s.begin, s.end), s.days) for s in own)
        return not own or any(shifts.within(now, zone, h, days) for h, days in hours)

    def wakes(self, name: str, priority: Priority, now: Instant) -> Instant:
        """Give from when somebody may be told: now, or when their quiet hours end."""
        person = self.people.get(name)
        if priority == "high" or person is None or person.quiet is None:
            return now
        if not shifts.within(now, person.time_zone, person.quiet):
            return now
        return shifts.end(now, person.time_zone, person.quiet[1])

    def _relieved(self, names: Iterable[str], now: Instant) -> list[str]:
        """Put those who stand in for somebody in their places."""
        # The latest word counts; by a clock that was set back each is of the future.
        stand_in = {r.person: r.to for r in self.reliefs if now < r.until}
        return list(dict.fromkeys(stand_in.get(name, name) for name in names))


def of(settings: Alerts) -> Roster:
    """Make the roster of a configuration."""
    steps: dict[Priority, list[Step]] = {"high": [], "medium": [], "low": []}
    for step in sorted(settings.escalation, key=lambda step: step.after_s):
        steps[step.priority].append(step)
    return Roster(
        people={person.name: person for person in settings.people},
        shifts=settings.shifts,
        steps={priority: found or ALL for priority, found in steps.items()},
        repeat_ms={p: round(1000 * getattr(settings.repeat_s, p)) for p in steps},
        expire_ms={p: round(1000 * getattr(settings.acknowledged_s, p)) for p in steps},
        returned={p: getattr(settings.returned, p) for p in steps},
    )


# Of a priority that the configuration gives no step: all who work here, at once.
ALL = (Step(priority="high", roles=("nurse", "doctor", "administrator")),)
WHOLE_HOUSE = of(Alerts())  # a house that names nobody
