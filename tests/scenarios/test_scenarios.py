"""Every scenario that comes with the package leads to its alerts, and to no others.

Hours of life in seconds: firmware, decoder, detectors and desk, without a radio.
"""

from itertools import islice
from typing import get_args, get_type_hints

import pytest
from msgspec.structs import replace

from firmware_sim.faults import KINDS
from firmware_sim.models import EVERY_S
from firmware_sim.scenario import load, names, play
from vitals.errors import ConfigError
from vitals.simulation import Course

LONG_S = 20_000  # of life; takes seconds


def marked(name):
    slow = load(name).for_s > LONG_S
    return pytest.param(name, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize("name", [marked(name) for name in names()])
def test_a17_a_scenario_leads_to_its_alerts_and_to_no_others(name, judge, compare):
    scenario = load(name)
    judged = judge(scenario)
    assert compare(scenario, judged.opened) == ([], [])
    assert judged.readings > 10


def test_c21_a_high_pressure_is_asked_for_again_before_it_calls(judge):
    asked, called = judge(load("hypertensive-crisis")).opened
    assert asked.condition == "blood_pressure_crisis_pending"
    assert "measure again" in asked.evidence["text"]
    assert (called.condition, called.priority) == ("blood_pressure_crisis", "high")
    for _, systolic, diastolic in called.evidence["values"][-2:]:
        assert systolic >= 180 or diastolic >= 120
    assert called.since == asked.since


def test_a_plan_is_what_makes_a_session_of_the_same_ride(judge):
    ride = load("exercise-session")
    assert ride.sim == load("exercise").sim
    [alert] = judge(replace(ride, plans={})).opened  # negative control
    assert alert.condition == "heart_rate_unusual"


def test_what_is_expected_and_does_not_happen_is_noticed(judge, compare):
    scenario = load("racing-heart")
    calm = tuple(replace(person, course=()) for person in scenario.sim.people)
    quiet = replace(scenario, sim=replace(scenario.sim, people=calm))
    strange, missing = compare(quiet, judge(quiet).opened)
    assert (strange, missing) == ([], list(scenario.expect))


def test_what_happens_and_is_not_expected_is_noticed(judge, compare):
    scenario = replace(load("racing-heart"), expect=())
    [strange], missing = compare(scenario, judge(scenario).opened)
    assert strange[:2] == ("heart_rate_high", "p-anna")
    assert missing == []


def test_what_happens_at_another_time_is_noticed(judge, compare):
    scenario = load("bradycardia")
    early = tuple(replace(e, from_s=0, to_s=500) for e in scenario.expect)
    scenario = replace(scenario, expect=early)
    strange, missing = compare(scenario, judge(scenario).opened)
    assert (len(strange), len(missing)) == (1, 1)


def test_a_physiological_alert_in_the_night_of_faults_would_be_noticed(judge, compare):
    scenario = replace(load("night-of-faults"), for_s=3600.0)
    racing = load("racing-heart").sim.people[0].course
    ill = tuple(replace(person, course=racing) for person in scenario.sim.people)
    scenario = replace(scenario, sim=replace(scenario.sim, people=ill))
    strange, _ = compare(scenario, judge(scenario).opened)
    assert {condition for condition, *_ in strange} == {"heart_rate_high"}


@pytest.mark.slow
def test_the_same_scenario_is_the_same_life_to_the_last_bit():
    def life():
        return list(islice(play(load("night-of-faults").sim, 36_000, 0), 20_000))

    assert life() == life()


def test_frames_come_in_order_of_time():
    times = [frame.t_s for frame in play(load("night-of-faults").sim, 4_000, 0)]
    assert times == sorted(times)


def test_a17_every_fault_is_in_a_scenario():
    faults = [f for n in names() for w in load(n).sim.wearables for f in w.faults]
    assert {fault.kind for fault in faults} == set(KINDS)


def test_a17_every_kind_of_wearable_and_every_state_is_in_a_scenario():
    sims = [load(name).sim for name in names()]
    kinds = {wearable.kind for sim in sims for wearable in sim.wearables}
    states = {c.state for sim in sims for person in sim.people for c in person.course}
    assert kinds == set(EVERY_S)
    assert states == set(get_args(get_type_hints(Course)["state"]))


def test_a_scenario_names_the_gateway_that_reads_it():
    scenario = load("night-of-faults")
    box = scenario.gateway("tcp-client:127.0.0.1:6402")
    assert [w.device for w in box.wearables] == [w.name for w in scenario.sim.wearables]
    assert [w.subject for w in box.wearables] == [
        w.person for w in scenario.sim.wearables
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "about"),
        ("about = 'x'\nfor_s = 1\n[sim]\nspede = 3", "spede"),
        ("= 3", "invalid|Invalid"),
        (
            "about='x'\nfor_s=1\n[[sim.wearables]]\nkind='strap'\n"
            "address='C0:00:00:00:00:01'\nperson='ann'",
            "nobody in sim.people is ann",
        ),
    ],
)
def test_a_bad_scenario_is_one_clear_line(tmp_path, text, says):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load(str(path))


def test_a_scenario_that_is_not_there_is_one_clear_line():
    with pytest.raises(ConfigError, match="vitals sim --list"):
        load("nonsense")
