import pytest

from alerts import removed
from alerts.channels import Webhook
from alerts.desk import Desk
from alerts.outbox import GIVE_UP_MS, Outbox
from alerts.post import Post
from alerts.register import Register
from alerts.service import run
from alerts.trials import Trial
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Alerts
from vitals.metrics import Metrics

NOW = 1_700_000_000_000
HEARS = frozenset({"opened", "returned"})
CALLS = frozenset({"opened"})


@pytest.fixture
def waits(database, racing):
    """Let the news of an alert wait for the channels of a post."""

    def make(post, *news):
        desk, register = Desk({}), Register(database, post)
        for anomaly in news or [racing()]:
            register.commit(_to(desk.observe(anomaly, NOW)), NOW)

    return make


def _to(changes):
    from msgspec.structs import replace

    return [replace(change, to=("anna",)) for change in changes]


def states(history):
    return {(d.channel, d.to): d.state for d in history.deliveries("a-1")}


def settle(database, post, now=NOW + 1000, metrics=None):
    return removed.settle(database, post, metrics or Metrics(), now)


def test_what_waits_for_a_channel_that_is_gone_goes_the_persons_other_way(
    database, history, waits
):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    post = Post({"pager": HEARS, "mail": HEARS}, {"anna": ["pager"]})
    assert settle(database, post) == []
    assert states(history) == {
        ("phone", "anna"): "passed", ("pager", "anna"): "pending"
    }  # fmt: skip
    [notice] = Outbox(database).due("pager", NOW + 1000, 9)
    assert (notice.why, notice.attempts, notice.to) == ("opened", 0, "anna")
    assert notice.created == NOW  # it is given up when it would have been
    assert history.deliveries("a-1")[1].error.endswith("told by pager")


def test_without_another_way_of_the_person_the_house_is_told(database, history, waits):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    assert settle(database, Post({"mail": HEARS})) == []
    assert states(history) == {("phone", "anna"): "passed", ("mail", ""): "pending"}


def test_without_a_way_of_the_house_everybody_is_told(database, history, waits):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    settle(database, Post({"log": HEARS, "ben-phone": HEARS}, {"ben": ["ben-phone"]}))
    assert states(history)["ben-phone", ""] == "pending"


def test_what_the_house_has_been_told_is_not_told_twice(database, history, waits):
    waits(Post({"phone": HEARS, "mail": HEARS}, {"anna": ["phone"]}))
    outbox = Outbox(database)
    [told] = outbox.due("mail", NOW, 9)
    outbox.delivered(told, NOW)
    settle(database, Post({"mail": HEARS}))
    assert states(history) == {("phone", "anna"): "passed", ("mail", ""): "delivered"}


def test_what_was_for_the_house_and_people_are_told_of_is_not_told_to_all_again(
    database, history, waits
):
    phone = {"anna": ["phone"]}
    waits(Post({Webhook.name: HEARS, "phone": HEARS}, phone))
    settle(database, Post({"log": HEARS, "phone": HEARS}, phone))
    assert states(history) == {("webhook", ""): "passed", ("phone", "anna"): "pending"}


@pytest.mark.parametrize("family", [{}, {"anna": ["p7-phone"]}])
def test_that_a_patient_or_their_family_is_told_is_not_that_the_house_is(
    database, history, waits, family
):
    about = {} if family else {"p7-phone": "p-7"}

    def post(mail):
        return Post({mail: HEARS, "p7-phone": HEARS}, family, about, family)

    waits(post("duty-mail"))
    assert settle(database, post("duty-sms")) == []
    assert states(history) == {
        ("duty-mail", ""): "passed",
        ("p7-phone", "anna" if family else ""): "pending",
        ("duty-sms", ""): "pending",
    }


def test_a_channel_of_another_patient_takes_nothing_over(database, history, waits):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    own = {"anna": ["theirs"]}
    post = Post({"theirs": HEARS, "mail": HEARS}, own, {"theirs": "p-8"})
    settle(database, post)
    assert states(history) == {("phone", "anna"): "passed", ("mail", ""): "pending"}


