"""Whatever happens in whatever order: nobody is forgotten, and silence always ends."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import json
from msgspec.structs import replace

from alerts import calls, roster, rules, states
from alerts.cases import Case
from alerts.desk import Desk
from alerts.muting import Muting
from alerts.states import MUTED, Event
from vitals.config import Alerts
from vitals.model import AlertCommand, Anomaly
from vitals.staff import Person, Shift

NOW = 1_700_000_000_000
LANES = [
    ("heart_rate_high", "physiological", "strap"),
    ("heart_rate_high", "physiological", "watch"),
    ("body_temperature_high", "physiological", "patch"),
    ("heart_rate_unusual", "physiological", "strap"),
    ("device_silent", "technical", "strap"),
]
PEOPLE = Alerts(
    people=(
        Person(name="anna", quiet=(22 * 60, 6 * 60)),
        Person(name="ben", time_zone="Asia/Shanghai"),
        Person(name="dr-li", role="doctor", quiet=(0, 7 * 60)),
    ),
    shifts=(Shift(person="ben", begin=9 * 60, end=17 * 60),),
)
ROSTERS = roster.WHOLE_HOUSE, roster.of(PEOPLE)

lanes = st.sampled_from(LANES)
people = st.sampled_from(["anna", "dr-li"])


class Life(RuleBasedStateMachine):
    """A desk, what the detectors believe, and all that can happen to both."""

    def __init__(self):
        super().__init__()
        self.now, self.count, self.said = NOW, 0, []
        self.active = {}  # by lane: the anomaly that is not over
        self.book, self.silenced = {}, {}  # cases by alert; ends of snoozes
        self.down, self.out, self.roster = False, {}, ROSTERS[0]
        self.desk = self.laid_out()

    def laid_out(self):
        muting = Muting(lambda subject, device: self.down, self.out)
        book = [json.decode(json.encode(c), type=Case) for c in self.book.values()]
        self.muting = muting
        return Desk({}, book, self.roster, muting)

    def keep(self, changes):
        for change in changes:
            self.book[change.alert.id] = change.case
            if change.why == "snooze" and change.alert.state == "shelved":
                longest = rules.SNOOZE_MINUTES[change.alert.priority][1] * 60_000
                self.silenced[change.alert.id] = self.now + longest
        return changes

    def say(self, anomaly):
        self.said.append(anomaly)
        return self.keep(self.desk.observe(anomaly, self.now))

    def open(self):
        return list(self.desk._cases.values())

    # -- what can happen -----------------------------------------------------------

    @rule(lane=lanes, value=st.integers(100, 150))
    def begins(self, lane, value):
        if lane in self.active:
            return
        condition, kind, device = lane
        self.count += 1
        evidence = {"device": device, "kind": "heart_rate"}
        self.active[lane] = Anomaly(
            id=f"e-{self.count}", subject="p-7", detector="limit", condition=condition,
            kind=kind, begin=self.now, t=self.now, value=value, evidence=evidence,
        )  # fmt: skip
        self.say(self.active[lane])

    @precondition(lambda self: self.active)
    @rule(data=st.data(), by=st.integers(-5, 5), missing=st.booleans())
    def goes_on(self, data, by, missing):
        lane = data.draw(st.sampled_from(sorted(self.active)))
        known = self.active[lane]
        self.active[lane] = replace(known, t=self.now, value=known.value + by)
        value = None if missing else known.value + by
        self.say(replace(self.active[lane], value=value))

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def rises(self, data):
        lane = data.draw(st.sampled_from(sorted(self.active)))
        self.now += 1
        known = [c for c in self.open() if self.active[lane].id in c.live.values()]
        if not known:
            return
        [case] = known
        value = max(case.told or 0, self.active[lane].value) + 25
        self.active[lane] = replace(self.active[lane], t=self.now, value=value)
        [change] = self.say(self.active[lane])
        if rules.much_worse(lane[0], case.told, value):
            muted = case.alert.state in MUTED
            assert muted or (change.why, change.alert.state) == (
                "rise", "unacknowledged"
            )  # fmt: skip

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def ends(self, data):
        lane = data.draw(st.sampled_from(sorted(self.active)))
        self.now += 1
        self.say(replace(self.active.pop(lane), t=self.now, over=True))

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def is_said_again(self, data):
        old = data.draw(st.sampled_from(self.said))
        state = [(c.alert.id, c.alert.state, c.chain) for c in self.open()]
        self.desk.observe(old, self.now)
        if old in self.active.values() or old == self.said[-1]:
            assert state == [(c.alert.id, c.alert.state, c.chain) for c in self.open()]

    @precondition(lambda self: self.open())
    @rule(
        data=st.data(),
        action=st.sampled_from(["acknowledge", "snooze", "handover", "false_alarm"]),
        by=people,
        minutes=st.none() | st.integers(1, 1440),
    )
    def is_decided(self, data, action, by, minutes):
        alert = data.draw(st.sampled_from([c.alert for c in self.open()]))
        word = AlertCommand(
            action=action, by=by, t=self.now, minutes=minutes, to="dr-li"
        )
        self.keep(self.desk.command(alert.id, word, self.now))

    @rule(minutes=st.sampled_from([0.02, 1, 4, 30, 90, 700]))
    def time_passes(self, minutes):
        self.now += round(minutes * 60_000)

    @rule(minutes=st.sampled_from([-90, -5, -0.1, 0.1, 5, 90]))
    def the_clock_steps(self, minutes):
        by = round(minutes * 60_000)
        self.now += by
        # A word of a clock that was ahead may open again what is over: an alert too
        # many, which the bus can only bring about by repeating itself across the step.
        self.said = []
        self.silenced = {i: end + by for i, end in self.silenced.items()}
        self.keep(self.desk.shift(by, self.now))
        self.muting.ended(self.now)
        self.keep(self.desk.review(self.now))

    @rule()
    def the_gateway_fails_or_is_back(self):
        self.down = not self.down
        self.keep(self.desk.review(self.now))

    @rule(hours=st.integers(1, 30))
    def somebody_works_on_the_strap(self, hours):
        self.out = {("p-7", "strap"): self.now + hours * 3_600_000}
        self.muting.remove(*next(iter(self.out.items())))
        self.keep(self.desk.review(self.now))

    @rule(staff=st.sampled_from(ROSTERS))
    def the_engine_is_killed_and_starts_again(self, staff):
        self.roster = staff
        self.desk = self.laid_out()
        self.muting.ended(self.now)
        self.keep(self.desk.review(self.now))

    # -- what is always true -------------------------------------------------------

    @invariant()
    def all_is_well(self):
        self.keep(self.desk.tick(self.now))
        assert self.desk.tick(self.now) == []
        self.whoever_is_ill_has_an_alert()
        self.somebody_is_told_or_will_be()
        self.silence_ends()
        self.only_what_should_be_is_muted()

    def whoever_is_ill_has_an_alert(self):
        for (condition, kind, _), anomaly in self.active.items():
            # A technical one that is not heard of for an hour closes when it is seen.
            assert kind == "technical" or any(
                anomaly.id in case.live.values()
                for case in self.open()
                if case.alert.condition == condition
            ), (condition, kind)

    def somebody_is_told_or_will_be(self):
        for case in self.open():
            if case.alert.state == "returned_unacknowledged":
                assert case.chain.told or case.chain.before or case.chain.due > self.now
            if case.alert.state != "unacknowledged":
                continue
            assert case.chain.told or case.chain.due > self.now
            if case.alert.priority == "high":
                assert self.now < case.chain.due <= self.now + 10 * 60_000

    def silence_ends(self):
        for case in self.open():
            if case.alert.state == "shelved":
                assert case.alert.escalation["until"] > self.now
                assert case.alert.escalation["until"] <= self.silenced[case.alert.id]
            if case.alert.state == "acknowledged" and case.alert.priority == "high":
                holds = self.roster.expire_ms["high"]
                unheard = case.seen + holds - case.news > rules.STALE_MS
                assert unheard or case.seen + holds > self.now

    def only_what_should_be_is_muted(self):
        for case in self.open():
            if case.alert.state in MUTED:
                assert case.alert.kind == "technical"
                assert self.muting.event(case) is None


def live(examples, phases=tuple(Phase)):
    """Let so many lives of at most fifty steps go by."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            phases=phases,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nobody_is_forgotten_and_silence_ends():
    live(20)


