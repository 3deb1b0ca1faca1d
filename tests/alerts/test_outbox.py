import asyncio
import sqlite3
import threading

import pytest

from alerts.channels import Webhook, posting, webhook
from alerts.desk import Desk
from alerts.outbox import GIVE_UP_MS, Outbox, Sender, insist
from alerts.post import Post
from alerts.register import Register
from vitals.errors import Unavailable
from vitals.metrics import Metrics

NOW = 1_700_000_000_000
HEARS = frozenset({"opened", "returned"})


class Friend:
    """A channel that tells `told`, and fails as long as `ill` says so."""

    hears = HEARS

    def __init__(self, name, ill=lambda notice: False):
        self.name, self.told, self.tried, self._ill = name, [], 0, ill

    async def tell(self, notice):
        self.tried += 1
        if self._ill(notice):
            raise Unavailable("ill")
        self.told.append(notice.key)

    def close(self):
        pass


@pytest.fixture
def office(database, racing):
    """Open alerts for a channel, as the service does it."""
    desks, register = {}, Register(database, Post({"a": HEARS, "b": HEARS}))

    def news(t=1, **more):
        desk = desks.setdefault(0, Desk({}))
        register.commit(desk.observe(racing(t, **more), NOW), NOW)

    return news


@pytest.fixture
def outbox(database):
    return Outbox(database)


def test_notices_of_one_alert_leave_in_their_order_and_others_overtake(office, outbox):
    office(1)
    office(2, over=True)
    office(3, id="a-2", subject="p-8")
    first, other = outbox.due("a", NOW, 10)
    assert (first.key, other.key) == ("a-1-1", "a-2-1")
    outbox.delivered(first, NOW)
    assert [n.key for n in outbox.due("a", NOW, 10)] == ["a-1-2", "a-2-1"]


def test_each_failure_waits_longer_until_we_give_up(office, outbox):
    office()
    [notice], now, waits = outbox.due("a", NOW, 10), NOW, []
    for _ in range(7):
        assert not outbox.postpone(notice, now, "ill").final
        due = next(t for t in range(now, now + 61_000, 500) if outbox.due("a", t, 1))
        waits.append((due - now) / 1000)
        now, [notice] = due, outbox.due("a", due, 1)
    assert waits == [1, 2, 5, 15, 60, 60, 60]
    assert not outbox.postpone(notice, NOW + GIVE_UP_MS - 1, "ill").final
    assert outbox.postpone(notice, NOW + GIVE_UP_MS, "ill").final
    assert outbox.due("a", NOW + 2 * GIVE_UP_MS, 10) == []


def test_news_of_an_alert_hurries_what_waits(office, outbox):
    office(1)
    [notice] = outbox.due("a", NOW, 10)
    outbox.postpone(notice, NOW, "ill")
    assert outbox.due("a", NOW, 10) == []
    office(2, over=True)
    assert [n.key for n in outbox.due("a", NOW, 10)] == ["a-1-1"]


def test_the_first_channel_that_tells_is_known(office, outbox):
    office()
    [[a], [b]] = outbox.due("a", NOW, 10), outbox.due("b", NOW, 10)
    assert [outbox.delivered(a, NOW), outbox.delivered(b, NOW)] == [True, False]


def test_a_sender_tells_again_until_it_is_heard(
    office, outbox, clock, run, beside, until
):
    friend = Friend("a", ill=lambda notice: notice.attempts < 3)
    office()
    metrics = Metrics()

    async def main():
        sender = Sender(friend, outbox, metrics, clock)
        async with beside(sender.run()):
            for n, wait in enumerate((1, 2, 5), start=1):
                await until(lambda n=n: friend.tried == n)
                await asyncio.sleep(0.05)
                clock.now += wait * 1000
                sender.hurry.set()
            await until(lambda: metrics.counters["alerts_told_total"] == 1)

    run(main())
    assert (friend.told, friend.tried) == (["a-1-1"], 4)


def test_what_is_given_up_is_counted(office, outbox, clock, run, beside, until):
    office()
    clock.now += GIVE_UP_MS
    metrics = Metrics()

    async def main():
        sender = Sender(Friend("a", ill=lambda n: True), outbox, metrics, clock)
        async with beside(sender.run()):
            await until(lambda: metrics.counters["alerts_delivery_failed_total"])

    run(main())
    assert metrics.counters["alerts_told_total"] == 0


