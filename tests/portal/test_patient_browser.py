"""A patient's pages in a real browser: live, zoom, language, and for everybody."""

import asyncio
import contextlib
import gzip
import json
from pathlib import Path

import pytest

from portal.notes import Note
from tests.portal.test_browser import (
    CHROMIUM,
    DESK,
    PHONE,
    WIDE,
    visit,
)
from vitals import clock, wire
from vitals.assignments import Assignments, Unassigned
from vitals.model import BloodPressure, HeartRate, Reading

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="apt install chromium"),
]
TRENDS = "/patients/p-1/trends"
AXE = Path(__file__).parent / "axe" / "axe.min.js.gz"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
PAGES = {
    None: ["/login", "/settings"],
    "wang": [
        "/",
        TRENDS,
        f"{TRENDS}?span=30d&only=blood_pressure",
        "/patients/p-1/notes",
        "/patients/p-1/pressure",
        "/patients/p-1/devices",
        "/sharing",
        "/account",
        "/settings",
    ],
    "dr.chen": [
        "/",
        "/patients/p-1",
        TRENDS,
        "/patients/p-1/devices",
        "/patients/p-1/limits",
        "/alerts/e1",
        "/reports/alerts",
        "/patients/p-1/visit",
        "/patients/p-1/plan",
        "/fleet",
    ],
    "root": [
        "/",
        "/admin/person",
        "/admin/patients",
        "/admin/audit",
        "/admin/channels",
    ],
}
READY = "document.querySelector('#stack')?.dataset.ready"
OVER = "document.querySelector('#figure-heart_rate .u-over')"


