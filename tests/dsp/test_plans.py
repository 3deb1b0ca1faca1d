"""What a patient's plan changes live: nights, baselines, detectors, silence."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.calendars import minutes_of_day, zone_of
from dsp.ward import Ward
from vitals import BloodPressure, HeartRate, Limit, Plan, Reading
from vitals.detection import Dsp
from vitals.model import Night
from vitals.wire import encode

T0 = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC: 06:13:20 in Shanghai
MINUTE = 60_000
SHANGHAI = Plan(
    time_zone="Asia/Shanghai",
    night=Night(begin=22 * 60, end=6 * 60 + 20),
    limits={"heart_rate": Limit(high=120, night_high=100, hold_s=5)},
)


def at(second):
    return T0 + int(second * 1000)


def heart(second, hr, *, subject="p-7", device="strap", **fields):
    fields = {"received": at(second), **fields}
    return Reading(subject, device, HeartRate(t=at(second), hr=hr, **fields))


def play(ward, readings):
    return [a for r in readings for a in ward.observe([r], r.record.t)]


def words(said):
    return [(a.condition, a.over) for a in said]


def ward_with(plan, config=Dsp()):  # noqa: B008 frozen
    ward = Ward(config)
    ward.plan("p-7", plan)
    return ward


def test_c12_the_limit_of_the_night_ends_with_the_patients_own_night():
    # Until 06:20 there, 400 s from now, 110 is too much; by day it is not.
    said = play(ward_with(SHANGHAI), [heart(s, 110) for s in range(500)])
    begin, *_, end = said
    assert (begin.t, begin.evidence["limit"]) == (at(5), 100)
    assert (end.over, end.t, end.evidence["limit"]) == (True, at(405), 120)
    assert len({a.id for a in said}) == 1


def test_by_utc_it_would_be_another_night():  # negative control
    utc = Plan(night=SHANGHAI.night, limits=SHANGHAI.limits)
    said = play(ward_with(utc), [heart(s, 110) for s in range(500)])
    assert not any(a.over for a in said)


def test_c12_what_is_pending_when_the_night_begins_is_held_to_each_moments_bound():
    plan = Plan(limits=SHANGHAI.limits, night=Night(begin=22 * 60 + 14, end=6 * 60))
    early = 36  # seconds after T0 the night begins
    assert early < 40
    said = play(ward_with(plan), [heart(s, 110) for s in range(60)])
    assert [(a.begin, a.t) for a in said] == [(at(40), at(45))]
    said = play(ward_with(plan), [heart(s, 125) for s in range(37, 60)])
    assert [(a.begin, a.t) for a in said] == [(at(37), at(42))]  # on either side


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"]
)
def test_a_local_minute_is_that_of_the_zone_also_when_clocks_change(zone):
    hours = np.arange(1_698_000_000_000, 1_730_500_000_000, 3 * 3_600_000 + 7 * MINUTE)
    found = minutes_of_day(hours, ZoneInfo(zone))
    local = [datetime.fromtimestamp(t / 1000, ZoneInfo(zone)) for t in hours.tolist()]
    assert found.tolist() == [t.hour * 60 + t.minute for t in local]


def test_a_zone_that_is_none_costs_no_limits():
    assert zone_of("../../etc/passwd") == zone_of("Not/There") == ZoneInfo("UTC")
    plan = Plan(limits={"heart_rate": Limit(high=100, hold_s=2)}, time_zone="No/Where")
    assert words(play(ward_with(plan), [heart(s, 110) for s in range(3)])) != []


def test_a_night_in_the_configuration_is_everybodys():
    config = Dsp(limits={"heart_rate": Limit(high=120, night_high=100, hold_s=2)})
    rates = [heart(s, 110) for s in range(4)]
    assert words(play(Ward(config), rates)) == [("heart_rate_high", False)]
    by_day = ward_with(Plan(night=Night(begin=0, end=1)), config)
    assert play(by_day, rates) == []


nights = st.lists(
    st.sampled_from([70.0, 105.0, 110.0, 118.0, 125.0, None]), max_size=40
)


@given(nights, st.data())
@settings(max_examples=40)
def test_neither_blocks_nor_a_restart_at_night_change_anything(rates, data):
    readings = [heart(380 + s, hr) for s, hr in enumerate(rates)]
    ward = ward_with(SHANGHAI)
    cut = data.draw(st.integers(0, len(readings)))
    said = ward.observe(readings[:cut], at(0))
    said += Ward.load(Dsp(), ward.save()).observe(readings[cut:], at(0))
    single = play(ward_with(SHANGHAI), readings)
    assert [encode(a) for a in said] == [encode(a) for a in single]


def test_a_detector_that_is_switched_off_ends_what_it_had_begun():
    first = ward = ward_with(SHANGHAI)
    (begun,) = play(ward, [heart(s, 150) for s in range(6)])
    off = Plan(limits=SHANGHAI.limits, off=("limit",), t=at(7))
    for loaded in (True, False):
        ward = Ward.load(Dsp(), ward.save()) if loaded else first
        (over,) = ward.plan("p-7", off)
        assert (over.id, over.over, over.t) == (begun.id, True, at(7))
        assert over.evidence["text"] == "The detector limit has been switched off."
        assert over.evidence["device"] == "strap"
        assert play(ward, [heart(s, 150) for s in range(7, 200)]) == []
        assert play(ward, [heart(s, 150, subject="p-8") for s in range(99)]) != []
        again = Ward.load(Dsp(), ward.save())
        assert play(again, [heart(s, 150) for s in range(200, 300)]) == []
    assert ward.plan("p-7", SHANGHAI) == []
    assert words(play(ward, [heart(s, 150) for s in range(200, 270)])) == [
        ("heart_rate_high", False)
    ]


def test_a_silent_device_of_a_detector_that_is_off_is_none():
    ward = ward_with(Plan(off=("silent",)))
    play(ward, [heart(0, 70)])
    assert ward.tick(at(0)) == ward.tick(at(1000)) == []
    play(ward, [heart(2000, 70)])
    ward.plan("p-7", None)
    assert words(ward.tick(at(9000))) == [("device_silent", False)]


def test_c9_a_kind_that_a_plan_expects_is_silent_after_three_of_them():
    def cuff(hour):
        record = BloodPressure(t=at(hour * 3600), sys=120, dia=70)
        return Reading("p-7", "cuff", record)

    ward = ward_with(Plan(expects={"blood_pressure": 12 * 3600}))
    play(ward, [cuff(0)])
    assert ward.tick(at(36 * 3600)) == []
    (said,) = ward.tick(at(36 * 3600 + 1))
    assert (said.condition, said.t) == ("device_silent", at(36 * 3600))
    ward.plan("p-7", Plan())
    assert words(play(ward, [cuff(40)])) == [("device_silent", True)]
    assert ward.tick(at(400 * 3600)) == []  # control: nobody expects one


def test_what_a_plan_expects_holds_for_old_and_new_devices_and_after_a_restart():
    ward = Ward(Dsp())
    play(ward, [heart(0, 70)])
    ward.plan("p-7", Plan(expects={"heart_rate": 100}))
    play(ward, [heart(0, 70, device="watch")])
    assert ward.tick(at(299)) == []
    again = Ward.load(Dsp(), ward.save())
    again.tick(at(0))
    assert len(again.tick(at(301))) == len(ward.tick(at(301))) == 2


def usual(start, hr, count=700):
    return [heart(start + s, hr + s % 3) for s in range(count)]


def test_a_baseline_forgets_what_was_before_once_for_each_new_time():
    ward = Ward(Dsp())
    play(ward, usual(0, 70))
    (odd,) = play(ward, [heart(s, 125) for s in range(700, 731)])
    assert odd.detector == "baseline"
    anew = Plan(baseline_since=at(731))
    ward.plan("p-7", anew)
    ward = Ward.load(Dsp(), ward.save())
    (over,) = play(ward, usual(731, 120))
    assert (over.id, over.over, over.t) == (odd.id, True, at(731))
    ward = Ward.load(Dsp(), ward.save())
    ward.plan("p-7", anew)  # the retained plan comes again, and is no news
    said = play(ward, [heart(s, 70) for s in range(1431, 1462)])
    assert words(said) == [("heart_rate_unusual", False)]
    assert said[0].evidence["baseline"] == pytest.approx(121, abs=2)


def test_a_baseline_of_the_future_is_kept_until_then():
    ward = ward_with(Plan(baseline_since=at(750)))
    play(ward, usual(0, 70))
    said = play(ward, [heart(s, 125) for s in range(700, 760)])
    assert [(a.t, a.over) for a in said] == [(at(730), False), (at(750), True)]


@given(st.integers(700, 760), st.data())
@settings(max_examples=10)
def test_forgetting_is_the_same_in_one_block(since, data):
    readings = usual(0, 70) + [heart(s, 125) for s in range(700, 780)]
    plan = Plan(baseline_since=at(since))
    cut = data.draw(st.integers(0, len(readings)))
    ward = ward_with(plan)
    said = ward.observe(readings[:cut], at(0)) + ward.observe(readings[cut:], at(0))
    single = play(ward_with(plan), readings)
    assert [encode(a) for a in said] == [encode(a) for a in single]
    assert len(single) == (2 if since > 730 else 0)
