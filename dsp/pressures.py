"""Watches cuffs and schedules of blood pressure.

Who is in a crisis, by its two steps; whose pressure ends an exercise session, or falls
on standing up; which readings cannot be relied on; who has missed an occasion.

A row is one cuff of one person: two are judged apart, so that neither can hide what the
other sees, but one confirms the crisis of another.  The schedule counts what any cuff
measures.  What time alone brings about is told by `tick`, or else by the patient's next
reading, in the same words: a replay says what was said live.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from dsp.arrays import I1, I8
from dsp.courses import Courses
from dsp.crisis import counts, patience
from dsp.cuff import Cuff, join, lapse, restart, rules, take
from dsp.defects import Defects
from dsp.episodes import late
from dsp.occasions import Course
from dsp.pressure import Taken, pressure
from vitals.detection import Dsp
from vitals.model import Anomaly, BloodPressure, Instant, Plan, Reading

REWOUND = 2  # of a fresh reading: what was newer was of a broken clock
NONE = Plan()

Key = tuple[str, str]  # subject, device


class Memory(Struct, frozen=True):
    """What survives a restart."""

    cuffs: list[Cuff]
    courses: list[Course]


class PressureWatch:
    """All cuffs of all patients, and their schedules."""

    def __init__(self, settings: Dsp, defects: Defects) -> None:
        self._defects = defects
        self._rules, self._late = rules(settings), settings.late_s * 1000
        self._plans: dict[str, Plan] = {}
        self._cuffs: dict[Key, Cuff] = {}
        self._asked: dict[Key, int | None] = {}  # when, by our clock; None: unknown
        self._open: dict[str, frozenset[Key]] = {}  # cuffs with a crisis, by subject
        self._courses = Courses(defects)

    def observe(
        self, readings: Sequence[Reading], which: I8, fresh: I1, steady: int
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that led to each.

        `which` are the indices of the fresh blood pressures among `readings`.
        """
        said: list[tuple[int, Anomaly]] = []
        for i in which.tolist():
            with self._defects.apart(readings[i].subject):
                taken = self._take(readings[i], fresh[i] == REWOUND, steady)
                said += [(i, anomaly) for anomaly in taken]
        return said

    def tick(self, steady: int, now: Instant) -> list[Anomaly]:
        """Take that it is `now`; `steady` is a clock that never steps, in ms."""
        said: list[Anomaly] = []
        for key in list(self._asked):
            with self._defects.apart(key[0]):
                said += self._wait(key, steady, now)
        return said + self._courses.tick(now)

    def plan(self, subject: str, plan: Plan | None) -> None:
        """Obey a patient's plan from now on; None: there is none."""
        self._plans.pop(subject, None)
        if plan is not None:
            self._plans[subject] = plan
        self._courses.plan(subject, plan or NONE)

    def save(self) -> bytes:
        """Give what must survive a restart."""
        memory = Memory(list(self._cuffs.values()), self._courses.save())
        return msgspec.json.encode(memory)

    def load(self, saved: bytes) -> None:
        """Take back what `save` gave; the plans are known already.

        Raises
        ------
        ValueError
            It is not what `save` gives.
        """
        memory = msgspec.json.decode(saved, type=Memory)
        self._cuffs = {(c.subject, c.device): c for c in memory.cuffs}
        self._asked = {key: None for key, cuff in self._cuffs.items() if cuff.asked}
        for key, cuff in self._cuffs.items():
            self._note(key, cuff)
        self._courses.load(memory.courses)

    def _take(self, reading: Reading, rewound: bool, steady: int) -> list[Anomaly]:
        """Take one measurement."""
        record, key = reading.record, (reading.subject, reading.device)
        if not isinstance(record, BloodPressure):
            return []
        t, plan = Instant(record.t), self._plans.get(reading.subject, NONE)
        found, late_ = pressure(record), late(record, self._late)
        taken = Taken(t, found, late_, record.q, record.received)
        said = self._lapse(reading.subject, t, plan, steady)
        cuff = self._cuffs.get(key) or Cuff(*key)
        if rewound:
            cuff, more = restart(cuff, taken, self._rules)
            said += more
            self._courses.rewind(reading.subject, t, plan)
        host = None if cuff.crisis else self._host(key, taken)
        cuff, more = take(cuff, taken, plan, self._rules, elsewhere=host is not None)
        self._keep(key, cuff, steady)
        said += more
        if host is not None:
            other, more = join(self._cuffs[host], key[1], taken, plan, self._rules)
            self._keep(host, other, steady)
            said += more
        if found is not None:
            said += self._courses.take(reading.subject, t, late_)
        return said

    def _lapse(
        self, subject: str, t: Instant, plan: Plan, steady: int
    ) -> list[Anomaly]:
        """Take that it is `t` for each of a patient's cuffs, whichever has measured."""
        said: list[Anomaly] = []
        for key in sorted(self._open.get(subject, ())):
            cuff, more = lapse(self._cuffs[key], t, plan, self._rules)
            self._keep(key, cuff, steady)
            said += more
        return said

    def _host(self, key: Key, taken: Taken) -> Key | None:
        """Give the cuff in whose crisis a measurement by another one counts."""
        for other in sorted(self._open.get(key[0], ())):
            found = self._cuffs[other].crisis
            if found and counts(found, key[1], taken, self._rules.steps):
                return other
        return None

    def _wait(self, key: Key, steady: int, now: Instant) -> list[Anomaly]:
        """Wait for a second reading; told when none has come in time."""
        cuff = self._cuffs[key]
        since, asked = self._asked[key], cuff.crisis
        if asked is None:
            return []
        wait = patience(asked, self._rules.steps)
        if since is None:  # before this process started: by the clock on the wall
            since = steady - min(max(now - asked.begin, 0), wait)
            self._asked[key] = since
        if steady - since <= wait:
            return []
        plan = self._plans.get(cuff.subject, NONE)
        cuff, said = lapse(cuff, Instant(asked.begin + wait + 1), plan, self._rules)
        self._keep(key, cuff, steady)
        return said

    def _keep(self, key: Key, cuff: Cuff, steady: int) -> None:
        """Remember a cuff, and since when it waits for a second reading."""
        self._cuffs[key] = cuff
        self._note(key, cuff)
        if cuff.asked:
            self._asked.setdefault(key, steady)
        else:
            self._asked.pop(key, None)

    def _note(self, key: Key, cuff: Cuff) -> None:
        """Note whether a cuff has a crisis that another one may confirm."""
        others = self._open.get(key[0], frozenset()) - {key}
        self._open[key[0]] = others | {key} if cuff.crisis else others
