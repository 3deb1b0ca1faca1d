"""The pure core: readings in, anomalies out; no I/O, and the time is an argument.

A block of readings gives the same anomalies as the same readings one by one, and a
replay the same as the first time: what an anomaly says comes from the records alone.
The one exception is what a `tick` tells of (a silence, in a session too, a measurement
that did not come) and the records do not show, because they were held up on their way
or never came: whoever replays them was never kept waiting.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dsp import crisis
from dsp.arrays import I1, Records, devices, state
from dsp.batteries import BatteryWatch, Draining
from dsp.calendars import Calendar
from dsp.decline import declines
from dsp.declines import DeclineWatch, gathers
from dsp.defects import Defects
from dsp.devices import DeviceWatch
from dsp.fevers import FeverWatch
from dsp.forecasts import ForecastWatch
from dsp.heart import hearts
from dsp.hearts import HeartWatch
from dsp.limits import COLUMN
from dsp.orphans import Orphan, adopt, first_layout, orphans
from dsp.patients import PatientWatch
from dsp.pressures import PressureWatch
from dsp.seats import Kept
from dsp.session import CONTACT, LOG
from dsp.sessions import SessionWatch
from dsp.standing import Found, Standing
from dsp.trend import trends
from vitals.codes import Metric
from vitals.detection import Dsp
from vitals.model import Anomaly, HeartRate, Instant, Plan, Reading

CUFF = COLUMN[Metric.SYSTOLIC.value]
HEAT = COLUMN[Metric.BODY_TEMPERATURE.value]

LAYOUT = "/".join(("2", *COLUMN))
"""What a saved ward consists of; see `Ward.load` for one of another layout."""


class Saved(msgspec.Struct, frozen=True):
    """The names of a saved ward."""

    layout: str
    patients: list[str]  # of their rows
    streams: list[str]
    plans: dict[str, Plan]
    orphans: list[Orphan] = []
    draining: list[Draining] = []
    hearts: list[str] = []
    declines: list[str] = []
    standing: list[Anomaly] = []
    since: dict[str, Instant] = {}  # before which baselines have been forgotten
    due: dict[str, Instant] = {}  # and shall be with the first reading from then on
    sessions: Kept = Kept()


class Ward:
    """Everything that is remembered of all patients and devices.

    Raises
    ------
    ConfigError
        The settings name a signal or kind that there is not.
    """

    def __init__(self, settings: Dsp, saved: Saved | None = None) -> None:
        saved = saved or Saved(LAYOUT, [], [], {})
        self.settings = settings
        self.defects = Defects()  # of single patients, that have cost no other
        self._devices = DeviceWatch(settings, self.defects, saved.streams)
        self._patients = PatientWatch(settings, saved.patients)
        self._batteries = BatteryWatch(settings, saved.draining)
        self._hearts = HeartWatch(settings, saved.hearts)
        self._declines = DeclineWatch(settings, saved.declines)
        self._calendar = Calendar(settings)
        self._forecasts = ForecastWatch(settings)
        self._sessions = SessionWatch(settings, self.defects, saved.sessions)
        self._standing = Standing(saved.standing)
        self._since, self._due = dict(saved.since), dict(saved.due)
        self._pressures = PressureWatch(settings, self.defects)
        self._fevers = FeverWatch(settings, self.defects)
        self._plans: dict[str, Plan] = {}
        self._orphans = list(saved.orphans)
        self._late = settings.late_s * 1000
        self.stale = (
            0  # readings that were no news: repeated, overtaken, from the future
        )
        for subject, plan in saved.plans.items():
            self.plan(subject, plan)

    def observe(
        self,
        readings: Sequence[Reading],
        arrived: Instant,
        steady: int | None = None,
    ) -> list[Anomaly]:
        """Take readings in order of arrival; give what they begin, change and end.

        `steady` is a clock that never steps, in ms; None: `arrived` is one.
        """
        now = arrived, arrived if steady is None else steady
        said, cut = [], self._forgetful(readings)
        while cut is not None:
            said += self._observe(readings[:cut], now)
            said += self._forget(readings[cut])
            readings = readings[cut:]
            cut = self._forgetful(readings)
        return said + self._observe(readings, now)

    def tick(self, steady: int, now: Instant | None = None) -> list[Anomaly]:
        """Take that time passes; give who is not heard of, and what was not measured.

        `steady` is in ms as of `observe`.  Without `now`, our own clock's time, nobody
        is missed in a session.  What goes wrong with one patient is in `defects`.
        """
        wall = Instant(steady) if now is None else now
        found: list[Anomaly] = []
        with self.defects.apart():
            found += self._devices.tick(steady)
        with self.defects.apart():
            found += self._pressures.tick(steady, wall)
        with self.defects.apart():
            found += self._missed(now, steady)
        return [a for _, a in self._standing.heard([(0, a) for a in found])]

    def plan(self, subject: str, plan: Plan | None) -> list[Anomaly]:
        """Obey a patient's plan from the next reading on; None: the defaults again.

        Gives the ends of what detectors have left open that are off now.
        """
        self._plans.pop(subject, None)
        if plan is not None:
            self._plans[subject] = plan
        said = plan or Plan()
        self._calendar.plan(subject, plan)
        # Switched off, the two steps leave their bounds to the limits.
        steps = crisis.DETECTOR not in said.off
        self._patients.plan(subject, said.limits, steps=steps)
        self._pressures.plan(subject, plan)
        self._fevers.plan(subject, plan)
        self._devices.plan(subject, said.expects)
        if said.baseline_since > self._since.get(subject, 0):
            self._since[subject] = self._due[subject] = Instant(said.baseline_since)
        return list(self._standing.switch(subject, said.off, Instant(said.t)))

    def _observe(
        self, readings: Sequence[Reading], now: tuple[Instant, int]
    ) -> list[Anomaly]:
        """Take readings before which nothing has to be forgotten."""
        if not readings:
            return []
        fresh, found = self._devices.observe(readings, *now)
        self.stale += len(readings) - int(np.count_nonzero(fresh))
        for judge in self._judges(readings, fresh, now[1]):
            with self.defects.apart():
                found += judge()
        found.sort(key=itemgetter(0))
        return [anomaly for _, anomaly in self._standing.heard(found)]

    def _judges(
        self, readings: Sequence[Reading], fresh: I1, steady: int
    ) -> Sequence[Callable[[], Found]]:
        """Give what is to be judged of readings: each apart, and in this order."""
        block, source = self._patients.samples(readings, fresh)
        column = self._patients.columns(block)
        block, place = self._calendar.marked(readings, block, source, column)
        signals = block._replace(signal=column)
        samples, terms = (signals, source, place), self._calendar.tables.terms
        cuffs, heats = source[column == CUFF], source[column == HEAT]
        return (
            lambda: self._batteries.observe(readings, fresh),
            lambda: self._patients.observe(readings, block, source),
            lambda: self._hearts.observe(readings, fresh),
            lambda: self._declines.observe(readings, signals, source),
            lambda: self._forecasts.observe(
                readings, signals, source, self._patients.rules
            ),
            lambda: self._sessions.observe(readings, samples, terms, steady),
            lambda: self._pressures.observe(readings, cuffs, fresh, steady),
            lambda: self._fevers.observe(readings, heats, fresh),
            lambda: list(adopt(readings, fresh, self._orphans, self._late)),
        )

    def _missed(self, now: Instant | None, steady: int) -> list[Anomaly]:
        """Give who is not heard in a session."""
        if now is None:
            return []
        return self._sessions.tick(self._calendar.terms(now), now, steady)

    def _forgetful(self, readings: Sequence[Reading]) -> int | None:
        """Give the index of the reading before which somebody's usual is forgotten."""
        if not self._due:
            return None
        never = 1 << 62
        due = (self._due.get(r.subject, never) <= r.record.t for r in readings)
        return next((i for i, is_due in enumerate(due) if is_due), None)

    def _forget(self, reading: Reading) -> list[Anomaly]:
        """Forget what was usual for a patient; end what was unusual by it."""
        subject = reading.subject
        del self._due[subject]
        for watch in (self._patients, self._hearts, self._declines):
            watch.forget(subject)
        words = "What is usual is learned anew.", "重新学习平时水平。"
        at = Instant(reading.record.t)
        return list(self._standing.end(subject, "baseline", at, words))

    def save(self) -> dict[str, NDArray[Any]]:
        """Give a copy of everything that must survive, as arrays by name."""
        streams, attended = self._devices.save()
        patients, known = self._patients.save()
        heard, beats = self._hearts.save()
        declining, judged, gathered = self._declines.save()
        sessions, exercise = self._sessions.save()
        saved = Saved(
            LAYOUT,
            patients,
            streams,
            self._plans,
            self._orphans,
            draining=self._batteries.save(),
            hearts=heard,
            declines=declining,
            standing=self._standing.save(),
            since=self._since,
            due=self._due,
            sessions=sessions,
        )
        return {
            "names": np.frombuffer(msgspec.json.encode(saved), np.uint8),
            "state": known,
            "devices": attended,
            "hearts": beats,
            "declines": judged,
            "hours": gathered,
            "trends": self._forecasts.save(len(patients)),
            **{f"session_{name}": array for name, array in exercise.items()},
            "pressures": np.frombuffer(self._pressures.save(), np.uint8),
            "fevers": np.frombuffer(self._fevers.save(), np.uint8),
        }

    @classmethod
    def load(cls, settings: Dsp, arrays: Mapping[str, NDArray[Any]]) -> "Ward":
        """Go on from what `save` gave, under settings that may have changed.

        Of what the layout before ours has saved, the devices go on; the patients start
        anew, but the episodes that were open are ended when their time comes.

        Raises
        ------
        KeyError, ValueError
            It is not what this version of `save` gives.
        """
        saved = msgspec.json.decode(arrays["names"].tobytes(), type=Saved)
        if saved.layout == first_layout():
            return cls._succeed(settings, saved, arrays)
        if saved.layout != LAYOUT:
            raise ValueError("it was saved by another version")
        if "session_log" not in arrays:
            saved = msgspec.structs.replace(saved, sessions=Kept())
        if "hearts" not in arrays:  # of a version that did not know them
            saved = msgspec.structs.replace(saved, hearts=[], declines=[])
        ward = cls(settings, saved)
        if "hearts" in arrays:
            ward._recall(saved, arrays)
        if "pressures" in arrays:
            ward._pressures.load(arrays["pressures"].tobytes())
            ward._fevers.load(arrays["fevers"].tobytes())
        if "trends" in arrays:
            fresh = trends(len(saved.patients))
            ward._forecasts.load(_onto(arrays["trends"], fresh))
        if "session_log" in arrays:
            ward._rejoin(saved.sessions, arrays)
        ward._patients.load(_onto(arrays["state"], state(len(saved.patients), 1)))
        ward._devices.load(_onto(arrays["devices"], devices(len(saved.streams))))
        return ward

    def _recall(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what is remembered of hearts and of declines."""
        self._hearts.load(_onto(arrays["hearts"], hearts(len(saved.hearts))))
        n = len(saved.declines)
        known = _onto(arrays["declines"], declines(n))
        self._declines.load(known, _onto(arrays["hours"], gathers(n)))

    def _rejoin(self, kept: Kept, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what is remembered of sessions."""
        n, contacts = len(kept.logs), len(kept.contacts)
        self._sessions.load(
            _onto(arrays["session_log"], np.zeros(n, LOG)),
            _onto(arrays["session_contact"], np.zeros(contacts, CONTACT)),
            _onto(arrays["session_vital"], state(n, 1)),
        )

    @classmethod
    def _succeed(
        cls, settings: Dsp, saved: Saved, arrays: Mapping[str, NDArray[Any]]
    ) -> "Ward":
        """Take over from a ward of the first layout."""
        known = _onto(arrays["state"], state(len(saved.patients), len(COLUMN)))
        left = orphans(saved.patients, known, saved.plans, settings)
        ward = cls(settings, Saved(LAYOUT, [], saved.streams, saved.plans, left))
        ward._devices.load(_onto(arrays["devices"], devices(len(saved.streams))))
        return ward


def _onto(saved: NDArray[Any], fresh: Records) -> Records:
    """Lay what was saved over a fresh state, which may know more fields by now.

    A file forgets that the fields are aligned, and equal types hide it; the kernels
    take nothing else, so all is copied.
    """
    if saved.shape != fresh.shape:
        raise ValueError(f"an array is {saved.shape}, expected {fresh.shape}")
    for name in saved.dtype.names or ():
        if (
            name not in (fresh.dtype.names or ())
            or saved.dtype[name] != fresh.dtype[name]
        ):
            raise ValueError(f"{name} is of another type than expected")
        fresh[name] = saved[name]
    return fresh


def warm() -> None:
    """Take one reading, so that the first patient need not wait for the compiler."""
    reading = Reading("nobody", "none", HeartRate(t=0, hr=None))
    ward = Ward(Dsp())
    ward.observe([reading], Instant(0))
    ward.tick(0)
