from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from alerts import past
from alerts.cases import Case
from alerts.desk import Desk
from vitals.errors import MalformedData
from vitals.model import AlertCommand, Anomaly

NOW = 1_700_000_000_000
MINUTE = 60_000


def at(seconds):
    return NOW + round(seconds * 1000)


def desk_with(*anomalies, priorities=None):
    desk = Desk(priorities or {})
    for anomaly in anomalies:
        desk.observe(anomaly, anomaly.t)
    return desk


def state(desk):
    return [alert.state for alert in desk.open()]


def test_an_alert_opens_goes_on_and_stays_until_it_is_seen(racing, says):
    desk = Desk({})
    [opened] = desk.observe(racing(60), at(60))
    [going] = desk.observe(racing(70, value=155), at(70))
    [returned] = desk.observe(racing(80, over=True), at(80))
    [seen] = desk.command("a-1", says("acknowledge", 90, comment="rested"), at(90))
    assert [c.why for c in (opened, going, returned, seen)] == [
        "opened", "", "returned", "acknowledge"
    ]  # fmt: skip
    assert [c.alert.state for c in (opened, going, returned, seen)] == [
        "unacknowledged", "unacknowledged", "returned_unacknowledged", "normal"
    ]  # fmt: skip
    assert (opened.alert.id, opened.alert.since) == ("a-1", NOW)
    assert (opened.alert.priority, going.alert.value) == ("high", 155)
    assert (seen.alert.acknowledged_by, seen.alert.comment) == ("dr-li", "rested")
    assert desk.open() == []


def test_seen_means_seen_until_it_is_over(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("acknowledge", 61), at(61))
    assert desk.observe(racing(70, value=160), at(70))[0].why == ""
    assert state(desk) == ["acknowledged"]
    [closed] = desk.observe(racing(80, over=True), at(80))
    assert (closed.why, closed.alert.state) == ("returned", "normal")


def test_low_and_technical_alerts_clear_by_themselves(racing, silent):
    for begin, end in [
        (racing(condition="heart_rate_unusual"), {"condition": "heart_rate_unusual"}),
        (silent(), None),
    ]:
        desk = desk_with(begin)
        over = replace(begin, t=begin.t + 1000, over=True)
        [closed] = desk.observe(over, over.t)
        assert closed.alert.state == "normal", end


def test_a_relapse_that_nobody_had_seen_alarms_on_the_same_alert(racing):
    desk = desk_with(racing(60), racing(70, over=True))
    [again] = desk.observe(racing(90, id="a-2", begin=80, value=140), at(90))
    assert (again.why, again.alert.state) == ("alarm", "unacknowledged")
    assert (again.alert.id, again.alert.since, again.alert.value) == ("a-1", NOW, 140)
    assert len(desk.open()) == 1


def test_a_detector_that_restarts_takes_its_alert_over(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("acknowledge", 61), at(61))
    assert desk.observe(racing(90, id="a-2", begin=50), at(90))[0].why == ""
    assert desk.observe(racing(95, over=True), at(95)) == []  # of the episode before
    assert state(desk) == ["acknowledged"]
    desk.observe(racing(99, id="a-2", over=True), at(99))
    assert desk.open() == []


def test_an_episode_older_than_the_open_one_changes_nothing(racing):
    desk = desk_with(racing(60, id="a-2", begin=50))
    assert desk.observe(racing(40), at(61)) == []


def test_a_new_episode_after_the_end_is_a_new_alert(racing, says):
    desk = desk_with(racing(60), racing(70, over=True))
    desk.command("a-1", says("acknowledge", 71), at(71))
    [opened] = desk.observe(racing(90, id="a-2", begin=80), at(90))
    assert (opened.alert.id, opened.alert.since) == ("a-2", at(80))


def test_subjects_conditions_and_devices_are_apart(racing, silent):
    desk = desk_with(
        racing(),
        racing(id="a-2", subject="p-8"),
        racing(id="a-3", condition="heart_rate_low", value=30),
        silent(),
        silent(device="cuff-1"),
    )
    assert len(desk.open()) == 5


def test_a_physiological_alert_does_not_care_which_device_measured(racing):
    desk = desk_with(racing(1, evidence={"device": "strap-1"}))
    assert desk.observe(racing(2, evidence={"device": "strap-2"}), at(2))[0].why == ""


