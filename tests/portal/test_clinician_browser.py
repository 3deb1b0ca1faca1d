"""What a clinician does in a real browser: keys, limits with a dry run, paper."""

import asyncio

import pytest

from tests.portal.conftest import until
from tests.portal.test_browser import CHROMIUM, DESK, PHONE, WIDE, visit
from vitals import clock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="apt install chromium"),
]
CLOCK = """
new Date(document.querySelector("time.clock").dateTime)
  .toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
"""
FOCUSED = "document.activeElement.closest('article')?.id ?? ''"


async def press(tab, key):
    for kind in ("keyDown", "keyUp"):
        text = {"text": key} if kind == "keyDown" else {}
        await tab.call("Input.dispatchKeyEvent", type=kind, key=key, **text)


def test_the_worklist_is_worked_by_keyboard_and_never_while_typing(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*DESK)
            await new_place.raise_alert("p-1", "e1")
            await new_place.raise_alert("p-3", "e2", begin=clock.now() - 900_000)
            await tab.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
            await tab.log_in(url, "dr.chen")
            await tab.until("!document.querySelector('#keys-hint').hidden")
            told = "Times in Asia/Calcutta", "Times in Asia/Kolkata"  # both its names
            assert await tab.js("document.querySelector('#place').innerText") in told
            since = await tab.js("document.querySelector('time.clock').innerText")
            assert since.endswith(await tab.js(CLOCK))
            await press(tab, "a")  # on no card: nothing
            for key, name in (("j", "e2"), ("j", "e1"), ("j", "e1"), ("k", "e2")):
                await press(tab, key)
                assert await tab.js(FOCUSED) == f"alert-{name}"
            await tab.js("document.querySelector('#comment-e1').focus()")
            await tab.call("Input.insertText", text="j")
            await press(tab, "a")
            assert await tab.js("document.querySelector('#comment-e1').value") == "ja"
            await tab.js("document.querySelector('#comment-e1').value = ''")
            await tab.js("document.activeElement.blur()")
            assert new_place.board.alert("e1").state == "unacknowledged"
            await press(tab, "j")
            await press(tab, "a")
            await tab.until("document.querySelector('#seen #alert-e2') != null")
            assert new_place.board.alert("e2").acknowledged_by == "dr.chen"
            await press(tab, "j")
            assert await tab.js(FOCUSED) == "alert-e1"
            await press(tab, "s")
            await until(lambda: new_place.board.alert("e1").state == "shelved")
            await press(tab, "?")
            assert await tab.js("document.querySelector('#keys').open")
            switch = "document.querySelector('#keys input')"
            await tab.js(f"{switch}.click(); document.querySelector('#keys').close()")
            await tab.go(f"{url}/")
            await press(tab, "j")
            assert await tab.js(FOCUSED) == ""

    asyncio.run(main())


def test_a_doctor_changes_a_limit_after_a_dry_run_on_a_phone(new_place, story):
    async def main():
        async with visit(new_place, story) as (tab, url):
            await tab.size(*PHONE)
            await tab.log_in(url, "dr.chen")
            await tab.go(f"{url}/patients/p-1/limits")
            assert not await tab.js(WIDE)
            field = "document.querySelector('[name=\"heart_rate.high\"]')"
            await tab.js(f"{field}.value = '118'")
            await tab.js("document.querySelector('[value=try]').click()")
            said = await tab.until("document.querySelector('#tried')?.innerText")
            assert "new limits 22" in " ".join(said.split())
            assert await tab.js(f"{field}.value") == "118"
            assert not await tab.js(WIDE)
            await tab.js("document.querySelector('[name=why]').value = 'started'")
            await tab.js("document.querySelector('[value=save]').click()")
            log = await tab.until("document.querySelector('#log li')?.innerText")
            assert "118" in log
            assert "dr.chen" in log
            assert new_place.board.plan("p-1").limits["heart_rate"].high == 118

    asyncio.run(main())
