import asyncio

from portal.ages import DAY
from portal.audit import Entry
from portal.looks import looks
from portal.texts import Texts
from portal.wall import Wall

API = "/api/v1/patients/{subject}"


def entry(what, t=0, who="dr.chen", deed="read"):
    return Entry(t, who, "doctor", deed, "p-1", what)


def test_d8_a_patient_reads_words_and_no_addresses():
    said = {
        f"GET {API}/trends/systolic": "a trend of Systolic",
        "GET /patients/{subject}/trends": "the trends",
        f"GET {API}/records": "single readings",
        f"GET {API}/records.csv": "single readings",
        f"GET {API}/limits": "the limits",
        f"GET {API}": "the whole page",
        "GET /patients/{subject}": "the whole page",
        "GET /api/v1/patients": "the newest values",
        "GET /": "the newest values",
        "GET /api/v1/events": "live values",
        "POST /api/v1/alerts/{id}/acknowledge": "alerts",
        "GET /fhir/Observation": "data for another system",
        "GET /something/new": "data",
    }
    for what, words in said.items():
        [seen] = looks([entry(what)], Wall(Texts("en")))
        assert seen.what == words, what


def test_the_same_look_again_on_a_day_is_one_line():
    look = "GET /patients/{subject}"
    lines = [entry(look, t) for t in (DAY + 5, DAY + 1, DAY - 1)]
    lines.insert(1, entry(look, DAY + 3, who="wu"))
    seen = looks(lines, Wall(Texts("en")))
    assert [(s.who, s.times) for s in seen] == [
        ("dr.chen", 2),
        ("wu", 1),
        ("dr.chen", 1),
    ]


def test_to_look_at_what_one_may_change_is_a_look():
    lines = [
        entry("GET /admin/patients/{subject}", deed="keep"),
        entry("POST /admin/patients/{subject}", deed="keep"),
    ]
    deeds = [s.deed for s in looks(lines, Wall(Texts("en")))]
    assert deeds == ["saw", "kept the record"]


def test_d8_who_reads_by_fhir_has_looked_too(place, story):
    async def main():
        place.store.write(story.day("p-1", place.clock.now, hours=1))
        async with place.client("dr.chen") as client:
            found = await client.get("/fhir/Observation?patient=p-1&code=8867-4")
            name = found.json()["entry"][0]["resource"]["id"]
            assert (await client.get(f"/fhir/Observation/{name}")).status_code == 200
            assert (await client.get("/fhir/Patient/p-1")).status_code == 200
            assert (await client.get("/fhir/Patient/$export")).status_code in (202, 404)

    asyncio.run(main())
    seen = {e.what for _, e in place.people.audit.entries("p-1")}
    assert {
        "GET /fhir/Observation",
        "GET /fhir/Observation/{name}",
        "GET /fhir/Patient/{name}",
    } <= seen