def test_a_channel_that_hangs_delays_no_other(
    office, outbox, receiver, run, beside, until, clock, monkeypatch
):
    for module in (posting, webhook):
        monkeypatch.setattr(module, "TIMEOUT_S", 600.0)
    over = threading.Event()
    server, friend = receiver(lambda n: 204 if over.wait(600) else 500), Friend("b")
    hook = Webhook(server.url)
    hook.name = "a"
    for n in range(8):
        office(id=f"a-{n}", subject=f"p-{n}")

    async def main():
        senders = [Sender(c, outbox, Metrics(), clock) for c in (hook, friend)]
        async with beside(*(sender.run() for sender in senders)):
            try:
                await until(lambda: len(friend.told) == 8)
            finally:
                over.set()

    try:
        run(main())
    finally:
        hook.close()


def test_time_to_tell_is_measured_from_the_wearable_to_the_first_channel_only(
    office, outbox, clock, run, beside, until
):
    office(evidence={"received": NOW - 3000})
    office(2, over=True)
    office(id="a-2", subject="p-8", evidence={"received": None})
    metrics = Metrics()

    async def main():
        senders = [Sender(Friend(n), outbox, metrics, clock) for n in "ab"]
        async with beside(*(sender.run() for sender in senders)):
            await until(lambda: metrics.counters["alerts_told_total"] == 6)

    run(main())
    assert metrics.counters["alert_told_seconds_count"] == 1
    assert metrics.quantile("alert_told_seconds", 0.5) == 3


@pytest.mark.slow
def test_a_webhook_that_fails_then_hangs_then_listens_is_told_once_accepted(
    office, outbox, receiver, run, beside, until, clock
):
    server = receiver({1: 500, 2: 7.0, 3: 204}.__getitem__)
    hook, metrics = Webhook(server.url), Metrics()
    hook.name = "a"
    office()

    async def main():
        sender = Sender(hook, outbox, metrics, clock)
        async with beside(sender.run()):
            while not metrics.counters["alerts_told_total"]:
                clock.now += 1000
                await asyncio.sleep(0.1)

    try:
        run(main())
    finally:
        hook.close()
    assert [headers["Idempotency-Key"] for headers, _ in server.got] == ["a-1-1"] * 3
    assert len({body for _, body in server.got}) == 1


def test_a_full_disk_loses_nothing_and_is_counted(run):
    answers, metrics = (
        [sqlite3.OperationalError("database or disk is full"), 7],
        Metrics(),
    )

    def function():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert run(insist(metrics, function)) == 7
    assert metrics.counters["alerts_store_errors_total"] == 1


# -- one channel fails, the next takes over -----------------------------------------


@pytest.fixture
def chain(database):
    """Channel a, then b, then c."""
    return Outbox(database, {"a": "b", "b": "c"})


@pytest.fixture
def alone(database, racing):
    """Open an alert of which only channel a hears."""

    def news(t=1, **more):
        desk = Desk({})
        register = Register(database, Post({"a": HEARS}))
        register.commit(desk.observe(racing(t, **more), NOW), NOW)

    return news


def fail(outbox, channel, times, now=NOW, why="ill"):
    for _ in range(times):
        [notice] = outbox.due(channel, now + 3_600_000, 1)
        outbox.postpone(notice, now, why)


def test_what_fails_twice_the_next_channel_tells_too(alone, chain):
    alone()
    fail(chain, "a", 1)
    assert chain.due("b", NOW, 9) == []
    fail(chain, "a", 1)
    [notice] = chain.due("b", NOW, 9)
    assert (notice.key, notice.attempts, notice.why) == ("a-1-1", 0, "opened")
    assert chain.due("a", NOW + 3_600_000, 9)  # it goes on trying as well
    fail(chain, "a", 3)
    assert len(chain.due("b", NOW, 9)) == 1  # and is taken over once


def test_the_chain_goes_on_to_its_end_and_stops_there(alone, chain):
    alone()
    for channel in ("a", "b"):
        fail(chain, channel, 2)
    fail(chain, "c", 5)
    assert [len(chain.due(c, NOW + 3_600_000, 9)) for c in "abcd"] == [1, 1, 1, 0]


def test_what_the_next_has_told_the_others_no_longer_tell(alone, chain, history):
    alone()
    fail(chain, "a", 2)
    fail(chain, "b", 2)
    [notice] = chain.due("c", NOW, 9)
    assert chain.delivered(notice, NOW) is True
    assert [chain.due(c, NOW + 3_600_000, 9) for c in "abc"] == [[], [], []]
    states = {d.channel: d.state for d in history.deliveries("a-1")}
    assert states == {"a": "passed", "b": "passed", "c": "delivered"}


