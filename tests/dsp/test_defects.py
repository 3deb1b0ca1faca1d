"""A defect that one patient's state brings out, by the clock or by a reading."""

import asyncio
import logging
from contextlib import suppress

import pytest
from msgspec.structs import replace

from dsp import service
from dsp.occasions import Course
from dsp.snapshot import Snapshot
from dsp.ward import Ward
from vitals import Anomaly, BloodPressure, HeartRate, Plan, Reading, wire
from vitals.bus import MemoryBus
from vitals.detection import Dsp
from vitals.metrics import Metrics
from vitals.model import Instant, Schedule, Session

T0 = 1_700_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
BAD, GOOD = "p-bad", "p-good"
PEOPLE = BAD, GOOD, "p-z"  # a patient before the bad one, or after, is no different


def heart(subject, t=T0):
    return Reading(subject, "strap", HeartRate(t=t, hr=70))


def cuff(subject, sys, t=T0):
    return Reading(subject, "cuff", BloodPressure(t=t, sys=sys, dia=80, map=100))


def ward(*, forgiven=True, plan=None):
    """Everybody has a strap, a cuff that asks for a second reading, and a plan."""
    said = Ward(Dsp())
    said.defects.forgiven = forgiven
    for subject in PEOPLE:
        said.plan(subject, plan)
    said.observe([heart(subject) for subject in PEOPLE], Instant(T0), 0)
    said.observe([cuff(subject, 190) for subject in PEOPLE], Instant(T0), 0)
    return said


def break_cuff(house):
    was = house._pressures._cuffs[BAD, "cuff"]
    broken = replace(was, crisis=replace(was.crisis, worst=None))
    house._pressures._cuffs[BAD, "cuff"] = broken


def break_strap(house):
    streams = house._devices._rows.names
    streams[streams.index(f"{BAD}/strap/heart_rate")] = f"{BAD}/strap/hart_rate"


def break_schedule(house):
    courses = house._pressures._courses._courses
    courses[BAD] = Course(BAD, None, "UTC", 0, ())


def break_session(house):
    house._sessions.tick(house._calendar.terms(T0), T0, 0)
    (seen,) = [s for s in house._sessions._seats.contacts if s.subject == BAD]
    seen.session = None


EXERCISE = Plan(sessions=(Session(id="s-1", begin=T0, end=T0 + 2 * HOUR),))
SCHEDULE = Plan(schedule=Schedule(begin=T0, days=1))
DAMAGE = [
    (break_cuff, None, "blood_pressure_crisis"),
    (break_strap, None, "device_silent"),
    (break_schedule, SCHEDULE, "measurement_missed"),
    (break_session, EXERCISE, "session_signal_lost"),
]


@pytest.mark.parametrize(("damage", "plan", "condition"), DAMAGE)
def test_what_breaks_of_one_patient_by_the_clock_stops_nobody_else(
    damage, plan, condition
):
    house = ward(plan=plan)
    damage(house)
    now = 24 * HOUR if plan is SCHEDULE else 90 * MINUTE
    said = [a for a in house.tick(now, Instant(T0 + now)) if a.condition == condition]
    assert {a.subject for a in said} == {"p-good", "p-z"}
    assert {defect.subject for defect in house.defects.take()} == {BAD}


@pytest.mark.parametrize(("damage", "plan", "condition"), DAMAGE)
def test_where_defects_are_not_forgiven_the_same_stops_everybody(
    damage, plan, condition
):  # negative control
    house = ward(forgiven=False, plan=plan)
    damage(house)
    now = 24 * HOUR if plan is SCHEDULE else 90 * MINUTE
    with pytest.raises((AttributeError, ValueError, TypeError)):
        house.tick(now, Instant(T0 + now))


def test_a_broken_cuff_costs_no_other_reading_of_its_block():
    house = ward()
    break_cuff(house)
    t = T0 + 2 * MINUTE
    said = house.observe([cuff(s, 190, t) for s in PEOPLE], Instant(t), 2 * MINUTE)
    crises = [a.subject for a in said if a.condition == "blood_pressure_crisis"]
    assert crises == ["p-good", "p-z"]


def fast(subject, forgiven):
    """Give whose racing heart is told of when the judge of declines is broken."""
    house = ward(forgiven=forgiven)
    house._declines._rows = None
    said = []
    for s in range(1, 70):
        t = T0 + 1000 * s
        heard = Reading(subject, "strap", HeartRate(t=t, hr=150))
        said += house.observe([heard], Instant(t), 1000 * s)
    return [a.condition for a in said if not a.over], house.defects.take()


def test_a_judge_that_is_broken_silences_no_other_judge():
    conditions, defects = fast(GOOD, forgiven=True)
    assert conditions == ["heart_rate_high"]
    assert [d.is_new for d in defects] == [True] + [False] * 68
    with pytest.raises(TypeError):  # negative control
        fast(GOOD, forgiven=False)


def test_a_defect_is_new_once_for_each_patient_and_place():
    house = ward()
    break_cuff(house)
    for k in range(3):
        house.tick(90 * MINUTE + k, Instant(T0 + 90 * MINUTE + k))
    assert [d.is_new for d in house.defects.take()] == [True, False, False]
    assert house.defects.take() == []
    break_strap(house)
    house._devices._state["silent"] = 0
    house.tick(91 * MINUTE, Instant(T0 + 91 * MINUTE))
    assert [d.is_new for d in house.defects.take()] == [True, False]


def test_the_live_stage_counts_defects_logs_each_once_and_goes_on(tmp_path, caplog):
    async def main():
        bus, metrics, house = MemoryBus(), Metrics(), ward()
        heard = bus.subscribe(wire.ANOMALIES)
        memory = Snapshot(tmp_path / "dsp.npz")
        clocks = (lambda: T0 + 90 * MINUTE), (lambda: 5400.0)
        stage = service.Service(bus, house, memory, metrics, clocks)
        break_cuff(house)
        task = asyncio.create_task(stage.tick(0.001))
        said: list[Anomaly] = []
        while metrics.counters.get("dsp_failures_total", 0) < 5:
            assert not task.done()
            await asyncio.sleep(0.01)
        for delivery in await heard.take():
            said.append(wire.read(Anomaly, delivery.message.payload))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        crises = {a.subject for a in said if a.condition == "blood_pressure_crisis"}
        assert crises == {"p-good", "p-z"}

    with caplog.at_level(logging.ERROR):
        asyncio.run(asyncio.wait_for(main(), 30))
    assert len(caplog.records) == 1
    assert BAD in caplog.text
    assert "AttributeError" in caplog.text
