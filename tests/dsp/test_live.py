"""The live stage and dsp.offline run the same kernels, and say the same to the bit."""

import numpy as np
import pytest
from msgspec.structs import replace

from dsp import offline
from dsp.heart import hearts
from dsp.ward import Ward
from vitals import BloodPressure, BodyTemperature, HeartRate, Reading
from vitals.detection import Dsp

T0 = 1_700_000_000_000 // 3_600_000 * 3_600_000
SIX = Dsp(decline_score=6)
SHORT = Dsp(irregular_hold_s=30)


def heart(seed=1):
    """A day with an hour's fibrillation, in short: beat times in ms, whole."""
    rng = np.random.default_rng(seed)
    calm = 850 + 25 * np.sin(np.arange(400) / 4) + rng.normal(0, 8, 400)
    wild = np.clip(rng.gamma(14, 50, 500), 350, 1400)
    rr = np.rint(np.concatenate([calm, wild, calm]))
    return np.cumsum(rr).astype(int), rr


def readings(seed=1, together=1, subject="p-7", hr=None):
    """The heart as a strap tells it: so many beats in each notification."""
    t, rr = heart(seed)
    return [
        Reading(
            subject,
            "strap",
            HeartRate(
                t=T0 + int(t[min(k + together, t.size) - 1]),
                hr=hr,
                rr=tuple(rr[k : k + together].tolist()),
            ),
        )
        for k in range(0, t.size, together)
    ]


def play(ward, what, size=1):
    said = []
    for k in range(0, len(what), size):
        part = what[k : k + size]
        said += ward.observe(part, part[-1].record.t)
    return said


def rhythms(said):
    return [a for a in said if a.detector == "rhythm"]


def test_the_live_stage_says_what_offline_says():
    t, _ = heart()
    begin, end = rhythms(play(Ward(SHORT), readings(), 200))
    origin = np.r_[0, t] / 1000
    ((start, stop, raised),) = offline.episodes(origin, 30.0)
    assert begin.t - T0 == round(raised * 1000)
    assert begin.begin - T0 == round(start * 1000)
    assert end.evidence["to"] - T0 == round(stop * 1000)
    assert (begin.over, end.over, begin.id == end.id) == (False, True, True)


def test_an_irregular_rhythm_explains_itself():
    begin, end = rhythms(play(Ward(SHORT), readings(hr=72.0)))
    evidence = begin.evidence
    assert begin.condition == "irregular_rhythm"
    assert evidence["irregularity"] > evidence["limit"]
    assert 0 < evidence["quality"] <= 1
    assert evidence["text"].startswith("The pulse has been irregular")
    assert "心房颤动" in evidence["text_zh"]
    assert end.evidence["text"].startswith("The pulse is regular again")


@pytest.mark.parametrize("size", [1, 7, 500, 2000])
def test_blocks_of_any_size_say_the_same(size):
    assert play(Ward(SHORT), readings(), size) == play(Ward(SHORT), readings())


def test_beats_that_come_by_threes_make_the_same_episode():
    one, three = (
        rhythms(play(Ward(SHORT), readings(together=n)))[0].begin for n in (1, 3)
    )
    assert one == three


def test_a_rhythm_is_held_only_while_it_is_heard():
    wild = readings()[400:500]  # a minute of fibrillation, on each of ten days
    days = [
        Reading(r.subject, r.device, replace(r.record, t=r.record.t + day * 86_400_000))
        for day in range(10)
        for r in wild
    ]
    assert rhythms(play(Ward(Dsp(irregular_hold_s=120)), days)) == []
    assert rhythms(play(Ward(Dsp(irregular_hold_s=15)), days)) != []


def test_a_regular_heart_and_one_off_the_body_are_never_told():
    t, rr = np.arange(1, 1500) * 800, np.full(1499, 800.0)
    calm = [
        Reading("p-7", "strap", HeartRate(t=T0 + int(a), hr=None, rr=(b,)))
        for a, b in zip(t, rr, strict=True)
    ]
    assert rhythms(play(Ward(SHORT), calm, 100)) == []
    off = [
        Reading(
            r.subject,
            r.device,
            HeartRate(t=r.record.t, hr=None, rr=r.record.rr, q=("off_body",)),
        )
        for r in readings()
    ]
    assert rhythms(play(Ward(SHORT), off, 100)) == []


@pytest.mark.parametrize("stop", [300, 460, 700, 1000])
def test_c2_a_restart_in_mid_duration_is_no_restart(stop):
    what = readings()
    whole = Ward(SHORT)
    expected = play(whole, what)
    first = Ward(SHORT)
    got = play(first, what[:stop])
    again = Ward.load(SHORT, first.save())
    got += play(again, what[stop:])
    assert got == expected
    for name, array in again.save().items():
        assert array.tolist().__repr__() == whole.save()[name].tolist().__repr__()


