"""Links in messages: GET shows, POST acts once, and nothing else acts."""

import asyncio

import pytest
from msgspec.structs import replace

from portal.deeds import Deeds
from vitals import links
from vitals.errors import Unavailable
from vitals.links import Deed

HOUR = 3_600_000
PREVIEWS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")


def deed(place, name="e1", action="acknowledge", **more):
    fields = {"by": "dr.chen", "until": place.clock() + HOUR, "nonce": "n1"} | more
    return Deed(alert=name, action=action, **fields)


def address(place, found):
    return f"/l/{links.sign(links.key(place.folder), found)}"


def told(place, main):
    """Run a story in a house with one open alert and an anonymous client."""

    async def whole():
        async with place.open(), place.client() as client:
            await place.raise_alert()
            await main(client)

    asyncio.run(whole())


def state(place, name="e1"):
    found = place.board.alert(name)
    return (found.state, found.acknowledged_by) if found else None


OPEN = ("unacknowledged", None)


def test_get_shows_a_case_number_and_a_button_and_does_nothing(place):
    async def main(client):
        for _ in range(3):
            page = await client.get(address(place, deed(place)))
            assert page.status_code == 200
        assert '<form method="post"><button class="main">Acknowledge</button>' in (
            page.text
        )
        assert "as dr.chen" in page.text
        assert links.case_number("e1") in page.text
        await asyncio.sleep(0.05)
        assert state(place) == OPEN

    told(place, main)


def test_the_page_says_neither_of_whom_nor_what_and_runs_no_script(place):
    async def main(client):
        found = address(place, deed(place))
        for page in (await client.get(found), await client.post(found)):
            for secret in ("p-1", "148", "eart", "strap", "120.0"):
                assert secret not in page.text.replace("/alerts/e1", "")
            assert "<script" not in page.text
            assert "style=" not in page.text
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["cache-control"] == "no-store"

    told(place, main)


def test_c18_post_acts_once_in_the_name_of_whom_it_was_sent_to(place):
    async def main(client):
        found = address(place, deed(place))
        page = await client.post(found)
        assert (page.status_code, "Done." in page.text) == (200, True)
        assert state(place) == ("acknowledged", "dr.chen")
        for again in (await client.post(found), await client.get(found)):
            assert again.status_code == 410
            assert "used already" in again.text
        assert [e.what for e in place.history.events("e1")] == [
            "opened", "acknowledge",
        ]  # fmt: skip

    told(place, main)


def test_c18_a_link_that_is_pressed_twice_at_once_acts_once(place):
    async def main(client):
        found = address(place, deed(place))
        pages = await asyncio.gather(*(client.post(found) for _ in range(8)))
        assert {page.status_code for page in pages} <= {200, 202, 410}
        acts = [e for e in place.history.events("e1") if e.what == "acknowledge"]
        assert len(acts) == 1

    told(place, main)


def test_a_used_link_stays_used_after_a_restart_and_an_unused_one_does_not(place):
    async def main(client):
        await client.post(address(place, deed(place)))

    told(place, main)
    place.deeds.close()
    place.deeds = Deeds(place.folder)
    assert place.deeds.is_done(deed(place))
    assert not place.deeds.is_done(deed(place, nonce="n2"))
    assert not place.deeds.is_done(deed(place, action="snooze"))


def test_snooze_holds_the_minutes_that_the_link_names(place):
    async def main(client):
        found = deed(place, action="snooze", minutes=15)
        page = await client.get(address(place, found))
        assert "Snooze 15 min" in page.text
        await client.post(address(place, found))
        alert = place.board.alert("e1")
        assert alert.state == "shelved"
        assert alert.escalation["until"] == place.clock() + 15 * 60_000

    told(place, main)


@pytest.mark.parametrize("method", PREVIEWS)
def test_c18_no_method_but_post_ever_acts(place, method):
    async def main(client):
        found = address(place, deed(place))
        page = await client.request(method, found)
        assert page.status_code in (200, 405)
        await asyncio.sleep(0.05)
        assert state(place) == OPEN
        assert not place.deeds.is_done(deed(place))

    told(place, main)


def test_negative_control_a_post_of_the_same_address_does_act(place):
    async def main(client):
        await client.post(address(place, deed(place)))
        assert state(place) == ("acknowledged", "dr.chen")

    told(place, main)


def test_forged_altered_and_foreign_tokens_do_not_exist(place):
    async def main(client):
        good = address(place, deed(place))
        foreign = f"/l/{links.sign(bytes(32), deed(place))}"
        other = "B" if good[10] == "A" else "A"
        altered = good[:10] + other + good[11:]
        text = good.partition(".")[0]
        mac = address(place, deed(place, by="dr.zhou")).partition(".")[2]
        for bad in (foreign, altered, f"{text}.{mac}", good[:-1], good + "A",
                    "/l/x", "/l/%00", f"/l/{'A' * 999}"):  # fmt: skip
            for page in (await client.get(bad), await client.post(bad)):
                assert page.status_code == 404, bad
        assert (await client.post(f"/l/{'A' * 2000}")).status_code == 422
        assert state(place) == OPEN

    told(place, main)