def test_one_device_that_is_silent_in_two_ways_is_one_alert_until_both_are_over(silent):
    desk = desk_with(silent(1), silent(2, kind="battery"))
    assert len(desk.open()) == 1
    [half] = desk.observe(silent(3, over=True), at(3))
    assert (half.why, half.alert.state) == ("", "unacknowledged")
    [closed] = desk.observe(silent(4, kind="battery", over=True), at(4))
    assert (closed.why, closed.alert.state) == ("returned", "normal")


def test_a_rise_alarms_through_an_acknowledgement(racing, says):
    desk = desk_with(racing(60, value=150))
    desk.command("a-1", says("acknowledge", 61, comment="on the stairs"), at(61))
    assert desk.observe(racing(62, value=165), at(62))[0].why == ""
    [risen] = desk.observe(racing(63, value=170), at(63))
    assert (risen.why, risen.alert.state) == ("rise", "unacknowledged")
    assert (risen.alert.acknowledged_by, risen.alert.comment) == (None, None)
    assert desk.observe(racing(64, value=175), at(64))[0].why == ""


def test_a_priority_that_is_raised_alarms_and_while_open_never_sinks(racing, says):
    desk = desk_with(racing(60), priorities={"heart_rate_high": "low"})
    desk.command("a-1", says("acknowledge", 61), at(61))
    desk = Desk({"heart_rate_high": "high"}, desk._cases.values())
    [risen] = desk.observe(racing(70), at(70))
    assert (risen.why, risen.alert.priority) == ("rise", "high")
    desk = Desk({"heart_rate_high": "low"}, desk._cases.values())
    assert desk.observe(racing(80), at(80))[0].alert.priority == "high"


def test_c7_a_snooze_holds_its_time_and_then_alarms(racing, says):
    desk = desk_with(racing(60))
    [shelved] = desk.command("a-1", says("snooze", 60, minutes=20), at(60))
    until = shelved.alert.escalation["until"]
    assert (shelved.alert.state, until) == ("shelved", at(60) + 20 * MINUTE)
    assert desk.observe(racing(70, value=160), at(70))[0].why == ""
    assert desk.tick(until - 1) == []
    [again] = desk.tick(until)
    assert (again.why, again.alert.state) == ("unshelve", "unacknowledged")
    assert "until" not in again.alert.escalation
    assert desk.tick(until + 1) == []


def test_c7_a_rise_breaks_a_snooze(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("snooze", 60, minutes=20), at(60))
    [risen] = desk.observe(racing(70, value=190), at(70))
    assert (risen.why, risen.alert.state) == ("rise", "unacknowledged")
    assert "until" not in risen.alert.escalation


def test_c7_a_snooze_is_of_one_episode(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("snooze", 60, minutes=20), at(60))
    assert desk.observe(racing(70, over=True), at(70))[0].alert.state == "normal"
    [opened] = desk.observe(racing(90, id="a-2", begin=80), at(90))
    assert (opened.why, opened.alert.state) == ("opened", "unacknowledged")


def test_a_wrong_clock_cannot_lengthen_a_snooze_and_a_late_one_is_void(racing, says):
    desk = desk_with(racing(60))
    [shelved] = desk.command("a-1", says("snooze", 99_999, minutes=5), at(60))
    assert shelved.alert.escalation["until"] == at(60) + 5 * MINUTE
    desk = desk_with(racing(60))
    assert desk.command("a-1", says("snooze", 60, minutes=5), at(60) + 5 * MINUTE) == []


def test_who_snoozes_what_is_over_has_seen_it(racing, says):
    desk = desk_with(racing(60), racing(70, over=True))
    [closed] = desk.command("a-1", says("snooze", 80, minutes=5), at(80))
    assert (closed.alert.state, closed.alert.acknowledged_by) == ("normal", "dr-li")
    assert closed.alert.escalation.keys() == {"step", "told"}


def test_a_handover_says_to_whom_and_keeps_the_state(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("acknowledge", 61), at(61))
    [handed] = desk.command("a-1", says("handover", 62, to="dr-wu"), at(62))
    assert handed.alert.escalation["to"] == "dr-wu"
    assert "next" not in handed.alert.escalation
    assert (handed.alert.state, handed.why) == ("acknowledged", "handover")


def test_a_false_alarm_is_marked_and_acknowledged(racing, says):
    desk = desk_with(racing(60))
    [marked] = desk.command("a-1", says("false_alarm", 61, comment="artefact"), at(61))
    assert marked.alert.evidence["false_alarm"] == "dr-li"
    assert (marked.alert.state, marked.alert.comment) == ("acknowledged", "artefact")
    desk.observe(racing(62, evidence={"baseline": 70}), at(62))
    assert desk.open()[0].evidence == {"false_alarm": "dr-li", "baseline": 70}