def test_a_snapshot_from_before_the_hearts_goes_on():
    ward = Ward(SHORT)
    play(ward, readings()[:100])
    saved = ward.save()
    for name in ("hearts", "declines", "hours"):
        saved.pop(name)
    again = Ward.load(SHORT, saved)
    assert [a.over for a in rhythms(play(again, readings()[100:]))] == [False, True]


def test_many_patients_in_one_block_are_each_their_own():
    many = [readings(seed, subject=f"p-{seed}") for seed in range(1, 6)]
    mixed = sorted((r for own in many for r in own), key=lambda r: r.record.t)
    said = rhythms(play(Ward(SHORT), mixed, 999))
    for own in many:
        mine = [a for a in said if a.subject == own[0].subject]
        assert mine == rhythms(play(Ward(SHORT), own))
    assert len(hearts(5)) == 5


def chart(hours, ill_from):
    """Hourly readings of a patient who falls ill."""
    what = []
    for hour in range(hours):
        ill = max(0, hour - ill_from)
        t = T0 + hour * 3_600_000 + 60_000
        pressure = 124.0 - 5 * ill
        what += [
            Reading("p-7", "strap", HeartRate(t=t, hr=78.0 + 6 * ill)),
            Reading("p-7", "cuff", BloodPressure(t=t, sys=pressure, dia=70.0)),
            Reading("p-7", "ear", BodyTemperature(t=t, temp=37.0 + min(ill * 0.3, 2))),
        ]
    return what


def declines(said):
    return [a for a in said if a.detector == "decline"]


def test_decline_is_told_as_offline_scores_it():
    what = chart(60, 40)
    (begin,) = declines(play(Ward(SIX), what, 10))
    columns = {
        "hr": [r.record.hr for r in what if r.device == "strap"],
        "sbp": [r.record.sys for r in what if r.device == "cuff"],
        "dbp": [r.record.dia for r in what if r.device == "cuff"],
        "temp": [r.record.temp for r in what if r.device == "ear"],
    }
    score = offline.deterioration(
        np.arange(60.0), {name: np.array(x) for name, x in columns.items()}
    )
    hour = int(np.argmax(score >= 6.0))
    assert 40 < hour < 50
    assert (begin.begin - T0) // 3_600_000 == hour
    assert begin.value == round(float(score[hour]), 3)
    assert begin.evidence["news2"]["missing"] == ["spo2", "map", "resp"]
    assert begin.evidence["text"].startswith("Worse than usual: ")
    assert "心率" in begin.evidence["text_zh"]
    assert declines(play(Ward(SIX), chart(60, 99), 10)) == []  # control


def test_decline_is_the_same_in_blocks_of_any_size_and_after_a_restart():
    what = chart(60, 40)
    expected = play(Ward(SIX), what)
    assert play(Ward(SIX), what, 50) == expected
    ward = Ward(SIX)
    got = play(ward, what[:125])
    assert got + play(Ward.load(SIX, ward.save()), what[125:]) == expected


def test_a_quiet_week_of_many_patients_wakes_nobody():
    rng = np.random.default_rng(1)
    what = []
    for hour in range(7 * 24):
        for k in range(20):
            t = T0 + hour * 3_600_000 + k * 1000
            asleep = 8 if hour % 24 < 7 else 0
            rate = 72.0 - asleep + round(float(rng.normal(0, 5)))
            what.append(Reading(f"p-{k}", "strap", HeartRate(t=t, hr=rate)))
            if hour % 12 == 8:
                pressure = BloodPressure(
                    t=t, sys=128.0 + round(float(rng.normal(0, 8))), dia=76.0
                )
                what.append(Reading(f"p-{k}", "cuff", pressure))
    assert declines(play(Ward(SIX), what, 500)) == []
    assert declines(play(Ward(Dsp(decline_score=0.5)), what, 500)) != []  # control


def test_a_sign_that_is_no_longer_measured_does_not_end_a_decline():
    ill = chart(60, 40)
    calm = [
        Reading("p-7", "strap", HeartRate(t=T0 + hour * 3_600_000, hr=78.0))
        for hour in range(60, 120)
    ]
    assert [a.over for a in declines(play(Ward(SIX), ill + calm))] == [False]
    well = [
        Reading(r.subject, r.device, replace(r.record, t=r.record.t + 60 * 3_600_000))
        for r in chart(60, 99)
    ]
    said = declines(play(Ward(SIX), ill + well))
    assert [a.over for a in said] == [False, True]  # control


@pytest.mark.parametrize("interval", [0.0, -5.0, 1e-9, 1.0, 65_535.0])
def test_intervals_that_no_heart_has_harm_nobody(interval):
    strange = [
        Reading(
            "p-7", "strap", HeartRate(t=T0 + s * 1000, hr=70.0, rr=(interval, interval))
        )
        for s in range(-400, 0)
    ]
    said = rhythms(play(Ward(SHORT), strange + readings(hr=72.0), 50))
    assert [a.over for a in said] == [False, True]
