"""From an empty house to a patient whose family looks on, as people do it."""

import asyncio
import re

from portal.service import tell_teams

HTML = {"Accept": "text/html", "Origin": "http://portal"}
WORD = "correct horse battery"


def browser(place, name=None):
    cookies = {"vitals_session": place.people.issue_token(name)} if name else {}
    client = place.client(cookies=cookies)
    client.headers.update(HTML)
    return client


def link(text):
    return re.search(r'value="http://portal(/[a-z]+/[\w-]+)"', text).group(1)


def play(scene):
    asyncio.run(scene())


def test_the_first_start_opens_one_link_once(fresh_place):
    place = fresh_place
    code = place.people.links.make("setup")

    async def scene():
        async with browser(place) as client:
            assert (await client.get("/setup/made-up")).status_code == 404
            page = await client.get(f"/setup/{code}")
            assert page.status_code == 200
            assert "first administrator" in page.text
            for form in (
                {"name": "root", "password": "short", "again": "short"},
                {"name": "root", "password": WORD, "again": WORD + "!"},
                {"name": "a b", "password": WORD, "again": WORD},
            ):
                refused = await client.post(f"/setup/{code}", data=form)
                assert refused.status_code == 422
                assert 'role="alert"' in refused.text
            form = {"name": "root", "password": WORD, "again": WORD}
            made = await client.post(f"/setup/{code}", data=form)
            assert made.status_code == 303
            assert (await client.get("/")).status_code == 200
            assert (await client.get(f"/setup/{code}")).status_code == 404
            again = await client.post(f"/setup/{code}", data=form | {"name": "x"})
            assert again.status_code == 404
        assert [p.name for p in place.people.list()] == ["root"]

    play(scene)


def test_a_set_up_link_ends_after_a_day_and_when_there_is_an_administrator(
    fresh_place,
):
    place = fresh_place

    async def scene():
        code = place.people.links.make("setup")
        async with browser(place) as client:
            place.clock.now += 86_400_000 + 1
            assert (await client.get(f"/setup/{code}")).status_code == 404
            code = place.people.links.make("setup")
            assert (await client.get(f"/setup/{code}")).status_code == 200
            place.people.add("root", WORD, "admin")
            assert (await client.get(f"/setup/{code}")).status_code == 404
            form = {"name": "x", "password": WORD, "again": WORD}
            assert (await client.post(f"/setup/{code}", data=form)).status_code == 404

    play(scene)


def test_d7_an_administrator_makes_a_team_and_each_does_what_their_role_may(place):
    async def scene():
        async with browser(place, "root") as client:
            for name, role in (("nurse.wu", "nurse"), ("dr.lin", "doctor")):
                form = {"name": name, "role": role}
                answer = await client.post("/admin/person", data=form)
                assert answer.status_code == 200
                path = link(answer.text)
                assert "<svg" in answer.text
            form = {
                "name": " Wang   Min ",
                "time_zone": "Asia/Shanghai",
                "language": "zh",
                "team": ["nurse.wu", "dr.lin"],
                "login": "min",
            }
            answer = await client.post("/admin/patient", data=form)
            assert answer.status_code == 200
            assert "Wang Min" in answer.text
            again = (await client.get("/admin/patient")).text
            assert 'value="Asia/Shanghai" list="zones"' in again  # as the others
        [wang] = [s for s, n in place.people.names.all().items() if n == "Wang Min"]
        plan = place.people.plan(wang)
        assert plan.team == ("dr.lin", "nurse.wu")
        assert (plan.time_zone, plan.language) == ("Asia/Shanghai", "zh")
        async with browser(place) as client:  # the doctor opens their link
            form = {"password": WORD, "again": WORD}
            assert (await client.post(path, data=form)).status_code == 303
            assert (await client.post(path, data=form)).status_code == 404
            assert "Wang Min" in (await client.get("/")).text
            page = (await client.get(f"/patients/{wang}")).text
            assert "Wang Min" in page
            assert wang in page
        async with browser(place, "dr.chen") as client:
            assert "Wang Min" not in (await client.get("/")).text
            assert (await client.get(f"/patients/{wang}")).status_code == 404
        async with browser(place, "root") as client:
            form = {"name": "Wang Min", "team": ["dr.lin"], "time_zone": "UTC"}
            answer = await client.post(f"/admin/patients/{wang}", data=form)
            assert answer.status_code == 303
            assert place.people.plan(wang).team == ("dr.lin",)
            await client.post("/admin/people/dr.lin/remove")
            assert place.people.plan(wang).team == ()
            assert (await client.get(f"/patients/{wang}")).status_code == 404
        assert place.people.names.of(wang) == "Wang Min"
        assert all("Wang" not in e.what for _, e in place.people.audit.entries())

    play(scene)