def test_a_decision_on_an_alert_that_is_closed_changes_nothing(says):
    assert Desk({}).command("a-1", says("acknowledge"), NOW) == []


def test_a_decision_that_is_repeated_after_a_rise_does_not_silence_it(racing, says):
    desk, seen = desk_with(racing(60)), says("acknowledge", 61)
    desk.command("a-1", seen, at(61))
    desk.observe(racing(62, value=190), at(62))
    assert desk.command("a-1", seen, at(63)) == []
    assert state(desk) == ["unacknowledged"]


def test_an_id_that_belongs_to_another_alert_is_malformed(racing):
    desk = desk_with(racing(60))
    for other in ({"subject": "p-8"}, {"condition": "heart_rate_low"}):
        with pytest.raises(MalformedData):
            desk.observe(racing(61, **other), at(61))
    assert [alert.subject for alert in desk.open()] == ["p-7"]


def test_d11_late_news_is_recorded_and_wakes_nobody(racing):
    for anomaly, now in [
        (racing(60, late=True), at(60)),
        (racing(60), at(60) + 15 * MINUTE + 1),
    ]:
        desk = Desk({})
        [recorded] = desk.observe(anomaly, now)
        assert (recorded.why, recorded.alert.state) == ("late", "normal")
        assert desk.observe(anomaly, now) == desk.open() == []


SLOW = 20 * 60  # seconds that the gateway's clock is behind ours


def test_a_gateway_with_a_slow_clock_is_heard_once_the_episode_still_lasts(racing):
    desk = Desk({})
    [late] = desk.observe(racing(0), at(SLOW))
    assert desk.observe(racing(59), at(SLOW + 59)) == []
    desk.tick(at(SLOW + 59))
    [opened] = desk.observe(racing(60), at(SLOW + 60))
    assert (late.why, opened.why, opened.alert.state) == (
        "late", "opened", "unacknowledged"
    )  # fmt: skip
    assert "20 min" in opened.alert.evidence["late"]
    [risen] = desk.observe(racing(120, value=175), at(SLOW + 120))
    assert risen.alert.value == 175
    [over] = desk.observe(racing(180, over=True), at(SLOW + 180))
    assert over.why == "returned"


def test_a_slow_clock_hides_no_rise_of_what_was_seen(racing, says):
    desk = desk_with()
    for t in (0, 60):
        desk.observe(racing(t), at(SLOW + t))
    desk.command("a-1", says("acknowledge", SLOW + 61), at(SLOW + 61))
    [risen] = desk.observe(racing(120, value=175), at(SLOW + 120))
    assert (risen.why, risen.alert.state) == ("rise", "unacknowledged")


def test_a_clock_slow_by_hours_and_a_restart_of_the_desk_hide_no_episode(racing):
    slow, desk, kept = 6 * 3600, Desk({}), []
    for t in (0, 30):
        kept += desk.observe(racing(t), at(slow + t))
        desk.tick(at(slow + t))
    desk = Desk({}, [change.case for change in kept])
    [opened] = desk.observe(racing(90), at(slow + 90))
    assert opened.why == "opened"


def test_what_came_late_and_ended_or_is_only_repeated_wakes_nobody(racing):
    for news in ([racing(0)], [racing(0), racing(5, over=True)]):
        desk = Desk({})
        for anomaly in news:
            desk.observe(anomaly, at(SLOW))
        for anomaly in news:
            assert desk.observe(anomaly, at(SLOW + 90)) == []
        assert desk.open() == []


def test_a_new_episode_alarms_through_an_acknowledgement_of_the_one_before(
    racing, says
):
    desk = desk_with(racing(60))
    desk.command("a-1", says("false_alarm", 61, comment="artefact"), at(61))
    [again] = desk.observe(racing(90, id="a-2", begin=80), at(90))
    assert (again.why, again.alert.state) == ("relapse", "unacknowledged")
    assert (again.alert.id, again.alert.acknowledged_by) == ("a-1", None)
    assert "false_alarm" not in again.alert.evidence


def test_a_new_episode_alarms_although_the_one_before_was_dated_ahead(racing, says):
    desk = Desk({})
    desk.observe(racing(9_999_999), at(60))
    desk.command("a-1", says("acknowledge", 61), at(61))
    [again] = desk.observe(racing(90, id="a-2", begin=80), at(90))
    assert again.why == "relapse"


