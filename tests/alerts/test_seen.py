"""What people have seen calls them again only when it is worse or their word is old."""

import pytest
from msgspec import json

from alerts import roster
from alerts.cases import Case
from alerts.desk import Desk
from alerts.seen import remembered_ms
from vitals.config import Alerts
from vitals.staff import Times

NOW = 1_700_000_000_000
HOUR = 3600
STAFF = roster.of(Alerts(acknowledged_s=Times(high=4 * HOUR, medium=12 * HOUR)))


def at(seconds):
    return NOW + round(seconds * 1000)


def seen_desk(racing, says, *, action="acknowledge", **fields):
    """Give a desk on which somebody saw an alert after a minute, that is over."""
    desk, kept = Desk({}, roster=STAFF), {}
    changes = desk.observe(racing(0, **fields), at(0))
    changes += desk.command("a-1", says(action, 60), at(60))
    changes += desk.observe(racing(120, over=True, **fields), at(120))
    for change in changes:
        kept[change.alert.id] = change.case
    assert desk.open() == []
    return desk, [json.decode(json.encode(c), type=Case) for c in kept.values()]


def again(desk, racing, seconds, **fields):
    told = {"id": "a-2", "begin": seconds} | fields
    [change] = desk.observe(racing(seconds, **told), at(seconds))
    return change


def test_what_comes_back_stands_on_the_list_as_seen_and_calls_nobody(racing, says):
    desk, _ = seen_desk(racing, says)
    change = again(desk, racing, 3 * HOUR)
    assert (change.why, change.to) == ("again", None)
    assert change.alert.state == "acknowledged"
    assert change.alert.acknowledged_by == "dr-li"
    assert change.alert.evidence["again"] == "a-1"
    assert [a.id for a in desk.open()] == ["a-2"]


@pytest.mark.parametrize(
    ("condition", "hours"), [("heart_rate_high", 4), ("systolic_low", 12)]
)
def test_an_acknowledgement_holds_as_long_as_for_what_lasts(
    racing, says, condition, hours
):
    for late, why in ((-1, "again"), (1, "opened")):
        desk, _ = seen_desk(racing, says, condition=condition)
        when = 60 + hours * HOUR + late
        assert again(desk, racing, when, condition=condition).why == why


def test_it_calls_when_the_acknowledgement_is_old_and_it_still_lasts(racing, says):
    desk, _ = seen_desk(racing, says)
    again(desk, racing, 3 * HOUR)
    assert desk.tick(at(4 * HOUR + 59)) == []
    [change] = desk.tick(at(4 * HOUR + 60))
    assert (change.why, change.alert.state) == ("expire", "unacknowledged")
    assert change.to == ("",)


def test_coming_back_does_not_lengthen_an_acknowledgement(racing, says):
    desk, _ = seen_desk(racing, says)
    again(desk, racing, 3 * HOUR)
    desk.observe(racing(3.5 * HOUR, id="a-2", over=True), at(3.5 * HOUR))
    assert again(desk, racing, 3.9 * HOUR, id="a-3").why == "again"
    desk.observe(racing(3.95 * HOUR, id="a-3", over=True), at(3.95 * HOUR))
    assert again(desk, racing, 4.1 * HOUR, id="a-4").why == "opened"


def test_what_is_much_worse_than_people_know_always_calls(racing, says):
    desk, _ = seen_desk(racing, says, value=150)
    assert again(desk, racing, HOUR, value=170).why == "opened"


def test_what_gets_much_worse_after_it_came_back_calls(racing, says):
    desk, _ = seen_desk(racing, says, value=150)
    assert again(desk, racing, HOUR, value=151).why == "again"
    [worse] = desk.observe(
        racing(HOUR + 60, id="a-2", begin=HOUR, value=170), at(HOUR + 60)
    )
    assert (worse.why, worse.alert.state) == ("rise", "unacknowledged")


def test_what_is_of_a_higher_priority_always_calls(racing, says):
    low = {"condition": "systolic_low", "value": 88, "evidence": {"confirmed": False}}
    desk, _ = seen_desk(racing, says, **low)
    sure = {**low, "evidence": {"confirmed": True}}
    assert again(desk, racing, HOUR, **sure).why == "opened"


def test_what_nobody_acknowledged_always_calls(racing, says):
    desk, _ = seen_desk(racing, says, action="snooze")
    assert again(desk, racing, HOUR).why == "opened"


def test_another_condition_or_patient_calls(racing, says):
    desk, _ = seen_desk(racing, says)
    assert again(desk, racing, HOUR, condition="pulse_high").why == "opened"
    assert again(desk, racing, HOUR, id="a-3", subject="p-8").why == "opened"


def test_a_time_of_nought_makes_every_return_call(racing, says):
    never = roster.of(Alerts(acknowledged_s=Times()))
    desk = Desk({}, roster=never)
    desk.observe(racing(0), at(0))
    desk.command("a-1", says("acknowledge", 60), at(60))
    desk.observe(racing(120, over=True), at(120))
    assert again(desk, racing, HOUR).why == "opened"


def test_a_restart_remembers_what_was_seen(racing, says):
    _, book = seen_desk(racing, says)
    assert again(Desk({}, book, STAFF), racing, 3 * HOUR).why == "again"
    assert again(Desk({}, [], STAFF), racing, 3 * HOUR).why == "opened"  # control
    longer = {**STAFF.expire_ms, "low": 30 * HOUR * 1000}
    assert remembered_ms(longer) == 30 * HOUR * 1000


def test_a_clock_that_was_set_back_calls(racing, says):
    desk, _ = seen_desk(racing, says)
    [change] = desk.observe(racing(-HOUR, id="a-2", begin=-HOUR), at(-HOUR))
    assert change.why == "opened"


def test_the_memory_is_let_go_when_it_means_nothing_any_more(racing, says):
    desk, _ = seen_desk(racing, says)
    desk.tick(at(HOUR))
    assert len(desk._seen) == 1
    desk.tick(at(13 * HOUR))
    assert len(desk._seen) == 0


def test_what_nothing_was_heard_of_for_a_day_is_not_told_anew_until_it_is(racing, says):
    desk, low = Desk({}, roster=STAFF), {"condition": "systolic_low", "value": 80}
    desk.observe(racing(0, **low), at(0))
    desk.command("a-1", says("acknowledge", 60), at(60))
    [change] = desk.tick(at(12 * HOUR + 60))
    assert change.why == "expire"
    desk.command("a-1", says("acknowledge", 12 * HOUR + 99), at(12 * HOUR + 99))
    assert desk.tick(at(90 * HOUR)) == []
    desk.observe(racing(91 * HOUR, **low), at(91 * HOUR))
    [change] = desk.tick(at(91 * HOUR + 1))
    assert (change.why, change.to) == ("expire", ("",))
