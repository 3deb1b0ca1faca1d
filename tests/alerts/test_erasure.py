"""A patient's alerts are closed and emptied; what people did stays, and all else."""

import pytest
from msgspec.structs import replace

from alerts import erasure
from alerts.desk import Desk
from alerts.facts import Fact, Facts
from alerts.history import AlertHistory
from alerts.post import Post
from alerts.register import Register
from alerts.service import lay_out
from vitals import wire
from vitals.config import Alerts
from vitals.errors import MalformedData
from vitals.model import Erased
from vitals.wire import Message

NOW = 1_700_000_000_000


def of(subject, anomaly):
    return replace(anomaly, subject=subject, id=f"{anomaly.id}-{subject}")


def test_the_desk_closes_what_is_open_of_one_and_nothing_else(racing, silent):
    desk = Desk({})
    for subject in ("p-7", "p-8"):
        for anomaly in (racing(60), silent(60)):
            desk.observe(of(subject, anomaly), NOW)
    closed = desk.erase("p-7", "al", NOW + 1)
    assert [(c.why, c.by, c.to) for c in closed] == [("erased", "al", None)] * 2
    for change in closed:
        alert, case = change.alert, change.case
        assert (alert.state, alert.t, alert.subject) == ("normal", NOW + 1, "p-7")
        assert (alert.value, alert.evidence, case.live) == (None, {}, {})
    assert {alert.subject for alert in desk.open()} == {"p-8"}
    assert len(desk.open()) == 2
    assert desk.erase("p-7", "al", NOW + 2) == []
    desk.tick(NOW + 10**9)
    assert all(alert.subject == "p-8" for alert in desk.open())


def test_the_word_on_the_bus_closes_and_forgets(racing):
    desk, intake = lay_out(Alerts(), [], [])
    desk.observe(of("p-7", racing(60)), NOW)
    word = Message(wire.of("p-7", "erased"), wire.encode(Erased(by="al", t=NOW)))
    assert intake.take(replace(word, retain=True), NOW) == []  # it is said once
    assert desk.open()
    [change] = intake.take(word, NOW + 1)
    assert (change.why, change.by) == ("erased", "al")
    assert desk.open() == []
    assert intake.take(word, NOW + 2) == []
    with pytest.raises(MalformedData):
        intake.take(Message(wire.of("p-7", "erased"), b"{}"), NOW)


def test_what_was_wrong_with_their_things_is_forgotten():
    facts = Facts()
    for subject in ("p-7", "p-8"):
        facts.judge(Fact("device_clock_off", "cuff", subject), True, NOW)
    facts.forget("p-7")
    assert [fact.subject for fact in facts.wrong("device_clock_off")] == ["p-8"]


def test_the_file_keeps_what_people_did_and_all_of_others(
    racing, says, database, tmp_path
):
    desk, register = Desk({}), Register(database, Post({"log": frozenset({"opened"})}))
    for subject in ("p-7", "p-8"):
        register.commit(desk.observe(of(subject, racing(60)), NOW), NOW)
        said = says("acknowledge", 61, comment="as said on the phone")
        register.commit(desk.command(f"a-1-{subject}", said, NOW), NOW)
    before = _of(tmp_path, "p-8")
    assert erasure.unclosed(database, "p-7") == 1
    assert erasure.counts(database, "p-7")["remarks on them"] == 1
    erasure.erase(database, "p-7", "al", NOW + 5)
    erasure.erase(database, "p-7", "al", NOW + 9)  # again changes nothing
    assert erasure.unclosed(database, "p-7") == 0
    assert erasure.counts(database, "p-7")["remarks on them"] == 0
    [(alert, events, _)] = _of(tmp_path, "p-7")
    assert (alert.state, alert.t, alert.acknowledged_by) == ("normal", NOW + 5, "dr-li")
    assert [(event.what, event.by) for event in events] == [
        ("opened", ""), ("acknowledge", "dr-li"), ("erased", "al"),
    ]  # fmt: skip
    assert _of(tmp_path, "p-8") == before
    assert "as said on the phone" in str(before)
    assert erasure.unclosed(database, "p-8") == 1


def test_who_was_told_stays_and_is_no_remark_and_words_go(
    racing, says, database, tmp_path
):
    desk, register = Desk({}), Register(database, Post({}))
    called = [replace(c, to=("anna",)) for c in desk.observe(racing(60), NOW)]
    register.commit(called, NOW)
    words = says("handover", 61, to="ben"), says("acknowledge", 62)
    for word in words:
        register.commit(desk.command("a-1", word, NOW), NOW)
    assert erasure.counts(database, "p-7")["remarks on them"] == 0
    said = replace(words[1], comment="told her husband", t=NOW + 63_000)
    register.commit(desk.command("a-1", said, NOW), NOW)
    assert erasure.counts(database, "p-7")["remarks on them"] == 1
    erasure.erase(database, "p-7", "al", NOW + 5)
    [(_, events, _)] = _of(tmp_path, "p-7")
    assert [one.comment for one in events] == ["told anna", *[""] * 4]


def _of(folder, subject):
    history = AlertHistory(folder)
    found, _ = history.alerts("all", [subject])
    told = [(a, history.events(a.id), history.deliveries(a.id)) for a in found]
    history.close()
    return told
