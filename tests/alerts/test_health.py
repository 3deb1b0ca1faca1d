from alerts.desk import Desk
from alerts.health import FAILING_MS, Health, gone, known
from vitals.model import HOUSE

NOW = 1_700_000_000_000


def failing(health, *times, created=NOW):
    return [health.failed(created, NOW + t) for t in times]


def test_a_row_of_failures_that_lasts_is_told_once():
    health = Health("sms")
    *early, told, later = failing(health, 0, 1000, 19_999, FAILING_MS, 60_000)
    assert early == [None] * 3
    assert later is None
    assert (told.subject, told.condition, told.kind, told.over) == (
        HOUSE, "delivery_failing", "technical", False,
    )  # fmt: skip
    assert told.evidence["device"] == "sms"
    assert "sms" in told.evidence["text"]
    assert "sms" in told.evidence["text_zh"]


def test_a_channel_that_answers_now_and_then_is_not_failing():
    health = Health("sms")
    for t in range(0, 3_600_000, 10_000):
        assert health.failed(NOW + t, NOW + t) is None
        assert health.failed(NOW + t, NOW + t + 5000) is None
        assert health.worked(NOW + t + 9000) is None


def test_two_failures_are_not_a_row_however_long_they_take():
    assert failing(Health("sms"), 0, 3_600_000) == [None, None]


def test_when_it_works_again_that_is_told_of_the_same_episode():
    health = Health("sms")
    [*_, told] = failing(health, 0, 1000, FAILING_MS)
    over = health.worked(NOW + 90_000)
    assert (over.id, over.over) == (told.id, True)
    assert health.worked(NOW + 91_000) is None
    [*_, again] = failing(health, 200_000, 201_000, 230_000, created=NOW + 200_000)
    assert again.id != told.id


def test_a_restart_goes_on_with_the_same_episode():
    before = Health("sms")
    [*_, told] = failing(before, 0, 1000, FAILING_MS)
    health = Health("sms")
    health.resume(NOW)
    [*_, again] = failing(health, 30_000, 31_000, 60_000, created=NOW + 30_000)
    assert again.id == told.id
    fresh = Health("sms")
    fresh.resume(NOW)
    assert fresh.worked(NOW + 99_000).id == told.id
    fine = Health("sms")
    fine.resume(None)
    assert fine.worked(NOW) is None


def test_what_the_house_knows_of_a_channel_is_found_while_it_lasts():
    desk, health = Desk({}), Health("sms")
    [*_, told] = failing(health, 0, 1000, FAILING_MS)
    [opened] = desk.observe(told, NOW + FAILING_MS)
    [closed] = desk.observe(health.worked(NOW + 90_000), NOW + 90_000)
    removed = gone("sms", 2, NOW, NOW)
    [final] = Desk({}).observe(removed, NOW)
    lying = [closed.case, final.case, opened.case]
    assert known(lying, "sms") == opened.case
    assert known(lying, "mail") is None
    assert known(lying[:2], "sms") is None


def test_what_the_house_knows_ends_although_the_outbox_thinks_that_it_works():
    desk, again = Desk({}), Health("sms")
    [*_, told] = failing(Health("sms"), 0, 1000, FAILING_MS)
    [opened] = desk.observe(told, NOW + FAILING_MS)
    again.resume(None, opened.case)
    over = again.worked(NOW + 120_000)
    assert (over.id, over.over) == (told.id, True)
    assert "after 2 min" in over.evidence["text"]


def test_the_desk_makes_one_alert_of_it_for_each_channel_and_closes_it():
    desk, sms, mail = Desk({}), Health("sms"), Health("mail")
    [*_, first] = failing(sms, 0, 1000, FAILING_MS)
    [*_, second] = failing(mail, 0, 1000, FAILING_MS)
    now = NOW + FAILING_MS
    for anomaly in (first, second, first):
        desk.observe(anomaly, now)
    assert len(desk) == 2
    [change] = desk.observe(sms.worked(now + 1000), now + 1000)
    assert change.alert.state == "normal"
    assert [alert.evidence["device"] for alert in desk.open()] == ["mail"]
