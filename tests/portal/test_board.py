import asyncio

import pytest
from msgspec.structs import replace

from portal.board import Board, follow
from portal.events import EventLog
from vitals import wire
from vitals.bus import MemoryBus
from vitals.errors import MalformedData
from vitals.metrics import Metrics
from vitals.model import (
    Alert,
    DeviceStatus,
    Erased,
    HeartRate,
    Plan,
    Reading,
    StageStatus,
)
from vitals.wire import Message


def alert(name="a", subject="p-1", **fields):
    whole = {
        "id": name,
        "subject": subject,
        "condition": "heart_rate_high",
        "kind": "physiological",
        "priority": "high",
        "state": "unacknowledged",
        "since": 5,
        "t": 5,
    }
    return Alert(**(whole | fields))


def said(noun, *levels, subject="p-1"):
    return Message(wire.of(subject, *levels), wire.encode(noun), retain=True)


def beat(t, hr=70.0, device="s"):
    return wire.pack(Reading("p-1", device, HeartRate(t=t, hr=hr)))


@pytest.fixture
def board():
    return Board(EventLog(1))


def test_the_newest_reading_of_each_stream_stays_and_a_late_one_changes_nothing(board):
    for t, hr, device in ((5, 70, "s"), (9, 80, "s"), (7, 75, "s"), (6, 60, "other")):
        board.take(beat(t, hr, device))
    assert [r.record.hr for r in board.latest("p-1")] == [80, 60]
    assert board.latest("p-2") == []


def test_a14_a_reading_that_was_entered_in_error_is_not_shown_any_more(board):
    record = HeartRate(t=5, hr=70, gateway="gw-1", seq=1)
    wrong, right = (Reading(subject, "s", record) for subject in ("p-1", "p-2"))
    board.take(wire.pack(wrong))
    board.take(wire.pack(right))
    for _ in range(2):
        board.take(wire.pack_withdrawal(wrong))
    assert board.latest("p-1") == []
    assert board.latest("p-2") == [right]


def test_an_erased_patient_is_forgotten_and_nobody_else():
    board = Board(EventLog(1))
    for subject in ("p-1", "p-2"):
        board.take(wire.pack(Reading(subject, "s", HeartRate(t=5, hr=70.0))))
        board.take(said(alert(subject, subject), "alert", subject, subject=subject))
        board.take(said(Plan(by="li"), "plan", subject=subject))
        board.take(
            said(DeviceStatus(t=1, connected=True), "s", "status", subject=subject)
        )
    word = said(Erased(by="al", t=9), "erased")
    board.take(replace(word, retain=True))  # it is said once
    assert board.plan("p-1")
    board.take(replace(word, retain=False))
    assert board.plan("p-1") is None
    assert board.latest("p-1") == board.open_alerts(["p-1"]) == []
    assert board.devices("p-1") == {}
    with board.events.follow(frozenset({"p-1"}), "1-0") as follower:
        assert b"70" not in board.events.news(follower)
    assert board.plan("p-2")
    assert len(board.latest("p-2")) == len(board.open_alerts(["p-2"])) == 1
    with board.events.follow(frozenset({"p-2"}), "1-0") as follower:
        assert b"70" in board.events.news(follower)


def test_a_reading_from_the_future_is_never_the_newest():
    board = Board(EventLog(1), lambda: 100_000)
    for t in (99_000, 160_001, 3_029_529_600_000):
        board.take(beat(t))
    assert [r.record.t for r in board.latest("p-1")] == [99_000]
    board.take(beat(160_000))  # clocks may differ a little
    assert [r.record.t for r in board.latest("p-1")] == [160_000]


@pytest.mark.parametrize("until", [1e20, 10**20, 10**18, -1, "x", None, True, [1]])
@pytest.mark.parametrize("what", ["until", "next_at"])
def test_a_time_that_is_in_no_calendar_is_not_believed(board, until, what):
    board.take(said(alert(escalation={what: until, "to": "chen"}), "alert", "a"))
    [found] = board.open_alerts(["p-1"])
    assert found.escalation == {"to": "chen"}
    good = {what: 1_795_300_000_000}
    board.take(said(alert(escalation=good), "alert", "a"))
    assert board.alert("a").escalation == good