def test_a_name_reaches_neither_the_bus_nor_people_db(place, tmp_path):
    async def scene():
        async with browser(place, "root") as client:
            form = {"name": "Ouyang Xiu", "time_zone": "UTC", "team": ["dr.chen"]}
            await client.post("/admin/patient", data=form)
        kept = place.bus.retained if hasattr(place.bus, "retained") else {}
        assert "Ouyang" not in repr(kept)
        place.people.close()
        for file in tmp_path.glob("*.db*"):
            assert (b"Ouyang" in file.read_bytes()) == file.name.startswith("names.db")

    play(scene)


def test_the_last_administrator_stays(place):
    async def scene():
        async with browser(place, "root") as client:
            for path, form in (
                ("/admin/people/root/remove", {}),
                ("/admin/people/root/role", {"role": "nurse"}),
            ):
                answer = await client.post(path, data=form)
                assert answer.status_code == 422
                assert "last administrator" in answer.text
        assert place.people.accounts.find("root").role == "admin"

    play(scene)


def test_a_link_for_a_new_password_ends_what_the_old_one_opened(place):
    async def scene():
        async with browser(place, "root") as client:
            path = link((await client.post("/admin/people/wang/reset")).text)
        old = place.people.issue_token("wang")
        async with browser(place) as client:
            form = {"password": "another long word", "again": "another long word"}
            assert (await client.post(path, data=form)).status_code == 303
            assert "Good" in (await client.get("/")).text
        assert place.people.person_of(old) is None
        assert place.people.authenticate("wang", WORD) is None

    play(scene)


def test_who_changes_the_password_stays_and_all_others_go(place):
    async def scene():
        other = place.people.issue_token("wang")
        async with browser(place, "wang") as client:
            form = {
                "old": "wrong password",
                "password": WORD + "!",
                "again": WORD + "!",
            }
            assert (
                await client.post("/account/password", data=form)
            ).status_code == 422
            form["old"] = WORD
            assert (
                await client.post("/account/password", data=form)
            ).status_code == 303
            assert (await client.get("/account")).status_code == 200
        assert place.people.person_of(other) is None

    play(scene)


def test_d6_a_patient_shares_one_metric_and_ends_it(place, story):
    async def scene():
        place.store.write(story.day("p-1", place.clock.now, hours=1))
        place.people.names.give("p-1", "Wang Min")
        async with browser(place, "wang") as client:
            form = {"label": "Mei", "what": ["heart_rate"], "days": "30"}
            path = link((await client.post("/sharing/invite", data=form)).text)
            assert "invited, not yet there" in (await client.get("/sharing")).text
        async with browser(place) as family:
            offer = (await family.get(path)).text
            assert "Wang Min" in offer, offer
            assert "Heart rate" in offer
            assert "Blood pressure" not in offer
            form = {"name": "mei", "password": WORD, "again": WORD}
            assert (await family.post(path, data=form)).status_code == 303
            assert (await family.get(path)).status_code == 404  # once
            page = (await family.get("/")).text
            assert "Wang Min" in page
            assert 'data-stream="p-1/heart_rate"' in page
            assert "blood_pressure" not in page
        async with place.client("mei") as api:
            patient = (await api.get("/api/v1/patients/p-1")).json()
            assert {r["kind"] for r in patient["latest"]} == {"heart_rate"}
            assert patient["latest"][0]["values"]["rr"] == []
            assert patient["devices"] == patient["alerts"] == []
            url = "/api/v1/patients/p-1/trends"
            assert (await api.get(f"{url}/heart_rate")).status_code == 200
            assert (await api.get(f"{url}/systolic")).status_code == 404
            url = "/api/v1/patients/p-1/records?kind="
            assert (await api.get(f"{url}heart_rate")).json()["items"]
            assert (await api.get(f"{url}blood_pressure")).json()["items"] == []
            assert (await api.get("/api/v1/alerts")).json()["items"] == []
            answer = await api.get("/api/v1/alerts?subject=p-1")
            assert answer.status_code == 404
            assert (await api.get("/api/v1/patients")).json()["items"][0]["name"]
        async with browser(place, "wang") as client:
            page = (await client.get("/sharing")).text
            assert "mei" in page
            assert "a trend of Heart rate" in page
            [grant] = place.people.grants.of("p-1")
            await client.post(f"/sharing/{grant.id}/stop")
        async with place.client("mei") as api:
            assert (await api.get("/api/v1/patients/p-1")).status_code == 404
            assert (await api.get("/api/v1/patients")).json()["items"] == []

    play(scene)


def test_d6_a_grant_ends_by_itself(place):
    grants = place.people.grants
    grant, code = grants.invite("p-1", "Mei", ["heart_rate"], 7)
    place.people.add("mei", None, "family")
    assert grants.accept(code, "mei").holder == "mei"
    assert place.people.accounts.find("mei").granted == {"p-1": {"heart_rate"}}
    place.clock.now = grant.expires
    assert place.people.accounts.find("mei").granted == {}


