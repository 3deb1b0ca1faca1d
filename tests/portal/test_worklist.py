import pytest

from alerts.history import Delivery
from portal.authorisation import Person
from portal.board import Board
from portal.cards import card
from portal.events import EventLog
from portal.messages import line
from portal.texts import Texts
from portal.times import rfc3339
from portal.wall import Wall
from portal.worklist import open_alerts
from tests.portal.conftest import NOW, Clock, anomaly, until
from tests.portal.test_pages import browser, run
from vitals import wire
from vitals.model import Alert, Anomaly, DeviceStatus
from vitals.wire import Message

NURSE = Person("nurse.wu", "nurse", frozenset({"p-1"}))
FAR = Person("nurse.li", "nurse", frozenset({"p-2"}))
ADMIN = Person("root", "admin")


def alert(name, subject="p-1", condition="heart_rate_high", **fields):
    whole = {
        "kind": "physiological", "priority": "high", "state": "unacknowledged",
        "since": NOW - 1000, "t": NOW,
    }  # fmt: skip
    whole |= fields
    return Alert(id=name, subject=subject, condition=condition, **whole)


def delivery(state):
    return Delivery(
        version=1, channel="log", to="", why="opened", state=state, attempts=0,
        error="", created=NOW, tried=None, due=NOW,
    )  # fmt: skip


@pytest.fixture
def board():
    found = Board(EventLog(NOW), Clock())
    status = DeviceStatus(t=NOW, connected=True, gateway="gw-1")
    topic = wire.of("p-1", "strap-1", "status")
    found.take(Message(topic, wire.encode(status)))
    return found


def tell(board, *alerts):
    for one in alerts:
        topic = wire.of(one.subject, "alert", one.id)
        board.take(Message(topic, wire.encode(one)))


def names(board, person):
    return [one.id for one in open_alerts(board, person)]


def test_a_gateway_s_alert_is_seen_by_those_whose_patients_it_reads(board):
    tell(board, alert("g", "house", "gateway_offline", evidence={"device": "gw-1"}))
    assert names(board, NURSE) == names(board, ADMIN) == ["g"]
    assert names(board, FAR) == []
    assert names(board, Person("wang", "patient", frozenset({"p-1"}))) == []


def test_what_concerns_all_is_seen_by_all_who_have_patients(board):
    tell(board, alert("s", "house", "stage_silent", evidence={"device": "dsp"}))
    assert names(board, NURSE) == names(board, FAR) == names(board, ADMIN) == ["s"]
    assert names(board, Person("new", "nurse")) == []


def test_an_administrator_sees_no_patient_s_alert(board):
    tell(board, alert("e1"))
    assert names(board, NURSE) == ["e1"]
    assert names(board, ADMIN) == []


def test_the_most_urgent_is_first_and_then_the_oldest(board):
    tell(
        board,
        alert("seen", state="acknowledged", since=1),
        alert("young", since=9),
        alert("low", priority="low", since=1),
        alert("old", since=5),
    )
    assert names(board, NURSE) == ["old", "young", "low", "seen"]


def test_a_card_says_whom_it_told_and_whom_it_tells_next_and_when():
    due = NOW + 300_000
    calls = {"step": 1, "told": ["nurse.wu"], "next": ["dr.lin"], "next_at": due}
    shown = card(alert("e", escalation=calls), Wall(Texts("en")), NOW)
    assert shown.call.startswith("told: nurse.wu · next: dr.lin at ")
    house = card(alert("e", escalation={"told": ["house"]}), Wall(Texts("en")), NOW)
    assert house.call == "told: the whole house"
    assert card(alert("e"), Wall(Texts("en")), NOW).call == ""
    odd = {"told": "x", "next": 5, "next_at": "soon"}
    assert card(alert("e", escalation=odd), Wall(Texts("en")), NOW).call == ""


def test_messages_are_counted_by_how_far_they_are():
    found = [delivery(s) for s in ("delivered", "pending", "pending", "passed")]
    assert line(found, Texts("en")) == "1 delivered · 2 waiting"
    assert line([], Texts("en")) == ""


def test_the_page_shows_the_house_to_a_carer_and_to_the_administrator(place):
    async def scene():
        await place.tell()
        found = Anomaly(
            id="gone", subject="house", detector="equipment", kind="technical",
            condition="gateway_offline", begin=NOW, t=NOW, evidence={"device": "gw-1"},
        )  # fmt: skip
        await place.say(found, wire.of("house", "anomaly"))
        await until(lambda: place.board.alert("gone"))
        for who in ("dr.chen", "root"):
            async with browser(place, who) as client:
                text = (await client.get("/")).text
                assert 'id="alert-gone"' in text
                assert "Gateway offline" in text
                assert "told: the whole house" in text
                assert "Messages: 1 delivered" in text or "Messages: 1 waiting" in text
                assert 'href="/patients/house"' not in text
        async with browser(place, "root") as client:
            form = {"comment": "on my way"}
            answer = await client.post("/alerts/gone/acknowledge", data=form)
            assert answer.status_code == 303
        seen = await until(lambda: place.board.alert("gone").acknowledged_by)
        assert seen == "root"
        async with browser(place, "wang") as client:
            answer = await client.post("/alerts/gone/acknowledge", data={})
            assert answer.status_code == 404

    run(place, scene)


def test_the_api_lists_the_house_s_alerts_to_carers_and_not_to_patients(place):
    async def scene():
        await place.raise_alert(
            "house", "gone", condition="stage_silent", kind="technical"
        )
        for who, seen in (("dr.chen", 1), ("root", 1), ("wang", 0)):
            async with place.client(who) as client:
                items = (await client.get("/api/v1/alerts")).json()["items"]
                assert len(items) == seen, who
                status = (await client.get("/api/v1/alerts/gone")).status_code
                assert status == (200 if seen else 404)

    run(place, scene)


def test_an_alert_that_was_over_when_it_was_seen_leaves_who_saw_it_and_when(place):
    async def scene():
        await place.tell()  # Asia/Shanghai
        await place.raise_alert("p-1", "e1", value=171.0)
        over = anomaly("p-1", "e1", NOW, over=True, t=NOW, value=171.0)
        await place.say(over, wire.of("p-1", "anomaly"))
        gone = "returned_unacknowledged"
        await until(lambda: place.board.alert("e1").state == gone)
        async with browser(place, "dr.chen") as chen:
            form = {"comment": "called her"}
            await chen.post("/alerts/e1/acknowledge", data=form)
            await until(lambda: place.board.alert("e1") is None)
            for page in ("/", "/patients/p-1", "/alerts/e1", "/patients/p-1/visit"):
                text = " ".join((await chen.get(page)).text.split())
                assert "seen by dr.chen, <time" in text, page
                assert rfc3339(NOW) in text.split("seen by dr.chen, ", 1)[1][:99]
                assert "called her" in text
        async with browser(place, "dr.zhou") as other:
            assert "dr.chen" not in (await other.get("/")).text
        async with browser(place, "wang") as patient:
            text = (await patient.get("/")).text
            assert "Your care team saw this at 06:26." in text
            assert "dr.chen" not in text
            place.clock.now += 48 * 3_600_000
            assert "Your care team saw" not in (await patient.get("/")).text

    run(place, scene)
