from portal.rhythm import FEWEST, beats, strip
from portal.texts import Texts
from tests.portal.conftest import NOW, reading, until
from tests.portal.test_pages import browser, run
from vitals.model import HeartRate

ENGLISH = Texts("en")


def beating(n=60, rr=(800.0, 620.0)):
    return [
        reading("p-1", HeartRate(t=NOW - 300_000 + k * 1500, hr=80, rr=rr))
        for k in range(n)
    ]


def test_the_intervals_of_a_record_end_at_its_time():
    one, two = beats([reading("p-1", HeartRate(t=10_000, hr=80, rr=(800.0, 620.0)))])
    assert (one.t, one.rr) == (9380.0, 800.0)
    assert (two.t, two.rr) == (10_000.0, 620.0)


def test_every_interval_is_a_dot_and_none_leaves_the_paper():
    found = beats(beating(10, (100.0, 9000.0)))
    drawn = strip(found, NOW - 400_000, NOW, NOW - 200_000, ENGLISH)
    assert drawn.count("h0") == 20
    assert "M1000.0" not in drawn
    assert "20 intervals between beats, from 100 to 9000 ms" in drawn
    assert 'class="when"' in drawn


def test_too_few_beats_are_no_drawing():
    found = beats(beating(FEWEST // 2))[: FEWEST - 1]
    assert strip(found, NOW - 400_000, NOW, NOW - 1, ENGLISH) == ""
    assert strip([], 0, NOW, NOW, ENGLISH) == ""


def test_a_page_shows_the_evidence_the_beats_and_all_that_happened(place):
    async def scene():
        place.store.write(beating())
        await place.raise_alert(
            "p-1", "af", condition="irregular_rhythm", value=None, unit="",
            begin=NOW - 260_000, evidence={"text": "Irregular for 30 s."},
        )  # fmt: skip
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/alerts/af")).text
            assert "Irregular for 30 s." in text
            assert 'class="dots"' in text
            assert "raised" in text
            assert 'name="to"' not in text
            assert "Nobody else cares for this patient." in text
            place.people.assign("dr.zhou", ["p-1"])
            for page in ("/alerts/af", "/"):
                text = (await client.get(page)).text
                assert "<option>dr.zhou</option>" in text
                assert "<option>dr.chen</option>" not in text
                assert "Nobody else" not in text
            form = {"comment": "12-lead ECG asked for", "next": "/alerts/af"}
            answer = await client.post("/alerts/af/handover", data=form | {"to": "x"})
            assert answer.status_code == 422
            answer = await client.post("/alerts/af/acknowledge", data=form)
            assert answer.headers["location"] == "/alerts/af"
            text = (await client.get("/alerts/af")).text
            assert "acknowledged</b> · dr.chen" in text
            assert "12-lead ECG asked for" in text
            await place.raise_alert_over("af")
            text = (await client.get("/alerts/af")).text
            assert "closed" in text
            assert "What do you decide?" not in text

    run(place, scene)


def test_the_beats_are_shown_of_an_irregular_rhythm_alone(place):
    async def scene():
        place.store.write(beating())
        await place.raise_alert("p-1", "e1")
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/alerts/e1")).text
            assert 'class="dots"' not in text
            assert "limit 120" in text or "at or above 120" in text

    run(place, scene)


def test_an_alert_s_page_is_for_those_who_work_it(place):
    async def scene():
        await place.raise_alert("p-1", "e1")
        await until(lambda: place.board.alert("e1"))
        for who, status in (("dr.zhou", 404), ("wang", 303), ("root", 404)):
            async with browser(place, who) as client:
                assert (await client.get("/alerts/e1")).status_code == status, who

    run(place, scene)