def test_a_failure_that_ends_after_another_channel_has_told_changes_nothing(
    alone, chain, history
):
    alone()
    fail(chain, "a", 2)
    [trying] = chain.due("a", NOW + 3_600_000, 1)
    [notice] = chain.due("b", NOW, 9)
    chain.delivered(notice, NOW)
    chain.postpone(trying, NOW, "ill")
    assert chain.due("a", NOW + 3_600_000, 9) == []
    assert history.deliveries("a-1")[0].state == "passed"


def test_a_channel_that_has_not_failed_tells_its_own_notice(office, chain):
    office()  # a and b hear of it
    [mine] = chain.due("b", NOW, 9)
    chain.delivered(mine, NOW)
    assert len(chain.due("a", NOW, 9)) == 1


def test_negative_control_without_a_next_one_nobody_takes_over(alone, outbox):
    alone()
    fail(outbox, "a", 9)
    assert outbox.due("b", NOW + 3_600_000, 9) == []


@pytest.fixture
def history(tmp_path, database):
    from alerts.history import AlertHistory

    found = AlertHistory(tmp_path)
    yield found
    found.close()


def test_how_far_each_notice_is_can_be_seen(office, outbox, history):
    office(1)
    office(2, over=True)
    fail(outbox, "a", 2, why="sms: TimeoutError" + 300 * "x")
    [notice] = outbox.due("b", NOW, 1)
    outbox.delivered(notice, NOW + 5)
    first, told, *waiting = history.deliveries("a-1")
    assert (first.channel, first.to, first.state, first.attempts) == (
        "a", "", "pending", 2,
    )  # fmt: skip
    assert (first.error[:17], len(first.error)) == ("sms: TimeoutError", 200)
    assert (first.tried, first.due) == (NOW, NOW + 2000)
    assert (told.state, told.tried, told.error) == ("delivered", NOW + 5, "")
    assert [(d.why, d.tried) for d in waiting] == [("returned", None)] * 2
    a, b = history.channels()
    assert (a.channel, a.pending, a.oldest, a.told) == ("a", 2, NOW, None)
    assert a.error.startswith("sms: Timeout")
    assert (b.pending, b.told, b.error) == (1, NOW + 5, "")


def test_since_when_a_channel_fails_survives_a_restart(office, outbox):
    office()
    assert outbox.failing_since("a") is None
    fail(outbox, "a", 2)
    assert outbox.failing_since("a") is None
    fail(outbox, "a", 1)
    assert outbox.failing_since("a") == NOW
    assert outbox.failing_since("b") is None
    [notice] = outbox.due("a", NOW + 3_600_000, 1)
    outbox.delivered(notice, NOW + 10)
    assert outbox.failing_since("a") is None


def test_a_sender_reports_a_channel_that_fails_and_that_works_again(
    office, outbox, clock, run, beside, until
):
    told, ill = [], [True]
    friend = Friend("a", ill=lambda notice: ill[0])
    office()

    async def main():
        sender = Sender(friend, outbox, Metrics(), clock, told.append)
        async with beside(sender.run()):
            for n in range(1, 3):
                await until(lambda n=n: friend.tried == n)
                await asyncio.sleep(0.02)
                assert told == []
                clock.now += 15_000
                sender.hurry.set()
            await until(lambda: told)
            ill[0] = False
            clock.now += 60_000
            sender.hurry.set()
            await until(lambda: len(told) == 2)

    run(main())
    first, second = told
    assert (first.condition, first.over) == ("delivery_failing", False)
    assert (second.id, second.over) == (first.id, True)


@pytest.mark.parametrize("by", [2 * GIVE_UP_MS, -2 * GIVE_UP_MS])
def test_what_was_on_its_way_when_the_clock_stepped_is_not_given_up(
    alone, chain, database, by
):
    alone()
    fail(chain, "a", 1)
    [notice] = chain.due("a", NOW + 1000, 1)
    Register(database, Post({})).shift(by)
    failure = chain.postpone(notice, NOW + by + 1000, "ill")
    assert (failure.final, failure.created) == (False, NOW + by)
    [handed] = chain.due("b", NOW + by + 1000, 9)
    assert handed.created == NOW + by
    assert chain.due("a", NOW + by + 3000, 9)


def test_the_failure_of_what_is_erased_meanwhile_is_one(alone, outbox, database):
    alone()
    [notice] = outbox.due("a", NOW, 1)
    with database.transaction() as db:
        db.execute("DELETE FROM deliveries")
    assert outbox.postpone(notice, NOW, "ill").created == NOW
    assert outbox.due("a", NOW + GIVE_UP_MS, 1) == []