def test_a_rise_takes_the_mark_of_a_false_alarm_with_it(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("false_alarm", 61), at(61))
    [risen] = desk.observe(racing(63, value=170), at(63))
    assert (risen.why, "false_alarm" in risen.alert.evidence) == ("rise", False)


@pytest.mark.parametrize("action", ["acknowledge", "false_alarm"])
def test_a_technical_alert_that_nothing_is_heard_of_closes_when_it_is_seen(
    silent, racing, says, action
):
    desk = desk_with(silent(0), racing(0))
    for alert_id in ("s-strap-1-heart_rate", "a-1"):
        [early] = desk.command(alert_id, says(action, 3599), at(3599))
        assert early.alert.state == "acknowledged"
    desk.tick(at(3600))
    [closed] = desk.command("s-strap-1-heart_rate", says(action, 3600), at(3600))
    assert (closed.alert.state, closed.alert.acknowledged_by) == ("normal", "dr-li")
    [kept] = desk.command("a-1", says(action, 3600), at(3600))
    assert kept.alert.state == "acknowledged"  # a person, not a device
    [again] = desk.observe(silent(3700), at(3700))
    assert (again.why, again.alert.state) == ("opened", "unacknowledged")


def abandoned(silent, says):
    """Give a desk whose silent strap was given up, and the case in its book."""
    desk = desk_with(silent(0), silent(60))
    alert_id = silent().id
    [closed] = desk.command(alert_id, says("acknowledge", 3700), at(3700))
    assert closed.alert.state == "normal"
    return desk, closed.case


def repeated(desk, silent, hours):
    """Let the bus repeat what was said of the strap; give why anything changed."""
    words = (silent(0), 0), (silent(60), 61), (silent(60), 122)
    found = []
    for word, later in words:
        now = at(hours * 3600 + later)
        desk.tick(now)
        found += [change.why for change in desk.observe(word, now)]
    return found


@pytest.mark.parametrize("hours", [2.5, 26, 24 * 365])
def test_an_old_word_that_is_repeated_opens_nothing_at_any_age(silent, says, hours):
    desk, closed = abandoned(silent, says)
    for lying in (desk, Desk({}, [closed])):
        assert repeated(lying, silent, hours) == []


def test_negative_control_with_an_age_an_old_word_opens_an_alert(
    silent, says, monkeypatch
):
    desk, closed = abandoned(silent, says)
    for lying in (desk, Desk({}, [closed])):
        lying._past._last = 0
    assert repeated(desk, silent, 26) == ["late", "opened"]
    monkeypatch.setattr(past, "REMEMBER_MS", 3_600_000)
    assert repeated(lying, silent, 2.5)[0] == "opened"


def test_late_news_of_an_open_alert_may_end_it_but_not_raise_it(racing, says):
    desk = desk_with(racing(60))
    desk.command("a-1", says("acknowledge", 61), at(61))
    assert desk.observe(racing(70, value=220, late=True), at(99))[0].why == ""
    assert state(desk) == ["acknowledged"]
    assert desk.observe(racing(80, over=True, late=True), at(99))[0].why == "returned"


def test_an_episode_that_began_late_and_still_lasts_alarms(racing):
    desk = desk_with()
    desk.observe(racing(0, late=True), at(3600))
    [opened] = desk.observe(racing(3600), at(3601))
    assert opened.why == "opened"


def test_c10_a_missing_value_neither_clears_nor_changes_the_value(racing):
    desk = desk_with(racing(60, value=150), racing(61, value=None))
    assert desk.open()[0].value == 150


def test_evidence_from_the_future_does_not_outlaw_the_present(racing):
    desk = Desk({})
    desk.observe(racing(9_999_999), at(0))
    [returned] = desk.observe(racing(5, over=True), at(5))
    assert returned.alert.state == "returned_unacknowledged"


def test_what_an_alert_was_once_about_cannot_close_it_hours_later(racing):
    """The engine was down for hours, and the bus repeats what was not acknowledged."""
    old = [racing(60), racing(70, over=True)]
    desk = desk_with(*old)
    desk = Desk({}, desk._cases.values())
    assert [c for a in old for c in desk.observe(a, at(7200))] == []
    assert state(desk) == ["returned_unacknowledged"]


def test_the_bus_may_repeat_what_it_said_of_closed_alerts(racing, says):
    desk = desk_with(racing(60), racing(70, over=True))
    [closed] = desk.command("a-1", says("acknowledge", 71), at(71))
    for restored in (desk, Desk({}, [closed.case])):
        for now in (at(80), at(99_999)):
            restored.tick(now)
            assert restored.observe(racing(60), now) == []
            assert restored.observe(racing(70, over=True), now) == []


