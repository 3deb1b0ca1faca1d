"""The ward: readings in, anomalies out."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import arrays
from dsp.episodes import identity
from dsp.limits import COLUMN
from dsp.ward import Saved, Ward, warm
from vitals import (
    BloodPressure,
    BodyTemperature,
    ConfigError,
    HeartRate,
    Limit,
    OxygenSaturation,
    Plan,
    Reading,
)
from vitals.detection import Dsp
from vitals.wire import encode

T0 = 1_700_000_000_000
QUICK = Dsp(limits={"heart_rate": Limit(high=120, hold_s=5)}, off_body_s=5)


def at(second):
    return T0 + int(second * 1000)


def heart(second, hr, *, subject="p-7", device="strap", **fields):
    fields = {"received": at(second) + 40, **fields}
    return Reading(subject, device, HeartRate(t=at(second), hr=hr, **fields))


def cuff(second, systolic, diastolic=70, **fields):
    record = BloodPressure(
        t=at(second), received=at(second), sys=systolic, dia=diastolic, **fields
    )
    return Reading("p-7", "cuff", record)


def play(ward, readings):
    """Take readings as they are measured; what is sent again comes at the end."""
    said, now = [], 0
    for reading in readings:
        now = max(now, reading.record.t)
        said += ward.observe([reading], now)
    return said


def words(said):
    return [(a.condition, a.over) for a in said]


def medical(said):
    return [a for a in said if a.kind == "physiological"]


def test_c1_a_heart_at_150_at_rest_is_an_anomaly_within_its_hold():
    said = play(Ward(QUICK), [heart(s, 70 if s < 20 else 150) for s in range(26)])
    assert words(said) == [("heart_rate_high", False)]
    (anomaly,) = said
    assert (anomaly.begin, anomaly.t) == (at(20), at(25))
    assert (anomaly.value, anomaly.unit, anomaly.kind) == (150, "/min", "physiological")
    assert not anomaly.late
    assert anomaly.confidence == 1
    evidence = anomaly.evidence
    assert evidence["text"] == "Heart rate 150 /min, at or above 120 for 5 s."
    assert evidence["received"] == at(25) + 40
    assert evidence["values"][-1] == [at(25), 150]
    assert len(evidence["values"]) == 10
    limits = evidence["limit"], evidence["hold_s"], evidence["device"]
    assert limits == (120, 5, "strap")
    assert evidence["baseline"] == 70


def test_begin_change_and_end_have_one_id():
    rates = [150] * 10 + [180] * 70 + [80] * 30
    said = play(Ward(QUICK), [heart(s, hr) for s, hr in enumerate(rates)])
    assert words(said) == [("heart_rate_high", False)] * 3 + [("heart_rate_high", True)]
    assert len({a.id for a in said}) == 1
    assert [a.value for a in said] == [150, 180, 180, 180]
    assert said[-1].evidence["text"] == (
        "Heart rate no longer at or above 120, after 85 s; the worst was 180 /min."
    )


def test_every_anomaly_fits_its_own_noun_on_the_wire():
    readings = [heart(s, 150 if s % 90 < 30 else 70) for s in range(400)]
    readings += [cuff(500, 200), heart(600, None, q=("off_body",))]
    readings += [heart(600 + s, None, q=("off_body",)) for s in range(1, 9)]
    for anomaly in play(Ward(QUICK), readings):
        again = msgspec.json.decode(encode(anomaly), type=type(anomaly))
        assert encode(again) == encode(anomaly)
        assert "null" not in anomaly.evidence["text"]
        assert "nan" not in anomaly.evidence["text"]


def test_one_low_pressure_counts_and_a_good_one_ends_it():
    at_once = Dsp(confirm={"systolic": 0})
    said = play(Ward(at_once), [cuff(0, 90), cuff(600, 93), cuff(1200, 120)])
    assert words(said) == [("systolic_low", False), ("systolic_low", True)]
    assert said[0].evidence["text"] == "Systolic pressure 90 mmHg, at or below 90."
    assert said[0].evidence["text_zh"] == "收缩压 90 mmHg,达到或低于 90。"
    assert said[1].t == at(1200)


def test_a_hold_that_a_plan_names_does_not_delay_a_cuff():
    ward = Ward(Dsp())
    ward.plan("p-7", Plan(limits={"systolic": Limit(high=150)}))
    assert words(play(ward, [cuff(0, 155)])) == [("systolic_high", False)]


@pytest.mark.parametrize("flag", ["motion", "cuff_loose", "bad_position"])
def test_a_reading_of_bad_quality_raises_nothing(flag):
    assert medical(play(Ward(Dsp()), [cuff(0, 200, q=(flag,))])) == []
    control = play(Ward(Dsp()), [cuff(0, 200, q=("irregular_pulse",))])
    assert medical(control) != []


def test_what_no_human_can_have_raises_nothing():
    assert medical(play(Ward(Dsp()), [cuff(0, 2047, 2047)])) == []


def test_fever_and_low_oxygen_have_default_limits():
    fever = BodyTemperature(t=at(0), temp=39.2)
    assert words(play(Ward(Dsp()), [Reading("p-7", "ear", fever)])) == [
        ("body_temperature_high", False)
    ]
    low = [
        Reading("p-7", "clip", OxygenSaturation(t=at(s), spo2=85)) for s in range(61)
    ]
    assert words(play(Ward(Dsp()), low)) == [("oxygen_saturation_low", False)]
    assert play(Ward(Dsp()), low[:60]) == []


def test_an_unusual_heart_is_told_once_its_usual_is_known():
    rates = [70 + s % 3 for s in range(700)] + [125] * 40
    said = play(Ward(Dsp()), [heart(s, hr) for s, hr in enumerate(rates)])
    assert words(said) == [("heart_rate_unusual", False)]
    assert said[0].detector == "baseline"
    assert said[0].t == at(730)
    short = play(Ward(Dsp()), [heart(s, hr) for s, hr in enumerate(rates[200:])])
    assert short == []  # control: only 500 s of the usual


def test_a_plan_applies_live():
    ward = Ward(QUICK)
    assert play(ward, [heart(s, 110) for s in range(20)]) == []
    ward.plan("p-7", Plan(limits={"heart_rate": Limit(high=100, hold_s=3)}))
    said = play(ward, [heart(s, 110) for s in range(20, 24)])
    assert [(a.begin, a.t) for a in said] == [(at(20), at(23))]
    ward.plan("p-7", None)
    said = play(ward, [heart(s, 110) for s in range(24, 40)])
    assert words(said) == [("heart_rate_high", True)]


def test_a_plan_is_one_patients_and_keeps_the_sides_it_does_not_name():
    ward = Ward(QUICK)
    ward.plan("p-7", Plan(limits={"heart_rate": Limit(high=200), "no": Limit(low=1)}))
    both = [
        heart(s, hr, subject=who)
        for s in range(90)
        for who, hr in (("p-7", 150), ("p-8", 150))
    ]
    assert {a.subject for a in play(ward, both)} == {"p-8"}
    low = play(ward, [heart(s, 30) for s in range(90, 151)])
    assert words(low) == [("heart_rate_low", False)]


def test_an_unknown_signal_or_kind_in_the_configuration_is_an_error():
    with pytest.raises(ConfigError, match=r"dsp\.limits\.hart_rate"):
        Ward(Dsp(limits={"hart_rate": Limit(high=1)}))
    with pytest.raises(ConfigError, match=r"dsp\.silence_s\.cuff"):
        Ward(Dsp(silence_s={"cuff": 1}))


def test_d11_late_data_is_judged_but_marked():
    late = [heart(s, 150, received=at(s + 3600)) for s in range(6)]
    assert [a.late for a in play(Ward(QUICK), late)] == [True]
    flagged = [heart(s, 150, q=("late",)) for s in range(6)]
    assert [a.late for a in play(Ward(QUICK), flagged)] == [True]
    live = [heart(s, 150) for s in range(6)]
    assert [a.late for a in play(Ward(QUICK), live)] == [False]


def test_old_records_do_not_disturb():
    readings = [heart(s, 150) for s in range(4)] + [heart(s, 70) for s in range(4)]
    ward = Ward(QUICK)
    said = play(ward, [*readings, *(heart(s, 150) for s in range(4, 6))])
    assert [(a.begin, a.t) for a in said] == [(at(0), at(5))]
    assert ward.stale == 4


def test_a_record_from_the_future_does_not_stop_the_present():
    ahead = heart(1e6, 70, received=at(0))
    said = play(Ward(QUICK), [ahead, *(heart(s, 150) for s in range(6))])
    assert words(said) == [("heart_rate_high", False)]


def test_a_device_off_the_body_is_a_technical_anomaly():
    off = ("off_body",)
    readings = [heart(s, 70) for s in range(5)]
    readings += [heart(s, None, q=off) for s in range(5, 12)]
    said = play(Ward(QUICK), [*readings, heart(12, 70)])
    assert words(said) == [("device_off_body", False), ("device_off_body", True)]
    assert (said[0].begin, said[0].t, said[0].kind) == (at(5), at(10), "technical")
    assert said[0].evidence["text"] == "strap has been off the body for 5 s."


def test_c9_a_silent_device_is_noticed_by_a_tick_and_forgiven_by_a_record():
    ward = Ward(QUICK)
    play(ward, [heart(0, 70)])
    assert ward.tick(at(60)) == []
    (begin,) = ward.tick(at(61))
    assert ward.tick(at(62)) == []
    (over,) = play(ward, [heart(90, 70)])
    assert (begin.condition, begin.begin, begin.t) == ("device_silent", at(0), at(60))
    assert (over.id, over.over, over.t) == (begin.id, True, at(90))
    assert begin.evidence["text"] == "No heart rate from strap for 60 s."


def test_a_replay_without_ticks_tells_of_the_same_silence_to_the_bit():
    live, replay = Ward(QUICK), Ward(QUICK)
    first, second = heart(0, 70), heart(200, 70)
    seen = play(live, [first]) + live.tick(at(61)) + play(live, [second])
    assert [encode(a) for a in seen] == [
        encode(a) for a in play(replay, [first, second])
    ]
    assert len(seen) == 2


def test_devices_for_now_and_then_are_never_silent():
    ward = Ward(QUICK)
    play(ward, [cuff(0, 120), Reading("p-7", "ear", BodyTemperature(t=at(0), temp=37))])
    assert ward.tick(at(100_000)) == []
    patch = [Reading("p-7", "patch", BodyTemperature(t=at(s), temp=36)) for s in (0, 9)]
    play(ward, patch)
    assert words(ward.tick(at(1000))) == [("device_silent", False)]


rates = st.lists(
    st.tuples(
        st.sampled_from(["p-1", "p-2", "p-3"]),
        st.sampled_from([1, 1, 1, 1, 2, 70]),
        st.sampled_from([70.0, 119.0, 150.0, 170.0, 30.0, None]),
        st.sampled_from([(), (), (), ("off_body",), ("artefact",), ("late",)]),
    ),
    min_size=1,
    max_size=80,
)


def diary(rates):
    second, readings = 0, []
    for subject, gap, hr, q in rates:
        second += gap
        readings.append(heart(second, hr, subject=subject, q=q))
    return readings


@given(rates, st.data())
def test_a_block_of_many_equals_many_blocks_of_one(rates, data):
    readings = diary(rates)
    cut = data.draw(st.integers(0, len(readings)))
    ward, now = Ward(QUICK), at(0)
    pieces = ward.observe(readings[:cut], now) + ward.observe(readings[cut:], now)
    single = play(Ward(QUICK), readings)
    assert [encode(a) for a in pieces] == [encode(a) for a in single]


@given(rates)
def test_the_same_record_twice_changes_nothing(rates):
    readings = diary(rates)
    twice = [r for reading in readings for r in (reading, reading)]
    once = [encode(a) for a in play(Ward(QUICK), readings)]
    assert [encode(a) for a in play(Ward(QUICK), twice)] == once
    assert [encode(a) for a in play(Ward(QUICK), readings + readings)] == once


@given(rates, st.data())
@settings(max_examples=50)
def test_c2_saving_and_loading_in_mid_episode_changes_nothing(rates, data):
    readings = diary(rates)
    cut = data.draw(st.integers(0, len(readings)))
    ward = Ward(QUICK)
    ward.plan("p-2", Plan(limits={"heart_rate": Limit(high=160, hold_s=2)}))
    whole = Ward.load(QUICK, ward.save())
    said = play(ward, readings[:cut])
    again = Ward.load(QUICK, ward.save())
    said += play(again, readings[cut:])
    expected = play(whole, readings)
    assert [encode(a) for a in said] == [encode(a) for a in expected]


def test_forgetting_in_mid_episode_would_change_something():  # negative control
    readings = [heart(s, 150 if s < 30 else 70) for s in range(60)]
    said = play(Ward(QUICK), readings[:20]) + play(Ward(QUICK), readings[20:])
    assert words(said) != words(play(Ward(QUICK), readings))


def test_after_a_restart_silence_starts_from_the_restart():
    ward = Ward(QUICK)
    play(ward, [heart(0, 70)])
    ward = Ward.load(QUICK, ward.save())
    assert ward.tick(at(5000)) == []
    assert ward.tick(at(5060)) == []
    assert words(ward.tick(at(5061))) == [("device_silent", False)]
    assert Ward.load(QUICK, ward.save()).tick(at(9000)) == []  # said already


@pytest.mark.parametrize("harm", ["missing", "shape", "layout"])
def test_what_was_not_saved_by_us_is_refused(harm):
    saved = Ward(QUICK).save()
    if harm == "missing":
        del saved["state"]
    elif harm == "shape":
        saved["state"] = saved["state"][:, :0]
    else:
        old = bytes(saved["names"]).replace(b'"2/', b'"0/')
        saved["names"] = np.frombuffer(old, np.uint8)
    with pytest.raises((KeyError, ValueError)):
        Ward.load(QUICK, saved)


def test_d12_a_ward_grows_to_thousands_of_patients():
    ward = Ward(QUICK)
    for s in range(6):
        block = [
            heart(s, 150 if p % 10 == 0 else 70, subject=f"p-{p}") for p in range(3000)
        ]
        said = ward.observe(block, at(s))
    assert [a.subject for a in said] == [f"p-{p}" for p in range(0, 3000, 10)]
    assert len(ward.tick(at(1000))) == 3000


def test_warming_up_needs_no_patient():
    warm()


def arrive(ward, readings, arrived=T0, by=1000):
    """Let readings come one a second by our clock, whatever they say themselves."""
    return [
        a for n, r in enumerate(readings) for a in ward.observe([r], arrived + n * by)
    ]


@pytest.mark.parametrize("ahead_s", [3600, 70 * 366 * 86_400])
def test_a_record_whose_gateway_lives_in_the_future_blinds_nobody(ahead_s):
    ward = Ward(QUICK)
    readings = [heart(0, 70), heart(ahead_s, 70, received=at(ahead_s))]
    readings += [heart(s, 150) for s in range(2, 12)]
    said = [a for a in arrive(ward, readings) if a.kind == "physiological"]
    assert words(said) == [("heart_rate_high", False)]
    assert (said[0].begin, said[0].t) == (at(2), at(7))
    assert ward.stale == (ahead_s > 86_400)


def test_many_records_from_the_future_blind_nobody_either():
    ahead = 70 * 366 * 86_400
    readings = [heart(ahead + s, 70, received=at(ahead + s)) for s in range(9)]
    readings += [heart(s, 150) for s in range(9, 19)]
    said = arrive(Ward(QUICK), readings)
    assert ("heart_rate_high", False) in words(said)


def test_a_clock_of_ours_that_is_wrong_blinds_nobody():
    for wrong in (-86_400_000 * 400, -3_600_000, 3_600_000):
        ward = Ward(QUICK)
        said = arrive(ward, [heart(s, 150) for s in range(12)], T0 + wrong)
        assert ("heart_rate_high", False) in words(said)


def test_what_is_sent_again_from_the_past_is_no_news():
    ward, old = Ward(QUICK), [heart(s, 70) for s in range(2000)]
    assert arrive(ward, old) == []
    assert arrive(ward, old[:900], at(2000), 1) == []
    assert ward.stale == 900


def test_one_device_does_not_mask_another():
    both = [
        heart(s + lead, hr, device=device)
        for s in range(20)
        for device, hr, lead in (("strap", 170, 0), ("watch", 80, 4))
    ]
    (said,) = play(Ward(QUICK), both)
    assert (said.condition, said.evidence["device"]) == ("heart_rate_high", "strap")
    assert (said.begin, said.t) == (at(0), at(5))


def test_two_devices_that_see_the_same_have_an_episode_each():
    both = [heart(s, 170, device=d) for s in range(6) for d in ("strap", "watch")]
    said = play(Ward(QUICK), both)
    assert [a.evidence["device"] for a in said] == ["strap", "watch"]
    assert len({a.id for a in said}) == 2


def test_a_plan_holds_for_every_device_old_and_new():
    ward = Ward(QUICK)
    play(ward, [heart(0, 110, device="strap")])
    ward.plan("p-7", Plan(limits={"heart_rate": Limit(high=100, hold_s=2)}))
    for again in (ward, Ward.load(QUICK, ward.save())):
        both = [
            heart(s, 110, device=d) for s in range(1, 4) for d in ("strap", "watch")
        ]
        assert len(play(again, both)) == 2


@pytest.mark.parametrize("hold_s", [60, 600])
def test_values_far_apart_do_not_last(hold_s):
    ward = Ward(Dsp(limits={"heart_rate": Limit(high=120, hold_s=hold_s)}))
    sparse = play(ward, [heart(s, 150) for s in range(0, 3000, 170)])
    assert [a for a in sparse if a.kind == "physiological"] == []
    dense = range(3000, 3000 + hold_s + 1, 10)
    said = play(ward, [heart(s, 150) for s in dense])
    assert ("heart_rate_high", False) in words(said)
    sparse = [heart(s, 70) for s in range(5000, 8000, 170)]
    limits = [a for a in play(ward, sparse) if a.kind == "physiological"]
    assert limits == []  # nor do they end anything


def first_layout(hr=150.0):
    """What the first version saved of a racing heart from a silent strap."""
    state, streams = arrays.state(1, len(COLUMN)), np.zeros(1, arrays.DEVICE)
    s = state[0, 0]
    s["phase"][1], s["begin"][1], s["worst"][1], s["last"] = 2, at(0), hr, at(9)
    streams["last"], streams["silent"] = at(9), 1
    old = [name for name in arrays.DEVICE.names if not name.startswith("early")]
    names = Saved("/".join(("1", *COLUMN)), ["p-7"], ["p-7/strap/heart_rate"], {})
    return {
        "names": np.frombuffer(msgspec.json.encode(names), np.uint8),
        "state": state,
        "devices": streams[old].copy(),
    }


def test_what_the_first_version_left_open_is_ended_under_its_id():
    ward = Ward.load(QUICK, first_layout())
    ward = Ward.load(QUICK, ward.save())  # it outlives the next restart
    (speaks,) = play(ward, [heart(90, 150)])
    assert words([speaks]) == [("device_silent", True)]
    assert play(ward, [heart(91, 118), heart(92, 70, q=("artefact",))]) == []
    (over,) = play(ward, [heart(93, 117), heart(94, 70)])
    assert over.id == identity("p-7", "limit", "heart_rate_high", at(0))
    assert (over.over, over.begin, over.t) == (True, at(0), at(93))
    assert play(Ward.load(QUICK, ward.save()), [heart(95, 70)]) == []
