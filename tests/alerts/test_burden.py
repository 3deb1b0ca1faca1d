"""What our alerts cost the people whom they call, from what happened to each."""

import json

import pytest

from alerts.burden import Happening, report
from alerts.cases import Change
from alerts.database import Database
from alerts.desk import Desk
from alerts.history import AlertHistory
from alerts.post import Post
from alerts.register import Register
from ingest.store import open_store
from vitals import HeartRate, Reading, config
from vitals.__main__ import main
from vitals.clock import now
from vitals.model import AlertCommand, Anomaly

T0 = 1_700_000_000_000
DAY = 86_400_000


def happened(alert, *steps, condition="heart_rate_high", priority="high"):
    """What happened to an alert: (seconds, what, state) each."""
    sort = {"condition": condition, "kind": "physiological", "priority": priority}
    return [
        Happening(
            alert, "p-1", *sort.values(), T0 + round(s * 1000), what, state, "dr-li"
        )
        for s, what, state in steps
    ]


SEEN = happened(
    "a-1",
    (0, "opened", "unacknowledged"),
    (60, "acknowledge", "acknowledged"),
    (90, "returned", "normal"),
)
ALONE = happened(
    "a-2",
    (5, "opened", "unacknowledged"),
    (65, "returned", "normal"),
    condition="device_silent",
    priority="low",
)
FALSE = happened(
    "a-3", (10, "opened", "unacknowledged"), (610, "false_alarm", "acknowledged")
)
OPEN = happened("a-4", (20, "opened", "unacknowledged"), (30, "rise", "unacknowledged"))
LATE = happened("a-5", (0, "late", "normal"))


@pytest.fixture
def found():
    everything = [*SEEN, *ALONE, *FALSE, *OPEN, *LATE]
    return report(everything, T0, T0 + DAY, 10)


def test_c19_calls_and_what_stands_on_the_list_are_counted_apart(found):
    assert (found.calls.alerts, found.listed.alerts) == (3, 1)
    assert (found.calls.per_patient_day, found.listed.per_patient_day) == (0.3, 0.1)


def test_c19_each_share_is_what_became_of_them(found):
    assert found.calls.acknowledged == pytest.approx(2 / 3, abs=1e-3)
    assert found.calls.false == pytest.approx(1 / 3, abs=1e-3)
    assert (found.calls.self_cleared, found.listed.self_cleared) == (0.0, 1.0)
    assert found.calls.to_acknowledge_s == (330.0, 573.0)
    assert found.listed.to_acknowledge_s is None


def test_what_came_late_called_nobody(found):
    assert sum(share.alerts for share in found.by_kind.values()) == 4


def test_conditions_come_most_frequent_first(found):
    assert list(found.by_condition) == ["heart_rate_high", "device_silent"]


def test_without_patients_there_is_no_rate():
    empty = report([], T0, T0 + DAY, 0)
    assert empty.calls.per_patient_day is None
    assert empty.calls.acknowledged is None


def test_alerts_of_another_time_are_not_in_it():
    assert report(SEEN, T0 + 1, T0 + DAY, 1).calls.alerts == 0


@pytest.fixture
def data(tmp_path):
    """A day with one alert that was seen after ten minutes."""
    then = now() - 3_600_000
    store = open_store(config.Store(), tmp_path)
    store.write([Reading("p-7", "strap", HeartRate(t=then, hr=150.0))])
    store.close()
    database = Database(tmp_path)
    register, desk = Register(database, Post({})), Desk({})
    racing = Anomaly(
        id="a-1",
        subject="p-7",
        detector="limit",
        condition="heart_rate_high",
        kind="physiological",
        begin=then,
        t=then,
        value=150.0,
    )
    seen = AlertCommand(action="acknowledge", by="dr-li", t=then + 600_000)
    changes: list[Change] = desk.observe(racing, then)
    register.commit(changes, then)
    register.commit(desk.command("a-1", seen, then + 600_000), then + 600_000)
    database.close()
    return tmp_path


def test_the_register_s_own_events_make_the_report(data):
    history = AlertHistory(data)
    found = report(history.happenings(0, now()), 0, now(), 1)
    assert history.happenings(0, now(), ["p-8"]) == []
    history.close()
    assert found.calls.to_acknowledge_s == (600.0, 600.0)


def test_c19_the_report_is_a_table_for_people_and_json_for_programs(data, capsys):
    assert main(["report", "alerts", "--data", str(data), "--days", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "alerts of 1 day, 1 patient-day"
    [row] = [line.split() for line in lines if "heart_rate_high" in line]
    assert row == [
        *("heart_rate_high", "1", "1.00", "100", "%", "0", "%", "0", "%"),
        *("10", "min", "10", "min"),
    ]
    assert max(map(len, lines)) <= 80
    words = ["report", "alerts", "--json", "--data", str(data), "--days", "1"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["calls"]["alerts"] == 1
