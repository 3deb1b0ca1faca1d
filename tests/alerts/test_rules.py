import pytest

from alerts import rules
from vitals.codes import Metric


@pytest.mark.parametrize(
    ("condition", "kind", "priority"),
    [
        ("heart_rate_high", "physiological", "high"),
        ("heart_rate_low", "physiological", "high"),
        ("systolic_high", "physiological", "high"),
        ("diastolic_high", "physiological", "high"),
        ("systolic_low", "physiological", "medium"),
        ("body_temperature_high", "physiological", "medium"),
        ("blood_pressure_crisis", "physiological", "high"),
        ("blood_pressure_crisis_pending", "physiological", "low"),
        ("exercise_pressure_high", "physiological", "high"),
        ("exercise_hypotension", "physiological", "high"),
        ("exercise_start_pressure_high", "physiological", "medium"),
        ("orthostatic_hypotension", "physiological", "medium"),
        ("fever", "physiological", "low"),
        ("measurement_missed", "technical", "low"),
        ("measurement_unusable", "technical", "low"),
        ("heart_rate_unusual", "physiological", "low"),
        ("glucose_high", "physiological", "medium"),
        ("session_limit", "physiological", "high"),
        ("session_signal_lost", "technical", "medium"),
        ("heart_rate_recovery_slow", "physiological", "low"),
        ("body_temperature_forecast_high", "physiological", "low"),
        ("heart_rate_falling_fast", "physiological", "low"),
        ("device_silent", "technical", "low"),
        ("device_off_body", "technical", "low"),
        ("device_battery_low", "technical", "low"),
        ("device_battery_critical", "technical", "medium"),
        ("device_of_a_kind_to_come", "technical", "low"),
        ("something_to_come", "technical", "low"),
        ("something_to_come", "physiological", "medium"),
    ],
)
def test_each_condition_has_its_priority(racing, condition, kind, priority):
    assert rules.priority(racing(condition=condition, kind=kind), {}) == priority


def test_the_operator_has_the_last_word_on_priorities(racing):
    assert rules.priority(racing(), {"heart_rate_high": "low"}) == "low"
    assert rules.priority(racing(condition="new"), {"new": "high"}) == "high"


@pytest.mark.parametrize(
    ("condition", "evidence", "priority"),
    [
        ("device_silent", {"expected": True}, "medium"),
        ("device_silent", {"expected": False}, "low"),
        ("systolic_low", {"confirmed": True}, "medium"),
        ("systolic_low", {"confirmed": False}, "low"),
    ],
)
def test_the_evidence_may_decide_the_priority(racing, condition, evidence, priority):
    told = racing(condition=condition, kind="technical", evidence=evidence)
    assert rules.priority(told, {}) == priority


def test_one_reading_calls_nobody_whatever_the_operator_has_said(racing):
    own = {"systolic_low": "high"}
    for sure, priority in ((False, "low"), (True, "high")):
        told = racing(condition="systolic_low", evidence={"confirmed": sure})
        assert rules.priority(told, own) == priority


def test_every_row_says_why():
    assert all(why for _, _, why in rules.PRIORITIES)


def test_every_metric_that_has_limits_has_a_step_that_is_much_worse():
    metrics = {m.value for m in Metric if not m.derived} - {"rr_interval"}
    assert set(rules.WORSE_BY) == metrics | {"blood_pressure_crisis", "decline"}


@pytest.mark.parametrize(
    ("condition", "told", "value", "worse"),
    [
        ("heart_rate_high", 150, 169.9, False),
        ("heart_rate_high", 150, 170, True),
        ("heart_rate_low", 40, 20, True),
        ("heart_rate_low", 40, 60, False),
        ("heart_rate_unusual", 100, 119, False),
        ("heart_rate_unusual", 100, 120, True),
        ("heart_rate_unusual", 100, 80, True),
        ("heart_rate_unusual", 100, 81, False),
        ("heart_rate_high", None, 300, False),
        ("heart_rate_high", 150, None, False),
        ("device_silent", None, None, False),
    ],
)
def test_much_worse_is_a_step_in_the_direction_of_the_condition(
    condition, told, value, worse
):
    assert rules.much_worse(condition, told, value) is worse


@pytest.mark.parametrize(
    ("priority", "asked", "given"),
    [("high", None, 15), ("high", 5, 5), ("high", 600, 30), ("medium", 600, 120),
     ("low", 24 * 60, 480)],
)  # fmt: skip
def test_a_snooze_is_never_longer_than_asked_nor_than_its_priority_allows(
    priority, asked, given
):
    assert rules.snooze_ms(priority, asked) == given * 60_000
