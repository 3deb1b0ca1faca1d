import asyncio

import pytest

from portal.problems import Problem
from portal.rehearsal import _read
from tests.portal.conftest import until
from tests.portal.test_pages import browser, run
from vitals import wire
from vitals.comparison import Comparison, Outcome
from vitals.model import Answer, Limit, Plan, WhatIf

API = "/api/v1/patients/p-1/limits"
PAGE = "/patients/p-1/limits"


def test_the_comparison_on_the_bus_is_what_the_command_prints():
    from vitals.cli import whatif

    assert whatif.Comparison is Comparison
    assert whatif.Outcome is Outcome


def test_limits_are_tried_before_anything_is_saved(place):
    async def scene():
        await place.tell()
        async with place.client("dr.chen") as client:
            body = {"limits": {"heart_rate": {"high": 118}}, "days": 10}
            answer = await client.post(f"{API}/dry_run", json=body)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert (said["now"]["alerts"], said["new"]["alerts"]) == (3, 22)
            assert said["begin"].endswith("Z")
            limits = (await client.get(API)).json()
            assert limits["limits"]["heart_rate"]["high"] == 120
            assert limits["changes"] == []

    run(place, scene)


def test_what_is_left_out_is_tried_with_its_default_as_it_would_be_saved(place):
    async def scene():
        await place.tell()
        await until(lambda: place.board.plan("p-1"))
        inbox = place.bus.subscribe(wire.stage_topic("dsp", "whatif"))
        async with place.client("dr.chen") as client:
            body = {"limits": {"systolic": {"high": 150}}, "days": 5}
            await client.post(f"{API}/dry_run", json=body)
        [asked] = await inbox.take(1)
        question = wire.read(WhatIf, asked.message.payload)
        expected = {"heart_rate": Limit(), "systolic": Limit(high=150)}
        assert question.limits == expected
        assert question.days == 5

    run(place, scene)


def test_silent_detectors_are_a_504_and_a_broken_bus_a_503(place):
    async def scene():
        place.house.rehearsal_s = 0.05
        async with place.client("dr.chen") as client:
            body = {"limits": {}, "days": 5}
            answer = await client.post(f"{API}/dry_run", json=body)
            assert answer.status_code == 504
            assert "not answered in time" in answer.json()["detail"]
            place.bus.online.clear()
            answer = await client.post(f"{API}/dry_run", json=body)
            assert answer.status_code == 503

    asyncio.run(scene())


def test_what_the_detectors_say_instead_is_passed_on(place):
    async def scene():
        async with place.client("dr.chen") as client:
            url = "/api/v1/patients/p-3/limits/dry_run"
            answer = await client.post(url, json={"limits": {}})
            assert answer.status_code == 409
            assert "no records of p-3" in answer.json()["detail"]

    run(place, scene)


def test_an_answer_that_nobody_can_read_is_no_crash():
    with pytest.raises(Problem) as refused:
        _read(Answer(id="x", ok=True, text="{}"))
    assert refused.value.status_code == 409


def test_a_night_limit_is_kept_and_must_leave_room(place):
    async def scene():
        await place.tell()
        async with place.client("dr.chen") as client:
            night = {"high": 120, "night_high": 100, "night_low": 38}
            body = {"limits": {"heart_rate": night}, "why": "sleeps low"}
            answer = await client.put(API, json=body)
            assert answer.status_code == 200
            kept = answer.json()["limits"]["heart_rate"]
            assert (kept["night_low"], kept["night_high"]) == (38, 100)
            body["limits"]["heart_rate"]["night_high"] = 38
            answer = await client.put(API, json=body)
            assert answer.status_code == 422
            body["limits"]["heart_rate"]["night_high"] = 400
            assert (await client.put(API, json=body)).status_code == 422

    run(place, scene)


def form(deed, **fields):
    limits = {k.replace("__", "."): v for k, v in fields.items()}
    return {"deed": deed, "days": "30", "why": "", **limits}


def test_a_doctor_tries_limits_on_the_page_and_then_saves_them_with_a_reason(place):
    async def scene():
        await place.tell()
        async with browser(place, "dr.chen") as client:
            text = (await client.get(PAGE)).text
            assert 'name="heart_rate.high"' in text
            assert 'value="120"' in text
            said = form("try", heart_rate__high="118", heart_rate__night_high="100,5")
            text = (await client.post(PAGE, data=said)).text
            assert "On the last" in text, text[text.index("<main") :][:1500]
            assert "limits now <b>3</b>" in text
            assert "new limits <b>22</b>" in text
            assert 'value="118"' in text  # the form stays as it was left
            assert place.people.changes("p-1") == []
            refused = await client.post(PAGE, data=said | {"deed": "save"})
            assert refused.status_code == 422
            assert "Say why" in refused.text
            said |= {"deed": "save", "why": "beta-blocker <started>"}
            assert (await client.post(PAGE, data=said)).status_code == 303
            [change] = place.people.changes("p-1")
            found = Limit(high=118, night_high=100.5)
            assert change.new.limits == {"heart_rate": found}
            assert change.who == "dr.chen"
            text = (await client.get(PAGE)).text
            assert "beta-blocker &lt;started&gt;" in text
            assert "118" in text
            assert place.board.plan("p-1").limits == change.new.limits

    run(place, scene)


def test_what_is_no_limit_is_said_on_the_page_and_changes_nothing(place):
    async def scene():
        async with browser(place, "dr.chen") as client:
            for value in ("fast", "nan", "inf", "1e9", "700"):
                said = form("save", heart_rate__high=value) | {"why": "x"}
                answer = await client.post(PAGE, data=said)
                assert answer.status_code == 422, value
                assert "That did not work" in answer.text
            said = form("save", heart_rate__high="120", heart_rate__hold_s="-1")
            answer = await client.post(PAGE, data=said | {"why": "x"})
            assert answer.status_code == 422
            assert place.people.changes("p-1") == []
            place.house.rehearsal_s = 0.0
            answer = await client.post(PAGE, data=form("try", heart_rate__high="110"))
            assert answer.status_code == 504
            assert "not answered in time" in answer.text

    run(place, scene)


def test_a_nurse_reads_the_limits_and_cannot_change_them_a_patient_has_no_page(place):
    async def scene():
        place.people.add("nurse.wu", None, "nurse", subjects=["p-1"])
        async with browser(place, "nurse.wu") as client:
            text = (await client.get(PAGE)).text
            assert "<fieldset disabled>" in text
            assert 'name="deed"' not in text
            assert (await client.post(PAGE, data=form("try"))).status_code == 403
            assert (await client.get("/patients/p-2/limits")).status_code == 404
        async with browser(place, "wang") as client:
            assert (await client.get(PAGE)).status_code == 403

    run(place, scene)


def test_a_plan_without_limits_is_an_empty_form():
    from portal.pages.limits import _said, differences

    assert _said(Plan()) == {}
    new = Plan(limits={"pulse": Limit(high=99)})
    [(name, old, after)] = differences(Plan(), new)
    assert (name, old) == ("pulse", "")
    assert after.endswith("99, 60 s")