def test_d6_an_invitation_that_is_revoked_or_old_opens_nothing(place):
    async def scene():
        grants = place.people.grants
        grant, code = grants.invite("p-1", "Mei", ["heart_rate"], 30)
        grants.revoke("p-1", grant.id)
        _, other = grants.invite("p-1", "Mei", ["heart_rate"], 30)
        place.clock.now += 8 * 86_400_000
        async with browser(place) as client:
            form = {"name": "mei", "password": WORD, "again": WORD}
            for path in (f"/invite/{code}", f"/invite/{other}"):
                assert (await client.get(path)).status_code == 404
                assert (await client.post(path, data=form)).status_code == 404
        assert place.people.accounts.find("mei") is None

    play(scene)


def test_d6_only_what_is_shared_flows_live(place, story):
    from portal import views
    from vitals.model import BloodPressure, HeartRate

    place.people.grants.accept(
        place.people.grants.invite("p-1", "Li", ["heart_rate"], 30)[1], "li"
    )
    shared = place.people.accounts.find("li").granted
    log = place.board.events
    with log.follow(frozenset(), "", shared) as reader:
        beat = story.reading("p-1", HeartRate(t=story.NOW, hr=72, rr=(832.0,)))
        cuff = story.reading("p-1", BloodPressure(t=story.NOW, sys=131, dia=82))
        for one in (beat, cuff):
            log.append("p-1", "record", views.encode(views.of_reading(one)))
        log.append("p-1", "alert", b'{"id":"a"}')
        log.append("p-2", "alert", b'{"id":"b"}')
        news = log.news(reader)
    assert b'"hr":72' in news
    assert b"832" not in news
    assert b"131" not in news
    assert b"alert" not in news


def test_d8_a_patient_reads_who_looked_when_and_at_what(place, story):
    async def scene():
        place.store.write(story.day("p-1", place.clock.now, hours=1))
        async with place.client("dr.chen") as api:
            for _ in range(3):  # looking again at once is the same look
                await api.get("/api/v1/patients/p-1/trends/heart_rate")
            await api.get("/api/v1/patients/p-1/limits")
            assert (await api.get("/api/v1/patients/p-1/access")).status_code == 403
        async with place.client("dr.zhou") as api:
            assert (await api.get("/api/v1/patients/p-1")).status_code == 404
        async with place.client("wang") as api:
            answer = (await api.get("/api/v1/patients/p-1/access")).json()
        theirs = [e for e in answer["items"] if e["who"] != "wang"]
        assert [(e["who"], e["what"].rpartition("/")[2]) for e in theirs] == [
            ("dr.chen", "limits"),
            ("dr.chen", "heart_rate"),
        ]
        async with browser(place, "wang") as client:
            page = (await client.get("/sharing")).text
            assert "a trend of Heart rate" in page
            assert "the limits" in page

    play(scene)


def test_d17_every_page_speaks_chinese_to_who_wants_it(place, story):
    async def scene():
        place.store.write(story.day("p-1", place.clock.now, hours=1))
        for who, path in (
            (None, "/login"),
            ("wang", "/"),
            ("wang", "/sharing"),
            ("wang", "/account"),
            ("dr.chen", "/"),
            ("dr.chen", "/fleet"),
            ("root", "/"),
            ("root", "/admin/person"),
            ("root", "/admin/people/dr.chen"),
            ("root", "/admin/patients"),
            ("root", "/admin/patient"),
            ("root", "/admin/patients/p-1"),
            ("root", "/admin/audit?check=1"),
        ):
            async with browser(place, who) as client:
                english = await client.get(path)
                assert english.status_code == 200, path
                assert "not an emergency service" in english.text
                form = {"language": "zh", "next": path}
                answer = await client.post("/settings", data=form)
                assert answer.headers["location"] == path
                chinese = (await client.get(path)).text
                assert '<html lang="zh"' in chinese
                assert "本页面不是急救服务" in chinese
                assert "not an emergency" not in chinese

    play(scene)


def test_whom_to_call_is_the_operators_word(place):
    async def scene():
        place.house.emergency = "Call the ward: 0571 5550."
        async with browser(place) as client:
            assert "Call the ward: 0571 5550." in (await client.get("/login")).text

    play(scene)


def test_a_team_changed_at_the_terminal_is_told_at_the_next_start(place):
    async def scene():
        async with browser(place, "root") as client:
            form = {"name": "Wang Min", "team": ["dr.chen"], "time_zone": "UTC"}
            await client.post("/admin/patients/p-1", data=form)
        place.people.add("nurse.wu", None, "nurse", subjects=["p-1"])
        assert place.people.plan("p-1").team == ("dr.chen",)
        await tell_teams(place.house)
        assert place.people.plan("p-1").team == ("dr.chen", "nurse.wu")
        assert place.house.board.plan("p-1").team == ("dr.chen", "nurse.wu")
        assert len(place.people.changes("p-1")) == 2
        await tell_teams(place.house)
        assert len(place.people.changes("p-1")) == 2

    play(scene)
