"""Bulk export, from the kick-off to the last file."""

import asyncio
import json

import pytest

from portal.fhir.export import Exports, Order
from portal.fhir.parameters import Search
from portal.fhir.shelves import Sight
from vitals.model import BloodPressure, HeartRate, Instant


def fill(place, story):
    for subject in ("p-1", "p-2", "p-3"):
        cuff = BloodPressure(t=story.NOW - 9000, sys=120.0, dia=80.0)
        beats = [
            HeartRate(t=story.NOW - n * 1000, received=story.NOW - n * 1000, hr=70.0)
            for n in range(2500)
        ]
        readings = [story.reading(subject, record) for record in beats]
        place.store.write([*readings, story.reading(subject, cuff, "cuff-1")])


async def done(client, url):
    """Wait for an export; give its manifest."""
    async with asyncio.timeout(60):
        while (answer := await client.get(url)).status_code == 202:
            assert answer.headers["retry-after"]
            await asyncio.sleep(0.01)
    return answer


async def lines(client, output):
    answer = await client.get(output["url"])
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert len(found) == output["count"]
    assert {one["resourceType"] for one in found} == {output["type"]}
    return found


def test_d9_everything_of_ones_patients_is_exported_as_ndjson(place, story):
    fill(place, story)

    async def main():
        async with place.client("dr.chen") as client, place.client("wang") as other:
            kicked = await client.get(
                "/fhir/Patient/$export", headers={"Prefer": "respond-async"}
            )
            assert (kicked.status_code, kicked.content) == (202, b"")
            status = kicked.headers["content-location"]
            busy = await client.get("/fhir/Patient/$export")
            assert busy.status_code == 429
            assert busy.headers["retry-after"]
            answer = await done(client, status)
            manifest = answer.json()
            assert answer.headers["content-type"] == "application/json"
            assert manifest["requiresAccessToken"] is True
            assert manifest["request"].endswith("/fhir/Patient/$export")
            found = {
                one["type"]: await lines(client, one) for one in manifest["output"]
            }
            assert {p["id"] for p in found["Patient"]} == {"p-1", "p-3"}
            assert len(found["Device"]) == 4
            ids = [one["id"] for one in found["Observation"]]
            assert len(ids) == len(set(ids)) == 2 * 2501
            assert "Patient/p-2" not in str(found)
            for url in (status, manifest["output"][0]["url"]):
                assert (await other.get(url)).status_code == 404
                assert (await other.delete(status)).status_code == 404
            assert (await client.delete(status)).status_code == 202
            for url in (status, manifest["output"][0]["url"]):
                assert (await client.get(url)).status_code == 404
            assert not list((place.folder / "exports").iterdir())

    asyncio.run(main())


def test_types_filters_and_since_narrow_an_export(place, story):
    fill(place, story)

    async def main():
        before = ""
        async with place.client("wang") as client:
            for query, wanted in (
                ("_type=Patient", {"Patient": 1}),
                (
                    "_type=Observation&_typeFilter=Observation%3Fcode%3D85354-9",
                    {"Observation": 1},
                ),
                ("_type=Observation&_since=2026-11-21T22:26:36Z", {"Observation": 5}),
                (
                    "_type=Observation&_typeFilter=Observation%3Fpatient%3Dp-2",
                    {},
                ),
            ):
                kicked = await client.get(f"/fhir/Patient/$export?{query}")
                status = kicked.headers["content-location"]
                manifest = (await done(client, status)).json()
                found = {one["type"]: one["count"] for one in manifest["output"]}
                assert found == wanted, query
                if before:  # went with the next one
                    assert (await client.get(before)).status_code == 404
                before = status

    asyncio.run(main())


@pytest.mark.parametrize(
    "query",
    [
        "_type=Medication",
        "_outputFormat=text/csv",
        "_since=yesterday",
        "_typeFilter=Observation%3Fcolour%3Dred",
        "_type=Patient&_typeFilter=Observation%3Fcode%3D85354-9",
    ],
)
def test_an_export_that_cannot_be_is_refused_at_once(place, query):
    async def main():
        async with place.client("dr.chen") as client:
            answer = await client.get(f"/fhir/Patient/$export?{query}")
            assert answer.status_code == 400
            assert answer.json()["resourceType"] == "OperationOutcome"

    asyncio.run(main())


def test_who_loses_a_patient_loses_the_export(place, story):
    fill(place, story)

    async def main():
        async with place.client("dr.chen") as client:
            kicked = await client.get("/fhir/Patient/$export?_type=Patient")
            status = kicked.headers["content-location"]
            assert (await done(client, status)).status_code == 200
            place.people.unassign("dr.chen", "p-3")
            assert (await client.get(status)).status_code == 404

    asyncio.run(main())


def order(t):
    return Order(request="x", searches={"Patient": Search()}, t=Instant(t))


def sight(place):
    everybody = frozenset({"p-1"})
    return Sight(everybody, place.store, place.history, place.people.changes, {})


def test_files_go_after_a_while_and_with_the_process(place, tmp_path, story):
    async def main():
        folder = tmp_path / "exports"
        exports = Exports(folder, keep_s=0.0)
        job = exports.start("x", sight(place), order(story.NOW))
        await job.task
        assert (exports.job(job.id), list(folder.iterdir())) == (None, [])
        kept = Exports(folder)
        job = kept.start("x", sight(place), order(story.NOW))
        while job.running:
            await asyncio.sleep(0.01)
        assert kept.path(job, "Patient").exists()
        assert kept.path(job, "../people") is None
        again = Exports(folder)  # as after a crash
        assert not folder.exists()
        again.close()
        kept.close()

    asyncio.run(main())


def test_an_export_leaves_room_for_records(place, tmp_path, story):
    async def main():
        exports = Exports(tmp_path / "exports", room=1 << 60)
        job = exports.start("x", sight(place), order(story.NOW))
        while job.running:
            await asyncio.sleep(0.01)
        assert "could not be written" in job.failed
        assert exports.path(job, "Patient") is None
        exports.close()

    asyncio.run(main())
