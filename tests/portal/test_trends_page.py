import asyncio
import html
import json
import random
import re
import sqlite3
from itertools import pairwise

import pytest

from portal.notes import Note
from portal.pages.wishes import COOKIE
from portal.sharing import redacted
from vitals import wire
from vitals.model import (
    BloodPressure,
    BodyTemperature,
    Glucose,
    HeartRate,
    Limit,
    Night,
    OxygenSaturation,
    Plan,
    Reading,
)

HTML = {"Accept": "text/html"}
DAY, HOUR = 86_400_000, 3_600_000
PAGES = (
    "/",
    "/patients/p-1",
    "/patients/p-1/trends",
    "/patients/p-1/trends?span=7d",
    "/patients/p-1/trends?span=30d",
    "/patients/p-1/trends?span=1y",
    "/patients/p-1/notes",
    "/patients/p-1/pressure",
    "/patients/p-1/devices",
    "/settings",
)


def month(now):
    """Everything that can be measured, for a month."""
    dice = random.Random(5)
    for h in range(30 * 24):
        t = now - h * HOUR - 1000
        for k in range(4):
            beat = HeartRate(t=t - k * 600_000, hr=round(dice.gauss(70, 6)))
            yield Reading("p-1", "strap-1", beat)
        warm = BodyTemperature(t=t, temp=round(dice.gauss(36.6, 0.2), 1))
        yield Reading("p-1", "patch-1", warm)
        breath = OxygenSaturation(t=t, spo2=dice.randint(93, 99))
        yield Reading("p-1", "clip-1", breath)
        if h % 3 == 0:
            top = BloodPressure(t=t, sys=dice.randint(110, 150), dia=80)
            yield Reading("p-1", "cuff-1", top)
            sweet = Glucose(t=t, glucose=round(dice.gauss(6, 1), 1))
            yield Reading("p-1", "meter-1", sweet)


