import asyncio
import json

from portal.authorisation import worked
from portal.routes.events import in_part


def test_who_is_told_by_what_is_for_who_cares_and_for_others_that_it_is_told(
    place, story
):
    async def main():
        async with place.open():
            await place.raise_alert()
            await story.until(
                lambda: place.history.deliveries("e1")[0].state == "delivered"
            )
            place.people.add("mei", None, "family")
            _, code = place.people.grants.invite("p-1", "daughter", ["alerts"], 30)
            place.people.grants.accept(code, "mei")
            for name, channel in (("dr.chen", "log"), ("wang", ""), ("mei", "")):
                async with place.client(name) as client:
                    answer = await client.get("/api/v1/alerts/e1/deliveries")
                [told] = answer.json()["items"]
                assert (told["channel"], told["state"], told["why"]) == (
                    channel, "delivered", "opened",
                )  # fmt: skip
                assert told["due"] is None
                assert told["tried"].endswith("Z")
            async with place.client("dr.zhou") as other:
                answer = await other.get("/api/v1/alerts/e1/deliveries")
                assert answer.status_code == 404

    asyncio.run(main())


def test_who_is_called_and_who_has_decided_is_named_to_those_who_work_it_alone(place):
    async def main():
        async with place.open():
            await place.raise_alert()
            place.people.assign("dr.zhou", ["p-1"])
            place.people.add("mei", None, "family")
            _, code = place.people.grants.invite("p-1", "daughter", ["alerts"], 30)
            place.people.grants.accept(code, "mei")
            for action, more in (("handover", {"to": "dr.zhou"}), ("false_alarm", {})):
                async with place.client("dr.chen") as chen:
                    await chen.post(f"/api/v1/alerts/e1/{action}", json=more)
            for name, to, seen, authors in (
                ("dr.chen", "dr.zhou", "dr.chen", {"dr.chen"}),
                ("wang", "care_team", "care_team", {"Care team"}),
                ("mei", "care_team", "care_team", set()),  # FHIR is not for family
            ):
                for found in await everywhere(place, name):
                    call = found["escalation"]
                    assert (call["to"], found["acknowledged_by"]) == (to, seen)
                    assert found["evidence"]["false_alarm"] == seen
                    assert call["told"] == ["house", to]
                    assert call["step"] >= 1
                decisions, page = await elsewhere(place, name)
                assert {one["author"]["display"] for one in decisions} == authors
                assert ("dr.chen" in page) == (seen == "dr.chen")

    asyncio.run(main())


async def elsewhere(place, name):
    """Give what FHIR says of decisions to somebody, and their first page."""
    async with place.client(name) as client:
        found = await client.get("/fhir/DetectedIssue", params={"patient": "p-1"})
        page = await client.get("/", headers={"Accept": "text/html"})
    issues = [one["resource"] for one in found.json().get("entry", ())]
    return [one for issue in issues for one in issue["mitigation"]], page.text


async def everywhere(place, name):
    """Give an alert as somebody gets it: listed, alone, with the patient, and live."""
    person, log = place.people.find(name), place.board.events
    async with place.client(name) as client:
        listed = (await client.get("/api/v1/alerts")).json()["items"]
        alone = (await client.get("/api/v1/alerts/e1")).json()
        patient = (await client.get("/api/v1/patients/p-1")).json()["alerts"]
    with log.follow(worked(person), log.id(0), in_part(person)) as follower:
        live = [json.loads(event.data) for event in log.take(follower)]
    assert len(listed) == len(patient) == 1
    return [*listed, alone, *patient, live[-1]]
