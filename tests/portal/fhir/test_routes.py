"""The FHIR side of the portal, as a hospital's system meets it."""

import asyncio
import re
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.fhir.shelves import SHELVES
from portal.people import Change
from vitals.model import BloodPressure, HeartRate, Limit, OxygenSaturation, Plan

MEDIA_TYPE = "application/fhir+json"
PUBLIC = (
    "/fhir/metadata",
    "/fhir/.well-known/smart-configuration",
    "/.well-known/smart-configuration",
)


def ask(place, scene, who="dr.chen"):
    async def main():
        async with place.client(who) as client:
            await scene(client)

    asyncio.run(main())


def write(place, story, *records, subject="p-1", device="cuff-1"):
    place.store.write([story.reading(subject, record, device) for record in records])


def resources(answer):
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def fault(answer):
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return answer.status_code, body["issue"][0]["code"]


def test_anybody_may_ask_what_the_server_can_do(place):
    async def scene(client):
        for url in PUBLIC:
            assert (await client.get(url)).status_code == 200
        statement = (await client.get("/fhir/metadata")).json()
        assert statement["fhirVersion"] == "4.0.1"
        types = {r["type"]: r for r in statement["rest"][0]["resource"]}
        assert set(types) == set(SHELVES)
        for name, shelf in SHELVES.items():
            said = {p["name"] for p in types[name]["searchParam"]}
            assert said == ({"_id", *shelf.parameters} - {"_sort"})
        smart = (await client.get("/fhir/.well-known/smart-configuration")).json()
        assert smart["token_endpoint"] == "http://portal/api/v1/token"
        assert "patient/Observation.rs" in smart["scopes_supported"]

    ask(place, scene, who=None)


@pytest.mark.parametrize("who", [None, "wang", "dr.chen", "dr.zhou", "root"])
def test_every_type_shows_what_the_caller_may_see_and_nothing_else(place, story, who):
    sees = {"wang": {"p-1"}, "dr.chen": {"p-1", "p-3"}, "dr.zhou": {"p-2"}}
    mine = sees.get(who, set())
    for subject in ("p-1", "p-2", "p-3"):
        write(place, story, HeartRate(t=story.NOW - 5000, hr=70.0), subject=subject)
        plan = Plan(limits={"heart_rate": Limit(45, 120)})
        change = Change(subject, "dr.x", story.NOW, Plan(), plan, f"for {subject}")
        place.people.log_plan(change)

    async def main():
        async with place.open():
            for subject in ("p-1", "p-2", "p-3"):
                place.clock.now += 1000
                await place.raise_alert(subject, f"alert-{subject}")
            async with place.client("dr.zhou") as other, place.client(who) as client:
                for kind in SHELVES:
                    theirs = resources(await other.get(f"/fhir/{kind}"))
                    assert theirs, kind
                    if who is None:
                        assert fault(await client.get(f"/fhir/{kind}")) == (
                            401,
                            "login",
                        )
                        url = f"/fhir/{kind}/{theirs[0]['id']}"
                        assert fault(await client.get(url)) == (401, "login")
                        continue
                    found = await client.get(f"/fhir/{kind}")
                    assert set(re.findall(r"\bp-\d", found.text)) == mine, kind
                    for one in resources(found):
                        read = await client.get(f"/fhir/{kind}/{one['id']}")
                        assert read.json() == one
                    for one in theirs:
                        read = await client.get(f"/fhir/{kind}/{one['id']}")
                        assert read.status_code == (200 if "p-2" in mine else 404)
                        named = await client.get(f"/fhir/{kind}?_id={one['id']}")
                        assert len(resources(named)) == ("p-2" in mine)
                    if "patient" in SHELVES[kind].parameters and "p-2" not in mine:
                        for stranger in ("p-2", "p-99"):
                            url = f"/fhir/{kind}?patient={stranger}"
                            assert fault(await client.get(url)) == (404, "not-found")

    asyncio.run(main())


