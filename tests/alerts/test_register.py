import sqlite3

import pytest
from msgspec.structs import replace

from alerts.desk import Desk
from alerts.post import Post
from alerts.register import Register

NOW = 1_700_000_000_000
HEARS = {"log": frozenset({"opened", "returned"}), "webhook": frozenset({"opened"})}


@pytest.fixture
def register(database):
    return Register(database, Post(HEARS))


def deliveries(database):
    return database.rows("SELECT alert, version, channel, why FROM deliveries")


def test_the_book_lays_the_desk_out_again(register, racing, silent, says):
    desk = Desk({})
    register.commit(desk.observe(racing(1), NOW), NOW)
    register.commit(desk.observe(silent(1), NOW), NOW)
    register.commit(desk.command("a-1", says("snooze", 2, minutes=9), NOW + 2000), NOW)
    again = Desk({}, register.restore(NOW))
    assert sorted(again.open(), key=lambda a: a.id) == desk.open()
    assert again.observe(racing(1), NOW) == again.observe(silent(1), NOW) == []


def closed(cases):
    return [case.alert.id for case in cases]


def test_closed_alerts_are_restored_as_long_as_asked_and_the_last_at_any_age(
    register, silent
):
    desk = Desk({})
    for t in (0, 10, 20):
        for over in (False, True):
            now = NOW + 1000 * t
            word = silent(t, id=f"s-{t}", over=over)
            register.commit(desk.observe(word, now), now)
    assert closed(register.restore(NOW + 10_000, last=1)) == ["s-10", "s-20"]
    assert closed(register.restore(NOW + 10_001, last=1)) == ["s-20"]
    assert closed(register.restore(NOW + 99_999, last=2)) == ["s-10", "s-20"]
    assert closed(register.restore(NOW + 99_999)) == ["s-0", "s-10", "s-20"]


def test_a_closed_alert_that_is_damaged_stops_nobody(
    register, database, silent, racing, caplog
):
    desk = Desk({})
    for word in (silent(1, id="s-1"), silent(2, id="s-1", over=True), racing(3)):
        register.commit(desk.observe(word, NOW), NOW)
    with database.transaction() as db:
        db.execute("""UPDATE alerts SET "case" = '{"oh' WHERE state = 'normal'""")
    assert [case.alert.id for case in register.restore(NOW)] == ["a-1"]
    assert "1 closed alerts cannot be read" in caplog.text


def test_each_version_is_told_once_to_those_who_hear_of_it(register, database, racing):
    desk = Desk({})
    for anomaly in (racing(1), racing(2), racing(3, over=True)):
        register.commit(desk.observe(anomaly, anomaly.t), anomaly.t)
    assert deliveries(database) == [
        ("a-1", 1, "log", "opened"),
        ("a-1", 1, "webhook", "opened"),
        ("a-1", 3, "log", "returned"),
    ]


def test_a_change_its_event_and_its_deliveries_are_one_transaction(
    register, database, racing
):
    good, bad = Desk({}).observe(racing(1), NOW), Desk({}).observe(racing(2), NOW)
    bad = [replace(bad[0], by=None)]  # the events refuse it
    with pytest.raises(sqlite3.IntegrityError):
        register.commit([*good, *bad], NOW)
    for table in ("alerts", "events", "deliveries"):
        assert database.rows(f"SELECT * FROM {table}") == []


def test_events_can_neither_be_changed_nor_deleted(register, database, racing):
    register.commit(Desk({}).observe(racing(1), NOW), NOW)
    for attempt in ("UPDATE events SET by = 'me'", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError), database.transaction() as db:
            db.execute(attempt)


def test_closed_alerts_are_unclosed_until_the_bus_knows(register, racing, silent):
    desk = Desk({})
    register.commit(desk.observe(silent(1), NOW), NOW)
    register.commit(desk.observe(silent(2, over=True), NOW), NOW)
    register.commit(desk.observe(racing(2, late=True), NOW), NOW)
    assert [alert.id for alert in register.unclosed()] == ["s-strap-1-heart_rate"]
    register.closed(["s-strap-1-heart_rate"])
    assert register.unclosed() == []


def test_what_is_recorded_late_never_overwrites_what_people_did(
    register, database, racing, says
):
    desk = Desk({})
    register.commit(desk.observe(racing(1), NOW), NOW)
    register.commit(desk.command("a-1", says("acknowledge", 2), NOW), NOW)
    register.commit(desk.observe(racing(3, over=True), NOW), NOW)
    before = database.rows("SELECT * FROM alerts")
    later = NOW + 86_400_000
    register.commit(Desk({}).observe(racing(1), later), later)
    assert database.rows("SELECT * FROM alerts") == before


def test_nobody_s_alert_is_overwritten_by_another_subject_s(register, database, racing):
    register.commit(Desk({}).observe(racing(1), NOW), NOW)
    register.commit(Desk({}).observe(racing(1, subject="p-8"), NOW), NOW)
    assert database.rows("SELECT subject FROM alerts") == [("p-7",)]


def test_what_somebody_decides_has_their_words_and_never_who_was_called(
    register, racing, says, database
):
    desk = Desk({})
    called = [replace(c, to=("anna",)) for c in desk.observe(racing(1), NOW)]
    register.commit(called, NOW)
    words = (
        says("handover", 2, to="ben"),
        says("handover", 3, to="eve", comment="told her husband"),
        says("acknowledge", 4),
    )
    for word in words:
        register.commit(desk.command("a-1", word, NOW), NOW)
    assert database.rows("SELECT what, by, comment FROM events") == [
        ("opened", "", "told anna"),
        ("handover", "dr-li", ""),
        ("handover", "dr-li", "told her husband"),
        ("acknowledge", "dr-li", ""),
    ]
