import asyncio
import concurrent.futures

import pytest
from msgspec.structs import replace

from alerts import roster, waits
from alerts.desk import Desk
from alerts.equipment import Equipment
from alerts.facts import Facts
from alerts.health import FAILING_MS, Health, known
from alerts.outbox import Outbox, Sender
from alerts.post import Post
from alerts.register import Register
from alerts.service import Office, lay_out
from alerts.service import run as stage
from alerts.timeline import STEP_MS, Timeline
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Alerts
from vitals.metrics import Metrics
from vitals.model import Alert, GatewayStatus, StageStatus
from vitals.staff import Person, Step, Times
from vitals.wire import Message

NOW = 1_700_000_000_000  # Tuesday 2023-11-14 22:13:20 UTC
MINUTE, HOUR = 60_000, 3_600_000
STEPS = -365 * 24 * HOUR, -HOUR, -2000, 2000, HOUR, 365 * 24 * HOUR
PEOPLE = Alerts(people=(Person(name="anna"), Person(name="dr-li", role="doctor")))


class Clocks:
    """A wall clock that can step, and what really passes."""

    def __init__(self):
        self.wall, self.passed = NOW, 5_000

    def wait(self, ms):
        self.wall, self.passed = self.wall + ms, self.passed + ms

    def timeline(self):
        return Timeline(lambda: self.wall, lambda: self.passed)


def desk_of(**settings):
    return Desk({}, roster=roster.of(replace(PEOPLE, **settings)))


def through(desk, since, minutes):
    """Let minutes pass; give (ms since then, whom) of all who were told."""
    times = range(since, since + minutes * MINUTE + 1, 1000)
    return [(t - since, c.to) for t in times for c in desk.tick(t) if c.to]


# -- the clock ---------------------------------------------------------------------


@pytest.mark.parametrize("by", STEPS)
def test_a_step_is_seen_only_when_it_is_taken(by):
    clocks = Clocks()
    time = clocks.timeline()
    clocks.wall += by
    clocks.wait(3000)
    assert time() == NOW + 3000
    assert time.step() == by
    assert (time(), time.step()) == (NOW + 3000 + by, 0)


def test_a_clock_that_is_slewed_is_followed_and_never_steps():
    clocks = Clocks()
    time = clocks.timeline()
    for _ in range(100):
        clocks.wait(10_000)
        clocks.wall += STEP_MS // 2
        assert time() == clocks.wall
        assert time.step() == 0


def test_hours_in_which_the_machine_slept_are_no_step():
    clocks = Clocks()
    time = clocks.timeline()
    clocks.wait(8 * HOUR)
    assert (time(), time.step()) == (NOW + 8 * HOUR, 0)


def test_a_clock_that_is_trusted_never_steps(clock):
    time = Timeline.of(clock)
    clock.now += HOUR
    assert (time(), time.step()) == (NOW + HOUR, 0)
    assert Timeline.of(time) is time


# -- what waits --------------------------------------------------------------------


@pytest.mark.parametrize("by", STEPS)
def test_a_due_step_is_taken_when_as_much_has_passed_as_was_to(racing, by):
    desk = desk_of()
    desk.observe(racing(), NOW)
    [moved] = desk.shift(by, NOW + by)
    assert moved.to is None
    assert moved.alert.escalation["next_at"] == NOW + 5 * MINUTE + by
    assert through(desk, NOW + by, 6) == [(5 * MINUTE, ("dr-li",))]


def test_negative_control_a_desk_that_is_not_told_is_late_or_hasty(racing):
    for by, told in ((-HOUR, []), (HOUR, [(0, ("dr-li",))])):
        desk = desk_of()
        desk.observe(racing(), NOW)
        assert through(desk, NOW + by, 4) == told


@pytest.mark.parametrize("by", STEPS)
def test_a_snooze_and_an_acknowledgement_are_as_long_as_they_were(racing, says, by):
    desk = desk_of(acknowledged_s=Times(high=600))
    desk.observe(racing(), NOW)
    desk.observe(racing(id="a-2", subject="p-8"), NOW)
    desk.command("a-1", says("snooze", minutes=7), NOW)
    desk.command("a-2", says("acknowledge"), NOW)
    desk.shift(by, NOW + by)
    assert through(desk, NOW + by, 11) == [
        (7 * MINUTE, ("anna",)), (10 * MINUTE, ("anna",))
    ]  # fmt: skip


