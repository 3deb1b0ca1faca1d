"""The schedules of all patients: who has missed an occasion."""

from collections.abc import Iterable

from dsp import findings, occasions
from dsp.defects import Defects
from dsp.occasions import NEVER, Course, Turn
from vitals.model import Anomaly, Instant, Plan


class Courses:
    """Every patient who has a schedule, and how far they are in it."""

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self._courses: dict[str, Course] = {}
        self._left: list[Course] = []  # with something open, and no longer followed
        self._next = NEVER  # no occasion ends before

    def plan(self, subject: str, plan: Plan) -> None:
        """Follow a patient's schedule, or none, from now on."""
        was, new = self._courses.pop(subject, None), occasions.course(subject, plan)
        if was is not None and new is not None and occasions.same(was, new):
            new = was
        elif was is not None and was.missed:
            self._left.append(was)
        if new is not None:
            self._courses[subject] = new
            self._next = min(self._next, occasions.ends(new))

    def take(self, subject: str, t: Instant, late: bool) -> list[Anomaly]:
        """Take a good reading of a patient."""
        said = self._close()
        if subject in self._courses:
            now, turns = occasions.take(self._courses[subject], t)
            self._courses[subject] = now
            said += _told(turns, late)
        return said

    def tick(self, now: Instant) -> list[Anomaly]:
        """Take that it is `now`."""
        said = self._close()
        if now < self._next:
            return said
        for subject, was in self._courses.items():
            with self._defects.apart(subject):
                self._courses[subject], turns = occasions.lapse(was, now)
                said += _told(turns)
        self._next = self._soonest()
        return said

    def rewind(self, subject: str, t: Instant, plan: Plan) -> None:
        """Take that a reading came which was of a broken clock: `t` is right."""
        was, first = self._courses.get(subject), occasions.course(subject, plan)
        if was is not None and first is not None:
            self._courses[subject] = now = occasions.rewound(was, first.next, t)
            self._next = min(self._next, occasions.ends(now))

    def save(self) -> list[Course]:
        """Give what must survive a restart."""
        return [*self._courses.values(), *self._left]

    def load(self, saved: Iterable[Course]) -> None:
        """Take back what `save` gave; the plans are known already."""
        for was in saved:
            new = self._courses.get(was.subject)
            if new is not None and occasions.same(was, new):
                self._courses[was.subject] = was
            elif was.missed:
                self._left.append(was)
        self._next = self._soonest()

    def _soonest(self) -> Instant:
        """Give when the next occasion of anybody ends."""
        found = NEVER
        for subject, was in self._courses.items():
            with self._defects.apart(subject):
                found = min(found, occasions.ends(was))
        return found

    def _close(self) -> list[Anomaly]:
        """End what is open of schedules that are no longer followed."""
        said = [a for was in self._left for a in _told(occasions.close(was))]
        self._left.clear()
        return said


def _told(turns: Iterable[Turn], late: bool = False) -> list[Anomaly]:
    """Tell of turns; only what a reading ends is on the word of a record."""
    return [findings.occasion(turn, late and turn.over) for turn in turns]
