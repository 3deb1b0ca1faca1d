import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import phrases
from vitals.codes import Metric

LIMITED = [metric for metric in Metric if not metric.derived]
CONDITIONS = [f"{m.value}_{side}" for m in LIMITED for side in ("high", "low")] + [
    "heart_rate_unusual",
    "irregular_rhythm",
    "decline",
    "device_silent",
    "device_off_body",
    "device_battery_low",
    "device_battery_critical",
    "gateway_offline",
    "gateway_clock_off",
    "gateway_queue_growing",
    "gateway_disk",
    "gateway_radio",
    "device_clock_off",
    "stage_silent",
    "test_alarm",
    "delivery_failing",
    "ledger_cut",
]


def test_both_languages_say_everything_and_leave_the_same_gaps():
    assert phrases.ENGLISH.keys() == phrases.CHINESE.keys()
    for key, english in phrases.ENGLISH.items():
        assert ("{what}" in english) == ("{what}" in phrases.CHINESE[key]), key


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_has_a_name_and_an_advice_in_both_languages(condition):
    for say in (phrases.title, phrases.plain, phrases.act):
        english, chinese = say(condition, "en"), say(condition, "zh")
        assert english.isascii()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
        assert "_" not in english + chinese


def test_a_patient_hears_of_blood_pressure_not_of_systole():
    assert phrases.name("systolic_high") == "Blood pressure high"
    assert phrases.name("systolic_high", "zh") == "血压偏高"
    assert "measure again" in phrases.plain("diastolic_high")
    assert phrases.title("systolic_high") == "Systolic pressure high"
    assert "silent" in phrases.plain("device_silent")
    assert "put it on" in phrases.plain("device_off_body")
    assert "fever" in phrases.plain("body_temperature_high")


@given(st.text())
def test_a_condition_that_nobody_has_foreseen_can_be_said(condition):
    for language in phrases.LANGUAGES:
        assert phrases.plain(condition, language)
        assert phrases.act(condition, language)
        assert isinstance(phrases.title(condition, language), str)
