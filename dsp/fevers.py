"""Watches thermometers: who has a fever, by the site of the measurement."""

from collections.abc import Sequence

import msgspec

from dsp import fever
from dsp.arrays import I1, I8
from dsp.circumstances import session
from dsp.defects import Defects
from dsp.episodes import late
from dsp.fever import Heat, Rules, Thermometer, Turn, heat, rules
from dsp.findings import Finding, Word, tell
from dsp.sentences import UNWATCHED, cooled, feverish
from vitals.codes import Metric
from vitals.detection import Dsp
from vitals.model import Anomaly, BodyTemperature, Instant, Plan, Reading

TEMPERATURE = Metric.BODY_TEMPERATURE.value
REWOUND = 2  # of a fresh reading: what was newer was of a broken clock

Key = tuple[str, str]  # subject, device


class FeverWatch:
    """All thermometers of all patients."""

    def __init__(self, settings: Dsp, defects: Defects) -> None:
        self._defects = defects
        self._rules, self._late = rules(settings), settings.late_s * 1000
        self._limit = settings.limits.get(TEMPERATURE)
        self._rules = self._rules._replace(ceiling=fever.ceiling(self._limit))
        self._own: dict[str, Rules] = {}  # by subject
        self._off: set[str] = set()  # subjects who are not watched
        self._plans: dict[str, Plan] = {}  # of those who exercise
        self._known: dict[Key, Thermometer] = {}

    def observe(
        self, readings: Sequence[Reading], which: I8, fresh: I1
    ) -> list[tuple[int, Anomaly]]:
        """Give anomalies with the index of the reading that led to each.

        `which` are the indices of the fresh temperatures among `readings`.
        """
        said: list[tuple[int, Anomaly]] = []
        for i in which.tolist():
            with self._defects.apart(readings[i].subject):
                taken = self._take(readings[i], fresh[i] == REWOUND)
                said += [(i, anomaly) for anomaly in taken]
        return said

    def plan(self, subject: str, plan: Plan | None) -> None:
        """Obey a patient's plan from now on; None: there is none."""
        self._own.pop(subject, None)
        self._plans.pop(subject, None)
        if plan is not None and plan.sessions:
            self._plans[subject] = plan
        if plan is not None and TEMPERATURE in plan.limits:
            high = fever.ceiling(self._limit, plan.limits[TEMPERATURE])
            self._own[subject] = self._rules._replace(ceiling=high)
        if plan is not None and fever.DETECTOR in plan.off:
            self._off.add(subject)
        else:
            self._off.discard(subject)

    def save(self) -> bytes:
        """Give what must survive a restart."""
        return msgspec.json.encode(list(self._known.values()))

    def load(self, saved: bytes) -> None:
        """Take back what `save` gave.

        Raises
        ------
        ValueError
            It is not what `save` gives.
        """
        known = msgspec.json.decode(saved, type=list[Thermometer])
        self._known = {(one.subject, one.device): one for one in known}

    def _take(self, reading: Reading, rewound: bool) -> list[Anomaly]:
        """Take one measurement."""
        record, key = reading.record, (reading.subject, reading.device)
        if not isinstance(record, BodyTemperature):
            return []
        found, said = heat(record), []
        was = self._known.get(key) or Thermometer(*key, found.t, found.t)
        if rewound or key[0] in self._off:
            if over := fever.close(was):
                said.append(self._tell(reading, found, over))
            was = fever.cooled(was)
        if rewound:
            was = Thermometer(*key, found.t, found.t)
        if key[0] in self._off:
            self._known.pop(key, None)
            return said
        if key[0] in self._plans and session(self._plans[key[0]], found.t):
            found = found._replace(temp=None)  # whoever exercises is warm
        held_to = self._own.get(key[0], self._rules)
        self._known[key], turn = fever.take(was, found, held_to)
        return said + ([self._tell(reading, found, turn)] if turn else [])

    def _tell(self, reading: Reading, found: Heat, turn: Turn) -> Anomaly:
        state, record = turn.state, reading.record
        said = UNWATCHED
        if turn.bound is not None and found.temp is not None:
            said = feverish(found.temp, found.site, turn.bound)
            if turn.over:
                said = cooled(found.temp, found.site, state.worst)
        late_ = late(record, self._late)
        word = Word(reading.subject, reading.device, late_, record.received)
        return tell(
            word,
            Finding(
                fever.DETECTOR,
                fever.CONDITION,
                state.begin or found.t,
                Instant(record.t),
                turn.over,
                said,
                fever.evidence(turn, found.site),
                state.worst,
                Metric.BODY_TEMPERATURE.unit,
                state.good / state.seen,
            ),
        )
