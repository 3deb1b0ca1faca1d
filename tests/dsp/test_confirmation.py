"""One low pressure asks for another; a second one, or one far too low, counts."""

import pytest

from dsp.ward import Ward
from vitals import BloodPressure, Limit, Plan, Reading
from vitals.detection import Dsp

T0 = 1_700_000_000_000


def cuff(minute, systolic, device="cuff", **fields):
    t = T0 + minute * 60_000
    record = BloodPressure(t=t, received=t, sys=systolic, dia=50, **fields)
    return Reading("p-7", device, record)


def play(readings, settings=None, plan=None):
    ward = Ward(settings or Dsp())
    if plan is not None:
        ward.plan("p-7", plan)
    said = [a for r in readings for a in ward.observe([r], r.record.t)]
    return [a for a in said if a.condition == "systolic_low"]


def sure(said):
    return [(a.over, a.evidence.get("confirmed")) for a in said]


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([cuff(0, 91)], []),
        ([cuff(0, 88)], [(False, False)]),
        ([cuff(0, 88), cuff(60, 120)], [(False, False), (True, False)]),
        ([cuff(0, 88), cuff(1, 87)], [(False, False), (False, True)]),
        ([cuff(0, 88), cuff(60, 87), cuff(120, 120)],
         [(False, False), (False, True), (True, True)]),
        # 92 is neither a second low reading nor the end.
        ([cuff(0, 88), cuff(60, 92)], [(False, False)]),
        ([cuff(0, 75)], [(False, True)]),  # 15 below the limit of 90 does not wait
        ([cuff(0, 76)], [(False, False)]),
        ([cuff(0, 88), cuff(1, 80, q=("motion",))], [(False, False)]),
        ([cuff(0, 88), cuff(60, 120), cuff(120, 88)],
         [(False, False), (True, False), (False, False)]),
    ],
)  # fmt: skip
def test_a_second_reading_or_a_far_one_confirms(readings, said):
    assert sure(play(readings)) == said


def test_who_is_asked_is_told_what_to_do_and_who_is_sure_is_not():
    asked, told = play([cuff(0, 88), cuff(1, 86)])
    assert asked.evidence["text"].endswith("at or below 90. Measure again.")
    assert asked.evidence["text_zh"].endswith("请复测。")
    assert "again" not in told.evidence["text"]
    assert asked.id == told.id


def test_the_distance_is_from_the_limit_in_force():
    own = Plan(limits={"systolic": Limit(low=100)})
    assert sure(play([cuff(0, 86)], plan=own)) == [(False, False)]
    assert sure(play([cuff(0, 85)], plan=own)) == [(False, True)]


def test_the_configuration_may_let_every_reading_count():
    assert sure(play([cuff(0, 88)], Dsp(confirm={"systolic": 0}))) == [(False, None)]


def test_a_restart_between_the_two_changes_nothing():
    ward = Ward(Dsp())
    said = ward.observe([cuff(0, 88)], T0)
    ward = Ward.load(Dsp(), ward.save())
    said += ward.observe([cuff(60, 87)], T0 + 3_600_000)
    said = [a for a in said if a.condition == "systolic_low"]
    assert said == play([cuff(0, 88), cuff(60, 87)])
