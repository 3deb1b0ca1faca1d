"""The channels page, the report for a visit and a patient's plan."""

import asyncio

import pytest

from alerts import trials
from alerts.database import Database
from tests.portal.conftest import until
from tests.portal.test_pages import browser, run
from vitals import wire
from vitals.model import AlertCommand, Plan, Schedule

PLAN = "/patients/p-1/plan"


def test_a_test_alarm_goes_the_way_of_all_alarms_and_says_whom_it_told(place):
    async def scene():
        async with browser(place, "root") as client:
            assert (
                "has had anything to tell" in (await client.get("/admin/channels")).text
            )
            answer = await client.post("/admin/channels/test")
            assert answer.headers["location"] == "/admin/channels"
            await until(lambda: place.history.channels())
            text = (await client.get("/admin/channels")).text
            assert "Test alarm" in text
            assert "told: the whole house" in text
            assert "/admin/channels/log/test" not in text  # it reaches nobody

    run(place, scene)


def test_one_channel_is_tested_by_a_button_and_the_page_says_how_it_went(place):
    place.house.channels = ("duty-mail",)
    topic = wire.of("house", "alert", "desk", "command")
    heard = place.bus.subscribe(topic)

    async def engine():
        """Stand in for the engine, which has no such channel here."""
        [one] = await heard.take()
        word = wire.read(AlertCommand, one.message.payload)
        assert (word.action, word.device, word.by) == ("test", "duty-mail", "root")
        database = Database(place.folder)
        with database.transaction() as db:
            trials.add(db, trials.Trial("duty-mail", "root"), place.clock())
            db.execute(
                "UPDATE deliveries SET state = 'failed', tried = 7, error = 'no: 401'"
            )
        database.close()

    async def scene():
        async with browser(place, "root") as client:
            text = (await client.get("/admin/channels")).text
            assert "/admin/channels/duty-mail/test" in text  # not used yet
            answering = asyncio.create_task(engine())
            answer = await client.post("/admin/channels/duty-mail/test")
            await answering
            assert answer.headers["location"] == "/admin/channels"
            assert "no: 401" in (await client.get("/admin/channels")).text
            answer = await client.post("/admin/channels/nobodys/test")
            assert answer.status_code == 404

    asyncio.run(scene())


def test_a_test_alarm_without_an_engine_says_so(place, monkeypatch):
    monkeypatch.setattr("portal.pages.channels.PATIENCE_S", 0.05)

    async def scene():
        async with browser(place, "root") as client:
            answer = await client.post("/admin/channels/test")
            assert answer.status_code == 504
            assert "does not answer" in answer.text

    asyncio.run(scene())


def test_only_administrators_test_channels(place):
    async def scene():
        for who in ("dr.chen", "wang"):
            async with browser(place, who) as client:
                assert (await client.get("/admin/channels")).status_code == 404
                assert (await client.post("/admin/channels/test")).status_code == 404
                answer = await client.post("/admin/channels/duty-mail/test")
                assert answer.status_code == 404
        assert place.board.open_alerts(["house"]) == []

    run(place, scene)


def test_a_report_for_a_visit_has_trends_averages_alerts_and_notes(place, story):
    async def scene():
        place.store.write(story.day("p-1", story.NOW, racing=True))
        await place.tell()
        await place.raise_alert("p-1", "e1")
        await place.say_acknowledged("e1")
        async with browser(place, "wang") as client:
            note = {"about": "symptom", "text": "dizzy on <stairs>"}
            await client.post("/patients/p-1/notes", data=note)
        place.clock.now += 1000
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/patients/p-1/visit?span=7d")).text
            for part in (
                "dizzy on &lt;stairs&gt;",
                "Heart rate high",
                "seen by dr.chen",
            ):
                assert part in text
            assert 'id="figure-blood_pressure"' in text
            assert "Made for dr.chen." in text
            assert (await client.get("/patients/p-2/visit")).status_code == 404
        async with browser(place, "wang") as client:
            assert (await client.get("/patients/p-1/visit")).status_code == 403

    run(place, scene)


