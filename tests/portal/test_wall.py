import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.board import Board
from portal.cards import card
from portal.events import EventLog
from portal.looks import looks
from portal.notes import Note
from portal.texts import Texts
from portal.wall import Wall, read
from portal.zones import COOKIE, of_reader
from tests.portal.conftest import HOUR, NOW
from tests.portal.test_looks import entry
from tests.portal.test_pages import browser
from vitals import wire
from vitals.model import Alert, Plan
from vitals.wire import Message

ENGLISH, CHINESE = Texts("en"), Texts("zh")
BERLIN = Wall(ENGLISH, "Europe/Berlin")
KOLKATA = "Asia/Kolkata"
AHEAD = timedelta(hours=5, minutes=30)  # of it
ROOM = Path(__file__).parents[2] / "portal"


def at(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


AUTUMN = at("2026-10-25T00:00Z")  # an hour before Berlin's clocks go back, to 2:00


def alert(**fields):
    whole = {
        "id": "e7", "subject": "p-1", "condition": "heart_rate_high",
        "kind": "physiological", "priority": "high", "state": "unacknowledged",
        "since": NOW - HOUR, "t": NOW,
    }  # fmt: skip
    return Alert(**(whole | fields))


def test_an_hour_that_comes_twice_is_told_apart():
    half_hours = [BERLIN.time(AUTUMN + k * HOUR // 2) for k in range(6)]
    assert half_hours == [
        *("02:00 CEST", "02:30 CEST", "02:00 CET", "02:30 CET"),
        *("03:00", "03:30"),
    ]
    assert BERLIN.time(AUTUMN - HOUR // 2) == "01:30"
    spring = at("2026-03-29T00:30Z")
    assert [BERLIN.time(spring + k * HOUR) for k in (0, 1)] == ["01:30", "03:30"]


def test_the_next_call_and_a_snooze_are_by_the_readers_clock_on_that_night_too():
    calls = {"next": ["dr.lin"], "next_at": AUTUMN + 90 * 60_000}
    shown = card(alert(escalation=calls), BERLIN, AUTUMN + HOUR)
    assert shown.call == "next: dr.lin at 02:30 CET"
    asleep = alert(escalation={"until": AUTUMN + 30 * 60_000}, since=AUTUMN - 3 * HOUR)
    shown = card(asleep, BERLIN, AUTUMN)
    assert shown.note.endswith("until 02:30 CEST")
    assert shown.since == "24 Oct 23:00"


def test_today_is_the_readers_day():
    late = at("2026-11-21T20:00Z")
    assert Wall(ENGLISH, KOLKATA).lately(late, late - 2 * HOUR) == "22 Nov 01:30"
    assert Wall(ENGLISH, "UTC").lately(late, late - 2 * HOUR) == "20:00"
    assert Wall(CHINESE, KOLKATA).dated(late) == "2026年11月22日 01:30"


def test_looks_of_one_day_are_those_of_the_readers_day():
    lines = [entry("GET /", at(f"2026-11-21T{hour}Z")) for hour in ("18:00", "19:00")]
    assert [s.times for s in looks(lines, Wall(ENGLISH, "UTC"))] == [2]
    assert [s.times for s in looks(lines, Wall(ENGLISH, KOLKATA))] == [1, 1]


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "a\0b", "UTC"])
def test_a_time_zone_that_does_not_exist_is_utc(name):
    assert Wall(ENGLISH, name).time(AUTUMN) == "00:00"
    assert read("2026-10-25T00:00", name) == AUTUMN


def test_a_local_time_is_read_as_it_is_written():
    assert read("2026-10-25T01:30", "Europe/Berlin") == AUTUMN - HOUR // 2
    with pytest.raises(ValueError, match="Invalid"):
        read("tomorrow", KOLKATA)


def test_times_are_written_in_one_place():
    writes = re.compile(r"strftime|fromtimestamp|%H:?%M|ctime|toLocale\w*Time")
    sources = [*ROOM.rglob("*.py"), *ROOM.rglob("*.html"), *ROOM.glob("static/v*.js")]
    found = {p.name for p in sources if writes.search(p.read_text())}
    assert found == {"wall.py", "times.py"}  # the other writes RFC 3339 for programs


def test_a_reader_s_zone_is_their_plans_their_browsers_or_the_houses(place):
    find = place.people.find
    board = Board(EventLog(NOW), place.clock)
    assert of_reader(board, find("dr.chen"), "") == "UTC"
    for subject, zone in (("p-1", KOLKATA), ("p-2", "Asia/Tokyo"), ("p-3", KOLKATA)):
        plan = wire.encode(Plan(time_zone=zone))
        board.take(Message(wire.of(subject, "plan"), plan, True))
    assert of_reader(board, find("li"), "Europe/Berlin") == "Asia/Tokyo"
    assert of_reader(board, find("dr.chen"), "Europe/Berlin") == "Europe/Berlin"
    for browsers in ("", "Mars/Base", "a" * 5000, "../UTC"):
        assert of_reader(board, find("dr.chen"), browsers) == KOLKATA


PAGES = {
    "dr.chen": ["/", "/account", "/alerts/e7", "/patients/p-1", "/patients/p-1/notes",
                "/patients/p-1/visit"],
    "wang": ["/", "/account", "/sharing", "/patients/p-1/notes"],
    "mei": ["/", "/account"],
    "root": ["/", "/account", "/admin/audit", "/admin/channels"],
}  # fmt: skip


def test_a_card_shows_no_time_that_is_in_no_calendar():
    wild = {"next": ["dr.lin"], "next_at": 10**15, "until": 10**15}
    shown = card(alert(escalation=wild, state="shelved"), BERLIN, AUTUMN)
    assert (shown.call, "until" in shown.note) == ("", False)


def times(page):
    """Give the times of day that a page shows beside its drawings."""
    body = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    return set(re.findall(r"\b\d\d:\d\d\b", re.sub(r"<[^>]+>", " ", body)))


def later(time):
    moved = datetime.strptime(time, "%H:%M").replace(tzinfo=UTC) + AHEAD
    return moved.strftime("%H:%M")


def test_every_time_on_every_page_is_in_the_readers_zone(place):
    async def pages(zone):
        for subject in ("p-1", "p-3"):
            place.board.plan_known(subject, Plan(time_zone=zone))
        for name, paths in PAGES.items():
            async with browser(place, name) as client:
                client.cookies.set(COOKIE, zone)
                for path in paths:
                    text = (await client.get(path)).text
                    assert zone in text, path
                    yield name, path, times(text)

    async def scene():
        calls = {"told": ["wu"], "next": ["dr.lin"], "next_at": NOW + 7 * 60_000}
        asleep = {"until": NOW + 3 * 60_000}
        seen = {"state": "acknowledged", "acknowledged_by": "dr.chen"}
        for found in (
            alert(escalation=calls),
            alert(id="e8", state="shelved", escalation=asleep),
            alert(id="e9", **seen),
            alert(id="e10", subject="house", kind="technical", condition="test_alarm"),
        ):
            place.board.take(
                Message(wire.of(found.subject, "alert", found.id), wire.encode(found))
            )
        said = {"about": "other", "text": "walked", "by": "wang", "written": NOW}
        note = Note(subject="p-1", t=NOW - 60_000, **said)
        place.notes.add(note)
        place.people.add("mei", None, "family")
        _, code = place.people.grants.invite("p-1", "daughter", ["alerts"], 30)
        place.people.grants.accept(code, "mei")
        plainly = [found async for found in pages("UTC")]
        there = [found async for found in pages(KOLKATA)]
        for (name, path, plain), (_, _, moved) in zip(plainly, there, strict=True):
            assert moved == {later(time) for time in plain}, (name, path)
            assert plain, (name, path)
        worklist = plainly[0][2]
        assert {"22:33", "22:29", "21:26"} <= worklist  # next, snoozed until, since

    asyncio.run(scene())  # nothing else runs: what the board has been told stays
