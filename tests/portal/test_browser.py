"""The pages as people meet them: Debian's Chromium, a phone, the real server."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time

import pytest

from portal.service import run
from tests.portal.conftest import until
from vitals import clock, config, wire
from vitals.model import HeartRate, Reading

websockets = pytest.importorskip("websockets")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="apt install chromium"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PHONE, DESK = (390, 844), (1280, 800)


class Tab:
    """A browser's tab over the DevTools protocol."""

    def __init__(self, socket):
        self._socket, self._answers, self._number = socket, {}, 0
        self.requests, self.complaints = [], []
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for text in self._socket:
            said = json.loads(text)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])
            elif said["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(said["params"])[:500])

    async def call(self, method, **params):
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        text = {"id": self._number, "method": method, "params": params}
        await self._socket.send(json.dumps(text))
        said = await asyncio.wait_for(answer, 60)
        assert "error" not in said, said
        return said["result"]

    async def js(self, expression):
        fields = {"returnByValue": True, "awaitPromise": True}
        said = await self.call("Runtime.evaluate", expression=expression, **fields)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, expression, seconds=60):
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(AssertionError):  # between two pages
                    if found := await self.js(expression):
                        return found
                await asyncio.sleep(0.05)

    async def size(self, width, height):
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    async def go(self, url):
        await self.call("Page.navigate", url=url)
        await self.until(
            f"location.href == {json.dumps(url)} && document.readyState == 'complete'"
        )

    async def log_in(self, url, name, password="correct horse battery"):
        await self.call("Network.clearBrowserCookies")
        await self.go(f"{url}/login")
        await self.js(
            f"document.querySelector('[name=name]').value = '{name}';"
            f"document.querySelector('[name=password]').value = '{password}';"
            "document.querySelector('.login button').click()"
        )
        await self.until(
            "location.pathname == '/' && document.readyState == 'complete'"
        )


@contextlib.contextmanager
def chromium(folder):
    """Run Chromium with a profile of its own; give where its debugger listens."""
    profile = folder / "profile"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port, path = _debugger(profile / "DevToolsActivePort", process)
        yield f"ws://127.0.0.1:{port}{path}"
    finally:
        process.terminate()
        process.wait()