def test_what_has_been_seen_and_comes_back_still_calls_nobody(racing, says):
    for by in (-HOUR, 5 * HOUR):
        desk = desk_of()
        desk.observe(racing(), NOW)
        desk.command("a-1", says("acknowledge", 1), NOW + 1000)
        desk.observe(racing(2, over=True), NOW + 2000)
        desk.shift(by, NOW + by)
        back = racing(by / 1000 + 60, begin=by // 1000 + 50, id="a-2")
        assert desk.observe(back, NOW + by + MINUTE)[0].why == "again"


def test_who_sleeps_is_told_when_they_wake_by_the_new_clock(racing):
    asleep = Person(name="anna", quiet=(22 * 60, 6 * 60))
    six = NOW + 7 * HOUR + 46 * MINUTE + 40_000
    for by in (-HOUR, HOUR):
        desk = desk_of(people=(asleep,), escalation=(
            Step(priority="medium", roles=("nurse",)),
        ))  # fmt: skip
        desk.observe(racing(condition="body_temperature_high"), NOW)
        desk.shift(by, NOW + by)
        [(after, to)] = through(desk, NOW + by, 9 * 60)[:1]
        assert to == ("anna",)
        assert 0 <= NOW + by + after - six <= 1000


@pytest.mark.parametrize("by", STEPS)
def test_what_was_stamped_before_the_clock_was_set_is_not_late(racing, by):
    desk = desk_of()
    desk.shift(by, NOW + by)
    [opened] = desk.observe(racing(-10), NOW + by + 5000)
    assert opened.to == ("anna",)


@pytest.mark.parametrize("by", [HOUR, 365 * 24 * HOUR])
def test_what_was_late_before_or_comes_long_after_is_late(racing, by):
    desk = desk_of()
    desk.shift(by, NOW + by)
    late = (
        (racing(-16 * 60, id="a-2"), NOW + by),  # by the clock as it was
        (racing(by / 1000 - 16 * 60, id="a-3"), NOW + by),  # by the clock as it is
        (racing(-10, id="a-4"), NOW + by + MINUTE),
    )
    for anomaly, now in late:
        assert [change.why for change in desk.observe(anomaly, now)] == ["late"]


def test_nothing_of_the_equipment_is_silent_because_the_clock_has_jumped():
    machines = Equipment(Alerts(), Facts())
    for topic, word in (
        (wire.gateway_topic("gw-1", "status"), GatewayStatus(online=False, t=NOW)),
        (wire.stage_topic("dsp"), StageStatus(online=True, t=NOW)),
    ):
        machines.take(Message(topic, wire.encode(word)), NOW)
    machines.shift(HOUR)
    assert machines.tick(NOW + HOUR + 89_000) == []
    assert len(machines.tick(NOW + HOUR + 90_000)) == 2


def test_a_channel_is_not_failing_because_the_clock_has_jumped():
    health = Health("sms")
    failures = [health.failed(NOW, NOW + t) for t in (0, 1000)]
    health.shift(HOUR)
    failures += [health.failed(NOW, NOW + HOUR + t) for t in (2000, 3000)]
    assert failures == [None] * 4
    assert health.failed(NOW, NOW + HOUR + FAILING_MS)


def ill(health, desk):
    """Let a channel fail until the house knows, a minute after its first notice."""
    *_, told = [health.failed(NOW, NOW + t) for t in (0, 1000, MINUTE)]
    [opened] = desk.observe(told, NOW + MINUTE)
    return opened.case


def ended(health, desk, now):
    """Let a channel work again; give after how long, and how its alert is."""
    over = health.worked(now)
    desk.observe(over, now)
    minutes = over.evidence["text"].removesuffix(" min.").rpartition(" ")[2]
    return int(minutes), len(desk)


@pytest.mark.parametrize("by", STEPS)
def test_a_channel_has_failed_for_as_long_as_has_passed_and_its_alert_ends(by):
    desk, health = Desk({}), Health("sms")
    ill(health, desk)
    health.shift(by)
    assert ended(health, desk, NOW + by + 3 * MINUTE) == (3, 0)


def test_negative_control_what_does_not_step_counts_the_clocks_hour():
    desk, health = Desk({}), Health("sms")
    ill(health, desk)
    assert ended(health, desk, NOW + HOUR + 3 * MINUTE) == (63, 0)


@pytest.mark.parametrize("by", STEPS)
def test_a_channels_alert_ends_after_a_step_and_a_restart(by):
    desk, again = Desk({}), Health("sms")
    lying = [ill(Health("sms"), desk)]
    again.resume(NOW + by, known(lying, "sms"))
    assert ended(again, desk, NOW + by + 3 * MINUTE) == (3, 0)


def test_negative_control_by_its_times_alone_an_alert_is_not_known_again():
    desk, again = Desk({}), Health("sms")
    ill(Health("sms"), desk)
    again.resume(NOW + HOUR)
    assert ended(again, desk, NOW + HOUR + 3 * MINUTE) == (3, 1)


@pytest.mark.parametrize("by", STEPS)
def test_a_notice_is_tried_again_when_as_much_has_passed_as_was_to(
    database, racing, by
):
    register = Register(database, Post({"a": frozenset({"opened"})}))
    register.commit(Desk({}).observe(racing(), NOW), NOW)
    outbox = Outbox(database)
    [notice] = outbox.due("a", NOW, 1)
    outbox.postpone(notice, NOW, "ill")
    register.shift(by)
    assert outbox.due("a", NOW + by + 999, 1) == []
    [notice] = outbox.due("a", NOW + by + 1000, 1)
    assert not outbox.postpone(notice, NOW + by + 1000, "ill").final  # nor given up


# -- a start by a clock that is behind ---------------------------------------------


def test_a_start_in_the_past_waits_no_longer_than_a_wait(racing, says):
    desk = desk_of(acknowledged_s=Times(high=600))
    book = [
        desk.observe(racing(id=f"a-{n}", subject=f"p-{n}"), NOW)[0].case
        for n in range(3)
    ]
    for n, action in ((1, "snooze"), (2, "acknowledge")):
        word = says(action, minutes=20)
        book[n] = desk.command(f"a-{n}", word, NOW)[0].case
    past = NOW - 30 * 24 * HOUR
    kept = [waits.in_time(case, past) for case in book]
    again = Desk({}, kept, roster.of(replace(PEOPLE, acknowledged_s=Times(high=600))))
    told = dict(reversed(through(again, past, 31)))
    assert told[5 * MINUTE] == ("dr-li",)
    assert {10 * MINUTE, 30 * MINUTE} <= told.keys()  # seen; the longest snooze
    assert kept == [waits.in_time(case, past) for case in kept]


def test_negative_control_without_it_nobody_is_told_for_a_month(racing):
    desk = desk_of()
    [opened] = desk.observe(racing(), NOW)
    again = Desk({}, [opened.case], roster.of(PEOPLE))
    assert through(again, NOW - 30 * 24 * HOUR, 30) == []


def test_a_start_by_a_clock_that_is_right_changes_nothing(racing, says):
    desk = desk_of()
    [opened] = desk.observe(racing(), NOW)
    [snoozed] = desk.command("a-1", says("snooze", minutes=20), NOW + 1000)
    for case in (opened.case, snoozed.case):
        assert waits.in_time(case, NOW + 2000) == case


def test_what_is_to_be_told_is_told_by_a_clock_that_is_behind(database, racing):
    register = Register(database, Post({"a": frozenset({"opened"})}))
    register.commit(Desk({}).observe(racing(), NOW), NOW)
    register.in_time(NOW - HOUR)
    [notice] = Outbox(database).due("a", NOW - HOUR, 1)
    assert notice.created == NOW - HOUR


# -- the stage ---------------------------------------------------------------------


class Ill:
    """A channel that tells nobody."""

    name, hears = "a", frozenset({"opened"})

    async def tell(self, notice):
        raise AssertionError

    def close(self):
        pass


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_what_fails_while_the_clock_is_stepped_waits_as_long_as_ever(
    database, racing, run, by
):
    clocks, outbox = Clocks(), Outbox(database)
    time, failing = clocks.timeline(), []
    sender = Sender(Ill(), outbox, Metrics(), time)

    class Slow(Register):
        """A book in which, before it has stepped, a failure gets in if it can."""

        def shift(self, by):
            [notice] = outbox.due("a", NOW, 1)
            failing.append(asyncio.run_coroutine_threadsafe(self.fail(notice), loop))
            concurrent.futures.wait(failing, timeout=0.05)
            super().shift(by)

        async def fail(self, notice):
            await sender._fail(notice, "ill")

    register = Slow(database, Post({"a": Ill.hears}))
    register.commit(Desk({}).observe(racing(), NOW), NOW)

    async def main():
        nonlocal loop
        loop = asyncio.get_running_loop()
        office = Office(MemoryBus(), register, [sender], Metrics(), time)
        office._desk, office._intake = lay_out(PEOPLE, [], [])
        clocks.wall += by
        await office._follow_the_clock()
        await asyncio.wrap_future(failing[0])

    loop = None
    run(main())
    rows = database.rows("SELECT created, due, tried, state FROM deliveries")
    now = NOW + by
    assert rows == [(now, now + 1000, now, "pending")]


def test_the_stage_steps_with_the_clock_and_says_so(
    tmp_path, racing, beside, until, caplog
):
    clocks, metrics, bus = Clocks(), Metrics(), MemoryBus()
    heard = bus.subscribe(wire.ALERTS)
    told = []

    async def hear(n):
        async with asyncio.timeout(120):
            while len(told) < n:
                found = await heard.take()
                told.extend(wire.read(Alert, one.message.payload) for one in found)

    async def main():
        time = clocks.timeline()
        async with beside(stage(bus, PEOPLE, tmp_path, metrics, time)):
            topic = wire.of("p-7", "anomaly")
            await until(lambda: len(bus._inboxes) > 1)
            await bus.publish(Message(topic, wire.encode(racing())))
            await hear(1)
            clocks.wall -= HOUR
            await hear(2)
            clocks.wait(5 * MINUTE)
            await hear(3)

    asyncio.run(main())
    first, moved, doctor = (one.escalation for one in told)
    assert moved["next_at"] == first["next_at"] - HOUR
    assert doctor["told"] == ["anna", "dr-li"]
    assert metrics.counters["alerts_clock_steps_total"] == 1
    assert "stepped by -3600" in caplog.text