def test_what_version_0_1_left_acknowledged_tells_its_end_and_calls_again(racing, says):
    desk = desk_with(racing(60))
    [seen] = desk.command("a-1", says("acknowledge", 61), at(61))
    old = replace(seen.case, chain=None, seen=None)
    [over] = Desk({}, [old]).observe(racing(70, over=True), at(71))
    assert (over.why, over.to) == ("returned", ("",))
    assert [c.why for c in Desk({}, [old]).tick(at(99_999))] == ["expire"]


times = st.integers(0, 40).map(lambda n: at(n * 30))
anomalies = st.builds(
    Anomaly,
    id=st.sampled_from(["a-1", "a-2", "a-3"]),
    subject=st.just("p-7"),
    detector=st.sampled_from(["limit", "silent"]),
    condition=st.sampled_from(["heart_rate_high", "heart_rate_unusual"]),
    kind=st.sampled_from(["physiological", "technical"]),
    begin=times,
    t=times,
    over=st.booleans(),
    value=st.none() | st.floats(40, 250),
    late=st.booleans(),
    evidence=st.sampled_from([{}, {"device": "strap-1"}, {"device": 5, "kind": "x"}]),
)
commands = st.builds(
    AlertCommand,
    action=st.sampled_from(["acknowledge", "snooze", "handover", "false_alarm"]),
    by=st.sampled_from(["dr-li", "dr-wu"]),
    t=times,
    minutes=st.none() | st.integers(1, 60),
    to=st.just("dr-wu"),
)
news = st.tuples(
    times, anomalies | st.tuples(st.sampled_from(["a-1", "a-2"]), commands)
)


def tell(desk, item, now):
    if not isinstance(item, Anomaly):
        return desk.command(*item, now)
    try:
        return desk.observe(item, now)
    except MalformedData:  # the id of another alert
        return []


@settings(max_examples=300, deadline=None)
@given(st.lists(news, max_size=30))
def test_c14_the_same_noun_twice_changes_nothing(story):
    desk = Desk({})
    now = NOW
    for later, item in story:
        now = max(now, later)
        tell(desk, item, now)
        before = desk.open()
        assert tell(desk, item, now) == []
        assert desk.open() == before


@settings(max_examples=300, deadline=None)
@given(st.lists(news, max_size=30), st.integers(0, 30))
def test_a_desk_laid_out_from_its_book_goes_on_as_if_nothing_had_been(story, cut):
    desk, kept, now = Desk({}), {}, NOW
    for step, (later, item) in enumerate(story):
        now = max(now, later)
        if step == cut:
            book = [json.decode(json.encode(c), type=Case) for c in kept.values()]
            other = Desk({}, book)
            assert sorted(a.id for a in other.open()) == sorted(
                a.id for a in desk.open()
            )
            # What was heard and opened nothing is not in the book, and need not be.
            other._past = desk._past
            desk = other
        for news_of in (partial(desk.tick, now), partial(tell, desk, item, now)):
            for change in news_of():
                kept[change.alert.id] = change.case
                assert change.alert.state == "normal" or change.alert in desk.open()
        for alert in desk.open():
            assert ("until" in alert.escalation) == (alert.state == "shelved")
            assert alert.escalation.get("until", now + 1) > now or later < now


@settings(max_examples=300, deadline=None)
@given(st.lists(news, max_size=30))
def test_c14_at_most_one_alert_is_open_per_subject_condition_and_device(story):
    desk = Desk({})
    for now, item in sorted(story, key=lambda told: told[0]):
        tell(desk, item, now)
        keys = [
            (c.alert.subject, c.alert.condition, c.device) for c in desk._cases.values()
        ]
        assert len(set(keys)) == len(keys) == len(desk._keys)


def test_a_heart_that_races_on_two_wearables_is_over_when_both_say_so(racing):
    desk = Desk({})
    strap, watch = {"evidence": {"device": "strap"}}, {"evidence": {"device": "watch"}}
    [opened] = desk.observe(racing(0, id="a-1", **strap), NOW)
    desk.observe(racing(1, id="a-2", begin=1, **watch), NOW + 1000)
    desk.observe(racing(9, id="a-2", begin=1, over=True, **watch), NOW + 9000)
    assert desk.find(opened.alert.id).state == "unacknowledged"
    desk.observe(racing(12, id="a-1", over=True, **strap), NOW + 12_000)
    assert desk.find(opened.alert.id).state == "returned_unacknowledged"
