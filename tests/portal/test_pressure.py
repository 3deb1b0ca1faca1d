import asyncio

import pytest

from portal.pressure import follow, measured
from vitals import wire
from vitals.model import BloodPressure, Plan, Reading, Schedule
from vitals.schedule import Measured

HOUR, DAY = 3_600_000, 86_400_000
BEGIN = 1_795_219_200_000 // DAY * DAY  # midnight, UTC
WEEK = Schedule(begin=BEGIN)
PLAN = Plan(schedule=WEEK)


def at(day, hour, minute=0):
    return BEGIN + (day - 1) * DAY + hour * HOUR + minute * 60_000


def taken(*times, top=130):
    return [Measured(t, top, 80) for t in times]


def test_an_occasion_is_done_with_all_its_readings():
    readings = taken(at(1, 7), at(1, 7, 1), at(1, 20))
    found = follow(WEEK, PLAN, readings, at(2, 12))
    morning, evening = found.days[0]
    assert (morning.state, evening.state) == ("done", "some")
    assert [cell.state for cell in found.days[1]] == ["missed", "later"]
    assert (found.adherence.done, found.adherence.missed) == (1, 2)
    assert (found.next.day, found.next.part, found.left) == (2, "evening", 0)


def test_what_is_under_way_says_how_many_readings_are_left():
    assert follow(WEEK, PLAN, [], at(1, 6)).left == 2
    assert follow(WEEK, PLAN, taken(at(1, 6)), at(1, 7)).left == 1
    done = follow(WEEK, PLAN, taken(at(1, 6), at(1, 6, 2)), at(1, 7))
    assert (done.left, done.next.part) == (0, "evening")
    assert follow(WEEK, PLAN, [], at(8, 1)).next is None


def test_the_first_day_counts_for_no_average():
    readings = [
        *taken(at(1, 7), at(1, 7, 1), top=190),
        *taken(at(2, 7), at(2, 7, 1), top=130),
        *taken(at(2, 20), top=140),
    ]
    found = follow(WEEK, PLAN, readings, at(3, 1))
    assert found.means == ((130, 80), (140, 80))


def test_a_reading_outside_the_agreed_hours_counts_nowhere_and_is_said_to():
    noon = taken(at(1, 12), at(2, 13), top=150)
    found = follow(WEEK, PLAN, [*taken(at(1, 7)), *noon], at(3, 1))
    assert list(found.outside) == noon[::-1]
    assert found.days[0][0].n == 1
    assert found.adherence == follow(WEEK, PLAN, taken(at(1, 7)), at(3, 1)).adherence


def test_without_a_schedule_and_readings_there_is_nothing_to_show():
    assert follow(WEEK, Plan(), [], at(3, 1)).blank
    assert not follow(WEEK, PLAN, [], at(3, 1)).blank
    for hour in (7, 12):
        assert not follow(WEEK, Plan(), taken(at(1, hour)), at(3, 1)).blank


@pytest.mark.parametrize(
    "record",
    [
        BloodPressure(t=1, sys=120, dia=80, q=("cuff_loose",)),
        BloodPressure(t=1, sys=None, dia=None, q=("not_a_number",)),
    ],
)
def test_a_reading_that_cannot_be_relied_on_does_not_count(record):
    assert measured(Reading("p-1", "cuff-1", record)) is None


def test_the_page_and_the_api_say_how_the_schedule_goes(place):
    begin = place.clock() // DAY * DAY - DAY
    plan = Plan(schedule=Schedule(begin=begin), t=place.clock())
    for minute in (0, 2):
        t = begin + 7 * HOUR + minute * 60_000
        record = BloodPressure(t=t, sys=131, dia=82)
        place.store.write([Reading("p-1", "cuff-1", record)])

    async def main():
        async with place.open():
            await place.tell()
            cookies = {"vitals_session": place.people.issue_token("wang")}
            async with place.client(cookies=cookies) as client:
                client.headers["accept"] = "text/html"
                text = (await client.get("/patients/p-1/pressure")).text
                assert "Nothing is agreed" in text
                assert "Sit for 5 minutes" in text
                path = "/api/v1/patients/p-1"
                assert (await client.get(path)).json()["adherence"] is None
                await place.say(plan, wire.of("p-1", "plan"), True)
                text = (await client.get("/patients/p-1/pressure")).text
                assert "<b>1 of 14 done</b>" in text
                assert "Agreed: 05:00 to 11:00 and 17:00 to 23:59." in text
                assert 'id="outside"' not in text
                noon = BloodPressure(t=begin + 12 * HOUR, sys=151, dia=92)
                place.store.write([Reading("p-1", "cuff-1", noon)])
                text = (await client.get("/patients/p-1/pressure")).text
                assert "Outside the agreed hours: does not count" in text
                assert "<b>151/92</b>" in text
                assert "<b>131/82</b>" in text
                found = (await client.get(path)).json()["adherence"]
                assert (found["done"], found["due"]) == (1, 14)
                assert found["systolic"] is None
                client.cookies.set("vitals_view", "zh.kPa.C")
                text = (await client.get("/patients/p-1/pressure")).text
                assert "<b>17.5/10.9</b>" in text

    asyncio.run(main())


def test_who_has_no_cuff_sees_no_table_and_no_guide(place):
    async def main():
        async with place.open():
            cookies = {"vitals_session": place.people.issue_token("li")}
            async with place.client(cookies=cookies) as client:
                client.headers["accept"] = "text/html"
                text = (await client.get("/patients/p-2/pressure")).text
                assert "no cuff has sent a reading" in text
                assert "<table>" not in text
                assert "guide.js" not in text

    asyncio.run(main())


def test_a_year_of_readings_is_followed_at_once():
    schedule = Schedule(begin=BEGIN, days=366)
    readings = taken(
        *(at(day, h, m) for day in range(366) for h in (7, 20) for m in (0, 1))
    )
    found = follow(schedule, Plan(schedule=schedule), readings, at(366, 1))
    assert found.adherence.done == 2 * 365
