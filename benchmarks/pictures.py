"""python -m benchmarks.pictures [month]: screenshots of the pages.

A patient's pages after a month of measuring; with `month` these alone.  The clinician's
from a running demo: logs in as its people in headless Chromium while the story is being
told, acknowledges an alert from the page, and keeps a picture of each page.
"""

import asyncio
import base64
import json
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
from vitals.model import Plan, Schedule

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PATIENTS_PAGES = ("trends", "pressure", "notes", "devices")
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


async def begin_schedule(place):
    """Agree on a week of blood pressure that has begun three days ago."""
    now = clock.now()
    schedule = Schedule(begin=now - 3 * 86_400_000)
    plan = Plan(schedule=schedule, time_zone="Asia/Shanghai", t=now)
    await place.say(plan, wire.of("p-1", "plan"), True)


if __name__ == "__main__":
    asyncio.run(month())
    if sys.argv[1:] != ["month"]:
        asyncio.run(main())