@pytest.fixture
def plan(place):
    return lambda: place.people.plan("p-1")


def test_a_doctor_agrees_on_a_plan_and_every_change_has_a_reason(place, plan):
    async def scene():
        await place.tell()
        async with browser(place, "dr.chen") as client:

            async def say(part, status=303, **fields):
                data = {"why": "agreed today", **fields}
                answer = await client.post(f"{PLAN}/{part}", data=data)
                assert answer.status_code == status, answer.text

            await say("pressure", begin="2026-12-01", days="14", readings="3")
            schedule = plan().schedule
            assert (schedule.days, schedule.readings) == (14, 3)
            # Midnight of the patient's own day, in Shanghai.
            assert schedule.begin == 1_796_054_400_000
            await say("exercise", begin="2026-12-02T17:00", minutes="40", high="125")
            [session] = plan().sessions
            assert session.end - session.begin == 40 * 60_000
            assert (session.low, session.high) == (None, 125.0)
            await say("devices", kind="blood_pressure", minutes="720")
            assert plan().expects == {"blood_pressure": 43_200.0}
            await say("zone", time_zone="Europe/Berlin")
            assert plan().time_zone == "Europe/Berlin"
            text = (await client.get(PLAN)).text
            assert "125 /min" in text
            assert '<datalist id="zones"><option value="Europe/Berlin">' in text
            assert "every 720 min" in text
            await say("exercise_off", session=session.id)
            await say("devices", kind="blood_pressure", minutes="")
            await say("pressure", begin="")
            found = plan()
            assert (found.sessions, found.expects, found.schedule) == ((), {}, None)
            assert found.limits["heart_rate"].high == 120
            log = place.people.changes("p-1")
            assert len(log) == 7
            assert {c.why for c in log} == {"agreed today"}
            await say("pressure", 422, why=" ", begin="2026-12-01")

    run(place, scene)


def test_a_plan_that_nobody_could_obey_is_refused(place, plan):
    async def scene():
        async with browser(place, "dr.chen") as client:
            for part, fields in (
                ("pressure", {"begin": "soon"}),
                ("pressure", {"begin": "2026-12-01", "days": "0"}),
                ("pressure", {"begin": "2026-12-01", "readings": "99"}),
                ("pressure", {"begin": "9999-12-31", "days": "7"}),
                ("exercise", {"begin": ""}),
                ("exercise", {"begin": "2026-12-01T10:00", "minutes": "999"}),
                ("exercise", {"begin": "2026-12-01T10:00", "low": "90", "high": "80"}),
                ("exercise", {"begin": "2026-12-01T10:00", "low": "nan"}),
                ("devices", {"kind": "mood", "minutes": "5"}),
                ("devices", {"kind": "glucose", "minutes": "-5"}),
                ("zone", {"time_zone": "Mars/Base"}),
            ):
                data = {"why": "x", **fields}
                answer = await client.post(f"{PLAN}/{part}", data=data)
                assert answer.status_code == 422, (part, fields)
            assert (await client.post(f"{PLAN}/x", data={})).status_code == 404
            assert plan() == Plan()

    run(place, scene)


def test_a_nurse_reads_the_plan_and_cannot_change_it(place):
    async def scene():
        place.people.add("nurse.wu", None, "nurse", subjects=["p-1"])
        async with browser(place, "nurse.wu") as client:
            text = (await client.get(PLAN)).text
            assert 'name="why"' not in text
            answer = await client.post(f"{PLAN}/zone", data={"why": "x"})
            assert answer.status_code == 403

    run(place, scene)


def test_a_schedule_of_today_is_shown_in_the_form(place):
    async def scene():
        place.board.plan_known(
            "p-1",
            Plan(schedule=Schedule(begin=1_796_054_400_000), time_zone="UTC", t=5),
        )
        async with browser(place, "dr.chen") as client:
            assert 'value="2026-11-30"' in (await client.get(PLAN)).text

    run(place, scene)