def test_an_engine_that_is_not_heard_for_long_is_mute():
    now = [1_000_000]
    board = Board(EventLog(1), lambda: now[0])
    assert board.mute() == ["alerts"]
    for name in ("alerts", "dsp"):
        word = wire.encode(StageStatus(online=True, t=now[0]))
        board.take(Message(wire.stage_topic(name), word, retain=True))
    now[0] += 90_000
    assert board.mute() == []
    now[0] += 1
    assert board.mute() == ["alerts", "dsp"]


def test_an_alert_is_open_until_its_topic_is_empty(board):
    board.take(said(alert(), "alert", "a"))
    assert board.open_alerts(["p-1"]) == [alert()]
    assert board.open_alerts(["p-2"]) == []
    board.take(Message(wire.of("p-1", "alert", "a"), b"", retain=True))
    assert board.open_alerts(["p-1"]) == []


def test_an_alert_cannot_be_closed_or_claimed_on_another_patients_topic(board):
    board.take(said(alert(), "alert", "a"))
    board.take(Message(wire.of("p-2", "alert", "a"), b"", retain=True))
    with pytest.raises(MalformedData):
        board.take(said(alert(), "alert", "a", subject="p-2"))
    assert board.alert("a") == alert()


def test_d13_what_nobody_has_seen_comes_first_then_the_urgent_then_the_oldest(board):
    for found in (
        alert("old_low", priority="low", since=1),
        alert("seen", state="acknowledged", since=1),
        alert("young", since=9),
        alert("old", since=2),
        alert("over", priority="medium", state="returned_unacknowledged", since=1),
    ):
        board.take(said(found, "alert", found.id))
    order = [a.id for a in board.open_alerts(["p-1"])]
    assert order == ["old", "young", "over", "old_low", "seen"]


def test_a_batch_is_one_event_and_its_newest_record_counts(board):
    records = [wire.encode(HeartRate(t=t, hr=60)) for t in range(1, 1000)]
    topic = wire.record_topic(Reading("p-1", "s", HeartRate(t=1, hr=1)))
    with board.events.follow(frozenset({"p-1"}), "") as follower:
        board.take(wire.pack_batch(topic, records))
        news = board.events.news(follower).decode()
    assert news.count("event: ") == 1
    assert '"n":999' in news
    assert board.latest("p-1")[0].record.t == 999


def test_devices_and_plans_are_known_and_forgotten(board):
    board.take(said(DeviceStatus(t=1, connected=True), "s", "status"))
    board.take(said(Plan(by="chen"), "plan"))
    assert board.devices("p-1")["s"].connected
    assert board.plan("p-1").by == "chen"
    for levels in (("s", "status"), ("plan",)):
        board.take(Message(wire.of("p-1", *levels), b"", retain=True))
    assert board.devices("p-1") == {}
    assert board.plan("p-1") is None


def test_a_hostile_message_is_counted_and_the_next_one_read():
    async def main():
        bus, board, metrics = MemoryBus(), Board(EventLog(1)), Metrics()
        task = asyncio.create_task(follow(board, bus, metrics))
        await asyncio.sleep(0)
        for topic in (
            "s/heart_rate",
            "alert/a",
            "plan",
            "s/status",
            "s/heart_rate/batch",
        ):
            for payload in (b"{", b"[]", b'{"t":"x"}', b"\xff"):
                await bus.publish(Message(wire.of("p-1", *topic.split("/")), payload))
        await bus.publish(beat(5))
        await asyncio.sleep(0.01)
        assert metrics.counters["portal_malformed_total"] == 20
        assert len(board.latest("p-1")) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_whoever_waits_for_a_decision_is_not_woken_by_numbers(board):
    async def main():
        board.take(said(alert(value=140), "alert", "a"))
        waiting = asyncio.create_task(board.changed("a", board.alert("a")))
        await asyncio.sleep(0)
        board.take(said(alert(value=150, t=9), "alert", "a"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        done = alert(value=150, t=10, state="acknowledged", acknowledged_by="chen")
        board.take(said(done, "alert", "a"))
        assert await asyncio.wait_for(waiting, 60) == done

    asyncio.run(main())
