import pytest

from alerts.desk import Desk
from alerts.history import AlertHistory, page_query
from alerts.post import Post
from alerts.register import Register
from vitals.errors import MalformedData

NOW = 1_700_000_000_000


@pytest.fixture
def history(tmp_path):
    history = AlertHistory(tmp_path)
    yield history
    history.close()


@pytest.fixture
def told(database, racing, says):
    """Nine alerts of three subjects, two begun each second; those of p-0 are closed."""
    desk, register = Desk({}), Register(database, Post({}))
    for n in range(9):
        subject = f"p-{n % 3}"
        episode = {"id": f"a-{n}", "subject": subject, "begin": n // 2}
        episode |= {"condition": f"thing_{n}"}
        register.commit(desk.observe(racing(n, **episode), NOW), NOW)
        if n % 3 == 0:
            seen = says("acknowledge", n, comment="seen")
            register.commit(desk.command(f"a-{n}", seen, NOW), NOW)
            over = racing(n + 1, over=True, **episode)
            register.commit(desk.observe(over, NOW), NOW)


def pages(history, *args, limit):
    cursor, found = None, []
    while True:
        page, cursor = history.alerts(*args, cursor, limit)
        found.append([alert.id for alert in page])
        if cursor is None:
            return found


@pytest.mark.usefixtures("told")
def test_the_latest_alerts_come_first_page_by_page(history):
    ids = [f"a-{n}" for n in reversed(range(9))]
    assert pages(history, "all", None, limit=4) == [ids[:4], ids[4:8], ids[8:]]
    assert pages(history, "all", None, limit=9) == [ids]


@pytest.mark.usefixtures("told")
def test_open_alerts_and_those_of_some_subjects_can_be_asked_for(history):
    [found] = pages(history, "open", None, limit=100)
    assert found == ["a-8", "a-7", "a-5", "a-4", "a-2", "a-1"]
    [found] = pages(history, "open", ["p-1", "p-0", "p-99"], limit=100)
    assert found == ["a-7", "a-4", "a-1"]
    assert history.alerts("all", [], None, 100) == ([], None)


@pytest.mark.usefixtures("told")
def test_c4_an_alert_tells_its_story_with_who_has_seen_it_and_what_they_said(history):
    assert history.alert("a-99") is None
    alert = history.alert("a-3")
    assert (alert.state, alert.acknowledged_by) == ("normal", "dr-li")
    story = [(e.what, e.state, e.by, e.comment) for e in history.events("a-3")]
    assert story == [
        ("opened", "unacknowledged", "", ""),
        ("acknowledge", "acknowledged", "dr-li", "seen"),
        ("returned", "normal", "", ""),
    ]


@pytest.mark.usefixtures("told")
def test_who_closed_lately_is_found_and_when_each_was_seen(history):
    assert [a.id for a in history.closed(["p-0"], NOW, 2)] == ["a-6", "a-3"]
    assert history.closed(["p-1"], NOW, 9) == []
    assert history.closed(["p-0"], NOW + 1, 9) == []
    assert history.seen(["a-1", "a-3", "a-99"]) == {"a-3": NOW}


@pytest.mark.parametrize("some", [True, False])
@pytest.mark.parametrize("on", [True, False])
def test_the_open_alerts_are_found_without_reading_the_closed_ones(database, some, on):
    values = {"subjects": '["p-1"]', "limit": 9, "since": 5, "id": "a"}
    query = "EXPLAIN QUERY PLAN " + page_query("open", some=some, on=on)
    plan = [str(row[3]) for row in database.rows(query, values)]
    assert any("USING INDEX alerts_open" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize("cursor", ["", "x", "12", "x.y", "-1.a", "9" * 99 + ".a"])
def test_a_cursor_that_is_not_ours_is_malformed(history, cursor):
    with pytest.raises(MalformedData):
        history.alerts("all", None, cursor, 10)


def test_the_portal_may_start_first(history):
    assert history.alerts("all", None) == ([], None)


def test_the_burden_is_of_patients_and_not_of_the_house_nor_of_tests(
    database, history, racing
):
    desk, register = Desk({}), Register(database, Post({}))
    for n, about in enumerate(
        ({}, {"subject": "house"}, {"condition": "test_alarm", "kind": "technical"})
    ):
        register.commit(desk.observe(racing(id=f"a-{n}", **about), NOW), NOW)
    assert [one.alert for one in history.happenings(NOW, NOW + 1)] == ["a-0"]