@pytest.mark.soak
def test_nobody_is_forgotten_and_silence_ends_in_ten_thousand_steps():
    live(200)


BROKEN = {
    "a snooze never ends": ("shelved", Event.UNSHELVE, "shelved"),
    "a rise is slept through": ("shelved", Event.RISE, "shelved"),
    "a rise is thought to be known": ("acknowledged", Event.RISE, "acknowledged"),
    "what is seen once is seen for ever": (
        "acknowledged", Event.EXPIRE, "acknowledged"
    ),
    "what is muted stays so": ("suppressed", Event.RELEASE, "suppressed"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN)
def test_negative_control_a_broken_table_is_found(broken, monkeypatch):
    state, event, then = BROKEN[broken]
    monkeypatch.setitem(states.TABLE, (state, event), then)
    with pytest.raises(AssertionError):
        live(300, [Phase.generate])


def test_negative_control_a_chain_that_is_not_begun_is_found(monkeypatch):
    def forgetful(case, why, staff, now, base):
        return case, ()

    monkeypatch.setattr(calls, "directed", forgetful)
    with pytest.raises(AssertionError):
        live(300, [Phase.generate])


# -- in whatever order -------------------------------------------------------------


def episode(lane, n, values, over, late):
    condition, kind, device = lane
    begin = NOW + n * 100_000
    told = [
        Anomaly(
            id=f"e-{device}-{condition}-{n}", subject="p-7", detector="limit",
            condition=condition, kind=kind, begin=begin, t=begin + 1000 * t,
            value=value, late=late, evidence={"device": device, "kind": "x"},
        )
        for t, value in enumerate(values)
    ]  # fmt: skip
    end = replace(told[-1], t=begin + 1000 * len(values), over=True, value=None)
    return [*told, end] if over else told


@st.composite
def stories(draw):
    """Draw what detectors say in their order, and in one in which it may arrive."""
    said = []
    for lane in draw(st.lists(lanes, min_size=1, max_size=4, unique=True)):
        count = draw(st.integers(1, 3))
        for n in range(count):
            values = draw(st.lists(st.integers(100, 200), min_size=1, max_size=3))
            over = n < count - 1 or draw(st.booleans())  # the last may go on
            said.append(episode(lane, n, values, over, draw(st.booleans())))
    told = [anomaly for story in said for anomaly in story]
    again = draw(st.lists(st.sampled_from(told), max_size=6))
    return told, draw(st.permutations(told + again))


def final(told):
    desk = Desk({})
    for anomaly in told:
        desk.observe(anomaly, NOW + 400_000)
    return {(a.condition, a.state, tuple(sorted(desk._cases[desk._keys[a.id]].live)))
            for a in desk.open()}  # fmt: skip


@pytest.mark.parametrize(
    "examples", [200, pytest.param(10_000, marks=pytest.mark.soak)]
)
def test_any_order_with_repetitions_ends_in_the_same_state(examples):
    settings(max_examples=examples, deadline=None)(given(stories())(in_any_order))()


def in_any_order(story):
    in_order, as_it_came = story
    assert final(as_it_came) == final(sorted(in_order, key=lambda a: a.t))
