"""A hospital's server is called when an alert is raised."""

import asyncio
import contextlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal.fhir import hooks
from portal.fhir.subscribers import GIVE_UP_MS, Subscribers
from portal.fhir.subscriptions import BACKPORT, TOPIC, Subscription, read
from tests.portal.conftest import NOW, Place, anomaly, until
from vitals.errors import MalformedData, Unavailable
from vitals.metrics import Metrics
from vitals.model import Alert, Instant


class Receiver(BaseHTTPRequestHandler):
    """Takes notifications, or refuses them."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.came.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.came, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ward(tmp_path, accounts, receiver):
    """A place that may call the receiver."""
    shutil.copy(accounts, tmp_path)
    found = Place(tmp_path, hooks=(f"{receiver.url}/in",))
    yield found
    found.close()


def wanted(endpoint, patient=None, **channel):
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "ward 7",
        "criteria": TOPIC,
        "channel": {
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": "application/fhir+json",
            "header": ["Authorization: Bearer hush"],
            **channel,
        },
    }
    if patient:
        url = f"{BACKPORT}backport-filter-criteria"
        only = {"url": url, "valueString": f"DetectedIssue?patient=Patient/{patient}"}
        asked["_criteria"] = {"extension": [only]}
    return asked


@contextlib.asynccontextmanager
async def calling(ward, tell=hooks.call):
    """Run what the portal runs beside its pages."""
    subscribers, people = ward.house.subscribers, ward.people
    work = hooks.run(subscribers, people, ward.bus, Metrics(), ward.clock, tell)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def of(body):
    """Give kind, number of events and focus of a notification."""
    assert (body["resourceType"], body["type"]) == ("Bundle", "history")
    (entry,) = body["entry"]
    found = {
        p["name"]: next(v for k, v in p.items() if k != "name")
        for p in entry["resource"]["parameter"]
    }
    focus = [
        part["valueReference"]["reference"]
        for part in found.get("notification-event", [])
        if part["name"] == "focus"
    ]
    return found["type"], found["events-since-subscription-start"], *focus


def test_a_raised_alert_is_told_after_the_handshake_by_its_id_alone(ward, receiver):
    async def main():
        async with ward.open(), calling(ward), ward.client("dr.chen") as client:
            asked = wanted(f"{receiver.url}/in/alerts", "p-1")
            made = await client.post("/fhir/Subscription", json=asked)
            assert (made.status_code, made.json()["status"]) == (201, "requested")
            assert "hush" not in made.text
            where = made.headers["location"]
            await until(lambda: receiver.came)
            path, headers, body = receiver.came[0]
            assert (path, headers["Authorization"]) == ("/in/alerts", "Bearer hush")
            assert of(body) == ("handshake", "0")
            known = ward.house.subscribers
            await until(lambda: known.all()[0].status == "active")
            assert (await client.get(where)).json()["status"] == "active"
            await ward.raise_alert("p-3", "another")
            await ward.raise_alert("p-1", "mine")
            await until(lambda: len(receiver.came) == 2)
            body = receiver.came[1][2]
            focus = "http://portal/fhir/DetectedIssue/mine"
            assert of(body) == ("event-notification", "1", focus)
            # A bare 148 may stand in an id, which is made at random.
            for of_health in ("148.0", "148 /min", "heart", "Heart"):
                assert of_health not in str(body)
            assert (await client.get(focus)).status_code == 200
            state = (await client.get(f"{where}/$status")).json()
            assert state["entry"][0]["resource"]["resourceType"] == "Parameters"
            assert (await client.delete(where)).status_code == 204
            assert (await client.get(where)).status_code == 404
            await ward.raise_alert("p-1", "later", condition="systolic_high")
            assert ward.house.subscribers.due(NOW + 10) == []
            assert len(receiver.came) == 2

    asyncio.run(main())


def test_a_subscription_is_its_owners_and_of_their_patients(ward, receiver):
    endpoint = f"{receiver.url}/in"

    async def main():
        async with ward.client("dr.chen") as client, ward.client("dr.zhou") as other:
            url = "/fhir/Subscription"
            theirs = await client.post(url, json=wanted(endpoint, "p-2"))
            assert theirs.status_code == 404
            made = await client.post(url, json=wanted(endpoint))
            where = made.headers["location"]
            assert (await client.get(url)).json()["total"] == 1
            assert (await other.get(url)).json()["total"] == 0
            for answer in (await other.get(where), await other.delete(where)):
                assert answer.status_code == 404
            ward.people.unassign("dr.chen", "p-1")
            people = {person.name: person.subjects for person in ward.people.list()}
            raised = ward.house.subscribers.raised
            assert raised(alert("a1", "p-1"), people, NOW) == 0
            assert raised(alert("a2", "p-2"), people, NOW) == 0
            assert raised(alert("a3", "p-3"), people, NOW) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://169.254.169.254/latest"},
        {"endpoint": "ALLOWED.evil.example/"},
        {"endpoint": "ALLOWED/../admin"},
        {"endpoint": "ALLOWEDxyz"},
        {"type": "email"},
        {"payload": "text/plain"},
        {"header": ["X: a\r\nHost: b"]},
        {"header": ["no header"]},
        {
            "_payload": {
                "extension": [
                    {
                        "url": f"{BACKPORT}backport-payload-content",
                        "valueCode": "full-resource",
                    }
                ]
            }
        },
    ],
)
def test_what_we_cannot_or_will_not_call_is_refused(ward, receiver, change):
    allowed = f"{receiver.url}/in"
    change = {
        k: v.replace("ALLOWED", allowed) if isinstance(v, str) else v
        for k, v in change.items()
    }

    async def main():
        async with ward.client("dr.chen") as client:
            asked = wanted(**({"endpoint": allowed} | change))
            answer = await client.post("/fhir/Subscription", json=asked)
            assert answer.status_code == 400
            assert answer.json()["resourceType"] == "OperationOutcome"
            assert ward.house.subscribers.all() == []

    asyncio.run(main())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff", b"null", b'{"resourceType":"Patient"}']
)
def test_what_is_no_subscription_is_malformed(body):
    with pytest.raises(MalformedData):
        read(body)


def test_without_addresses_there_are_no_subscriptions(place):
    async def main():
        async with place.client("dr.chen") as client:
            asked = wanted("http://127.0.0.1:1/")
            made = await client.post("/fhir/Subscription", json=asked)
            assert made.status_code == 404
            statement = (await client.get("/fhir/metadata")).text
            assert "Subscription" not in statement
        assert not (place.folder / "subscriptions.db").exists()

    asyncio.run(main())


def alert(name="a1", subject="p-1", now=NOW):
    said = anomaly(subject, name, now)
    return Alert(
        id=name,
        subject=subject,
        condition=said.condition,
        kind=said.kind,
        priority="high",
        state="unacknowledged",
        since=said.begin,
        t=now,
    )


def subscription(receiver, **fields):
    known = {"id": "s1", "owner": "dr.chen", "base": "http://portal/fhir"}
    known |= {"endpoint": f"{receiver.url}/in", "reason": "x"}
    return Subscription(**(known | fields))


def test_what_fails_is_told_again_in_order_and_no_alert_twice(tmp_path, receiver):
    sees, now = {"dr.chen": {"p-1"}}, NOW
    first = Subscribers(tmp_path / "subscriptions.db")
    first.add(subscription(receiver), now)
    assert [first.raised(alert(n), sees, now) for n in ("a1", "a1", "a2")] == [1, 0, 1]
    first.close()
    known = Subscribers(tmp_path / "subscriptions.db")  # after a restart
    assert known.raised(alert("a1"), sees, now) == 0
    receiver.answers = [500, 200, 302, 200, 200]
    for _ in range(40):
        for notice in known.due(now):
            try:
                hooks.call(notice)
                known.told(notice)
            except Unavailable:
                known.failed(notice, now)
        now += 500
    kinds = [of(body) for _, _, body in receiver.came]
    numbers = [kind[2][-2:] if len(kind) > 2 else kind[0] for kind in kinds]
    # A detour is a refusal: it could lead to where nobody allowed it.
    assert numbers == ["handshake", "handshake", "a1", "a1", "a2"]
    assert {path for path, _, _ in receiver.came} == {"/in"}
    again = receiver.came[2][2], receiver.came[3][2]
    assert again[0]["entry"][0]["fullUrl"] == again[1]["entry"][0]["fullUrl"]
    known.close()


def test_who_does_not_answer_for_a_day_is_in_error_and_left_alone(tmp_path, receiver):
    known = Subscribers(tmp_path / "subscriptions.db")
    known.add(subscription(receiver), NOW)
    (notice,) = known.due(NOW)
    known.failed(notice, NOW + 1)
    assert (known.due(NOW + 500), known.all()[0].status) == ([], "requested")
    known.failed(known.due(NOW + 2000)[0], Instant(NOW + GIVE_UP_MS))
    assert known.all()[0].status == "error"
    assert known.due(NOW + 10 * GIVE_UP_MS) == []
    assert known.raised(alert(), {"dr.chen": {"p-1"}}, NOW) == 0
    known.close()


def test_a_subscription_that_has_ended_hears_nothing(tmp_path, receiver):
    known = Subscribers(tmp_path / "subscriptions.db")
    known.add(subscription(receiver, end=Instant(NOW + 5)), NOW)
    sees = {"dr.chen": {"p-1"}}
    assert known.raised(alert("a1"), sees, NOW + 4) == 1
    assert known.raised(alert("a2"), sees, NOW + 5) == 0
    known.close()


def test_who_speaks_no_http_is_told_again_and_stops_nobody(tmp_path, receiver):
    known = Subscribers(tmp_path / "subscriptions.db")
    known.add(subscription(receiver), NOW)
    (notice,) = known.due(NOW)
    receiver.answers = [1000]  # a status that there is not
    with pytest.raises(Unavailable):
        hooks.call(notice)
    hooks.call(notice)
    known.close()