async def axe(tab):
    """Give what the checker calls serious or critical on the page."""
    if not await tab.js("'axe' in window"):
        await tab.js(gzip.decompress(AXE.read_bytes()).decode() + ";0")
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found = await tab.js(f"axe.run(document, {options}).then(r => r.violations)")
    return [
        (rule["impact"], rule["id"], [node["html"][:160] for node in rule["nodes"]][:3])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


async def light_and_dark(tab):
    """Show the page in one colour scheme after the other."""
    for scheme in ("light", "dark"):
        shown = [{"name": "prefers-color-scheme", "value": scheme}]
        await tab.call("Emulation.setEmulatedMedia", features=shown)
        assert await tab.js(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        yield scheme


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_is_for_everybody(new_place, story, size):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*size)
            await new_place.raise_alert("p-1", "e1")
            await busy(new_place)
            for who, paths in PAGES.items():
                if who:
                    await tab.log_in(url, who)
                for path in paths:
                    await tab.go(url + path)
                    if path.startswith(TRENDS):
                        await tab.until(READY)
                    async for scheme in light_and_dark(tab):
                        assert await axe(tab) == [], (who, path, scheme)
                    assert not await tab.js(WIDE), (who, path)

    asyncio.run(main())


def test_the_checker_finds_what_is_wrong(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.go(f"{url}/login")
            await tab.js(
                "document.querySelector('label').replaceWith("
                "document.querySelector('[name=name]'))"
            )
            assert "label" in [rule for _, rule, _ in await axe(tab)]

    asyncio.run(main())


async def busy(place):
    """Let a reading wait for an owner, and a note be written."""
    now = clock.now()
    one = Unassigned(device="cuff-1", t=now - 9000, kind="blood_pressure", user=2)
    said = Assignments(t=now, waiting=[one], trail=[])
    await place.say(said, wire.gateway_topic("gw-1", "assignments"), True)
    words = {"about": "symptom", "text": "dizzy", "by": "wang", "written": now}
    place.notes.add(Note(subject="p-1", t=now - 3_600_000, **words))


async def drag(tab, begin, end):
    box = await tab.js(
        f"(({{x, y, width}}) => [x, y, width])({OVER}.getBoundingClientRect())"
    )
    x, y, width = box
    for kind, share in (
        ("mouseMoved", begin),
        ("mousePressed", begin),
        ("mouseMoved", (begin + end) / 2),
        ("mouseMoved", end),
        ("mouseReleased", end),
    ):
        await tab.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x + width * share,
            y=y + 60,
            button="none" if kind == "mouseMoved" and share == begin else "left",
            buttons=0 if kind == "mouseReleased" else 1,
            clickCount=1,
        )


def test_a_patient_zooms_with_the_mouse_and_all_charts_follow(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*DESK)
            await tab.log_in(url, "wang")
            await tab.go(url + TRENDS)
            await tab.until(READY)
            shown = "+document.querySelector('#stack').dataset.shown"
            await tab.until(f"{shown} == 86400")
            await tab.js(f"{OVER}.scrollIntoView({{block: 'center'}})")
            await drag(tab, 0.9, 0.99)
            await tab.until(f"{shown} < 9000 && {shown} > 6000")
            asked = [r for r in tab.requests if "/trends/heart_rate" in r]
            assert len(asked) == 2
            reads = "document.querySelector('#figure-heart_rate .readout').textContent"
            assert "(" in await tab.until(reads)
            await tab.js("document.querySelector('[data-zoom=\"0\"]').click()")
            await tab.until(f"{shown} == 86400")

    asyncio.run(main())


def test_two_fingers_zoom_on_a_phone_and_one_reads_values(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
            await tab.log_in(url, "wang")
            await tab.go(url + TRENDS)
            await tab.until(READY)
            await tab.js(f"{OVER}.scrollIntoView({{block: 'center'}})")
            x, y, width = await tab.js(
                f"(({{x, y, width}}) => [x, y, width])({OVER}.getBoundingClientRect())"
            )

            async def touch(kind, *shares):
                points = [
                    {"x": x + width * share, "y": y + 60, "id": n}
                    for n, share in enumerate(shares)
                ]
                await tab.call(
                    "Input.dispatchTouchEvent", type=kind, touchPoints=points
                )

            await touch("touchStart", 0.88)
            await touch("touchMove", 0.97)
            reads = "document.querySelector('#figure-heart_rate .readout').textContent"
            await tab.until(reads)
            await touch("touchEnd")
            await touch("touchStart", 0.7, 0.9)
            for spread in (0.05, 0.1, 0.2):
                await touch("touchMove", 0.7 - spread, 0.9 + spread / 4)
            await touch("touchEnd")
            shown = "+document.querySelector('#stack').dataset.shown"
            await tab.until(f"{shown} > 30000 && {shown} < 50000")
            await tab.size(*DESK)
            await tab.until("document.querySelector('.plotted').clientWidth > 900")
            assert not await tab.js(WIDE)

    asyncio.run(main())


def test_a_reading_arrives_live_in_the_readers_language_and_unit(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            await tab.js("document.querySelector('[name=language][value=zh]').click()")
            await tab.until("document.documentElement.lang == 'zh'")
            await tab.until("document.body.innerText.includes('心率')")
            assert await tab.js("location.pathname") == "/"
            number = "document.querySelector('[data-field=hr]').textContent"
            async with asyncio.timeout(60):
                while await tab.js(number) != "117":
                    record = HeartRate(t=clock.now(), hr=117)
                    beat = Reading("p-1", "strap-1", record)
                    await new_place.bus.publish(wire.pack(beat))
                    await asyncio.sleep(0.2)
            assert "刚刚" in await tab.js("document.querySelector('.tile').innerText")

    asyncio.run(main())


def test_a_guided_reading_counts_down_and_hears_the_cuff(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            await tab.go(f"{url}/patients/p-1/pressure")
            said = "document.querySelector('#coach').innerText"
            button = "document.querySelector('#coach [data-step={}]').click()"
            await tab.until("!document.querySelector('#coach').hidden")
            await tab.js(button.format("start"))
            await tab.until(f"/4:5[0-9]/.test({said})")
            await tab.js(button.format("next"))  # has rested already
            assert "reading 1 of 2" in await tab.js(said)
            await measure(new_place, tab, f"/0:5[0-9]/.test({said})")
            assert "Got 127/81" in await tab.js(said)
            await tab.js(button.format("next"))
            assert "reading 2 of 2" in await tab.js(said)
            await measure(new_place, tab, f"{said}.includes('That was all')")

    asyncio.run(main())


async def measure(place, tab, heard):
    """Let the cuff measure until the page has heard it."""
    async with asyncio.timeout(60):
        while not await tab.js(heard):
            record = BloodPressure(t=clock.now(), sys=127, dia=81)
            await place.bus.publish(wire.pack(Reading("p-1", "cuff-1", record)))
            with contextlib.suppress(TimeoutError):  # the page did not listen yet
                await tab.until(heard, 3)


def test_the_trends_are_drawn_without_script(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            await tab.call("Emulation.setScriptExecutionDisabled", value=True)
            await tab.go(f"{url}{TRENDS}?span=7d")
            box = "document.querySelector('#figure-heart_rate .mean').getBBox().width"
            assert await tab.js(box) > 5
            hidden = "document.querySelector('#zoom').hidden"
            assert await tab.js(hidden)

    asyncio.run(main())


def test_d14_on_paper_the_charts_are_lines_and_the_buttons_are_gone(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*DESK)
            await tab.log_in(url, "wang")
            await tab.go(url + TRENDS)
            await tab.until(READY)
            await tab.call("Emulation.setEmulatedMedia", media="print")
            seen = "getComputedStyle(document.querySelector('{}')).display"
            assert await tab.js(seen.format(".drawn")) == "block"
            for gone in (".plotted", "#zoom", ".spans", ".files", ".menu"):
                assert await tab.js(seen.format(gone)) == "none"
            pdf = await tab.call("Page.printToPDF", printBackground=True)
            assert len(pdf["data"]) > 10_000

    asyncio.run(main())
