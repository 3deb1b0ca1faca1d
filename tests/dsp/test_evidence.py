"""What every technical finding rests on: as much is said of it as of any other."""

import pytest

from dsp.ward import Ward
from vitals import Battery, BloodPressure, HeartRate, Plan, Reading
from vitals.detection import Dsp
from vitals.model import Instant, Schedule, Session

T0 = 1_700_000_000_000  # 22:13 UTC
MINUTE, HOUR = 60_000, 3_600_000
GROUNDS = {"values", "baseline", "quality", "age_s", "confidence", "text", "text_zh"}


def strap(t, **fields):
    return Reading("p-7", "strap", HeartRate(t=T0 + t, hr=70, **fields))


def cuff(t, **fields):
    record = BloodPressure(t=T0 + t, sys=120, dia=80, map=90, **fields)
    return Reading("p-7", "cuff", record)


def level(t, percent):
    return Reading("p-7", "strap", Battery(t=T0 + t, level=percent))


def told(readings, plan=None, tick=None):
    ward = Ward(Dsp())
    ward.plan("p-7", plan)
    said = []
    for reading in readings:
        if tick is not None:
            said += ward.tick(reading.record.t - T0, Instant(reading.record.t))
        said += ward.observe([reading], reading.record.t, reading.record.t - T0)
    if tick is not None:
        said += ward.tick(tick, Instant(T0 + tick))
    return [anomaly for anomaly in said if anomaly.kind == "technical"]


RIDE = Plan(sessions=(Session(id="ride", begin=T0, end=T0 + HOUR),))
WEEK = Plan(schedule=Schedule(begin=T0 - 20 * HOUR, days=3), t=T0 - 20 * HOUR)
OFF = {"q": ("off_body",)}
DAY = 24 * HOUR
FOUND = {  # quality, age_s: as it begins, and as it ends
    "device_silent": (
        told([strap(0), strap(61_000 + MINUTE)], tick=3 * MINUTE),
        [(0.0, 60.0), (0.0, 0.0)],
    ),
    "device_off_body": (
        told([strap(1000 * s, **(OFF if s < 65 else {})) for s in range(70)]),
        [(0.0, 0.0), (0.0, 0.0)],
    ),
    "device_battery_low": (told([level(0, 18), level(1, 90)]), [(1.0, 0.0)] * 2),
    "device_battery_critical": (told([level(0, 8), level(1, 90)]), [(1.0, 0.0)] * 2),
    "measurement_unusable": (
        told([cuff(0, q=("motion",)), cuff(MINUTE)]),
        [(0.0, 0.0), (1.0, 0.0)],
    ),
    "session_signal_lost": (
        told([strap(0), strap(2 * MINUTE)], RIDE, tick=2 * MINUTE + 5000),
        [(0.0, 30.0), (0.0, 0.0)],
    ),
}


@pytest.mark.parametrize("condition", FOUND)
def test_a_technical_finding_says_what_it_rests_on(condition):
    said, expected = FOUND[condition]
    said = [a for a in said if a.condition == condition]
    assert [a.over for a in said] == [False, True]
    for anomaly, (quality, age_s) in zip(said, expected, strict=True):
        evidence = anomaly.evidence
        assert set(evidence) >= GROUNDS
        assert (evidence["quality"], evidence["age_s"]) == (quality, age_s)
        assert evidence["confidence"] == anomaly.confidence == 1.0
        assert evidence["baseline"] is None


def test_an_empty_battery_says_its_level():
    said, _ = FOUND["device_battery_low"]
    assert said[0].evidence["values"] == [[T0, 18]]


def test_a_missed_occasion_says_how_much_of_it_and_of_those_before_was_done():
    morning = 8 * HOUR  # 06:13 of the second day
    done = [cuff(-10 * MINUTE), cuff(-5 * MINUTE)]  # the first evening's two
    said = told([*done, cuff(morning)], WEEK, tick=20 * HOUR + DAY)
    first, second = (a for a in said if a.evidence.get("day") == 2)
    assert set(first.evidence) >= GROUNDS
    assert (first.evidence["quality"], second.evidence["quality"]) == (0.5, 0.0)
    end = 12 * HOUR + 47 * MINUTE + 40_000  # 11:01
    assert first.evidence["age_s"] == (end - morning) / 1000
    assert [a.evidence["adherence"] for a in (first, second)] == [0.5, 0.5]