def test_an_expired_link_does_nothing(place):
    async def main(client):
        found = address(place, deed(place))
        place.clock.now += HOUR - 1
        assert (await client.get(found)).status_code == 200
        place.clock.now += 1
        for page in (await client.get(found), await client.post(found)):
            assert (page.status_code, "expired" in page.text) == (410, True)
        assert state(place) == OPEN

    told(place, main)


def test_a_link_to_an_alert_that_is_over_or_never_was_does_nothing(place):
    async def main(client):
        await place.raise_alert(name="e2", subject="p-1", kind="technical",
                                condition="device_silent", evidence={})  # fmt: skip
        over = replace(deed(place), alert="e2")
        await place.raise_alert_over("e2")
        page = await client.post(address(place, over))
        assert (page.status_code, "is over" in page.text) == (409, True)
        page = await client.post(address(place, deed(place, name="never")))
        assert page.status_code == 404

    told(place, main)


def test_who_no_longer_cares_for_the_patient_cannot_act(place):
    async def main(client):
        for name in ("dr.zhou", "wang", "root"):
            page = await client.post(address(place, deed(place, by=name)))
            assert page.status_code == 403
        found = address(place, deed(place))
        place.people.unassign("dr.chen", "p-1")
        assert (await client.post(found)).status_code == 403
        assert state(place) == OPEN

    told(place, main)


def test_who_was_told_and_has_no_account_can_act(place):
    async def main(client):
        page = await client.post(address(place, deed(place, by="nurse-on-call")))
        assert page.status_code == 200
        assert state(place) == ("acknowledged", "nurse-on-call")

    told(place, main)


def test_without_an_answer_the_link_can_be_pressed_again_and_still_acts_once(place):
    """The engine is away: nothing is done, and nothing is used up."""

    async def main(client):
        found = deed(place)
        t = place.deeds.begin(found, place.clock())  # the portal died just here
        place.clock.now += 60_000
        page = await client.post(address(place, found))
        assert page.status_code == 200
        [act] = [e for e in place.history.events("e1") if e.what == "acknowledge"]
        assert t == place.clock() - 60_000
        assert act.by == "dr.chen"

    told(place, main)


def test_a_decision_that_had_arrived_before_a_crash_is_not_sent_again(place):
    async def main(client):
        found = deed(place)
        place.deeds.begin(found, place.clock())
        await place.say_acknowledged("e1")  # sent by us; then the portal died
        page = await client.post(address(place, found))
        assert page.status_code == 200
        assert place.deeds.is_done(found)
        acts = [e for e in place.history.events("e1") if e.what == "acknowledge"]
        assert len(acts) == 1

    told(place, main)


@pytest.mark.parametrize(("subject", "status"), [("house", 200), ("p-1", 403)])
def test_an_administrator_acts_on_the_houses_alerts_and_on_no_patients(
    place, subject, status
):
    async def main():
        place.people.add("keeper", None, "admin")
        async with place.open(), place.client() as client:
            await place.raise_alert(subject)
            page = await client.post(address(place, deed(place, by="keeper")))
            assert page.status_code == status
            assert (state(place) == ("acknowledged", "keeper")) == (status == 200)

    asyncio.run(main())


def test_a_button_on_a_telephone_may_post_without_an_origin(place):
    """ntfy sends no Origin; the same post to another page of ours is refused."""

    async def main(client):
        page = await client.post("/logout")
        assert page.status_code == 403
        page = await client.post(
            address(place, deed(place)), headers={"Origin": "https://elsewhere.example"}
        )
        assert page.status_code == 200

    told(place, main)


def test_a_chinese_reader_reads_chinese(place):
    async def main(client):
        chinese = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
        page = await client.get(address(place, deed(place)), headers=chinese)
        assert 'lang="zh-CN"' in page.text
        assert ">确认</button>" in page.text
        assert "编号" in page.text

    told(place, main)


def test_the_link_to_look_asks_who_looks(place):
    async def main(client):
        page = await client.get("/alerts/e1")
        assert page.status_code == 303
        assert page.headers["location"] == "/login?next=%2Falerts%2Fe1"
        async with place.client("dr.chen") as carer, place.client("dr.zhou") as other:
            assert (await carer.get("/alerts/e1")).status_code == 200
            assert (await other.get("/alerts/e1")).status_code == 404

        async with place.client("wang") as patient:
            page = await patient.get("/alerts/e1")
            assert page.headers["location"] == "/patients/p-1"

    told(place, main)


def test_a_house_without_links_has_none(place):
    async def main(client):
        place.house.deeds = None
        assert (await client.get(address(place, deed(place)))).status_code == 404

    told(place, main)


def test_used_links_are_forgotten_a_week_after_they_have_expired(place):
    now = place.clock()
    assert place.deeds.begin(deed(place), now) == now
    assert place.deeds.begin(deed(place), now + 5) == now
    place.deeds.finish(deed(place))
    assert place.deeds.begin(deed(place), now + 5) is None
    later = now + 8 * 24 * HOUR
    place.deeds.begin(deed(place, nonce="n2"), later)
    assert not place.deeds.is_done(deed(place))


def test_a_folder_that_cannot_be_used_is_one_clear_error(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Unavailable):
        Deeds(tmp_path / "data")