def test_what_no_way_is_left_for_ends_with_the_reason_counted_and_told(
    database, history, waits, caplog
):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    metrics = Metrics()
    [news] = settle(database, Post({"log": HEARS}), metrics=metrics)
    [delivery] = history.deliveries("a-1")
    assert (delivery.state, delivery.error) == (
        "failed", "its channel is configured no more, and there is no other way"
    )  # fmt: skip
    assert delivery.error in caplog.text
    assert metrics.counters["alerts_delivery_failed_total"] == 1
    assert (news.condition, news.subject, news.over) == (
        "delivery_failing", "house", False
    )  # fmt: skip
    assert "phone" in news.evidence["text"]
    assert "phone" in news.evidence["text_zh"]


def test_negative_control_an_outbox_alone_lets_it_wait_for_ever(
    database, history, waits
):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    assert Outbox(database).due("log", NOW + 2 * GIVE_UP_MS, 9) == []
    assert states(history) == {("phone", "anna"): "pending"}


def test_what_has_waited_for_longer_than_a_day_ends(database, history, waits):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    [news] = settle(database, Post({"mail": HEARS}), NOW + GIVE_UP_MS)
    assert states(history) == {("phone", "anna"): "failed"}
    assert news.condition == "delivery_failing"


def test_an_all_clear_that_nobody_else_hears_of_ends_without_an_alert(
    database, history, waits, racing
):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}), racing(), racing(1, over=True))
    assert settle(database, Post({"mail": CALLS})) == []
    assert sorted(d.state for d in history.deliveries("a-1")) == [
        "failed", "passed", "pending"
    ]  # fmt: skip


def test_what_is_there_still_stays_as_it_is(database, history, waits):
    post = Post({"phone": HEARS}, {"anna": ["phone"]})
    waits(post)
    before = history.deliveries("a-1")
    assert settle(database, post) == []
    assert history.deliveries("a-1") == before


def test_a_kill_before_it_was_told_is_made_up_for_and_it_is_told_once(
    database, history, waits
):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    post = Post({"log": HEARS})
    [lost] = settle(database, post)
    [news] = settle(database, post, NOW + 3_600_000)
    assert (news.id, news.t) == (lost.id, NOW + 3_600_000)
    desk = Desk({})
    [opened] = desk.observe(news, news.t)
    Register(database, post).commit([opened], news.t)
    assert settle(database, post, NOW + 7_200_000) == []


def test_a_test_of_a_channel_that_is_gone_ends_and_alarms_nobody(database):
    post = Post({"log": HEARS})
    Register(database, post).commit([Trial("phone", "root")], NOW)
    assert settle(database, post) == []
    assert database.rows("SELECT state FROM deliveries") == [("failed",)]


def test_it_ends_when_somebody_has_seen_it_and_not_before(database, waits, says):
    waits(Post({"phone": HEARS}, {"anna": ["phone"]}))
    post = Post({"log": HEARS})
    [news] = settle(database, post)
    desk, register = Desk({}), Register(database, post)
    register.commit(desk.observe(news, news.t), news.t)
    assert settle(database, post, NOW + 2000) == []
    [seen] = desk.command(news.id, says("acknowledge", 60), NOW + 60_000)
    assert seen.alert.state == "normal"


def test_that_a_channel_failed_is_over_once_it_is_there_no_more(database):
    from alerts.health import FAILING_MS, Health

    health, post = Health("phone"), Post({"phone": HEARS})
    [*_, failing] = [health.failed(NOW, NOW + t) for t in (0, 1, FAILING_MS)]
    desk, register = Desk({}), Register(database, post)
    register.commit(desk.observe(failing, NOW), NOW)
    assert [n.over for n in settle(database, post) if n.over] == []
    ended = [n for n in settle(database, Post({"log": HEARS})) if n.over]
    assert [n.id for n in ended] == [failing.id]
    [closed] = desk.observe(ended[0], NOW + 5000)
    assert closed.alert.state == "normal"


def test_the_stage_tells_that_a_removed_webhook_has_reached_nobody(
    tmp_path, waits, clock, beside, until
):
    import asyncio

    waits(Post({Webhook.name: Webhook.hears}))
    bus = MemoryBus()
    heard = bus.subscribe(wire.ALERTS)

    async def main():
        async with beside(run(bus, Alerts(), tmp_path, Metrics(), clock)):
            await until(lambda: len(heard) >= 2)
        return [one.message.topic for one in await heard.take()]

    topics = asyncio.run(main())
    assert any("/house/alert/delivery-webhook-" in topic for topic in topics)
