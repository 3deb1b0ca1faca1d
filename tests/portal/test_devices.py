import asyncio

import pytest

from portal import ownership
from vitals import wire
from vitals.assignments import Assigned, Assignments, Unassigned
from vitals.model import (
    Answer,
    Assign,
    BloodPressure,
    Reading,
)

HTML = {"Accept": "text/html", "Origin": "http://portal"}


def word(now, *waiting, given=("cuff-1", "p-1")):
    device, subject = given
    line = Assigned(
        t=now, by="nurse", what="check_in", device=device, since=now, subject=subject
    )
    return Assignments(t=now, waiting=list(waiting), trail=[line])


async def say(place, noun, gateway="gw-1"):
    await place.say(noun, wire.gateway_topic(gateway, "assignments"), True)
    await story_until(lambda: place.board.assignments.get(gateway) == noun)


async def story_until(fact):
    async with asyncio.timeout(60):
        while not fact():
            await asyncio.sleep(0.01)


def visit(place, who, scene):
    async def main():
        async with place.open():
            await place.tell()
            cookies = {"vitals_session": place.people.issue_token(who)}
            async with place.client(cookies=cookies) as client:
                client.headers.update(HTML)
                await scene(client)

    asyncio.run(main())


def waiting(now, device="cuff-1", **fields):
    return Unassigned(device=device, t=now - 60_000, kind="blood_pressure", **fields)


async def gateway(place, ok, said):
    """A gateway that answers one command."""
    inbox = place.bus.subscribe(wire.gateway_topic("gw-1", "command"))
    [delivery] = await inbox.take()
    delivery.ack()
    command = wire.read(Assign, delivery.message.payload)
    said.append(command)
    answer = Answer(id=command.id, ok=ok, text="not in its list")
    await place.say(answer, wire.gateway_topic("gw-1", "answer"))


def test_the_wearables_of_a_patient_in_words(place):
    async def scene(client):
        text = (await client.get("/patients/p-1/devices")).text
        assert "Heart strap" in text
        assert "81 %" in text
        assert "strong" in text
        assert "25 min ago" in text
        assert "Whose reading" not in text
        condition = {"condition": "device_battery_low", "kind": "technical"}
        evidence = {"device": "cuff-1"}
        await place.raise_alert("p-1", "b1", **condition, evidence=evidence)
        text = (await client.get("/patients/p-1/devices")).text
        assert text.count("change or charge its battery") == 1

    visit(place, "wang", scene)


@pytest.mark.parametrize("who", ["wang", "dr.chen"])
def test_a_reading_that_waits_is_given_to_the_patient_who_says_so(place, who):
    async def scene(client):
        await say(place, word(place.clock(), waiting(place.clock(), user=2)))
        text = (await client.get("/patients/p-1/devices")).text
        assert "Whose reading is this?" in text
        assert "user 2" in text
        said = []
        answering = asyncio.create_task(gateway(place, True, said))
        await asyncio.sleep(0)
        form = {"gateway": "gw-1", "device": "cuff-1", "t": place.clock() - 60_000}
        answer = await client.post("/patients/p-1/claims", data=form)
        await answering
        assert answer.headers["location"].endswith("?said=done")
        [command] = said
        assert (command.subject, command.by, command.user) == ("p-1", who, 2)
        assert command.since == command.until == place.clock() - 60_000

    visit(place, who, scene)


def test_what_a_gateway_refuses_is_told(place):
    async def scene(client):
        await say(place, word(place.clock(), waiting(place.clock())))
        answering = asyncio.create_task(gateway(place, False, []))
        await asyncio.sleep(0)
        form = {"gateway": "gw-1", "device": "cuff-1", "t": place.clock() - 60_000}
        answer = await client.post("/patients/p-1/claims", data=form)
        await answering
        assert answer.status_code == 409
        assert "not in its list" in answer.text

    visit(place, "wang", scene)


def test_a_gateway_that_is_away_is_told_later(place, monkeypatch):
    monkeypatch.setattr(ownership, "PATIENCE_S", 0.05)

    async def scene(client):
        await say(place, word(place.clock(), waiting(place.clock())))
        form = {"gateway": "gw-1", "device": "cuff-1", "t": place.clock() - 60_000}
        answer = await client.post("/patients/p-1/claims", data=form)
        assert answer.headers["location"].endswith("?said=sent")

    visit(place, "wang", scene)


def test_only_what_waits_on_a_wearable_that_has_measured_them_can_be_claimed(place):
    async def scene(client):
        now = place.clock()
        strange = word(now, waiting(now, "cuff-9"), given=("cuff-9", "p-2"))
        await say(place, strange)
        assert "cuff-9" not in (await client.get("/patients/p-1/devices")).text
        commands = place.bus.subscribe(wire.gateway_topic("gw-1", "command"))
        for device, t in (("cuff-9", now - 60_000), ("cuff-1", now), ("cuff-1", 0)):
            form = {"gateway": "gw-1", "device": device, "t": t}
            answer = await client.post("/patients/p-1/claims", data=form)
            assert answer.status_code == 409
        form = {"gateway": "gw-1", "device": "cuff-9", "t": now - 60_000}
        answer = await client.post("/patients/p-2/claims", data=form)
        assert answer.status_code == 404
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await commands.take()
        record = BloodPressure(t=now - 99, sys=120, dia=80)
        place.board.seed([Reading("p-1", "cuff-9", record)])
        assert "cuff-9" in (await client.get("/patients/p-1/devices")).text

    visit(place, "wang", scene)
