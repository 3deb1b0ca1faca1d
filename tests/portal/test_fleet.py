"""The gateways' page and what programs are told of them."""

import asyncio

import pytest

from ingest.ledger import open_ledger
from vitals import wire
from vitals.model import DeviceStatus, GatewayStatus
from vitals.wire import Message

HTML = {"Accept": "text/html"}


def run(place, scene):
    async def main():
        async with place.open():
            await scene()

    asyncio.run(main())


async def say_gateway(place, name="gw-1", **fields):
    status = GatewayStatus(**({"online": True, "t": place.clock()} | fields))
    await place.say(status, wire.gateway_topic(name, "status"), True)


async def say_device(place, subject, device, **fields):
    whole = {"t": place.clock(), "connected": True, "gateway": "gw-1"} | fields
    topic = wire.of(subject, device, "status")
    await place.say(DeviceStatus(**whole), topic, True)


async def ask(place, story, address, who="dr.chen", gateways=1, **headers):
    await story.until(lambda: len(place.board.gateways) == gateways)
    async with place.client(who) as client:
        return await client.get(address, headers=headers)


def test_a22_a_program_is_told_of_gateways_and_their_wearables(place, story):
    async def scene():
        now = place.clock()
        await say_device(
            place,
            "p-1",
            "strap-1",
            battery=81,
            rssi=-61,
            last=now - 2000,
            dropped=((3, 5), (9, 9)),
            waiting=2,
            clock_ahead_ms=None,
            reconnects=4,
            lost_frames=17,
        )
        await say_gateway(
            place,
            since=now - 60_000,
            queued=7,
            waiting=2,
            dropped=4,
            malformed=1,
            version="0.1.0",
        )
        answer = await ask(place, story, "/api/v1/gateways")
        [box], none = answer.json()["items"], answer.json()["next"]
        assert none is None
        assert box["gateway"] == "gw-1"
        assert (box["online"], box["version"]) == (True, "0.1.0")
        assert box["since"].endswith("Z")
        counts = ("queued", "waiting", "dropped", "malformed", "adapter_resets")
        assert [box[count] for count in counts] == [7, 2, 4, 1, 0]
        assert (box["disk"], box["problem"]) == ("", "")
        [strap] = box["devices"]
        assert (strap["subject"], strap["device"]) == ("p-1", "strap-1")
        assert (strap["battery"], strap["rssi"]) == (81, -61)
        assert (strap["dropped"], strap["lost_frames"]) == (4, 17)
        assert (strap["waiting"], strap["reconnects"]) == (2, 4)
        assert strap["last"].endswith("Z")

    run(place, scene)


def test_a22_many_gateways_come_in_pages(place, story):
    async def scene():
        for name in ("gw-2", "gw-1", "gw-3"):
            await say_gateway(place, name)
        first = await ask(place, story, "/api/v1/gateways?limit=2", gateways=3)
        assert [g["gateway"] for g in first.json()["items"]] == ["gw-1", "gw-2"]
        address = f"/api/v1/gateways?limit=2&cursor={first.json()['next']}"
        rest = await ask(place, story, address, gateways=3)
        assert [g["gateway"] for g in rest.json()["items"]] == ["gw-3"]
        assert rest.json()["next"] is None

    run(place, scene)


@pytest.fixture
def ledger(place):
    found = open_ledger(place.folder)
    yield found
    found.close()


def test_lost_0_of_n_is_told_of_each_gateway(place, story, ledger):
    ledger.add("gw-1", "strap-1", range(1, 1001), "p-1")
    ledger.add("gw-1", "strap-2", range(1, 501), "p-2")
    ledger.add("gw-2", "cuff-1", [1, 2, 5], "p-1")

    async def scene():
        for name in ("gw-1", "gw-2", "gw-3"):
            await say_gateway(place, name)
        answer = await ask(place, story, "/api/v1/gateways", gateways=3)
        told = [box["completeness"] for box in answer.json()["items"]]
        assert told == [{"lost": 0, "given": 1500}, {"lost": 2, "given": 5}, None]
        page = (await ask(place, story, "/fleet", gateways=3)).text
        assert "<dd>0 of 1,500</dd>" in page
        assert '<dd class="warn">2 of 5</dd>' in page

    run(place, scene)


def test_lost_0_of_n_is_told_of_each_patient(place, ledger):
    ledger.add("gw-1", "strap-1", range(1, 1001), "p-1")
    ledger.add("gw-1", "strap-2", [7], "p-2")  # not theirs

    async def scene():
        async with place.client("wang") as client:
            answer = await client.get("/api/v1/patients/p-1")
            assert answer.json()["completeness"] == {"lost": 0, "given": 1000}
            ledger.add("gw-1", "cuff-1", [1, 4], "p-1")
            answer = await client.get("/api/v1/patients/p-1")
            assert answer.json()["completeness"] == {"lost": 2, "given": 1004}

    run(place, scene)


def test_a_ledger_that_nobody_can_read_takes_no_page_away(place, story):
    (place.folder / "ledger.db").write_bytes(b"not a database" * 100)

    async def scene():
        await say_gateway(place)
        answer = await ask(place, story, "/api/v1/gateways")
        assert answer.json()["items"][0]["completeness"] is None

    run(place, scene)


