import pytest

from alerts import service
from alerts.cases import Change
from vitals import wire
from vitals.config import Alerts
from vitals.errors import MalformedData
from vitals.model import (
    HOUSE,
    AlertCommand,
    DeviceStatus,
    GatewayStatus,
    Plan,
    StageStatus,
)
from vitals.staff import Person
from vitals.wire import Message

NOW = 1_700_000_000_000
MINUTE = 60_000
PEOPLE = (
    Person(name="anna"),
    Person(name="ben"),
    Person(name="root", role="administrator"),
)


class House:
    """A desk and everybody who brings something to it; the book is a list."""

    def __init__(self, **settings):
        self.settings = Alerts(people=PEOPLE, **settings)
        self.book, self.ledger, self.now = {}, [], NOW
        self.start()

    def start(self):
        """Start, or start again from what is written down."""
        kept = list(self.book.values())
        self.desk, self.intake = service.lay_out(self.settings, kept, self.ledger)

    def keep(self, news):
        for one in news:
            if isinstance(one, Change):
                self.book[one.alert.id] = one.case
            else:
                self.ledger.append(one)
        return [(c.alert.condition, str(c.why)) for c in news if isinstance(c, Change)]

    def says(self, topic, noun, retain=True):
        message = Message(topic, wire.encode(noun), retain)
        return self.keep(self.intake.take(message, self.now))

    def gateway(self, online=True, name="gw-1", retain=True, **more):
        status = GatewayStatus(**{"online": online, "t": self.now} | more)
        return self.says(wire.gateway_topic(name, "status"), status, retain)

    def wearable(self, device="strap-1", **more):
        status = DeviceStatus(t=self.now, connected=True, gateway="gw-1", **more)
        return self.says(wire.of("p-7", device, "status"), status)

    def anomaly(self, anomaly):
        return self.says(wire.of(anomaly.subject, "anomaly"), anomaly)

    def command(self, action, alert="desk", subject="p-7", by="anna", **more):
        word = AlertCommand(action=action, by=by, t=self.now, **more)
        return self.says(wire.of(subject, "alert", alert, "command"), word)

    def later(self, seconds):
        """Let the time pass, second by second."""
        told = []
        for _ in range(seconds):
            self.now += 1000
            told += self.keep(self.intake.tick(self.now))
        return [one for one in told if one[1] not in ("", "escalate")]

    def states(self):
        return {a.condition: a.state for a in self.desk.open()}


@pytest.fixture
def house():
    return House()


def test_c15_a_gateway_that_is_down_mutes_its_wearables_and_raises_its_own(
    house, silent
):
    house.gateway(online=True)
    house.wearable()
    assert house.gateway(online=False) == []
    house.later(60)
    assert house.anomaly(silent(60)) == [("device_silent", "suppress")]
    assert house.later(30) == [("gateway_offline", "opened")]
    [alert] = [a for a in house.desk.open() if a.condition == "gateway_offline"]
    assert (alert.subject, alert.kind, alert.priority) == (
        HOUSE, "technical", "medium"
    )  # fmt: skip
    assert alert.evidence["gateway"] == "gw-1"
    assert alert.escalation["told"] == ["anna", "ben", "root"]
    assert house.gateway(online=True) == [("gateway_offline", "returned")]
    assert house.states() == {"device_silent": "suppressed"}  # it may still come back
    assert house.later(31) == [("device_silent", "release")]
    assert house.states() == {"device_silent": "unacknowledged"}


def test_a_wearable_that_is_heard_again_never_calls_anybody(house, silent):
    house.gateway(online=False)
    house.wearable()
    house.later(11)
    house.anomaly(silent(11))
    house.gateway(online=True)
    house.later(5)
    assert house.anomaly(silent(17, over=True)) == [("device_silent", "returned")]
    assert house.book["s-strap-1-heart_rate"].chain is None
    assert house.later(60) == []


def test_c15_a_silence_that_was_told_is_muted_when_its_gateway_proves_to_be_down(
    house, silent
):
    house.gateway(online=True)
    house.wearable()
    house.anomaly(silent(0))
    house.gateway(online=False)
    assert house.later(9) == []
    assert house.later(2) == [("device_silent", "suppress")]


def test_c8_what_is_measured_of_a_person_is_never_muted(house, racing):
    house.gateway(online=False)
    house.wearable()
    house.command("out_of_service", device="strap-1", until=NOW + 60 * MINUTE)
    house.later(11)
    told = house.anomaly(racing(11, evidence={"device": "strap-1"}))
    assert told == [("heart_rate_high", "opened")]


