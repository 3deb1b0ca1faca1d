"""Scenarios through the pure rooms: firmware, decoder, detectors, desk.  No radio."""

from collections import defaultdict
from itertools import groupby

import pytest

from alerts.desk import Desk
from dsp.ward import Ward
from firmware_sim.scenario import play
from gateway.decode import Circumstance, decode
from gateway.stillness import Stillness
from vitals.errors import MalformedData
from vitals.model import HeartRate, Reading

BEGIN = 1_709_280_000_000
BLOCK_S = 5.0


class Judge:
    """The detectors and the desk, and the alerts that they opened."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.ward, self.desk = Ward(scenario.dsp), Desk({})
        for subject, plan in scenario.plans_from(BEGIN).items():
            self.ward.plan(subject, plan)
        self.opened, self.malformed, self.readings = [], 0, 0
        self.straps = defaultdict(Stillness)  # by wearable

    def run(self):
        """Live the scenario to its end."""
        frames = play(self.scenario.sim, self.scenario.for_s, BEGIN)
        passed = 0.0
        for block, heard in groupby(frames, lambda frame: frame.t_s // BLOCK_S):
            end = (block + 1) * BLOCK_S
            while passed + BLOCK_S < end:
                passed += BLOCK_S
                self._hear([], passed)
            passed = end
            self._hear(list(heard), end)
        while (passed := passed + BLOCK_S) <= self.scenario.for_s:
            self._hear([], passed)
        return self

    def _hear(self, frames, end):
        now = BEGIN + round(1000 * end)
        readings = [found for f in frames for found in self._decoded(f)]
        self.readings += len(readings)
        for anomaly in (*self.ward.observe(readings, now), *self.ward.tick(now, now)):
            for change in self.desk.observe(anomaly, now):
                if change.why == "opened":
                    self.opened.append(change.alert)

    def _decoded(self, frame):
        wearable = self.scenario.sim.wearables[frame.wearable]
        received = BEGIN + round(1000 * frame.t_s)
        try:
            record = decode(frame.characteristic, frame.frame, Circumstance(received))
        except MalformedData:
            self.malformed += 1
            return []
        if isinstance(record, HeartRate):
            record = self.straps[frame.wearable].judge(record)
        return [Reading(wearable.person, wearable.name, record)] if record else []


@pytest.fixture
def judge():
    return lambda scenario: Judge(scenario).run()


@pytest.fixture
def compare():
    """What was opened though not expected, and what was expected and not opened."""

    def go(scenario, alerts):
        missing, strange = list(scenario.expect), []
        for alert in alerts:
            since = (alert.since - BEGIN) / 1000
            found = [e for e in missing if _is(alert, since, e)]
            if found:
                missing.remove(found[0])
            else:
                strange.append((alert.condition, alert.subject, since, alert.value))
        return strange, missing

    return go


def _is(alert, since, expected):
    same = (alert.condition, alert.subject) == (expected.condition, expected.subject)
    return same and expected.from_s <= since <= expected.to_s
