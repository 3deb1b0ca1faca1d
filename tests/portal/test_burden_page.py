from tests.portal.test_pages import browser, run


def test_a_carer_reads_what_the_alerts_of_their_patients_cost(place, story):
    async def scene():
        place.store.write(story.day("p-1", story.NOW))
        await place.raise_alert("p-1", "e1")
        await place.raise_alert("p-2", "e2")  # nobody of theirs
        await place.say_acknowledged("e1")
        place.clock.now += 1
        async with place.client("dr.chen") as client:
            said = (await client.get("/api/v1/reports/alerts?days=7")).json()
            assert said["calls"]["alerts"] == 1
            assert said["calls"]["acknowledged"] == 1.0
            assert said["patient_days"] == 2
            assert said["published"]["for_people"] == 0.1
            assert said["begin"].endswith("Z")
            bad = await client.get("/api/v1/reports/alerts?days=0")
            assert bad.status_code == 422
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/reports/alerts?days=7")).text
            assert "0.50" in text
            assert "0.10" in text
            assert "Heart rate high" in text

    run(place, scene)


def test_who_cares_for_nobody_has_no_burden_to_read(place):
    async def scene():
        for who in ("wang", "root"):
            async with browser(place, who) as client:
                assert (await client.get("/reports/alerts")).status_code == 404

    run(place, scene)


def test_without_a_patient_day_nothing_is_divided(place):
    async def scene():
        async with browser(place, "dr.chen") as client:
            text = (await client.get("/reports/alerts")).text
            assert "0 patient-days" in text

    run(place, scene)