def _debugger(told, process):
    """Wait for the two lines that Chromium writes once it listens."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "Chromium ended"
        if told.exists() and len(lines := told.read_text().splitlines()) == 2:
            return lines
        time.sleep(0.02)
    pytest.fail("Chromium does not listen")


@contextlib.asynccontextmanager
async def opened(debugger):
    """Open a tab that shares neither cookies nor cache with any other."""
    async with websockets.connect(debugger) as socket:
        whole = Tab(socket)
        own = {"disposeOnDetach": True}  # gone with its tab when the socket closes
        context = await whole.call("Target.createBrowserContext", **own)
        target = await whole.call("Target.createTarget", url="about:blank", **context)
        root = debugger.partition("/devtools/")[0]
        address = f"{root}/devtools/page/{target['targetId']}"
        async with websockets.connect(address, max_size=1 << 26) as page:
            tab = Tab(page)
            for domain in ("Page", "Runtime", "Network", "Log"):
                await tab.call(f"{domain}.enable")
            yield tab


@contextlib.asynccontextmanager
async def browser(folder):
    """Open a tab in a Chromium of its own."""
    with chromium(folder) as debugger:
        async with opened(debugger) as tab:
            yield tab


@contextlib.asynccontextmanager
async def visit(place, story):
    """Open the place with its story, the portal and a browser."""
    now = clock.now()
    for subject in ("p-1", "p-2", "p-3"):
        place.store.write(story.day(subject, now, racing=subject == "p-1"))
    address = asyncio.get_running_loop().create_future()
    tabs = opened(place.debugger()) if place.debugger else browser(place.folder)
    async with place.open(), tabs as tab:
        await place.tell()
        portal = run(
            place.bus,
            config.Portal(port=0),
            place.sources,
            place.metrics,
            clock.now,
            address.set_result,
        )
        task = asyncio.create_task(portal)
        try:
            yield tab, await asyncio.wait_for(address, 60)
            assert tab.complaints == []
            url = address.result()
            here = url, "data:"  # the browser's own icons in a field are no request
            elsewhere = [r for r in tab.requests if not r.startswith(here)]
            assert elsewhere in ([], ["about:blank"])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


CARDS = "[...document.querySelectorAll('article')].map(a => a.id)"
WIDE = "document.documentElement.scrollWidth > innerWidth"


def test_a_tab_of_the_same_browser_knows_nothing_of_who_logged_in(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.log_in(url, "wang")
            async with opened(new_place.debugger()) as other:
                await other.call("Page.navigate", url=url)
                await other.until("location.pathname == '/login'")
            await tab.go(f"{url}/account")  # the control: who logged in is in

    asyncio.run(main())


def test_d13_a_clinician_acknowledges_an_alert_and_the_page_follows(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await new_place.raise_alert("p-1", "e1")
            await tab.log_in(url, "dr.chen")
            card = "document.querySelector('#unseen #alert-e1')"
            assert "148 /min" in await tab.until(f"{card}?.innerText")
            assert not await tab.js(WIDE)
            await tab.js(f"{card}.querySelector('.comment').value = 'calling her'")
            await tab.js(f"{card}.querySelector('button.main').click()")
            seen = await tab.until(
                "document.querySelector('#seen #alert-e1')?.innerText"
            )
            assert "seen by dr.chen" in seen
            assert "calling her" in seen
            assert await tab.js(card) is None
            alert = new_place.board.alert("e1")
            assert (alert.state, alert.acknowledged_by) == ("acknowledged", "dr.chen")

    asyncio.run(main())


def test_an_alert_is_handed_over_from_behind_more_which_stays_open(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            new_place.people.assign("dr.zhou", ["p-1"])
            await new_place.raise_alert("p-1", "e1")
            await tab.log_in(url, "dr.chen")
            more = "document.querySelector('#more-e1')"
            assert not await tab.js(f"{more}.open")
            await tab.js(f"{more}.querySelector('summary').click()")
            await new_place.raise_alert("p-3", "e2")
            await tab.until(f"{CARDS}.length == 2")
            assert await tab.js(f"{more}.open")
            assert not await tab.js(WIDE)
            button = f"{more}.querySelector('[formaction$=handover]')"
            await tab.js(f"{button}.click()")  # to nobody: the browser asks
            assert await tab.js(f"{more}.querySelector('select:invalid') != null")
            await tab.js(f"{more}.querySelector('select').value = 'dr.zhou'")
            await tab.js(f"{button}.click()")
            card = "document.querySelector('#alert-e1')"
            await tab.until(f"{card}.innerText.includes('→ dr.zhou')")
            assert not await tab.js(f"{more}.open")
            assert new_place.board.alert("e1").state == "unacknowledged"

    asyncio.run(main())


def test_tables_are_read_on_a_phone_without_moving_sideways(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await new_place.raise_alert("p-1", "e1")
            await tab.log_in(url, "dr.chen")
            table = "document.querySelector('.sheet, .log')"
            fits = f"{table}.scrollWidth <= {table}.clientWidth"
            for path in ("reports/alerts", "patients/p-1/visit"):
                await tab.go(f"{url}/{path}")
                assert await tab.js(fits)
                assert not await tab.js(WIDE)
            await tab.go(f"{url}/patients/p-1/trends")
            await tab.log_in(url, "root")
            await tab.go(f"{url}/admin/audit")
            assert "Who saw or changed what" in await tab.js("document.body.innerText")
            assert "/patients/{subject}/trends" in await tab.js(f"{table}.innerText")
            assert await tab.js(fits)
            assert not await tab.js(WIDE)
            top = "document.querySelector('.top')"
            assert await tab.js(f"{top}.clientHeight") < 90  # in one line

    asyncio.run(main())


def test_a_decision_that_fails_is_not_turned_into_another(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            new_place.people.add("dr.wu", None, "doctor", subjects=["p-1"])
            await new_place.raise_alert("p-1", "e1")
            await tab.log_in(url, "dr.chen")
            card = "document.querySelector('#alert-e1')"
            await tab.js(f"{card}.querySelector('option + option').value = 'dr.zhou'")
            await tab.js(f"{card}.querySelector('select').value = 'dr.zhou'")
            await tab.js(f"{card}.querySelector('[formaction$=handover]').click()")
            await tab.until("document.title.startsWith('That did not work')")
            await until(lambda: tab.complaints)  # the browser's own, of the 422
            tab.complaints.clear()
            assert new_place.board.alert("e1").state == "unacknowledged"

    asyncio.run(main())


def test_a_new_alert_appears_by_itself_and_no_word_being_typed_is_lost(
    new_place, story
):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await new_place.raise_alert("p-1", "e1")
            await tab.log_in(url, "dr.chen")
            await tab.js("document.querySelector('.comment').focus()")
            await tab.call("Input.insertText", text="half a sen")
            await new_place.raise_alert(
                "p-3",
                "e2",
                condition="systolic_high",
                value=190.0,
                unit="mm[Hg]",
                begin=clock.now() - 900_000,
            )
            await tab.until(f"{CARDS}.length == 2")
            assert await tab.js(CARDS) == ["alert-e2", "alert-e1"]  # the older first
            await tab.call("Input.insertText", text="tence")
            typed = "document.querySelector('#alert-e1 .comment').value"
            assert await tab.js(typed) == "half a sentence"
            assert (await tab.js("document.title")).startswith("(2)")

    asyncio.run(main())


def test_a_patient_watches_a_reading_arrive_and_their_trend(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            assert not await tab.js(WIDE)
            small = (
                "[...document.querySelectorAll('main *, footer *')].filter(e =>"
                " e.childNodes.length && [...e.childNodes].some(n => n.nodeType == 3 &&"
                " n.data.trim()) && parseFloat(getComputedStyle(e).fontSize) < 17.9)"
                ".map(e => e.outerHTML.slice(0, 90))"
            )
            assert await tab.js(small) == []
            mean = "document.querySelector('#figure-heart_rate .mean')?.getBBox().width"
            assert await tab.js(mean) > 500
            record = HeartRate(t=clock.now(), hr=123)
            number = "document.querySelector('[data-field=hr]').textContent"
            async with asyncio.timeout(60):
                while await tab.js(number) != "123":
                    record = HeartRate(t=clock.now(), hr=123)
                    await new_place.bus.publish(
                        wire.pack(Reading("p-1", "strap-1", record))
                    )
                    await asyncio.sleep(0.2)
            for span in ("24h", "7d", "30d", "1h"):
                await tab.js(
                    f"document.querySelector('[href=\"?span={span}\"]').click()"
                )
                await tab.until(f"location.search == '?span={span}'")
                await tab.until(mean)
            await tab.size(*DESK)
            assert not await tab.js(WIDE)

    asyncio.run(main())


def test_a22_the_gateways_are_one_touch_away_and_fit_a_phone(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "dr.chen")
            await tab.js("document.querySelector('[href=\"/fleet\"]').click()")
            box = "document.querySelector('#gateway-gw-1')"
            assert "battery 81 %" in await tab.until(f"{box}?.innerText")
            assert not await tab.js(WIDE)
            await tab.size(*DESK)
            assert not await tab.js(WIDE)

    asyncio.run(main())


def test_everything_works_without_script(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await new_place.raise_alert("p-1", "e1")
            await tab.call("Emulation.setScriptExecutionDisabled", value=True)
            await tab.log_in(url, "dr.chen")
            await tab.js("document.querySelector('#alert-e1 button.main').click()")
            await tab.until("document.querySelector('#seen #alert-e1') != null")
            await tab.go(f"{url}/patients/p-1?span=24h")
            assert await tab.js("document.querySelectorAll('figure .mean').length") == 2

    asyncio.run(main())


def test_d6_a_patient_invites_family_on_a_phone_and_ends_it(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "wang")
            await tab.go(f"{url}/sharing")
            await tab.js(
                "document.querySelector('[name=label]').value = 'Mei';"
                "document.querySelector('[name=what]').checked = true;"
                "document.querySelector('[action=\"/sharing/invite\"] .main').click()"
            )
            link = await tab.until("document.querySelector('.link')?.value")
            assert link.startswith(f"{url}/invite/")
            assert await tab.js("document.querySelector('svg.qr') != null")
            assert not await tab.js(WIDE)
            await tab.go(f"{url}/sharing")
            stop = "document.querySelector('[action$=\"/stop\"] button')"
            await tab.js(f"{stop}.click()")
            await tab.until(f"document.readyState == 'complete' && !{stop}")
            await tab.js("document.querySelector('[name=language][value=zh]').click()")
            await tab.until("document.documentElement.lang == 'zh'")

    asyncio.run(main())