@pytest.mark.parametrize("address", ["/fleet", "/api/v1/gateways"])
def test_a22_wearables_of_other_peoples_patients_are_not_shown(place, story, address):
    async def scene():
        await say_device(place, "p-1", "strap-1")
        await say_device(place, "p-2", "strap-2")
        await say_gateway(place)
        answer = await ask(place, story, address)
        assert answer.status_code == 200
        assert "strap-1" in answer.text
        assert "p-2" not in answer.text
        assert "strap-2" not in answer.text

    run(place, scene)


@pytest.mark.parametrize("who", ["wang"])
@pytest.mark.parametrize("address", ["/fleet", "/api/v1/gateways"])
def test_a22_for_everybody_but_clinicians_there_is_no_such_page(
    place, story, who, address
):
    async def scene():
        await say_gateway(place)
        answer = await ask(place, story, address, who)
        assert answer.status_code == 404
        assert "gw-1" not in answer.text

    run(place, scene)


def test_a22_a_stranger_is_sent_to_the_log_in(place):
    async def scene():
        async with place.client() as client:
            page = await client.get("/fleet", headers=HTML)
            assert page.headers["location"] == "/login?next=%2Ffleet"

    run(place, scene)


def test_a22_the_page_says_what_is_wrong_in_words(place, story):
    async def scene():
        now = place.clock()
        await say_device(
            place,
            "p-1",
            "cuff-1",
            battery=18,
            dropped=((1, 1200),),
            clock_ahead_ms=-3_600_000,
            waiting=12,
            malformed=3,
            last=now - 120_000,
        )
        await place.raise_alert(
            condition="device_battery_low",
            kind="technical",
            value=18.0,
            unit="%",
            evidence={"device": "cuff-1"},
        )
        await say_gateway(
            place,
            queued=12,
            dropped=1200,
            disk="cannot write the outbox: disk full",
            problem="BlueZ does not answer",
            adapter_resets=2,
        )
        text = (await ask(place, story, "/fleet", **HTML)).text
        for words in (
            "cannot write the outbox: disk full",
            "BlueZ does not answer",
            "1,200",
            "battery 18 %",
            "Battery low",
            "1200 readings lost",
            "clock 1 h behind",
            "12 readings of unknown persons",
            "3 malformed",
            "2 min ago",
        ):
            assert words in text

    run(place, scene)


def test_a22_a_gateway_that_is_away_or_mute_is_said_to_be_so(place, story):
    async def scene():
        await say_gateway(place)
        calm = await ask(place, story, "/fleet", **HTML)
        assert "gateway without contact" not in calm.text
        place.clock.now += 91_000
        mute = await ask(place, story, "/fleet", **HTML)
        assert "gateway without contact" in mute.text
        assert "Tell whoever runs vitals" in mute.text
        front = await ask(place, story, "/", **HTML)
        assert "gateway without contact: gw-1" in front.text
        for there, next_step in (
            (True, "systemctl status vitals-gateway"),
            (False, "systemctl enable --now vitals-gateway"),
        ):
            if not there:
                place.board.gateways.clear()
            keeper = await ask(place, story, "/fleet", "root", there, **HTML)
            assert next_step in keeper.text

    run(place, scene)


def test_a22_a_gateway_whose_clock_is_slow_is_not_called_away(place, story):
    async def scene():
        await say_gateway(place, t=place.clock() - 3_600_000)
        await story.until(lambda: place.board.gateways)
        assert place.board.heard("gw-1")

    run(place, scene)


def test_a22_a_last_will_does_not_make_the_last_word_older(place, story):
    async def scene():
        began = place.clock()
        await say_gateway(place)
        place.clock.now += 60_000
        await say_gateway(place)
        await say_gateway(place, online=False, t=began)  # made when it connected
        await story.until(lambda: not place.board.gateways["gw-1"].online)
        assert place.board.gateways["gw-1"].t == began + 60_000
        assert not place.board.heard("gw-1")

    run(place, scene)


def test_a22_a_gateway_that_was_given_up_is_forgotten(place, story):
    async def scene():
        await say_gateway(place)
        await story.until(lambda: place.board.gateways)
        topic = wire.gateway_topic("gw-1", "status")
        await place.bus.publish(Message(topic, b"", retain=True))
        await story.until(lambda: not place.board.gateways)

    run(place, scene)


def test_a15_a_low_battery_is_on_the_clinicians_list_and_the_patients_page(
    place, story
):
    async def scene():
        await place.tell()
        await place.raise_alert(
            condition="device_battery_low",
            kind="technical",
            value=18.0,
            unit="%",
            evidence={
                "device": "cuff-1",
                "text": "The battery of cuff-1 is at 18 %, at or below 20 %.",
            },
        )
        listed = await ask(place, story, "/", **HTML)
        assert "Battery low</a> <b>18 %</b>" in listed.text
        assert "The battery of cuff-1 is at 18 %" in listed.text
        own = await ask(place, story, "/", "wang", **HTML)
        assert "Battery low <b>18 %</b>" in own.text
        assert "Please change or charge it." in own.text
        assert "Cuff · since" in own.text

    run(place, scene)