def test_d1_blood_pressures_are_found_by_code_and_date_newest_first(place, story):
    hours = (30, 20, 10, 1)
    write(
        place,
        story,
        *(
            BloodPressure(t=story.NOW - h * 3_600_000, sys=120.0 + h, dia=80.0)
            for h in hours
        ),
    )

    async def scene(client):
        url = "/fhir/Observation?patient=p-1&category=vital-signs"
        code = "&code=http://loinc.org|85354-9"
        found = resources(await client.get(f"{url}{code}"))
        tops = [o["component"][0]["valueQuantity"]["value"] for o in found]
        assert tops == [121, 130, 140, 150]
        oldest = resources(await client.get(f"{url}{code}&_sort=date&_count=1"))
        assert oldest == found[-1:]
        since = "&date=ge2026-11-21T02:00:00Z&date=lt2026-11-21T20:00:00Z"
        assert resources(await client.get(f"{url}{since}")) == found[1:3]
        assert resources(await client.get(f"{url}&date=2026-11-20")) == found[3:]
        assert resources(await client.get(f"{url}&code=8310-5")) == []
        form = {"patient": "p-1", "code": "85354-9"}
        posted = await client.post("/fhir/Observation/_search", data=form)
        assert resources(posted) == found

    ask(place, scene)


def test_next_links_lead_through_everything_once(place, story):
    place.store.write(story.day("p-1", story.NOW, hours=1))

    async def scene(client):
        url, seen = "/fhir/Observation?patient=p-1&_count=400", []
        while url:
            page = (await client.get(url)).json()
            seen += [entry["fullUrl"] for entry in page["entry"]]
            links = {link["relation"]: link["url"] for link in page["link"]}
            assert ("total" in page) == (len(page["entry"]) == len(seen) < 400)
            url = links.get("next")
        assert len(seen) == len(set(seen)) > 1400
        assert (await client.get(seen[777])).json()["id"] in seen[777]

    ask(place, scene)


def test_lastn_gives_the_newest_of_each_code(place, story):
    now = story.NOW
    write(place, story, *(HeartRate(t=now - n * 1000, hr=60.0 + n) for n in range(5)))
    write(place, story, OxygenSaturation(t=now - 500, spo2=97.0, pulse=99.0))
    write(place, story, BloodPressure(t=now - 9000, sys=120.0, dia=80.0))

    async def scene(client):
        url = "/fhir/Observation/$lastn?patient=p-1"
        found = resources(await client.get(f"{url}&category=vital-signs"))
        newest = {o["code"]["coding"][0]["code"]: o for o in found}
        assert len(newest) == len(found) == 3
        assert newest["8867-4"]["valueQuantity"]["value"] == 60
        two = resources(await client.get(f"{url}&code=8867-4&max=2"))
        assert [o["valueQuantity"]["value"] for o in two] == [60, 99]
        assert fault(await client.get(url)) == (400, "invalid")
        everybody = "/fhir/Observation/$lastn?category=vital-signs"
        assert fault(await client.get(everybody)) == (400, "invalid")

    ask(place, scene)


def test_a_resource_has_a_version_and_is_not_sent_twice(place, story):
    write(place, story, BloodPressure(t=story.NOW, sys=120.0, dia=80.0))

    async def scene(client):
        (one,) = resources(await client.get("/fhir/Observation"))
        url = f"/fhir/Observation/{one['id']}"
        first = await client.get(url)
        assert first.headers["content-type"] == MEDIA_TYPE
        assert first.headers["etag"] == 'W/"1"'
        assert first.headers["last-modified"] == "Sat, 21 Nov 2026 22:26:40 GMT"
        again = await client.get(url, headers={"If-None-Match": 'W/"1"'})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.head(url)).status_code == 200
        assert (await client.get(f"{url}/_history/1")).json() == one
        assert fault(await client.get(f"{url}/_history/2")) == (404, "not-found")
        history = (await client.get(f"{url}/_history")).json()
        assert [entry["resource"] for entry in history["entry"]] == [one]

    ask(place, scene)


def test_what_was_entered_in_error_says_so_to_whom_knows_its_id(place, story):
    record = BloodPressure(t=story.NOW, gateway="gw", seq=1, sys=120.0, dia=80.0)
    write(place, story, record)

    async def scene(client):
        (one,) = resources(await client.get("/fhir/Observation"))
        url = f"/fhir/Observation/{one['id']}"
        place.store.withdraw([story.reading("p-1", record, "cuff-1")])
        assert resources(await client.get("/fhir/Observation")) == []
        wrong = await client.get(url)
        assert wrong.json()["status"] == "entered-in-error"
        assert wrong.headers["etag"] == 'W/"2"'
        async with place.client("dr.zhou") as other:
            assert fault(await other.get(url)) == (404, "not-found")

    ask(place, scene)