def vary(place):
    """A month of variability, as if there had been all its beats."""
    now, dice = place.clock(), random.Random(6)
    with sqlite3.connect(place.folder / "store.db") as db:
        for name in ("rmssd", "sdnn"):
            made = db.execute("INSERT INTO series VALUES (NULL, 'p-1', ?)", (name,))
            for rung, width, step in (
                ("minute", 60_000, 300_000),
                ("hour", HOUR, HOUR),
            ):
                times = range((now - 30 * DAY) // step * step, now, step)
                values = ((t, dice.gauss(40, 9)) for t in times)
                db.executemany(
                    f"INSERT INTO {rung} VALUES (?, ?, ?, 1, ?, ?, ?, 1)",
                    [(t // width // 2, made.lastrowid, t, v, v, v) for t, v in values],
                )
    db.close()


def see(place, scene, who="wang"):
    async def main():
        async with place.open():
            await place.tell()
            cookies = {"vitals_session": place.people.issue_token(who)}
            async with place.client(cookies=cookies) as client:
                client.headers.update(HTML)
                return await scene(client)

    return asyncio.run(main())


def plots(text):
    found = re.findall(r'<figure id="figure-(\w+)"[^>]* data-plot="([^"]*)"', text)
    return {kind: json.loads(html.unescape(plot)) for kind, plot in found}


@pytest.mark.parametrize("who", ["wang", "dr.chen"])
def test_every_page_comes_in_fifty_kilobytes_with_all_that_it_links(place, who):
    place.store.write(list(month(place.clock())))
    vary(place)

    async def scene(client):
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            varies = "trends" in path or (who, path) == ("dr.chen", PAGES[1])
            assert ("figure-sdnn" in answer.text) == varies
            links = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text))
            answers = [answer, *[await client.get(link) for link in links]]
            weight = sum(int(a.headers["content-length"]) for a in answers)
            assert weight <= 50_000, (path, weight)

    see(place, scene, who)


def test_a_plot_holds_the_points_that_the_page_has_drawn(place):
    now = place.clock()
    place.store.write(
        [
            Reading("p-1", "s", HeartRate(t=now - n * 60_000, hr=60 + n))
            for n in range(9)
        ]
    )

    async def scene(client):
        page = await client.get("/patients/p-1/trends")
        plot = plots(page.text)["heart_rate"]
        [column] = plot["series"]
        t = plot["start"] + sum(column["t"])
        assert now / 1000 - 900 < t <= now / 1000
        assert max(column["max"]) == 680
        assert plot["targets"] == [[*plot["targets"][0][:2], 45.0, 120.0]]
        assert 'class="band"' in page.text

    see(place, scene)


def test_limits_by_night_are_drawn_by_night_and_said(place):
    now = place.clock()
    place.store.write([Reading("p-1", "s", HeartRate(t=now - 5000, hr=60))])
    limit = Limit(50, 110, night_low=40)
    plan = Plan(limits={"heart_rate": limit}, night=Night(1320, 360), t=now)

    async def scene(client):
        await place.say(plan, wire.of("p-1", "plan"), True)
        text = (await client.get("/patients/p-1/trends")).text
        targets = plots(text)["heart_rate"]["targets"]
        assert {t[2] for t in targets} == {40.0, 50.0}
        assert all(a[1] == b[0] for a, b in pairwise(targets))
        said = "limits <b>50-110, at night 40-110</b>"
        assert said in text.replace("\N{EN DASH}", "-")

    see(place, scene)


def test_what_is_usual_is_said_once_it_is_known(place):
    now = place.clock()
    place.store.write([Reading("p-1", "s", HeartRate(t=now - 5000, hr=60))])

    async def before(client):
        text = (await client.get("/patients/p-1/trends")).text
        assert plots(text)["heart_rate"]["usual"] is None
        assert "usual for you" not in text

    see(place, before)
    place.store.write(list(month(now)))

    async def after(client):
        text = (await client.get("/patients/p-1/trends")).text
        low, high = plots(text)["heart_rate"]["usual"]
        assert 60 < low < 70 < high < 80

    see(place, after)


def test_a_reader_gets_their_language_and_units_everywhere(place):
    now = place.clock()
    place.store.write(list(month(now)))
    place.store.write(
        [
            Reading("p-1", "cuff-1", BloodPressure(t=now - 500, sys=120, dia=75)),
            Reading("p-1", "patch-1", BodyTemperature(t=now - 500, temp=37.0)),
        ]
    )

    async def scene(client):
        client.headers["origin"] = "http://portal"
        chosen = {"language": "zh", "pressure": "kPa", "temperature": "F"}
        answer = await client.post("/settings", data=chosen | {"next": "//evil"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        text = (await client.get("/")).text
        assert 'lang="zh"' in text
        assert "本页面不是急救服务" in text
        assert 'data-field="sys">16.0</b>' in text
        assert 'data-field="temp">98.6</b>' in text
        plot = plots((await client.get("/patients/p-1/trends")).text)
        assert plot["blood_pressure"]["unit"] == "kPa"
        assert plot["body_temperature"]["targets"][0][2:] == [95.0, 101.3]
        await client.post("/settings", data={"language": "en"})
        text = (await client.get("/")).text
        assert "not an emergency service" in text
        assert "kPa" in text
        client.cookies.delete(COOKIE)
        client.headers["accept-language"] = "zh-CN,zh;q=0.9"
        assert "心率" in (await client.get("/")).text

    see(place, scene)


@pytest.mark.parametrize("junk", ["", "..", "xx.yy.zz", "zh", "%00.kPa", "a" * 3000])
def test_a_broken_choice_is_the_default(place, junk):
    async def scene(client):
        client.cookies.set(COOKIE, junk)
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/patients/p-1/trends?only=glucose")).is_success

    see(place, scene)


def test_notes_stand_on_the_chart_of_whoever_may_read_the_patient(place):
    now = place.clock()
    place.store.write([Reading("p-1", "s", HeartRate(t=now - 5000, hr=60))])
    note = {"about": "symptom", "by": "wang", "written": now}
    place.notes.add(Note(subject="p-1", t=now - HOUR, text="dizzy <b>", **note))
    place.notes.add(Note(subject="p-2", t=now - HOUR, text="secret", **note))

    async def scene(client):
        text = (await client.get("/patients/p-1/trends")).text
        marks = plots(text)["heart_rate"]["marks"]
        assert ["note", "dizzy <b>"] in [mark[1:] for mark in marks]
        assert 'class="mark note"' in text
        assert "secret" not in text

    see(place, scene)
    see(place, scene, "dr.chen")


def beating(now):
    """An hour of a strap that gives its intervals."""
    t, found = now - HOUR, []
    for k in range(4200):
        t += (rr := 800 + 40 * (k % 3) + k % 7)
        found.append(Reading("p-1", "strap-1", HeartRate(t=t, hr=72, rr=(float(rr),))))
    return found


def let_beat(place):
    """Store that hour, and roll it."""
    now = place.clock()
    place.store.write(beating(now))
    while place.store.tend(now + HOUR):
        pass


def test_variability_is_drawn_where_there_are_intervals(place):
    now = place.clock()
    place.store.write(beating(now))
    names = {"rmssd", "sdnn"}

    async def scene(client):
        before = plots((await client.get("/patients/p-1/trends")).text)
        while place.store.tend(now + HOUR):
            pass
        page = await client.get("/patients/p-1/trends")
        after = plots(page.text)
        assert names & before.keys() == set()  # control
        assert names <= after.keys()
        assert after["sdnn"]["unit"] == "ms"
        assert len(after["sdnn"]["series"][0]["t"]) >= 4  # quarters of an hour
        assert "Heart rate variability, SDNN" in page.text
        chinese = {"Accept-Language": "zh-CN"}
        page = await client.get("/patients/p-1/trends", headers=chinese)
        assert "心率变异性 SDNN" in page.text

    see(place, scene)


def test_the_api_gives_variability_with_its_code_or_none(place):
    let_beat(place)

    async def scene(client):
        for metric, loinc in (("rmssd", None), ("sdnn", "80404-7")):
            answer = await client.get(f"/api/v1/patients/p-1/trends/{metric}")
            trend = answer.json()
            assert (trend["metric"], trend["loinc"], trend["unit"]) == (
                metric,
                loinc,
                "ms",
            )
            assert len(trend["points"]) >= 11
            assert {p["n"] for p in trend["points"]} == {1}

    see(place, scene)


def test_who_is_shown_variability_alone_sees_no_record():
    beat = Reading("p-1", "strap-1", HeartRate(t=1, hr=72, rr=(800.0,)))
    assert redacted(beat, frozenset({"rmssd", "sdnn"})) is None
    assert redacted(beat, frozenset({"heart_rate"})).record.hr == 72  # control


def test_a_clinician_sees_variability_on_the_patients_page(place):
    let_beat(place)

    async def scene(client):
        page = await client.get("/patients/p-1")
        assert 'id="figure-rmssd"' in page.text
        assert 'id="figure-sdnn"' in page.text

    see(place, scene, "dr.chen")
