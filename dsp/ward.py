"""The pure core: readings in, anomalies out; no I/O, and the time is an argument.

A block of readings gives the same anomalies as the same readings one by one, and a
replay the same as the first time: what an anomaly says comes from the records alone.
The one exception is what a `tick` tells of (a silence, a measurement that did not come)
and the records do not show, because they were held up on their way: whoever replays
them was never kept waiting.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dsp import crisis
from dsp.arrays import DEVICE, STATE
from dsp.batteries import BatteryWatch, Draining
from dsp.decline import DECLINE
from dsp.declines import GATHER, DeclineWatch
from dsp.devices import DeviceWatch
from dsp.fevers import FeverWatch
from dsp.heart import HEART
from dsp.hearts import HeartWatch
from dsp.limits import COLUMN
from dsp.orphans import Orphan, adopt, first_layout, orphans
from dsp.orphans import devices as newer
from dsp.patients import PatientWatch
from dsp.pressures import PressureWatch
from vitals.codes import Metric
from vitals.config import Dsp
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


class Ward:
    """Everything that is remembered of all patients and devices.

    Raises
    ------
    ConfigError
        The settings name a signal or kind that there is not.
    """

    def __init__(self, settings: Dsp, saved: Saved | None = None) -> None:
        saved = saved or Saved(LAYOUT, [], [], {})
        self._devices = DeviceWatch(settings, saved.streams)
        self._patients = PatientWatch(settings, saved.patients)
        self._batteries = BatteryWatch(settings, saved.draining)
        self._hearts = HeartWatch(settings, saved.hearts)
        self._declines = DeclineWatch(settings, saved.declines)
        self._pressures = PressureWatch(settings)
        self._fevers = FeverWatch(settings)
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
        if not readings:
            return []
        steady = arrived if steady is None else steady
        fresh, technical = self._devices.observe(readings, arrived, steady)
        block, source = self._patients.samples(readings, fresh)
        physiological = self._patients.observe(readings, block, source)
        physiological += self._hearts.observe(readings, fresh)
        columns = self._patients.columns(block)
        physiological += self._declines.observe(
            readings, block._replace(signal=columns), source
        )
        pressures, temperatures = source[columns == CUFF], source[columns == HEAT]
        rare = self._pressures.observe(readings, pressures, fresh, steady)
        physiological += rare + self._fevers.observe(readings, temperatures, fresh)
        self.stale += len(readings) - int(np.count_nonzero(fresh))
        technical += self._batteries.observe(readings, fresh)
        ended = list(adopt(readings, fresh, self._orphans, self._late))
        found = sorted(technical + physiological + ended, key=itemgetter(0))
        return [anomaly for _, anomaly in found]

    def tick(self, steady: int, now: Instant | None = None) -> list[Anomaly]:
        """Take that time passes; give the silent devices, and what was not measured.

        `steady` is in ms as of `observe`; `now` is the time, None: the same.
        """
        wall = Instant(steady) if now is None else now
        return self._devices.tick(steady) + self._pressures.tick(steady, wall)

    def plan(self, subject: str, plan: Plan | None) -> None:
        """Obey a patient's plan from the next reading on; None: the defaults again."""
        if plan is None:
            self._plans.pop(subject, None)
        else:
            self._plans[subject] = plan
        held_to = Plan() if plan is None else plan
        # Switched off, the two steps leave their bounds to the limits.
        steps = crisis.DETECTOR not in held_to.off
        self._patients.plan(subject, held_to.limits, steps=steps)
        self._pressures.plan(subject, plan)
        self._fevers.plan(subject, plan)

    def save(self) -> dict[str, NDArray[Any]]:
        """Give a copy of everything that must survive, as arrays by name."""
        streams, devices = self._devices.save()
        patients, state = self._patients.save()
        hearts, beats = self._hearts.save()
        declines, known, gathered = self._declines.save()
        saved = Saved(
            LAYOUT,
            patients,
            streams,
            self._plans,
            self._orphans,
            draining=self._batteries.save(),
            hearts=hearts,
            declines=declines,
        )
        return {
            "names": np.frombuffer(msgspec.json.encode(saved), np.uint8),
            "state": state,
            "devices": devices,
            "hearts": beats,
            "declines": known,
            "hours": gathered,
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
        if "hearts" not in arrays:  # of a version that did not know them
            saved = msgspec.structs.replace(saved, hearts=[], declines=[])
        ward = cls(settings, saved)
        if "hearts" in arrays:
            ward._recall(saved, arrays)
        if "pressures" in arrays:
            ward._pressures.load(arrays["pressures"].tobytes())
            ward._fevers.load(arrays["fevers"].tobytes())
        shape = len(saved.patients), 1
        ward._patients.load(_checked(arrays["state"], STATE, shape))
        ward._devices.load(_checked(arrays["devices"], DEVICE, (len(saved.streams),)))
        return ward

    def _recall(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what is remembered of hearts and of declines."""
        self._hearts.load(_checked(arrays["hearts"], HEART, (len(saved.hearts),)))
        shape = (len(saved.declines),)
        known = _checked(arrays["declines"], DECLINE, shape)
        self._declines.load(known, _checked(arrays["hours"], GATHER, shape))

    @classmethod
    def _succeed(
        cls, settings: Dsp, saved: Saved, arrays: Mapping[str, NDArray[Any]]
    ) -> "Ward":
        """Take over from a ward of the first layout."""
        shape = len(saved.patients), len(COLUMN)
        state = _checked(arrays["state"], STATE, shape)
        left = orphans(saved.patients, state, saved.plans, settings)
        ward = cls(settings, Saved(LAYOUT, [], saved.streams, saved.plans, left))
        streams = newer(arrays["devices"])
        ward._devices.load(_checked(streams, DEVICE, (len(saved.streams),)))
        return ward


def _checked(
    array: NDArray[Any], dtype: np.dtype[np.void], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Give an array if it is of a type and shape."""
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"an array is {array.shape} of another type than expected")
    # A file forgets that the fields are aligned, and equal types hide it; the kernels
    # take nothing else.
    aligned = np.empty(shape, dtype)
    aligned[...] = array
    return aligned


def warm() -> None:
    """Take one reading, so that the first patient need not wait for the compiler."""
    reading = Reading("nobody", "none", HeartRate(t=0, hr=None))
    ward = Ward(Dsp())
    ward.observe([reading], Instant(0))
    ward.tick(0)
