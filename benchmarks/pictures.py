"""python -m benchmarks.pictures: the README's screenshots, from a running demo.

Logs in as the demo's people in headless Chromium while the story is being told,
acknowledges an alert from the page, and keeps a picture of each page.
"""

import asyncio
import base64
import json
import sys
import tempfile
from pathlib import Path

from tests.portal.test_browser import DESK, PHONE, browser

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
        options = ("--port", "0", "--data", str(data), "--seconds", "100")
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
    await tab.log_in(url, "anna", words["anna"])
    await shoot(tab, "patient", PHONE, 1500)
    for name in PATIENTS_PAGES:
        await tab.go(f"{url}/patients/p-anna/{name}")
        await shoot(tab, f"patient-{name}", PHONE, 1500)
    await tab.js("document.querySelector('[name=language][value=zh]').click()")
    await tab.until("document.documentElement.lang == 'zh'")
    await tab.go(f"{url}/patients/p-anna/trends")
    await shoot(tab, "patient-trends-zh", PHONE, 1500)
    await tab.js("document.querySelector('[name=language][value=en]').click()")
    await tab.until("document.documentElement.lang == 'en'")
    await tab.log_in(url, "dr-chen", words["dr-chen"])
    await tab.go(f"{url}/patients/p-ben")
    await shoot(tab, "one-patient", DESK)


if __name__ == "__main__":
    asyncio.run(main())
