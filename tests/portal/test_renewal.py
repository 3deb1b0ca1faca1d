"""The worklist says what is open whatever the broker has lost, or that it is blind."""

import asyncio

import pytest

from portal import renewal
from vitals import wire
from vitals.model import Alert
from vitals.wire import Message

HTML = {"Accept": "text/html", "Origin": "http://portal"}
CALM = ("Nothing needs your attention", "No open alerts")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(renewal, "LOOK_S", 0.01)
    monkeypatch.setattr(renewal, "RENEW_S", 0.2)
    monkeypatch.setattr(renewal, "SETTLE_S", 0.05)


def browser(place, name="dr.chen"):
    cookies = {"vitals_session": place.people.issue_token(name)}
    client = place.client(cookies=cookies)
    client.headers.update(HTML)
    return client


async def lose(place, name="e1", subject="p-1"):
    """Let the broker lose what it retained; the board has not heard of it."""
    place.bus._retained.clear()
    place.board._alerts.clear()


def test_what_the_broker_has_lost_is_learned_from_the_book(place, story, quick):
    async def main():
        async with place.open():
            await place.raise_alert()
            await lose(place)
            assert place.board.open_alerts(["p-1"]) == []
            await story.until(lambda: place.board.alert("e1"))

    asyncio.run(main())


def test_a_portal_that_starts_without_a_broker_shows_what_is_open(place, story, quick):
    async def main():
        async with place.open():
            await place.raise_alert()
        await lose(place)
        place.bus.online.clear()
        task = asyncio.create_task(renewal.renew(place.board, place.bus, place.history))
        await story.until(lambda: place.board.alert("e1"))
        async with browser(place) as client:
            text = (await client.get("/")).text
            assert "broker is away" in text
            assert text.count("<article") == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_a_ghost_of_a_missed_close_goes(place, story, quick):
    async def main():
        async with place.open():
            await place.raise_alert("p-1", "e1")
            ghost = Alert(
                id="ghost", subject="p-1", condition="glucose_low", priority="high",
                kind="physiological", state="unacknowledged", since=5, t=5,
            )  # fmt: skip
            told = Message(wire.of("p-1", "alert", "ghost"), wire.encode(ghost))
            place.board.take(told)
            assert place.board.alert("ghost")
            await story.until(lambda: place.board.alert("ghost") is None)
            assert place.board.alert("e1")

    asyncio.run(main())


def test_what_is_said_while_the_book_is_read_is_newer_than_the_book(place, monkeypatch):
    for wait in ("SETTLE_S", "RENEW_S"):  # the portal reads the book once, then we do
        monkeypatch.setattr(renewal, wait, 3600.0)

    async def main():
        async with place.open():
            await place.raise_alert("p-1", "e1")
            await place.raise_alert("p-1", "e2", condition="heart_rate_low")
            old = renewal.open_alerts(place.history)
            place.board.begin_renewal()
            await place.say_acknowledged("e1")
            topic = wire.of("p-1", "alert", "e2")
            place.board.take(Message(topic, b"", retain=True))
            place.board.renew(old)
            assert place.board.alert("e1").state == "acknowledged"
            assert place.board.alert("e2") is None

    asyncio.run(main())


def test_a_blank_book_says_nothing_against_the_bus(place):
    async def main():
        found = Alert(
            id="a", subject="p-1", condition="glucose_low", priority="high",
            kind="physiological", state="unacknowledged", since=5, t=5,
        )  # fmt: skip
        place.board.take(Message(wire.of("p-1", "alert", "a"), wire.encode(found)))
        await renewal.once(place.board, place.history)
        assert place.board.alert("a") == found
        assert place.board.seeded

    asyncio.run(main())


def test_nobody_is_told_that_all_is_calm_by_a_portal_that_cannot_know(place):
    async def shown(name, path):
        async with browser(place, name) as client:
            return (await client.get(path)).text

    async def calm():
        texts = [
            await shown("dr.chen", "/"),
            await shown("dr.chen", "/patients/p-1"),
            await shown("wang", "/"),
        ]
        return [any(word in text for word in CALM) for text in texts], texts

    async def main():
        told, texts = await calm()  # not yet seeded
        assert told == [False] * 3
        assert all("could not be read" in text for text in texts)
        async with place.open():
            assert (await calm())[0] == [True] * 3  # the search would find it
            place.bus.online.clear()
            told, texts = await calm()
            assert told == [False] * 3
            assert all("broker is away" in text for text in texts)
            place.bus.online.set()
            place.clock.now += 91_000
            told, texts = await calm()
            assert told == [False] * 3
            assert all("is silent" in text for text in texts)
            place.history.close()
            await renewal.once(place.board, place.history)
            assert not place.board.seeded

    asyncio.run(main())