def test_the_wearables_of_another_gateway_are_not_muted(house, silent):
    house.gateway(online=False, name="gw-2")
    house.wearable()
    house.later(11)
    assert house.anomaly(silent(11)) == [("device_silent", "opened")]


def test_a_gateway_that_is_back_soon_is_not_worth_a_word(house):
    house.gateway(online=True)
    house.gateway(online=False)
    house.later(80)
    assert house.gateway(online=True) == []
    assert house.later(120) == []


def test_a_restart_goes_on_where_it_was(house, silent):
    house.gateway(online=False)
    house.wearable()
    house.later(90)
    house.anomaly(silent(90))
    house.start()
    house.wearable()
    house.wearable("cuff-1")
    assert house.anomaly(silent(91, device="cuff-1")) == [("device_silent", "suppress")]
    house.gateway(online=False)
    assert house.later(95) == []
    assert len([a for a in house.desk.open() if a.condition == "gateway_offline"]) == 1
    assert house.gateway(online=True) == [("gateway_offline", "returned")]
    assert house.later(31) == [("device_silent", "release")] * 2


@pytest.mark.parametrize("heard", [True, False])
def test_what_was_muted_comes_back_after_a_restart_when_no_gateway_is_down(
    house, silent, heard
):
    house.gateway(online=False)
    house.wearable()
    house.later(20)
    house.anomaly(silent(20))
    house.start()
    if heard:
        house.gateway(online=True)
    assert house.later(32) == [("device_silent", "release")]


def test_a_device_is_out_of_service_until_its_end_and_says_so(house, silent):
    until = NOW + 10 * MINUTE
    house.anomaly(silent(0))
    assert house.command("out_of_service", device="strap-1", until=until) == [
        ("device_silent", "remove")
    ]
    house.start()
    assert house.later(599) == []
    assert house.states() == {"device_silent": "out_of_service"}
    assert house.later(1) == [("device_silent", "restore")]
    assert house.states() == {"device_silent": "unacknowledged"}


def test_a_device_can_be_put_into_service_before_its_time(house, silent):
    house.command("out_of_service", device="strap-1", until=NOW + 10 * MINUTE)
    assert house.anomaly(silent(1)) == [("device_silent", "remove")]
    assert house.command("in_service", device="strap-1") == [
        ("device_silent", "restore")
    ]
    house.start()
    assert [e.what for e in house.ledger] == ["out_of_service", "in_service"]
    assert house.anomaly(silent(2, device="cuff-1")) == [("device_silent", "opened")]


def test_maintenance_never_lasts_longer_than_a_week_and_never_ends_in_the_past(house):
    house.command("out_of_service", device="strap-1", until=NOW + 10**10)
    assert int(house.ledger[-1].new) == NOW + 7 * 24 * 60 * MINUTE
    house.command("out_of_service", device="strap-1", until=NOW - 1)
    assert len(house.ledger) == 1


HEALTH = {
    "gateway_disk": ({"disk": "read-only"}, {}),
    "gateway_radio": ({"problem": "no adapter"}, {}),
    "gateway_queue_growing": ({"queued": 5000}, {"queued": 2500}),
    "gateway_clock_off": ({"t": NOW + 60_001}, {"t": NOW + 1}),
}


@pytest.mark.parametrize("condition", HEALTH)
def test_what_a_gateway_says_of_itself_is_an_alert_until_it_is_over(house, condition):
    bad, good = HEALTH[condition]
    assert house.gateway(**bad) == [(condition, "opened")]
    assert house.gateway(**bad) == []
    assert house.gateway(**good) == [(condition, "returned")]


def test_what_is_taken_out_of_the_house_for_good_is_forgotten(house):
    house.gateway(online=True, disk="full")
    house.gateway(online=False)
    house.says(wire.stage_topic("dsp"), StageStatus(online=True, t=NOW))
    assert {c for c, _ in house.later(95)} == {"gateway_offline", "stage_silent"}
    over = []
    for topic in (wire.gateway_topic("gw-1", "status"), wire.stage_topic("dsp")):
        over += house.keep(house.intake.take(Message(topic, b"", True), house.now))
    assert {why for _, why in over} == {"returned"}
    assert house.states() == {}
    assert house.later(300) == []


