import asyncio
import gzip
import re

import pytest

from portal.pages.assets import FILES
from portal.pages.common import inside
from portal.texts import LANGUAGES, PRIORITIES, STATES, Texts
from vitals.codes import Flag, Kind
from vitals.model import HeartRate, Reading

HTML = {"Accept": "text/html", "Origin": "http://portal"}
PAGES = {
    None: ["/login"],
    "wang": ["/", "/patients/p-1?span=24h"],
    "root": ["/", "/admin/channels"],
    "dr.chen": [
        "/",
        "/patients/p-1",
        "/patients/p-3",
        "/patients/p-1/limits",
        "/alerts/e1",
        "/reports/alerts",
        "/patients/p-1/visit",
        "/patients/p-1/plan",
        "/fleet",
        "/nowhere",
    ],
}


def browser(place, name=None):
    cookies = {"vitals_session": place.people.issue_token(name)} if name else {}
    client = place.client(cookies=cookies)
    client.headers.update(HTML)
    return client


def run(place, scene):
    async def main():
        async with place.open():
            await scene()

    asyncio.run(main())


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(place):
    async def scene():
        async with browser(place) as client:
            door = await client.get("/patients/p-1?span=24h")
            assert door.status_code == 303
            assert (
                door.headers["location"] == "/login?next=%2Fpatients%2Fp-1%3Fspan%3D24h"
            )
            form = {
                "name": "wang",
                "password": "correct horse battery",
                "next": "//evil",
            }
            answer = await client.post("/login", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert "Secure" not in cookie
            assert "Good" in (await client.get("/")).text
            assert (await client.post("/logout")).status_code == 303
            assert (await client.get("/")).status_code == 303
        secure = place.client()
        secure.base_url = "https://portal"
        async with secure as client:
            headers = {"Origin": "https://portal"}
            answer = await client.post("/login", data=form, headers=headers)
            assert "Secure" in answer.headers["set-cookie"]
            assert "max-age" in answer.headers["strict-transport-security"]

    run(place, scene)


def test_a_wrong_password_keeps_the_name_and_says_nothing_more(place):
    async def scene():
        async with browser(place) as client:
            form = {"name": 'x"><b>', "password": "wrong password"}
            answer = await client.post("/login", data=form)
            assert answer.status_code == 401
            assert "The name or the password is wrong." in answer.text
            assert '"><b>' not in answer.text

    run(place, scene)


@pytest.mark.parametrize(
    "address",
    ["//evil", "http://evil", "\\\\evil", "/\\evil", "", "/a\nb", "/" + "a" * 600],
)
def test_the_log_in_leads_nowhere_else(address):
    assert inside(address) == "/"


def test_every_page_says_that_it_is_no_emergency_service_and_needs_no_inline_code(
    place, story
):
    async def scene():
        for subject in ("p-1", "p-2"):
            place.store.write(story.day(subject, story.NOW, racing=True))
        await place.tell()
        await place.raise_alert()
        for who, paths in PAGES.items():
            async with browser(place, who) as client:
                for path in paths:
                    page = await client.get(path)
                    assert page.status_code in (200, 404), path
                    text = page.text
                    assert "This page is not an emergency service." in text
                    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
                    assert re.findall(r"<script[^>]*>(?!</script>)", text) == []
                    assert (
                        set(re.findall(r'(?:src|href)="(https?:[^"]*)"', text)) == set()
                    )
                    weight = len(gzip.compress(page.content))
                    weight += sum(len(gzip.compress(data)) for data in FILES.values())
                    assert weight < 50_000, (path, weight)

    run(place, scene)


def test_a_patient_sees_big_numbers_a_chart_and_plain_words(place, story):
    async def scene():
        place.store.write(story.day("p-1", story.NOW, racing=True))
        await place.tell()
        await place.raise_alert()
        async with browser(place, "wang") as client:
            text = (await client.get("/")).text
            assert re.search(r'data-field="sys">128</b>.*data-field="dia">81</b>', text)
            assert "Your heart rate is higher than it should be." in text
            assert "Your care team has been told." in text
            assert 'class="band"' in text
            assert 'class="mark high"' in text
            assert "rising" in text
            assert "Acknowledge" not in text
            await place.say_acknowledged("e1")
            assert "Your care team saw this at 06:26." in (await client.get("/")).text

    run(place, scene)


def test_a_stale_or_missing_value_never_looks_like_a_fresh_one(place, story):
    async def scene():
        old = HeartRate(t=story.NOW - 121_000, hr=72)
        place.store.write([Reading("p-1", "s", old)])
        async with browser(place, "wang") as client:
            text = (await client.get("/")).text
            assert re.search(
                r'class="tile heart_rate stale".*2 min ago.*>72<', text, re.S
            )
            off = HeartRate(t=story.NOW, hr=None, q=("off_body",))
            place.board.seed([Reading("p-1", "s", off)])
            text = (await client.get("/")).text
            assert 'data-field="hr"' not in text
            assert "not worn" in text

    run(place, scene)


def test_d13_the_worklist_holds_every_alert_until_somebody_acts(place, story):
    async def scene():
        place.store.write(story.day("p-1", story.NOW, racing=True))
        for n in range(30):
            await place.raise_alert(
                "p-1", f"n{n}", condition=f"odd_{n}", begin=story.NOW - n
            )
        await place.raise_alert(
            "p-3", "e2", condition="<i>odd</i>", evidence={"text": "<b>"}
        )
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/")).text
            assert text.count("<article") == 31
            assert "(31) Worklist" in text
            assert "<i>odd" not in text
            assert "<b><" not in text
            form = {"comment": " calling ", "next": "/patients/p-1"}
            answer = await client.post("/alerts/n3/acknowledge", data=form)
            assert answer.headers["location"] == "/patients/p-1"
            alert = place.board.alert("n3")
            assert (alert.state, alert.comment) == ("acknowledged", "calling")
            text = (await client.get("/")).text
            assert text.count("<article") == 31
            assert "seen by dr.chen" in text
            place.clock.now += 1000
            await client.post("/alerts/n4/snooze", data={"minutes": "15"})
            assert place.board.alert("n4").state == "shelved"
            assert "snoozed until" in (await client.get("/")).text

    run(place, scene)


def test_an_alert_goes_to_somebody_who_can_see_it_and_to_nobody_else(place, story):
    async def scene():
        place.people.add("dr.wu", story.PASSWORD, "clinician", subjects=["p-1"])
        await place.raise_alert("p-1", "e1")
        async with browser(place, "dr.chen") as client:
            for address in ("/", "/patients/p-1"):
                text = (await client.get(address)).text
                names = re.findall(r"<option>([^<]*)</option>", text)
                assert names == ["dr.wu"]  # and not dr.chen, who has it
            for to in ("dr.zhou", "wang", "", "x" * 65):
                answer = await client.post("/alerts/e1/handover", data={"to": to})
                assert answer.status_code == 422
            form = {"to": "dr.wu", "comment": "night", "next": "/patients/p-1"}
            answer = await client.post("/alerts/e1/handover", data=form)
            assert answer.headers["location"] == "/patients/p-1"
            alert = place.board.alert("e1")
            assert alert.escalation["to"] == "dr.wu"
            assert "→ dr.wu · “night”" in (await client.get("/")).text

    run(place, scene)


def test_a_false_alarm_is_said_on_the_card(place):
    async def scene():
        await place.raise_alert("p-1", "e1")
        async with browser(place, "dr.chen") as client:
            form = {"comment": "loose", "minutes": "15", "to": ""}
            answer = await client.post("/alerts/e1/false_alarm", data=form)
            assert answer.status_code == 303
            assert place.board.alert("e1").evidence["false_alarm"] == "dr.chen"
            assert "false alarm, says dr.chen" in (await client.get("/")).text

    run(place, scene)


def test_a_person_gets_a_page_and_a_program_a_problem(place):
    async def scene():
        async with browser(place, "dr.chen") as client:
            page = await client.get("/patients/p-2")
            assert (page.status_code, page.headers["content-type"]) == (
                404,
                "text/html; charset=utf-8",
            )
            program = await client.get("/api/v1/patients/p-2")
            assert program.headers["content-type"] == "application/problem+json"
            wrong = await client.get("/patients/p-1?span=99y")
            assert wrong.status_code == 422

    run(place, scene)


def test_our_files_are_kept_by_browsers_until_they_change(place):
    async def scene():
        async with browser(place) as client:
            links = re.findall(r'"(/static/[^"]+)"', (await client.get("/login")).text)
            assert len(links) == 3
            for link in links:
                answer = await client.get(link)
                assert "immutable" in answer.headers["cache-control"]
                plain = await client.get(link.partition("?")[0])
                assert plain.headers["cache-control"] == "no-cache"
                tag = {"If-None-Match": plain.headers["etag"]}
                assert (await client.get(link, headers=tag)).status_code == 304

    run(place, scene)


def test_d17_a_language_is_complete_and_names_everything_that_can_be_shown():
    english = LANGUAGES["en"]
    for words in LANGUAGES.values():
        assert words.keys() == english.keys()
    for key in (
        *(f"state.{state}" for state in STATES),
        *(f"priority.{priority}" for priority in PRIORITIES),
        *(f"flag.{flag}" for flag in Flag),
        *Kind,
    ):
        assert key in english


def test_what_is_counted_has_a_form_for_one_in_english_and_none_in_chinese():
    assert Texts("en")("patients.n", n=1) == "1 patient"
    assert Texts("en")("patients.n", n=2) == "2 patients"
    assert Texts("en")("limits.records", n="1,000") == "From 1,000 records."
    assert not any("|" in words for words in LANGUAGES["zh"].values())
    for words in LANGUAGES["en"].values():
        assert "|" not in words or "{n}" in words