def test_an_alert_shows_its_evidence_and_who_dealt_with_it(place, story):
    values = [
        HeartRate(t=story.NOW - 9000 + n * 1000, hr=140.0 + n, gateway="gw", seq=n + 1)
        for n in range(9)
    ]
    write(place, story, *values, device="strap-1")
    write(place, story, HeartRate(t=story.NOW - 5000, hr=70.0), device="strap-2")

    async def main():
        async with place.open(), place.client("dr.chen") as client:
            await place.raise_alert()
            await place.say_acknowledged("e1")
            (found,) = resources(await client.get("/fhir/DetectedIssue?patient=p-1"))
            assert (found["severity"], found["status"]) == ("high", "final")
            assert found["code"]["coding"][0]["code"] == "heart_rate_high"
            detail = found["evidence"][0]["detail"]
            seen = [
                (await client.get(f"/fhir/{one['reference']}")).json()["valueQuantity"]
                for one in detail
            ]
            assert [one["value"] for one in seen] == [140 + n for n in range(9)]
            (done,) = found["mitigation"]
            assert done["author"] == {"display": "dr.chen"}
            assert done["action"]["coding"][0]["code"] == "acknowledge"
            wearable = await client.get(f"/fhir/{found['implicated'][0]['reference']}")
            assert wearable.json()["deviceName"][0]["name"] == "strap-1"
            (event,) = resources(await client.get("/fhir/AuditEvent?patient=p-1"))
            assert event["agent"][0]["who"] == {"display": "dr.chen"}
            none = await client.get("/fhir/DetectedIssue?identified=lt2026-01-01")
            assert resources(none) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fhir/Medication", 404, "not-found"),
        ("/fhir/Observation/none", 404, "not-found"),
        (
            "/fhir/Observation/hr-mwqz9lon-93c77fd6-d923192f46772df10c20",
            404,
            "not-found",
        ),
        (
            "/fhir/Observation/hr-zzzzzzzzz-93c77fd6-d923192f46772df10c20",
            404,
            "not-found",
        ),
        ("/fhir/Patient/p-1/everything/more", 404, "not-found"),
        ("/fhir/", 404, "not-found"),
        ("/fhir/Observation?date=x", 400, "invalid"),
        ("/fhir/Observation?_page=5.x%00", 400, "invalid"),
        ("/fhir/DetectedIssue?_sort=identified", 400, "invalid"),
        ("/fhir/Observation?patient.name=x", 400, "invalid"),
        ("/fhir/Observation?_format=xml", 406, "not-supported"),
        ("/fhir/bulk/none", 404, "not-found"),
    ],
)
def test_a_bad_question_is_an_operation_outcome(place, path, status, code):
    async def scene(client):
        assert fault(await client.get(path)) == (status, code)

    ask(place, scene)


def test_refusals_before_any_route_are_operation_outcomes_too(place):
    async def scene(client):
        assert fault(await client.post("/fhir/Observation", content=b"{}")) == (
            405,
            "not-supported",
        )
        big = await client.post("/fhir/Observation/_search", content=b" " * 70_000)
        assert fault(big) == (413, "too-long")
        xml = {"Accept": "application/fhir+xml"}
        refused = await client.get("/fhir/Patient", headers=xml)
        assert fault(refused) == (406, "not-supported")
        strict = {"Prefer": "handling=strict"}
        url = "/fhir/Observation?_elements=id"
        assert fault(await client.get(url, headers=strict)) == (400, "invalid")
        assert (await client.get(url)).status_code == 200

    ask(place, scene)


def test_a_subject_with_an_underscore_has_an_id_that_fhir_allows(place, story):
    place.people.assign("dr.chen", ["ward_7"])
    write(place, story, HeartRate(t=story.NOW, hr=70.0), subject="ward_7")

    async def scene(client):
        person = (await client.get("/fhir/Patient/ward.7")).json()
        assert person["identifier"][0]["value"] == "ward_7"
        assert fault(await client.get("/fhir/Patient/ward_7"))[0] == 404
        (one,) = resources(await client.get("/fhir/Observation?patient=ward.7"))
        assert one["subject"] == {"reference": "Patient/ward.7"}

    ask(place, scene)


NAMES = (
    "patient",
    "code",
    "category",
    "date",
    "_count",
    "_sort",
    "_page",
    "_id",
    "max",
)
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["p-1", "ge2026", "-date", "8867-4", "1", "5.hr-1", "vital-signs"]),
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from([*SHELVES, "Observation/$lastn", "bulk/x"]),
    pairs=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=9), VALUES)),
)
def test_whatever_is_asked_there_is_an_answer(place, path, pairs):
    async def scene(client):
        answer = await client.get(f"/fhir/{path}?{urlencode(pairs)}")
        assert answer.status_code < 500
        assert answer.headers["content-type"] == MEDIA_TYPE

    ask(place, scene)