def test_a_queue_that_shrinks_is_over_when_it_is_half(house):
    house.gateway(queued=5000)
    assert house.gateway(queued=2501) == []


def test_c10_a_gateway_that_is_away_neither_raises_nor_clears_its_own_alerts(house):
    house.gateway(disk="full")
    assert house.gateway(online=False) == []
    assert house.states() == {"gateway_disk": "unacknowledged"}


def test_a_clock_that_is_behind_is_told_after_a_while_and_old_news_is_not(house):
    assert house.gateway(t=NOW - 10**9, retain=True) == []
    for _ in range(3):  # what waited in the broker comes all at once
        assert house.gateway(t=NOW - 10**9, retain=False) == []
    assert house.gateway(retain=False) == []
    told = []
    for _ in range(8):
        house.now += 10_000
        told += house.gateway(t=house.now - 61_000, retain=False)
    assert told == [("gateway_clock_off", "opened")]


def test_a_wearable_whose_clock_is_off_is_its_patient_s(house):
    assert house.wearable(clock_ahead_ms=-61_000) == [("device_clock_off", "opened")]
    assert house.desk.open()[0].subject == "p-7"
    assert house.wearable() == []  # it shows none: nobody can tell
    assert house.wearable(clock_ahead_ms=10) == [("device_clock_off", "returned")]


def test_c20_an_engine_that_says_nothing_is_urgent(house):
    topic = wire.stage_topic("dsp")
    house.says(topic, StageStatus(online=True, t=NOW))
    assert house.later(91) == [("stage_silent", "opened")]
    assert house.desk.open()[0].priority == "high"
    assert house.says(topic, StageStatus(online=True, t=NOW)) == [
        ("stage_silent", "returned")
    ]


def test_what_lasts_is_said_again_so_that_it_is_not_taken_for_abandoned(house):
    house.gateway(disk="full")
    for _ in range(7):
        house.now += 10 * MINUTE
        house.gateway(disk="full")
    [alert] = house.desk.open()
    house.command("acknowledge", alert=alert.id, subject=HOUSE)
    assert house.states() == {"gateway_disk": "acknowledged"}


def test_the_team_of_a_plan_is_told_from_then_on(house, racing):
    house.says(wire.of("p-7", "plan"), Plan(team=("ben",)))
    house.anomaly(racing())
    assert house.desk.open()[0].escalation["told"] == ["ben"]


def test_c13_a_shift_is_handed_over_by_one_command_and_a_restart_knows(house, racing):
    house.says(wire.of("p-7", "plan"), Plan(team=("anna",)))
    house.anomaly(racing())
    house.command("relieve", subject=HOUSE, to="ben", comment="dentist")
    assert house.desk.open()[0].escalation["to"] == "ben"
    house.start()
    house.says(wire.of("p-7", "plan"), Plan(team=("anna",)))
    house.anomaly(racing(id="a-2", condition="heart_rate_low", value=30))
    assert house.desk.find("a-2").escalation["told"] == ["ben"]
    assert (house.ledger[0].by, house.ledger[0].why) == ("anna", "dentist")


def test_c22_a_test_alarm_goes_the_way_of_all_alarms_and_closes_itself(house):
    assert house.command("test") == [("test_alarm", "opened")]
    [alert] = house.desk.open()
    assert (alert.evidence["test"], alert.evidence["by"]) == (True, "anna")
    assert alert.escalation["told"] == ["anna", "ben"]
    assert house.later(59) == []
    assert house.later(1) == [("test_alarm", "returned")]


def test_a_test_alarm_is_over_after_a_restart(house):
    house.command("test")
    house.start()
    assert house.later(1) == [("test_alarm", "returned")]


@pytest.mark.parametrize(
    ("action", "alert", "more"),
    [
        ("out_of_service", "desk", {"device": "strap-1"}),
        ("out_of_service", "desk", {"until": NOW + MINUTE}),
        ("in_service", "desk", {}),
        ("relieve", "desk", {}),
        ("relieve", "desk", {"to": "a-stranger"}),
        ("relieve", "desk", {"to": "ben", "by": "a-stranger"}),
        ("test", "a-1", {}),
        ("acknowledge", "desk", {}),
    ],
)
def test_a_command_that_lacks_what_it_needs_is_refused(house, action, alert, more):
    with pytest.raises(MalformedData):
        house.command(action, alert=alert, **more)
