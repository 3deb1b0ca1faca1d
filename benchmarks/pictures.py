"""python -m benchmarks.pictures [month] [ward] [demo]: screenshots of the pages.

`month`: a patient's pages after a month of measuring.  `ward`: the clinician's pages
with alerts open; a stand-in for the detectors answers when limits are tried.  `demo`:
the clinician's from a running demo: logs in as its people in headless Chromium while
the story is being told, acknowledges an alert from the page, and keeps a picture.
"""

import asyncio
import base64
import json
import random
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from tests.portal.conftest import Place, day
from tests.portal.test_browser import DESK, PHONE, browser
from tests.portal.test_browser import visit as at_home
from tests.portal.test_patient_browser import busy
from tests.portal.test_trends_page import month as of_a_month
from vitals import clock, wire
from vitals.model import HeartRate, Plan, Reading, Schedule

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PATIENTS_PAGES = ("trends", "pressure", "notes", "devices")
WARD = {
    "alert": "/alerts/af",
    "burden": "/reports/alerts",
    "visit": "/patients/p-1/visit?span=7d",
    "plan": "/patients/p-1/plan",
}
RACING, OFF_BODY = 24, 54  # seconds after the page is there


async def shoot(tab, name, size, height=None):
    """Keep a picture of the page; `height` cuts it."""
    await tab.size(*size)
    await asyncio.sleep(0.5)
    whole = await tab.js("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": size[0], "height": min(whole, height or whole)}
    data = await tab.call(
        "Page.captureScreenshot",
        captureBeyondViewport=True,
        clip={**clip, "scale": 1},
    )
    (PICTURES / f"{name}.png").write_bytes(base64.b64decode(data["data"]))


async def main():
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        options = ("--port", "0", "--data", str(data), "--seconds", "75")
        demo = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vitals", "demo", *options
        )
        while not (data / "demo.json").exists():
            await asyncio.sleep(0.2)
        told = json.loads((data / "demo.json").read_text())
        words = {user["name"]: user["password"] for user in told["users"]}
        async with browser(Path(name)) as tab:
            await tab.size(*PHONE)
            await asyncio.sleep(RACING)
            await visit(tab, told["url"], words)
        await demo.wait()


async def visit(tab, url, words):
    await tab.log_in(url, "dr-chen", words["dr-chen"])
    await shoot(tab, "clinician", PHONE, 844)
    await tab.js("document.querySelector('.comment').value = 'calling her'")
    await tab.js("document.querySelector('#unseen button.main').click()")
    seen = await tab.until("document.querySelector('#seen article')?.innerText")
    print("acknowledged from the page:", " ".join(seen.split())[:120])
    await asyncio.sleep(12)
    await tab.go(f"{url}/")
    await shoot(tab, "worklist", DESK)
    await tab.log_in(url, "dr-chen", words["dr-chen"])
    await tab.go(f"{url}/patients/p-ben")
    await shoot(tab, "one-patient", DESK)


async def month():
    """Keep the patient's pages after a month of measuring."""
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), clock.now)
        place.admit()
        place.store.write(list(of_a_month(clock.now())))
        async with at_home(place, SimpleNamespace(day=day)) as (tab, url):
            await place.raise_alert("p-1", "e1")
            await begin_schedule(place)
            await busy(place)
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            await shoot(tab, "patient", PHONE, 1500)
            for page in PATIENTS_PAGES:
                await tab.go(f"{url}/patients/p-1/{page}")
                await shoot(tab, f"patient-{page}", PHONE, 1500)
            await tab.size(*DESK)
            await tab.go(f"{url}/patients/p-1/trends?span=30d")
            await shoot(tab, "patient-trends-desk", DESK)
            await tab.size(*PHONE)
            await tab.js("document.querySelector('[name=language][value=zh]').click()")
            await tab.until("document.documentElement.lang == 'zh'")
            await tab.go(f"{url}/patients/p-1/trends?span=7d")
            await shoot(tab, "patient-trends-zh", PHONE, 1500)
            tab.requests.clear()  # a field's own picture is a data: address
        place.close()


async def ward():
    """Keep the clinician's pages, with an alert open and limits being tried."""
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), clock.now)
        place.admit()
        async with at_home(place, SimpleNamespace(day=day)) as (tab, url):
            await place.raise_alert("p-1", "e1")
            await irregular(place)
            await begin_schedule(place)
            await busy(place)
            for size, look in ((PHONE, "phone"), (DESK, "desk")):
                await tab.size(*size)
                await tab.log_in(url, "dr.chen")
                await shoot(tab, f"ward-{look}", size, 1500)
                for page, address in WARD.items():
                    await tab.go(f"{url}{address}")
                    await shoot(tab, f"ward-{page}-{look}", size, 1500)
                await tab.go(f"{url}/patients/p-1/limits")
                await try_limits(tab)
                await shoot(tab, f"ward-limits-{look}", size, 1500)
            await tab.log_in(url, "root")
            await tab.go(f"{url}/admin/channels")
            await tab.js("document.querySelector('main .main').click()")
            await tab.until("document.querySelector('#tests article') != null")
            await shoot(tab, "channels", DESK)
            tab.requests.clear()
        place.close()


async def irregular(place):
    """Let a rhythm be irregular for two minutes, with its raw beats stored."""
    now, dice = clock.now(), random.Random(4)
    beats = [
        Reading("p-3", "strap-9", HeartRate(t=now - k * 1000, hr=92, rr=(rr,)))
        for k in range(300)
        for rr in [dice.uniform(420, 1050) if k < 180 else dice.gauss(820, 15)]
    ]
    place.store.write(beats)
    text = {"text": "Irregular rhythm for 120 s, mean heart rate 92 /min."}
    fields = {"value": None, "unit": "", "evidence": text, "begin": now - 180_000}
    await place.raise_alert("p-3", "af", condition="irregular_rhythm", **fields)


async def try_limits(tab):
    """Try a lower limit of the heart rate."""
    field = "document.querySelector('[name=\"heart_rate.high\"]')"
    await tab.js(f"{field}.value = '118'")
    await tab.js("document.querySelector('[value=try]').click()")
    await tab.until("document.querySelector('#tried') != null")


async def begin_schedule(place):
    """Agree on a week of blood pressure that has begun three days ago."""
    now = clock.now()
    schedule = Schedule(begin=now - 3 * 86_400_000)
    plan = Plan(schedule=schedule, time_zone="Asia/Shanghai", t=now)
    await place.say(plan, wire.of("p-1", "plan"), True)


if __name__ == "__main__":
    parts = {"month": month, "ward": ward, "demo": main}
    for part in sys.argv[1:] or parts:
        asyncio.run(parts[part]())
